//! What is fitted on the training rows of a table: the columns' means, and the scaling.

use super::cells::Columns;
use super::normalize::{ColumnScale, Normalize, mean};
use super::problem::DataProblem;
use super::scaling::Scaling;
use super::schema::{Column, Missing, Schema, Target};
use super::table::{Cells, Labels, Table, TableColumn};
use super::value::Value;

impl Table {
    /// What is fitted on the training rows: the schema with the columns' means, and the scaling.
    ///
    /// **Errors**: [`DataProblem::Missing`] where a value is missing and that is an error.
    pub(super) fn fit(
        &self,
        missing: Missing,
        normalize: Normalize,
        train: &[u32],
    ) -> Result<(Schema, Scaling), DataProblem> {
        self.refuse_missing(missing)?;
        let mut schema = Schema {
            columns: Vec::with_capacity(self.columns.len()),
            named: self.named,
            label: self.label.clone(),
            classes: match &self.labels {
                Labels::Classes { classes, .. } => classes.clone(),
                Labels::Numbers { .. } => Vec::new(),
            },
            layout: self.layout.clone(),
            targets: self.labels.fit(train),
            is_sparse: matches!(self.cells, Cells::Sparse(_)),
        };
        let scaling = match &self.cells {
            Cells::Columns(columns) => {
                let mut scales = Vec::new();
                let is_train = self.is_among(train);
                let mut numbers = Vec::with_capacity(train.len());
                for (at, column) in self.columns.iter().enumerate() {
                    let (column, fitted) = fit_column(
                        columns,
                        at,
                        column,
                        missing,
                        normalize,
                        &is_train,
                        &mut numbers,
                    );
                    scales.extend(std::iter::repeat_n(fitted, column.kind.width()));
                    schema.columns.push(column);
                }
                Scaling::of_columns(scales)
            }
            _ => self.fit_array(&schema, normalize, train),
        };
        Ok((schema, scaling))
    }

    fn is_among(&self, rows: &[u32]) -> Vec<bool> {
        let mut is_among = vec![false; self.rows()];
        rows.iter().for_each(|&row| is_among[row as usize] = true);
        is_among
    }

    fn refuse_missing(&self, missing: Missing) -> Result<(), DataProblem> {
        let Cells::Columns(columns) = &self.cells else { return Ok(()) };
        let mut first: Option<(usize, usize)> = None;
        let refused = |column: &usize| {
            let is_category = self.columns.get(*column).is_some_and(|c| !c.kind.is_scaled());
            match missing {
                Missing::Error => true,
                Missing::Auto => !is_category,
                Missing::Mean | Missing::Zero => false,
            }
        };
        for column in (0..columns.width()).filter(refused) {
            columns.each(column, |row, value| {
                if value == Value::Missing && first.is_none_or(|(before, _)| row < before) {
                    first = Some((row, column));
                }
            });
        }
        match first {
            Some((_, column)) if self.has_no_values(column) => {
                let number = self.columns.get(column).map_or(column, |column| column.place) + 1;
                Err(DataProblem::NoValues { name: self.column_name(column), number })
            }
            Some((row, column)) => {
                let (line, column) = (self.line(row), self.column_name(column));
                Err(DataProblem::Missing { line, column })
            }
            None => Ok(()),
        }
    }

    fn has_no_values(&self, column: usize) -> bool {
        let Cells::Columns(columns) = &self.cells else { return false };
        let mut has_none = self.rows() > 1;
        columns.each(column, |_, value| has_none &= value == Value::Missing);
        has_none
    }

    /// The scaling of an array; by a schema where its inputs are encoded already.
    pub(super) fn fit_array(
        &self,
        schema: &Schema,
        normalize: Normalize,
        train: &[u32],
    ) -> Scaling {
        let width = self.width();
        match &self.cells {
            Cells::Columns(_) => panic!("columns are fitted one by one"),
            Cells::Bytes(bytes) => {
                let of_row = |&row: &u32| &bytes[row as usize * width..][..width];
                Scaling::fit_bytes(train.iter().flat_map(of_row), normalize)
            }
            Cells::Sparse(rows) => Scaling::fit_sparse(rows, normalize, train),
            Cells::Singles(values) => {
                let number = |row: usize, feature: usize| values[row * width + feature].into();
                let is_scaled = schema.scaled_inputs();
                Scaling::fit_array(width, &is_scaled, normalize, train, number)
            }
            Cells::Doubles(values) => {
                let number = |row: usize, feature: usize| values[row * width + feature];
                let is_scaled = schema.scaled_inputs();
                Scaling::fit_array(width, &is_scaled, normalize, train, number)
            }
        }
    }
}

impl Labels {
    /// The targets, standardised by the training rows; none where classes are learned.
    pub(super) fn fit(&self, train: &[u32]) -> Vec<Target> {
        let Labels::Numbers { values, targets } = self else { return Vec::new() };
        let fit = |(at, target): (usize, &Target)| {
            let of_row = |&row: &u32| values[row as usize * targets.len() + at];
            let numbers: Vec<f64> = train.iter().map(of_row).collect();
            let (center, factor) = Normalize::Standard.fit_linear(&numbers);
            Target { center, factor, ..target.clone() }
        };
        targets.iter().enumerate().map(fit).collect()
    }
}

/// A column with its mean, and its scale; `numbers` is for those of the training rows.
fn fit_column(
    columns: &Columns,
    at: usize,
    column: &TableColumn,
    missing: Missing,
    normalize: Normalize,
    is_train: &[bool],
    numbers: &mut Vec<f64>,
) -> (Column, ColumnScale) {
    let mut fitted = Column {
        name: column.name.clone(),
        kind: column.kind.clone(),
        mean: None,
        place: Some(column.place),
        has_commas: column.has_commas,
        has_missing: false,
    };
    if !column.kind.is_scaled() {
        let mut has_missing = false;
        columns.each(at, |row, value| has_missing |= is_train[row] && value == Value::Missing);
        fitted.has_missing = has_missing;
        return (fitted, ColumnScale::NONE);
    }
    numbers.clear();
    let mut missed = 0;
    columns.each(at, |row, value| match value {
        Value::Number(number) if is_train[row] => numbers.push(number),
        _ => missed += usize::from(is_train[row]),
    });
    fitted.mean = Some(mean(numbers));
    numbers.extend(std::iter::repeat_n(fitted.fill(missing), missed));
    let scale = normalize.fit(numbers);
    (fitted, scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::schema::Kind;

    #[test]
    fn means_are_of_the_training_rows_that_have_a_value() {
        let mut columns = Columns::new(1);
        for value in [Value::Number(1.0), Value::Missing, Value::Number(5.0), Value::Number(100.0)]
        {
            columns.begin_row();
            columns.push(0, value.into());
        }
        let table = Table {
            columns: vec![TableColumn {
                name: "x".into(),
                kind: Kind::Number,
                place: 0,
                has_commas: false,
                categories: vec![],
            }],
            named: true,
            label: None,
            layout: None,
            cells: Cells::Columns(columns),
            lines: vec![(0, 2), (2, 7)],
            labels: Labels::Classes { labels: vec![0; 4], classes: vec!["a".into()] },
            weights: None,
            notes: vec![],
        };
        let fit = |missing, train: &[u32]| table.fit(missing, Normalize::Unit, train);
        let missing = fit(Missing::Error, &[0]).unwrap_err();
        assert_eq!(missing, DataProblem::Missing { line: 3, column: "x".into() });
        let (schema, scaling) = fit(Missing::Mean, &[0, 1, 2]).unwrap();
        assert_eq!(schema.columns[0].mean, Some(3.0));
        assert_eq!([0, 1, 2, 3].map(|row| table.line(row)), [2, 3, 7, 8]);
        assert_eq!(missing, DataProblem::Missing { line: 3, column: "x".into() });
        let samples = table.into_samples(&schema, Missing::Mean, &scaling, [&[1, 3], &[0]]);
        let inputs = samples.unwrap().map(|samples| samples.inputs().unwrap().to_vec());
        assert_eq!(inputs, [vec![0.5, 24.75], vec![0.0]]);
    }
}
