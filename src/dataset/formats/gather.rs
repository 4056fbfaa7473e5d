//! The values of a table whose columns nothing is known of, while its rows are read: numbers as
//! numbers, texts by their number among the column's, everything counted; what the columns are is
//! decided when all rows are there.

use super::format::ReadOptions;
use super::texts::{SeenText, Texts};
use crate::dataset::cells::Columns;
use crate::dataset::field::{
    DecimalMark, Marks, comma_number, meaning, number_as_written, text, truth,
};
use crate::dataset::problem::DataProblem;
use crate::dataset::table::line;
use crate::dataset::value::{Entry, Value, Written};
use crate::memory;
use std::borrow::Cow;
use std::num::NonZeroU32;

/// A column with more texts than this is no category.
pub(super) const MAX_CATEGORIES: usize = 4096;
/// Bytes that a column takes, however few rows there are: its name, its texts, its counts.
const BYTES_PER_COLUMN: u64 = 640;
/// Bytes of a value: while it is read, and as it enters the network.
const BYTES_PER_VALUE: u64 = 8;
/// Rows after which it is asked again whether there is room for them.
const ROWS_AT_ONCE: usize = 4096;
/// As many labels as an index of 16 bits tells apart.
pub(super) const MAX_CLASSES: usize = 1 << 16;

/// What a field of the first row is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum First {
    /// Missing, or not there.
    #[default]
    Missing,
    /// A number.
    Number(f64),
    /// A text, by its number.
    Text(u32),
    /// A text that found no number.
    Other,
}

/// A column while its rows are read. Counts leave out the first row.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Its place among the fields, from 0.
    pub(super) place: usize,
    /// Whether its numbers are names.
    pub(super) is_categorical: bool,
    /// Its texts.
    pub(super) texts: Texts,
    /// What the first row has.
    pub(super) first: First,
    /// Numbers.
    pub(super) numbers: u64,
    /// Fields that are no numbers, and not missing.
    pub(super) others: u64,
    /// Numbers with a point that are not whole.
    pub(super) fractions: u64,
    /// Numbers with a 0 before their first digit.
    pub(super) leading_zeros: u64,
    /// Numbers with a decimal comma.
    pub(super) commas: Commas,
}

/// Numbers with a comma.
#[derive(Debug, Default)]
pub(super) struct Commas {
    /// All of them, the first row's included.
    pub(super) count: u64,
    /// Those whose comma may as well separate thousands.
    pub(super) unclear: u64,
    /// The first: its row and text.
    pub(super) first: Option<(usize, Box<str>)>,
}

/// What a field is.
enum Field {
    Missing,
    Number(Written),
    /// With a decimal comma.
    Comma(f64),
    Text(u32),
    /// A text beyond those that there may be.
    Other,
}

impl Reading {
    /// The field of a row, from 0.
    ///
    /// **Errors**: [`DataProblem::Encoding`] for a text that is not UTF-8.
    fn take(
        &mut self,
        bytes: &[u8],
        row: usize,
        line: u64,
        marks: &Marks,
        decimal: DecimalMark,
    ) -> Result<Entry, DataProblem> {
        let field = self.field(bytes, row, line, marks, decimal)?;
        if row == 0 {
            self.first = match field {
                Field::Number(number) => First::Number(number.value()),
                Field::Comma(number) => First::Number(number),
                Field::Text(text) => First::Text(text),
                Field::Missing => First::Missing,
                Field::Other => First::Other,
            };
        } else {
            match field {
                Field::Number(number) => {
                    self.numbers += 1;
                    let has_zero = matches!(bytes, [b'0', b'0'..=b'9', ..]);
                    self.leading_zeros += u64::from(has_zero);
                    self.fractions += u64::from(match number {
                        Written::Short(decimal) => decimal.places > 0,
                        Written::Long(value) => value.fract() != 0.0,
                    });
                }
                Field::Comma(_) => self.numbers += 1,
                Field::Missing => {}
                Field::Text(_) | Field::Other => self.others += 1,
            }
        }
        Ok(match field {
            Field::Number(number) => Entry::Number(number),
            Field::Comma(number) => Entry::Number(Written::Long(number)),
            Field::Text(text) => Entry::Text(text),
            Field::Missing | Field::Other => Entry::Missing,
        })
    }

    /// Counts the first row as one, which it was not before.
    pub(super) fn include_first(&mut self) {
        match self.first {
            First::Number(number) => {
                self.numbers += 1;
                let has_comma = self.commas.first.as_ref().is_some_and(|(row, _)| *row == 0);
                self.fractions += u64::from(number.fract() != 0.0 && !has_comma);
            }
            First::Missing => {}
            First::Text(id) => {
                self.others += 1;
                self.texts.seen[id as usize].count += 1;
            }
            First::Other => self.others += 1,
        }
    }

    fn field(
        &mut self,
        bytes: &[u8],
        row: usize,
        line: u64,
        marks: &Marks,
        decimal: DecimalMark,
    ) -> Result<Field, DataProblem> {
        let mut intern = |by_meaning: bool| {
            let text = text(bytes).ok_or(DataProblem::Encoding { line, encoding: "UTF-8" })?;
            let key = if by_meaning { meaning(text) } else { Cow::Borrowed(truth(text)) };
            let id = self.texts.intern(&key, text, row, MAX_CATEGORIES);
            Ok(id.map_or(Field::Other, Field::Text))
        };
        let has_points = decimal != DecimalMark::Comma || !bytes.contains(&b'.');
        match number_as_written(bytes).filter(|_| has_points) {
            Some(number) if marks.any_numbers() && marks.has_number(number.value()) => {
                return Ok(Field::Missing);
            }
            Some(_) if self.is_categorical => return intern(true),
            Some(number) => return Ok(Field::Number(number)),
            None => {}
        }
        if marks.has(bytes) {
            return Ok(Field::Missing);
        }
        if decimal != DecimalMark::Point
            && !self.is_categorical
            && let Some((value, is_unclear)) = comma_number(bytes)
        {
            self.commas.count += 1;
            self.commas.unclear += u64::from(is_unclear);
            let text = || String::from_utf8_lossy(bytes).trim().into();
            self.commas.first.get_or_insert_with(|| (row, text()));
            return Ok(Field::Comma(value));
        }
        intern(self.is_categorical)
    }
}

/// A table while its rows are read.
#[derive(Debug)]
pub(super) struct Gathering {
    marks: Marks,
    decimal: DecimalMark,
    /// The columns that become inputs, behind them those that are learned as numbers, and the one
    /// that says how much a row counts.
    pub(super) columns: Vec<Reading>,
    /// How many of them are learned.
    pub(super) targets: usize,
    /// Whether the last is the rows' weight.
    pub(super) has_weight: bool,
    /// The first row, of which is not yet known whether it is one.
    pub(super) first: Vec<Value>,
    /// All others, `[rows, columns]`.
    pub(super) cells: Columns,
    /// The column of the label.
    pub(super) label: LabelReading,
    /// Rows so far.
    pub(super) rows: usize,
    /// The line of each row that is not the one after the row before: (row, line).
    pub(super) lines: Vec<(usize, u64)>,
    /// Rows without a label that were passed over.
    pub(super) unlabelled: usize,
    skips_unlabelled: bool,
    last_line: u64,
}

/// What the columns are for.
pub(super) struct Roles {
    /// Those that become inputs, behind them those that are learned as numbers, and the one that
    /// says how much a row counts.
    pub(super) readings: Vec<Reading>,
    /// How many of these are learned.
    pub(super) targets: usize,
    /// Whether the last is the rows' weight.
    pub(super) has_weight: bool,
    /// The place of the class.
    pub(super) label: Option<usize>,
}

/// The label's column while rows are read.
#[derive(Debug, Default)]
pub(super) struct LabelReading {
    /// Its place among the fields; none where numbers are learned.
    pub(super) place: Option<usize>,
    /// The labels, by what they mean.
    pub(super) texts: Texts,
    /// Of each row the number of its text, from 1; none where it is missing.
    pub(super) ids: Vec<Option<NonZeroU32>>,
    /// The first row without one, but for the first of the file.
    pub(super) first_missing: Option<usize>,
}

impl LabelReading {
    /// The number of a label; none if it is missing.
    ///
    /// **Errors**: [`DataProblem::Encoding`], [`DataProblem::ManyClasses`].
    pub(super) fn id(
        &mut self,
        field: &[u8],
        row: usize,
        line: u64,
        marks: &Marks,
    ) -> Result<Option<NonZeroU32>, DataProblem> {
        let text = text(field).ok_or(DataProblem::Encoding { line, encoding: "UTF-8" })?;
        // Labels that are no finite number where others are numbers: NaN, inf.
        let is_no_value = |value: f64| !value.is_finite() || marks.has_number(value);
        if marks.has_label(field) || text.parse().is_ok_and(is_no_value) {
            return Ok(None);
        }
        // One more, since the first row may be none.
        let id = self.texts.intern(&meaning(text), text, row, MAX_CLASSES + 1);
        let id = id.ok_or(DataProblem::ManyClasses)?;
        Ok(NonZeroU32::new(id + 1))
    }

    /// The text of a label.
    pub(super) fn seen(&self, id: NonZeroU32) -> &SeenText {
        &self.texts.seen[LabelReading::at(id)]
    }

    /// The place of a label's text.
    pub(super) fn at(id: NonZeroU32) -> usize {
        id.get() as usize - 1
    }
}

/// Whether a table of so many columns and rows may be read.
///
/// **Errors**: [`DataProblem::Memory`].
pub(super) fn expect_room(columns: usize, rows: usize) -> Result<(), DataProblem> {
    let (columns, rows) = (columns as u64, rows as u64);
    // A label or a line besides.
    let bytes = rows.saturating_mul((columns + 1).saturating_mul(BYTES_PER_VALUE));
    let bytes = bytes.saturating_add(columns.saturating_mul(BYTES_PER_COLUMN));
    Ok(memory::expect(bytes, || format!("a table of {columns} columns and {rows} rows"))?)
}

impl Gathering {
    /// A table with these columns.
    pub(super) fn new(roles: Roles, options: &ReadOptions) -> Gathering {
        let Roles { readings: columns, targets, has_weight, label } = roles;
        Gathering {
            marks: Marks::new(&options.missing_values),
            decimal: options.decimal,
            first: Vec::new(),
            cells: Columns::new(columns.len()),
            columns,
            targets,
            has_weight,
            label: LabelReading { place: label, ..LabelReading::default() },
            rows: 0,
            lines: Vec::new(),
            unlabelled: 0,
            skips_unlabelled: options.skip_unlabelled,
            last_line: 0,
        }
    }

    /// Takes the next row, its fields by their places.
    ///
    /// **Errors**: [`DataProblem::Encoding`], [`DataProblem::Memory`].
    pub(super) fn push<'a>(
        &mut self,
        line: u64,
        field: impl Fn(usize) -> &'a [u8],
    ) -> Result<(), DataProblem> {
        let row = self.rows;
        if row.is_multiple_of(ROWS_AT_ONCE) {
            expect_room(self.columns.len(), row + ROWS_AT_ONCE)?;
        }
        let label = match self.label.place {
            Some(place) => self.label.id(field(place), row, line, &self.marks)?,
            None => None,
        };
        if row > 0 && self.lacks_label(label, &field) {
            if self.skips_unlabelled {
                self.unlabelled += 1;
                return Ok(());
            }
            self.label.first_missing.get_or_insert(row);
        }
        if self.label.place.is_some() {
            self.label.ids.push(label);
        }
        if row > 0 {
            self.cells.begin_row();
        }
        for (at, column) in self.columns.iter_mut().enumerate() {
            let field = field(column.place);
            let entry = column.take(field, row, line, &self.marks, self.decimal)?;
            match row {
                0 => self.first.push(entry.value()),
                _ => self.cells.push(at, entry),
            }
        }
        if line != self.last_line + 1 || row == 0 {
            self.lines.push((row, line));
        }
        self.last_line = line;
        self.rows += 1;
        Ok(())
    }

    /// The columns that are learned as numbers.
    pub(super) fn targets(&self) -> &[Reading] {
        let end = self.columns.len() - usize::from(self.has_weight);
        &self.columns[end - self.targets..end]
    }

    /// Whether a row lacks its class, or a number that is to be learned.
    fn lacks_label<'a>(
        &self,
        label: Option<NonZeroU32>,
        field: &impl Fn(usize) -> &'a [u8],
    ) -> bool {
        match self.label.place {
            Some(_) => label.is_none(),
            None => self.targets().iter().any(|target| self.marks.has(field(target.place))),
        }
    }

    /// Whether the first row lacks its class, or a number that is to be learned.
    pub(super) fn starts_unlabelled(&self) -> bool {
        match self.label.place {
            Some(_) => self.label.ids.first() == Some(&None),
            None => self.targets().iter().any(|target| target.first == First::Missing),
        }
    }

    /// The line of a row.
    pub(super) fn line(&self, row: usize) -> u64 {
        line(&self.lines, row)
    }
}
