//! Labels beside values without names: while they are read, and by the classes of a model.

use super::format::ReadOptions;
use super::gather::LabelReading;
use super::kinds::decide_classes;
use crate::dataset::field::{Marks, number, text};
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::{Names, Schema};
use crate::dataset::table::{Cells, Table};

/// Labels while they are read.
pub(super) struct Labels {
    marks: Marks,
    reading: LabelReading,
    skips_unlabelled: bool,
    unlabelled: usize,
}

impl Labels {
    /// None yet.
    pub(super) fn new(options: &ReadOptions) -> Labels {
        Labels {
            marks: Marks::new(&options.missing_values),
            reading: LabelReading::default(),
            skips_unlabelled: options.skip_unlabelled,
            unlabelled: 0,
        }
    }

    /// Takes the label of the next row; false if the row is to be passed over.
    ///
    /// **Errors**: [`DataProblem::MissingLabel`], [`DataProblem::ManyClasses`].
    pub(super) fn push(&mut self, label: &str, line: u64) -> Result<bool, DataProblem> {
        let row = self.reading.ids.len();
        match self.reading.id(label.as_bytes(), row, line, &self.marks)? {
            Some(id) => self.reading.ids.push(Some(id)),
            None if self.skips_unlabelled => {
                self.unlabelled += 1;
                return Ok(false);
            }
            None => {
                return Err(DataProblem::MissingLabel { line, column: "label".to_string() });
            }
        }
        Ok(true)
    }

    /// The table of these values.
    ///
    /// **Errors**: [`DataProblem::Empty`] without rows or columns, and those of the classes.
    pub(super) fn table(
        self,
        cells: Cells,
        lines: Vec<(usize, u64)>,
    ) -> Result<Table, DataProblem> {
        let mut notes = Vec::new();
        if self.unlabelled > 0 {
            notes.push(format!("{} rows have no label and are left out", self.unlabelled));
        }
        if self.reading.ids.is_empty() {
            return Err(DataProblem::Empty);
        }
        let (classes, labels) = decide_classes(self.reading, 0, &mut notes)?;
        let (columns, named, label, layout) = (Vec::new(), false, None, None);
        let table = Table { columns, named, label, layout, cells, lines, labels, classes, notes };
        if table.width() == 0 { Err(DataProblem::Empty) } else { Ok(table) }
    }
}

/// The classes of a model, by what labels mean.
pub(super) struct KnownLabels {
    marks: Marks,
    classes: Names,
    column: String,
    skips_unlabelled: bool,
}

impl KnownLabels {
    /// Those of a schema.
    pub(super) fn new(schema: &Schema, options: &ReadOptions) -> KnownLabels {
        KnownLabels {
            marks: Marks::new(&options.missing_values),
            classes: Names::new(&schema.classes),
            column: schema.label.clone().unwrap_or_else(|| "label".to_string()),
            skips_unlabelled: options.skip_unlabelled,
        }
    }

    /// The class of a label.
    ///
    /// **Errors**: [`DataProblem::MissingLabel`], [`DataProblem::UnknownLabel`],
    /// [`DataProblem::Encoding`].
    pub(super) fn class(&self, label: impl AsRef<[u8]>, line: u64) -> Result<u16, DataProblem> {
        let field = label.as_ref();
        let is_missing = self.marks.has_label(field)
            || number(field).is_some_and(|value| self.marks.has_number(value));
        let text = text(field).ok_or(DataProblem::Encoding { line, encoding: "UTF-8" })?;
        match self.classes.get(text) {
            Some(class) => Ok(class as u16),
            None if is_missing => {
                Err(DataProblem::MissingLabel { line, column: self.column.clone() })
            }
            None => Err(DataProblem::UnknownLabel { line, text: text.to_string() }),
        }
    }

    /// Whether a row is passed over for want of a label.
    pub(super) fn passes_over(&self, label: &Result<Option<u16>, DataProblem>) -> bool {
        self.skips_unlabelled && matches!(label, Err(DataProblem::MissingLabel { .. }))
    }
}
