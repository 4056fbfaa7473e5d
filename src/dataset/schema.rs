//! What the columns and classes of a data set mean: kept in the model, so that other files of the
//! same kind are read as the training file was.

use super::problem::DataProblem;
use crate::grammar::named;
use serde::{Deserialize, Serialize};

/// The meaning of a data set's values and labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The columns of a table, the label left out; empty where values have no names and are all
    /// numbers.
    pub columns: Vec<Column>,
    /// Whether the columns' names are the file's own.
    pub named: bool,
    /// The column of the label, if it has a name.
    pub label: Option<String>,
    /// The classes' names, in the order of their numbers; empty where they are numbers alone.
    pub classes: Vec<String>,
}

named! {
    /// What a missing value counts as. Missing is what is empty or `NA`, `N/A`, `NaN`, `null`,
    /// `None`, `?`.
    #[derive(Default)]
    pub enum Missing as "treatment of missing values" {
        /// An error that names row and column.
        #[default]
        Error = "error",
        /// The mean of the column's training values; of a category none of those known.
        Mean = "mean",
        /// 0; of a category none of those known.
        Zero = "zero",
    }
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, or its number counted from 1.
    pub name: String,
    /// What stands in it.
    pub kind: Kind,
    /// What a missing value counts as: a number, or of a category none of those known. None if
    /// missing values are errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<f32>,
}

/// What stands in a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// Numbers: one input.
    Number,
    /// One of these texts: an input for each, 1 where it is the one and else 0.
    Category(Vec<String>),
}

impl Kind {
    /// Inputs of the network.
    pub fn width(&self) -> usize {
        match self {
            Kind::Number => 1,
            Kind::Category(values) => values.len(),
        }
    }
}

impl Schema {
    /// Inputs of the network that the columns become.
    pub fn width(&self) -> usize {
        self.columns.iter().map(|column| column.kind.width()).sum()
    }

    /// The name of a class.
    pub fn class(&self, class: usize) -> String {
        self.classes.get(class).map_or_else(|| class.to_string(), String::clone)
    }

    /// Where each column stands among `header`.
    ///
    /// **Errors**: [`DataProblem::MissingColumns`] naming those that are not there.
    pub fn places(&self, header: &[String]) -> Result<Vec<usize>, DataProblem> {
        let place = |column: &Column| header.iter().position(|name| *name == column.name);
        let places: Vec<Option<usize>> = self.columns.iter().map(place).collect();
        let missing = self.columns.iter().zip(&places).filter(|(_, place)| place.is_none());
        let missing: Vec<String> = missing.map(|(column, _)| column.name.clone()).collect();
        match missing.is_empty() {
            true => Ok(places.into_iter().flatten().collect()),
            false => Err(DataProblem::MissingColumns(missing)),
        }
    }

    /// Refuses rows that are numbers alone where columns hold texts.
    ///
    /// **Errors**: [`DataProblem::TextColumn`].
    pub fn expect_numbers(&self) -> Result<(), DataProblem> {
        match self.columns.iter().find(|column| column.kind != Kind::Number) {
            Some(column) => Err(DataProblem::TextColumn(column.name.clone())),
            None => Ok(()),
        }
    }

    /// Appends the inputs that one row's column values become.
    ///
    /// **Shapes**: `row` one value per column: a number, the index of a category, or none where it
    /// is missing and the column has a fill.
    ///
    /// **Panics** if the shapes disagree.
    pub fn encode(&self, row: &[Option<f32>], inputs: &mut Vec<f32>) {
        assert_eq!(row.len(), self.columns.len(), "one value per column");
        for (column, value) in self.columns.iter().zip(row) {
            match &column.kind {
                Kind::Number => inputs.push(value.or(column.fill).unwrap_or(0.0)),
                Kind::Category(values) => {
                    let hot = value.map(|value| value as usize);
                    inputs.extend((0..values.len()).map(|i| f32::from(u8::from(hot == Some(i)))));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let column = |name: &str, kind, fill| Column { name: name.into(), kind, fill };
        let colours = Kind::Category(vec!["blue".into(), "red".into()]);
        Schema {
            columns: vec![
                column("size", Kind::Number, Some(4.5)),
                column("colour", colours, Some(0.0)),
            ],
            named: true,
            label: Some("kind".into()),
            classes: vec!["a".into(), "b".into()],
        }
    }

    #[test]
    fn numbers_pass_and_categories_become_one_hot() {
        let mut inputs = Vec::new();
        schema().encode(&[Some(2.0), Some(1.0)], &mut inputs);
        schema().encode(&[None, None], &mut inputs);
        assert_eq!(inputs, [2.0, 0.0, 1.0, 4.5, 0.0, 0.0]);
        assert_eq!(schema().width(), 3);
        assert_eq!((schema().class(1), Schema::default().class(1)), ("b".into(), "1".into()));
    }

    #[test]
    fn columns_are_found_by_name_and_missed_by_name() {
        let names = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        assert_eq!(schema().places(&names("colour x size")), Ok(vec![2, 0]));
        let missing = Err(DataProblem::MissingColumns(vec!["size".into()]));
        assert_eq!(schema().places(&names("colour x")), missing);
    }
}
