//! What the columns and classes of a data set mean: kept in the model, so that other files of the
//! same kind are read as the training file was.

use super::field::meaning;
use super::problem::DataProblem;
use crate::grammar::named;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

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
    /// Fields of a line of the training file, and the places of the label, or of the targets,
    /// among them, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The numbers that are learned; none where classes are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Whether rows are kept by their values that are not 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_sparse: bool,
}

/// How a line of the training file is laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// Fields.
    pub width: usize,
    /// Places of the label or of the targets, ascending.
    pub labels: Vec<usize>,
}

named! {
    /// What a missing value counts as. Missing is what is empty, and what marks missing values.
    #[derive(Default)]
    pub enum Missing as "treatment of missing values" {
        /// Of a category none of those known, if the training rows lack some too, which is said;
        /// else an error that names row and column.
        #[default]
        Auto = "auto",
        /// An error that names row and column.
        Error = "error",
        /// The mean of the column's training values; of a category none of those known.
        Mean = "mean",
        /// 0; of a category none of those known.
        Zero = "zero",
    }
}

named! {
    /// What a text counts as that its column has not had in training.
    #[derive(Default)]
    pub enum Unknown as "treatment of unknown categories" {
        /// An error that names row and column.
        #[default]
        Error = "error",
        /// A missing value: none of the categories known.
        Missing = "missing",
    }
}

named! {
    /// What is learned of a row.
    #[derive(Default)]
    pub enum Task as "task" {
        /// Its class.
        #[default]
        Classification = "classification",
        /// A number, or several.
        Regression = "regression",
    }
}

/// A number that is learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Its column's name, or number counted from 1.
    pub name: String,
    /// The mean of its training values: it is learned as (t − center)·factor.
    pub center: f64,
    /// 1 / their standard deviation.
    pub factor: f64,
    /// Its place among the fields of the training file, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<usize>,
    /// Whether its numbers have decimal commas.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_commas: bool,
}

impl Target {
    /// Learned as it stands, of no file.
    pub(crate) fn plain(name: String) -> Target {
        Target { name, center: 0.0, factor: 1.0, place: None, has_commas: false }
    }

    /// A value as it is learned.
    pub fn learned(&self, value: f64) -> f64 {
        (value - self.center) * self.factor
    }

    /// The value that is learned as this.
    pub fn value(&self, learned: f64) -> f64 {
        learned / self.factor + self.center
    }
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, or its number counted from 1.
    pub name: String,
    /// What stands in it.
    pub kind: Kind,
    /// The mean of its training values, if it is of numbers.
    #[serde(default, alias = "fill", skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Its place among the fields of the training file, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<usize>,
    /// Whether its numbers have decimal commas.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_commas: bool,
    /// Whether it holds categories of which training rows lacked some.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_missing: bool,
}

/// What stands in a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// Numbers: one input.
    Number,
    /// Dates and times: one input, in seconds.
    Seconds,
    /// One of these texts: an input for each, 1 where it is the one and else 0.
    Category(Vec<String>),
}

impl Kind {
    /// Inputs of the network.
    pub fn width(&self) -> usize {
        match self {
            Kind::Number | Kind::Seconds => 1,
            Kind::Category(values) => values.len(),
        }
    }

    /// Whether its values are standardised; those of a category stay 0 and 1.
    pub(super) fn is_scaled(&self) -> bool {
        !matches!(self, Kind::Category(_))
    }
}

impl Column {
    /// Whether a value may be missing.
    pub(super) fn may_miss(&self, missing: Missing) -> bool {
        match missing {
            Missing::Error => false,
            Missing::Auto => self.has_missing,
            Missing::Mean | Missing::Zero => true,
        }
    }

    /// What a missing number counts as.
    pub(super) fn fill(&self, missing: Missing) -> f64 {
        self.mean.filter(|_| missing == Missing::Mean).unwrap_or(0.0)
    }

    /// Appends the inputs that a value becomes: a number, the index of a category, or none if it
    /// is missing.
    pub(super) fn encode(&self, value: Option<f64>, missing: Missing, inputs: &mut Vec<f64>) {
        match &self.kind {
            Kind::Number | Kind::Seconds => inputs.push(value.unwrap_or(self.fill(missing))),
            Kind::Category(values) => {
                let first = inputs.len();
                inputs.resize(first + values.len(), 0.0);
                if let Some(value) = value {
                    inputs[first + value as usize] = 1.0;
                }
            }
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

    /// Where each column stands under these names.
    ///
    /// **Errors**: [`DataProblem::MissingColumns`] naming those that are not there;
    /// [`DataProblem::DuplicateColumn`] for one that is there twice.
    pub(super) fn places(&self, names: &[String]) -> Result<Vec<usize>, DataProblem> {
        let mut places = HashMap::new();
        let mut twice = HashSet::new();
        for (place, name) in names.iter().enumerate() {
            if places.insert(name.as_str(), place).is_some() {
                twice.insert(name.as_str());
            }
        }
        let (mut found, mut missing) = (Vec::with_capacity(self.columns.len()), Vec::new());
        for column in &self.columns {
            match places.get(column.name.as_str()) {
                Some(_) if twice.contains(column.name.as_str()) => {
                    return Err(DataProblem::DuplicateColumn(column.name.clone()));
                }
                Some(&place) => found.push(place),
                None => missing.push(column.name.clone()),
            }
        }
        if missing.is_empty() { Ok(found) } else { Err(DataProblem::MissingColumns(missing)) }
    }

    /// Where each column stands in lines of `width` fields without names: as in the training file,
    /// with the label or without, or the columns of the model alone.
    ///
    /// **Errors**: [`DataProblem::Ragged`] for another width.
    pub(super) fn places_without_header(&self, width: usize) -> Result<Vec<usize>, DataProblem> {
        let expected = self.columns.len();
        let in_file: Option<Vec<usize>> = self.columns.iter().map(|column| column.place).collect();
        // A model of before knows the order of its columns, and its label by number at best.
        let former = || {
            let number: i64 = self.label.as_ref()?.parse().ok()?;
            let from_end = (expected + 1).checked_sub(number.unsigned_abs() as usize)?;
            let label = if number > 0 { number as usize - 1 } else { from_end };
            let behind = |at| at + usize::from(at >= label);
            let layout = Layout { width: expected + 1, labels: vec![label] };
            Some((layout, (0..expected).map(behind).collect::<Vec<usize>>()))
        };
        match self.layout.clone().zip(in_file).or_else(former) {
            Some((layout, places)) if width == layout.width => Ok(places),
            Some((layout, places)) if width + layout.labels.len() == layout.width => {
                let before = |place: usize| layout.labels.iter().filter(|&&at| at < place).count();
                Ok(places.into_iter().map(|place| place - before(place)).collect())
            }
            _ if width == expected => Ok((0..expected).collect()),
            _ => Err(DataProblem::Ragged { line: 1, found: width, expected }),
        }
    }

    /// Refuses rows that are numbers alone where columns hold texts.
    ///
    /// **Errors**: [`DataProblem::TextColumn`].
    pub(super) fn expect_numbers(&self) -> Result<(), DataProblem> {
        match self.columns.iter().find(|column| column.kind != Kind::Number) {
            Some(column) => Err(DataProblem::TextColumn(column.name.clone())),
            None => Ok(()),
        }
    }

    /// The name of the column that an input comes from; its number, from 1, where it has none.
    pub fn input_name(&self, input: usize) -> String {
        let column = self.columns.get(self.column_of(input));
        column.map_or_else(|| (input + 1).to_string(), |column| column.name.clone())
    }

    /// The column that an input comes from; the input itself where columns have no names.
    pub(super) fn column_of(&self, input: usize) -> usize {
        let mut end = 0;
        let is_behind = |column: &Column| {
            end += column.kind.width();
            input < end
        };
        self.columns.iter().position(is_behind).unwrap_or(input)
    }

    /// Whether each input is standardised; empty if all are.
    pub(super) fn scaled_inputs(&self) -> Vec<bool> {
        let of_column = |column: &Column| vec![column.kind.is_scaled(); column.kind.width()];
        self.columns.iter().flat_map(of_column).collect()
    }
}

/// Names and the numbers they stand for, found by what they mean.
#[derive(Clone, Debug)]
pub(super) struct Names {
    by_name: HashMap<String, u32>,
    by_meaning: HashMap<String, u32>,
}

impl Names {
    /// These names, in order.
    pub(super) fn new(names: &[String]) -> Names {
        let by_name = names.iter().cloned().zip(0..).collect();
        let by_meaning = names.iter().map(|name| meaning(name).into_owned()).zip(0..).collect();
        Names { by_name, by_meaning }
    }

    /// The number of the name that is this text, or means the same.
    pub(super) fn get(&self, text: &str) -> Option<u32> {
        let by_meaning = || self.by_meaning.get(&*meaning(text));
        self.by_name.get(text).or_else(by_meaning).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let column = |name: &str, kind, mean| {
            let (place, has_commas, has_missing) = (None, false, false);
            Column { name: name.into(), kind, mean, place, has_commas, has_missing }
        };
        let colours = Kind::Category(vec!["blue".into(), "red".into()]);
        Schema {
            columns: vec![column("size", Kind::Number, Some(4.5)), column("colour", colours, None)],
            named: true,
            label: Some("kind".into()),
            classes: vec!["a".into(), "b".into()],
            layout: None,
            targets: vec![],
            is_sparse: false,
        }
    }

    #[test]
    fn numbers_pass_and_categories_become_one_hot() {
        let mut inputs = Vec::new();
        let schema = schema();
        for (size, colour) in [(Some(2.0), Some(1.0)), (None, None)] {
            schema.columns[0].encode(size, Missing::Mean, &mut inputs);
            schema.columns[1].encode(colour, Missing::Mean, &mut inputs);
        }
        schema.columns[0].encode(None, Missing::Zero, &mut inputs);
        assert_eq!(inputs, [2.0, 0.0, 1.0, 4.5, 0.0, 0.0, 0.0]);
        assert_eq!(schema.width(), 3);
        assert_eq!([0, 1, 2].map(|input| schema.column_of(input)), [0, 1, 1]);
        assert_eq!(schema.scaled_inputs(), [true, false, false]);
        assert_eq!((schema.class(1), Schema::default().class(1)), ("b".into(), "1".into()));
    }

    #[test]
    fn columns_are_found_by_name_and_missed_by_name() {
        let names = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        assert_eq!(schema().places(&names("colour x size")), Ok(vec![2, 0]));
        let missing = Err(DataProblem::MissingColumns(vec!["size".into()]));
        assert_eq!(schema().places(&names("colour x")), missing);
        let twice = Err(DataProblem::DuplicateColumn("size".into()));
        assert_eq!(schema().places(&names("size colour size")), twice);
    }

    #[test]
    fn columns_without_names_stand_as_in_the_training_file() {
        let mut schema = schema();
        schema.layout = Some(Layout { width: 5, labels: vec![2] });
        (schema.columns[0].place, schema.columns[1].place) = (Some(1), Some(4));
        let places = |width: usize| schema.places_without_header(width).ok();
        let expected = [None, Some(vec![0, 1]), None, Some(vec![1, 3]), Some(vec![1, 4]), None];
        assert_eq!([1, 2, 3, 4, 5, 6].map(places), expected);
        let former = |label: &str, width: usize| {
            let (layout, label) = (None, Some(label.to_string()));
            let columns = self::schema().columns;
            let schema = Schema { layout, label, columns, ..Schema::default() };
            schema.places_without_header(width).ok()
        };
        assert_eq!(former("-1", 3), Some(vec![0, 1]));
        assert_eq!(former("1", 3), Some(vec![1, 2]));
        assert_eq!((former("kind", 3), former("kind", 2)), (None, Some(vec![0, 1])));
    }

    #[test]
    fn names_are_found_by_what_they_mean() {
        let names = Names::new(&["01", "2.0", "red"].map(String::from));
        assert_eq!(["1", "01", "+2", "2", "red"].map(|n| names.get(n)), [0, 0, 1, 1, 2].map(Some));
        assert_eq!(["3", "Red", ""].map(|n| names.get(n)), [None; 3]);
    }

    #[test]
    fn a_schema_of_former_models_opens() {
        let text = r#"{"columns":[{"name":"x","kind":"number","fill":0.1}],"named":true,
            "label":"y","classes":["a"]}"#;
        let schema: Schema = serde_json::from_str(text).unwrap();
        assert_eq!(schema.columns[0].mean, Some(0.1));
        assert_eq!((schema.layout, schema.columns[0].place), (None, None));
    }
}
