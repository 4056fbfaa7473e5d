//! What the formats of arrays share: values without names, all of them numbers.

use super::format::{Before, RowSource};
use crate::dataset::error::Error;
use crate::dataset::problem::DataProblem;
use crate::dataset::raw::{LabelIndex, RawTable};
use crate::dataset::schema::Schema;
use crate::dataset::values::Values;
use crate::format;
use crate::format::npy::Array;
use std::path::Path;

/// The number of samples in a NumPy array called `name`, and their values.
///
/// **Errors**: [`Error::Format`] for another element type, [`Error::Data`] for what is not finite.
pub(super) fn values(path: &Path, array: Array, name: &str) -> Result<(usize, Values), Error> {
    let rows = array.shape.first().copied().unwrap_or(0);
    let values = match array.descr.as_str() {
        "|u1" => return Ok((rows, Values::Bytes(array.data))),
        "<f4" => array.data.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x)).collect(),
        _ => {
            let numbers = array.numbers(name).map_err(format::Error::file(path))?;
            numbers.into_iter().map(|x| x as f32).collect::<Vec<f32>>()
        }
    };
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        let width = (values.len() / rows.max(1)).max(1);
        let (line, column) = ((at / width) as u64 + 1, at % width + 1);
        let text = values[at].to_string();
        return Err(Error::data(path)(DataProblem::Number { line, column, text }));
    }
    Ok((rows, Values::Floats(values)))
}

/// Samples with the labels beside them, and the file that holds the labels.
///
/// **Errors**: [`Error::Data`] if they differ in number, or a label is none of those known.
pub(super) fn with_labels(
    path: &Path,
    values: Values,
    rows: usize,
    (labels_path, labels): (&Path, &[f64]),
    before: Before<'_>,
) -> Result<RawTable, Error> {
    if rows != labels.len() {
        let problem = DataProblem::Count { samples: rows, labels: labels.len() };
        return Err(Error::data(labels_path)(problem));
    }
    let mut index = LabelIndex::new(before.classes());
    for (row, label) in (1..).zip(labels) {
        index.push(&label.to_string(), row).map_err(Error::data(labels_path))?;
    }
    let mut table = RawTable { values, ..RawTable::default() };
    table.take_labels(index).map_err(Error::data(path))?;
    Ok(table)
}

/// Rows to be answered that are in memory as a whole.
pub(super) struct ArrayRows {
    values: Values,
    features: usize,
    /// Values given out so far.
    given: usize,
}

impl ArrayRows {
    /// Rows for a model that takes `features` values each.
    ///
    /// **Errors**: [`DataProblem::TextColumn`], or [`DataProblem::Width`] for rows of another
    /// width.
    pub(super) fn new(
        values: Values,
        rows: usize,
        schema: &Schema,
        features: usize,
    ) -> Result<ArrayRows, DataProblem> {
        schema.expect_numbers()?;
        let found = values.len().checked_div(rows).unwrap_or(features);
        if found != features {
            return Err(DataProblem::Width { line: 1, found, expected: features });
        }
        Ok(ArrayRows { values, features, given: 0 })
    }
}

impl RowSource for ArrayRows {
    fn next_batch(&mut self, limit: usize, rows: &mut Vec<f32>) -> Result<usize, Error> {
        let end =
            self.values.len().min(self.given.saturating_add(limit.saturating_mul(self.features)));
        let range = self.given..end;
        match &self.values {
            Values::Bytes(bytes) => rows.extend(bytes[range.clone()].iter().map(|&x| f32::from(x))),
            Values::Floats(floats) => rows.extend_from_slice(&floats[range.clone()]),
        }
        self.given = end;
        Ok(range.len() / self.features)
    }
}
