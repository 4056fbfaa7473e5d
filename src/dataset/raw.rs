//! A labelled table as a file gave it, before anything is fitted: what every format is read into.

use super::problem::DataProblem;
use super::samples::Samples;
use super::schema::{Column, Kind, Missing, Schema};
use super::values::Values;
use std::collections::HashMap;

/// Rows of column values with labels.
#[derive(Clone, Debug, Default)]
pub(super) struct RawTable {
    /// Names and kinds of the columns; empty for arrays, whose values have no names.
    pub(super) columns: Vec<(String, Kind)>,
    /// Whether the names are the file's own.
    pub(super) named: bool,
    /// The label's column.
    pub(super) label: Option<String>,
    /// Values of a row.
    pub(super) width: usize,
    /// `[rows, width]`: numbers, or the indices of categories; 0 where missing.
    pub(super) values: Values,
    /// Which of `values` are missing, ascending.
    pub(super) missing: Vec<usize>,
    /// Indices into `classes`.
    pub(super) labels: Vec<u16>,
    /// The classes' names in order.
    pub(super) classes: Vec<String>,
}

/// Labels while they are read.
pub(super) struct LabelIndex {
    ids: HashMap<String, u16>,
    labels: Vec<u16>,
    is_known: bool,
}

impl LabelIndex {
    /// For labels among `known`, or any if none are known.
    pub(super) fn new(known: Option<&[String]>) -> LabelIndex {
        let ids = known.unwrap_or_default().iter().cloned().zip(0..).collect();
        LabelIndex { ids, labels: Vec::new(), is_known: known.is_some() }
    }

    /// Takes the label of the next row.
    ///
    /// **Errors**: [`DataProblem::UnknownLabel`], [`DataProblem::ManyClasses`].
    pub(super) fn push(&mut self, label: &str, line: u64) -> Result<(), DataProblem> {
        let id = match self.ids.get(label) {
            Some(&id) => id,
            None if self.is_known => {
                return Err(DataProblem::UnknownLabel { line, text: label.to_string() });
            }
            None => {
                let id = u16::try_from(self.ids.len()).map_err(|_| DataProblem::ManyClasses)?;
                self.ids.insert(label.to_string(), id);
                id
            }
        };
        self.labels.push(id);
        Ok(())
    }

    /// The classes in order, by number if all are numbers, and the labels as indices into them.
    fn finish(self) -> (Vec<String>, Vec<u16>) {
        let mut by_id: Vec<(String, u16)> = self.ids.into_iter().collect();
        let number = |text: &str| text.parse::<f64>().ok().filter(|x| x.is_finite());
        let all_numbers = by_id.iter().all(|(text, _)| number(text).is_some());
        by_id.sort_by(|(a, id_a), (b, id_b)| match (self.is_known, all_numbers) {
            (true, _) => id_a.cmp(id_b),
            (false, true) => {
                let by_number = number(a).partial_cmp(&number(b));
                by_number.unwrap_or(std::cmp::Ordering::Equal).then_with(|| a.cmp(b))
            }
            (false, false) => a.cmp(b),
        });
        let mut goes = vec![0; by_id.len()];
        by_id.iter().zip(0..).for_each(|((_, id), place)| goes[*id as usize] = place);
        let labels = self.labels.into_iter().map(|id| goes[id as usize]).collect();
        (by_id.into_iter().map(|(text, _)| text).collect(), labels)
    }
}

impl RawTable {
    /// Rows.
    pub(super) fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Puts the labels in.
    ///
    /// **Errors**: [`DataProblem::Empty`] without rows or columns.
    pub(super) fn take_labels(&mut self, labels: LabelIndex) -> Result<(), DataProblem> {
        (self.classes, self.labels) = labels.finish();
        self.width = self.values.len().checked_div(self.rows()).unwrap_or(0);
        if self.width == 0 { Err(DataProblem::Empty) } else { Ok(()) }
    }

    /// Gives categories their final indices: column `c`'s index `i` becomes `goes[c][i]`.
    pub(super) fn reorder_categories(&self, goes: &[Option<Vec<usize>>], values: &mut [f32]) {
        if goes.iter().all(Option::is_none) {
            return;
        }
        let mut missing = self.missing.iter().copied().peekable();
        for (at, value) in values.iter_mut().enumerate() {
            let is_missing = missing.next_if_eq(&at).is_some();
            if let (Some(goes), false) = (&goes[at % goes.len()], is_missing) {
                *value = goes[*value as usize] as f32;
            }
        }
    }

    /// The schema, with missing values filled from the training rows.
    pub(super) fn schema(&self, missing: Missing, train: &[u32]) -> Schema {
        let mean = |column: usize| {
            let (mut sum, mut count) = (0.0, 0u64);
            for &row in train {
                let at = row as usize * self.width + column;
                if let (Values::Floats(values), Err(_)) =
                    (&self.values, self.missing.binary_search(&at))
                {
                    sum += f64::from(values[at]);
                    count += 1;
                }
            }
            (sum / count.max(1) as f64) as f32
        };
        let column = |(index, (name, kind)): (usize, &(String, Kind))| Column {
            name: name.clone(),
            kind: kind.clone(),
            fill: match (missing, kind) {
                (Missing::Error, _) => None,
                (Missing::Mean, Kind::Number) => Some(mean(index)),
                _ => Some(0.0),
            },
        };
        Schema {
            columns: self.columns.iter().enumerate().map(column).collect(),
            named: self.named,
            label: self.label.clone(),
            classes: self.classes.clone(),
        }
    }

    /// The rows of these indices as samples.
    ///
    /// **Errors**: [`DataProblem`] if there is no row.
    pub(super) fn samples(&self, schema: &Schema, rows: &[u32]) -> Result<Samples, DataProblem> {
        let labels = rows.iter().map(|&row| self.labels[row as usize]).collect();
        let classes = self.classes.len();
        let all = match &self.values {
            Values::Floats(values) => values,
            Values::Bytes(bytes) => {
                let of_row = |&row: &u32| &bytes[row as usize * self.width..][..self.width];
                let chosen = rows.iter().flat_map(of_row).copied().collect();
                return Samples::with_values(self.width, classes, Values::Bytes(chosen), labels);
            }
        };
        let is_plain = self.missing.is_empty()
            && schema.columns.iter().all(|column| column.kind == Kind::Number);
        let width = if is_plain { self.width } else { schema.width() };
        let mut inputs = Vec::with_capacity(rows.len() * width);
        let mut row_values = Vec::new();
        for &row in rows {
            let first = row as usize * self.width;
            let values = &all[first..][..self.width];
            if is_plain {
                inputs.extend_from_slice(values);
            } else {
                let is_missing = |at: usize| self.missing.binary_search(&(first + at)).is_ok();
                let value = |(at, value): (usize, &f32)| (!is_missing(at)).then_some(*value);
                row_values.clear();
                row_values.extend(values.iter().enumerate().map(value));
                schema.encode(&row_values, &mut inputs);
            }
        }
        Samples::with_values(width, classes, Values::Floats(inputs), labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_the_order_of_their_numbers_or_texts() {
        let classes = |labels: &[&str]| {
            let mut index = LabelIndex::new(None);
            labels.iter().for_each(|label| index.push(label, 1).unwrap());
            index.finish()
        };
        let text = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(classes(&["10", "9", "10"]), (text(&["9", "10"]), vec![1, 0, 1]));
        assert_eq!(classes(&["b", "10", "9"]), (text(&["10", "9", "b"]), vec![2, 0, 1]));
    }

    #[test]
    fn means_are_of_the_training_rows_that_have_a_value() {
        let table = RawTable {
            columns: vec![("x".into(), Kind::Number)],
            width: 1,
            values: Values::Floats(vec![1.0, 0.0, 5.0, 100.0]),
            missing: vec![1],
            labels: vec![0; 4],
            classes: vec!["a".into()],
            ..RawTable::default()
        };
        let schema = table.schema(Missing::Mean, &[0, 1, 2]);
        assert_eq!(schema.columns[0].fill, Some(3.0));
        assert_eq!(table.samples(&schema, &[1, 3]).unwrap().floats(), Some(&[3.0, 100.0][..]));
    }
}
