//! Labels beside values without names: while they are read, and by the classes of a model.

use super::format::{Label, ReadOptions};
use super::gather::LabelReading;
use super::kinds::decide_classes;
use crate::dataset::field::{Marks, comma_number, number, text};
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::{Names, Schema, Target, Task};
use crate::dataset::table::{Cells, Labels, Table};

/// A note on the rows that were passed over for want of a label.
pub(super) fn unlabelled_note(rows: usize) -> Option<String> {
    (rows > 0).then(|| format!("{rows} rows have no label and are left out"))
}

/// Labels while they are read.
pub(super) struct LabelsInOrder {
    marks: Marks,
    reading: LabelReading,
    /// Of a regression the numbers of each row, as many as there are.
    numbers: Option<Vec<f64>>,
    width: usize,
    rows: usize,
    skips_unlabelled: bool,
    unlabelled: usize,
}

impl LabelsInOrder {
    /// None yet; rows of a regression have `width` numbers each.
    pub(super) fn new(options: &ReadOptions, width: usize) -> LabelsInOrder {
        LabelsInOrder {
            marks: Marks::new(&options.missing_values),
            reading: LabelReading::default(),
            numbers: (options.task == Task::Regression).then(Vec::new),
            width,
            rows: 0,
            skips_unlabelled: options.skip_unlabelled,
            unlabelled: 0,
        }
    }

    /// Takes the label of the next row, or its numbers; false if the row is to be passed over.
    ///
    /// **Errors**: [`DataProblem::MissingLabel`], [`DataProblem::ManyClasses`],
    /// [`DataProblem::Number`].
    pub(super) fn push(
        &mut self,
        labels: &[impl AsRef<str>],
        line: u64,
    ) -> Result<bool, DataProblem> {
        let is_there = match &mut self.numbers {
            Some(numbers) => {
                let found = numbers_of(labels, line, &self.marks)?;
                found.map(|found| numbers.extend(found)).is_some()
            }
            None => {
                let label = labels.first().map_or("", AsRef::as_ref);
                let id = self.reading.id(label.as_bytes(), self.rows, line, &self.marks)?;
                id.map(|id| self.reading.ids.push(Some(id))).is_some()
            }
        };
        match is_there {
            true => self.rows += 1,
            false if self.skips_unlabelled => self.unlabelled += 1,
            false => {
                return Err(DataProblem::MissingLabel { line, column: "label".to_string() });
            }
        }
        Ok(is_there)
    }

    /// The table of these values.
    ///
    /// **Errors**: [`DataProblem::Empty`] without rows or columns, and those of the classes.
    pub(super) fn table(
        self,
        cells: Cells,
        lines: Vec<(usize, u64)>,
    ) -> Result<Table, DataProblem> {
        let mut notes = Vec::from_iter(unlabelled_note(self.unlabelled));
        if self.rows == 0 {
            return Err(DataProblem::Empty);
        }
        let labels = match self.numbers {
            Some(values) => {
                let target = |number: usize| Target::plain(format!("y{number}"));
                Labels::Numbers { values, targets: (1..=self.width).map(target).collect() }
            }
            None => decide_classes(self.reading, 0, &mut notes)?,
        };
        let (columns, named, label, layout) = (Vec::new(), false, None, None);
        let weights = None;
        let table = Table { columns, named, label, layout, cells, lines, labels, weights, notes };
        if table.width() == 0 { Err(DataProblem::Empty) } else { Ok(table) }
    }
}

/// The numbers of a row; none if one is missing.
fn numbers_of(
    labels: &[impl AsRef<str>],
    line: u64,
    marks: &Marks,
) -> Result<Option<Vec<f64>>, DataProblem> {
    let mut numbers = Vec::with_capacity(labels.len());
    for (column, label) in (1..).zip(labels) {
        let text = label.as_ref();
        match number(text.as_bytes()) {
            _ if marks.has(text.as_bytes()) => return Ok(None),
            Some(value) => numbers.push(value),
            None => return Err(DataProblem::Number { line, column, text: text.to_string() }),
        }
    }
    Ok(Some(numbers))
}

/// Labels by what a model knows of them.
pub(super) struct KnownLabels {
    marks: Marks,
    classes: Names,
    /// Of a regression: whether each target's numbers have decimal commas.
    commas: Vec<bool>,
    column: String,
    skips_unlabelled: bool,
}

impl KnownLabels {
    /// Those of a schema.
    pub(super) fn new(schema: &Schema, options: &ReadOptions) -> KnownLabels {
        KnownLabels {
            marks: Marks::new(&options.missing_values),
            classes: Names::new(&schema.classes),
            commas: schema.targets.iter().map(|target| target.has_commas).collect(),
            column: schema.label.clone().unwrap_or_else(|| "label".to_string()),
            skips_unlabelled: options.skip_unlabelled,
        }
    }

    /// What fields say: a class, or numbers.
    ///
    /// **Errors**: [`DataProblem::MissingLabel`], [`DataProblem::UnknownLabel`],
    /// [`DataProblem::Number`], [`DataProblem::Encoding`].
    pub(super) fn label(&self, fields: &[&[u8]], line: u64) -> Result<Label, DataProblem> {
        match self.commas.is_empty() {
            true => self.class(fields.first().copied().unwrap_or_default(), line).map(Label::Class),
            false => {
                let numbers = fields.iter().zip(&self.commas).enumerate();
                let numbers = numbers
                    .map(|(at, (field, has_commas))| self.number(field, *has_commas, at, line));
                numbers.collect::<Result<_, _>>().map(Label::Numbers)
            }
        }
    }

    fn number(
        &self,
        field: &[u8],
        has_commas: bool,
        at: usize,
        line: u64,
    ) -> Result<f64, DataProblem> {
        let by_comma = || comma_number(field).filter(|_| has_commas).map(|(value, _)| value);
        let value = number(field).or_else(by_comma);
        let is_mark = value.is_some_and(|value| self.marks.has_number(value));
        match value.filter(|_| !is_mark) {
            Some(value) => Ok(value),
            None if is_mark || self.marks.has(field) => self.missing(line),
            None => {
                let text = String::from_utf8_lossy(field).trim().to_string();
                Err(DataProblem::Number { line, column: at + 1, text })
            }
        }
    }

    fn class(&self, field: &[u8], line: u64) -> Result<u16, DataProblem> {
        let is_missing = self.marks.has_label(field);
        let text = text(field).ok_or(DataProblem::Encoding { line, encoding: "UTF-8" })?;
        match self.classes.get(text) {
            Some(class) => Ok(class as u16),
            None if is_missing => self.missing(line),
            None => Err(DataProblem::UnknownLabel { line, text: text.to_string() }),
        }
    }

    fn missing<T>(&self, line: u64) -> Result<T, DataProblem> {
        Err(DataProblem::MissingLabel { line, column: self.column.clone() })
    }

    /// Whether a row is passed over for want of a label.
    pub(super) fn passes_over(&self, label: &Result<Option<Label>, DataProblem>) -> bool {
        self.skips_unlabelled && matches!(label, Err(DataProblem::MissingLabel { .. }))
    }
}
