//! Tables as text: CSV, TSV and kin; what columns hold, and how another file is read as they were.

use super::Values;
use super::input::Input;
use super::raw::{LabelIndex, RawTable};
use super::rows::{Header, ReadProblem, RowReader, is_missing, number, text};
use super::schema::{Kind, Schema};
use crate::Error;
use crate::error::DataProblem;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{self, BufRead};
use std::path::Path;

/// What a missing value counts as. Missing is what is empty or `NA`, `N/A`, `NaN`, `null`, `None`, `?`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// An error that names row and column.
    #[default]
    Error,
    /// The mean of the column's training values; of a category none of those known.
    Mean,
    /// 0; of a category none of those known.
    Zero,
}

/// How a table is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableOptions {
    /// Whether the first line names the columns.
    pub header: Header,
    /// What separates fields; found out from the first line if it is not given.
    pub delimiter: Option<u8>,
    /// The label's column: a name, or a number from 1, or from −1 at the end.
    pub label: Option<String>,
    /// Columns of numbers that are names of categories.
    pub categorical: Vec<String>,
    /// What a missing value counts as.
    pub missing: Missing,
}

/// The place that a column's name or number means.
fn place(name: &str, header: Option<&[String]>, width: usize) -> Result<usize, DataProblem> {
    if let Some(place) = header.and_then(|names| names.iter().position(|n| n == name)) {
        return Ok(place);
    }
    let place = match name.parse::<i64>() {
        Ok(number) if number > 0 => usize::try_from(number - 1).ok(),
        Ok(number) if number < 0 => width.checked_sub(number.unsigned_abs() as usize),
        _ => None,
    };
    place.filter(|&place| place < width).ok_or_else(|| DataProblem::UnknownColumn {
        name: name.to_string(),
        columns: header.map_or_else(|| format!("1 to {width}"), |names| names.join(", ")),
    })
}

/// A column while its rows are read.
struct Reading {
    place: usize,
    name: String,
    /// Undecided until a value is there.
    kind: Option<ReadingKind>,
    may_be_missing: bool,
}

enum ReadingKind {
    Number,
    /// Ids in the order of appearance, or a known list that does not grow.
    Category {
        ids: HashMap<String, usize>,
        is_known: bool,
    },
}

impl Reading {
    /// One field's value; none if it is missing.
    fn value(&mut self, field: &[u8], line: u64) -> Result<Option<f32>, DataProblem> {
        if is_missing(field) {
            let column = self.name.clone();
            return match self.may_be_missing {
                true => Ok(None),
                false => Err(DataProblem::Missing { line, column }),
            };
        }
        let kind = self.kind.get_or_insert_with(|| match number(field) {
            Some(_) => ReadingKind::Number,
            None => ReadingKind::Category { ids: HashMap::new(), is_known: false },
        });
        match kind {
            ReadingKind::Number => number(field).map(Some).ok_or_else(|| DataProblem::Number {
                line,
                column: self.place + 1,
                text: String::from_utf8_lossy(field).into_owned(),
            }),
            ReadingKind::Category { ids, is_known } => {
                let text = text(field).ok_or(DataProblem::Encoding { line })?;
                let count = ids.len();
                match ids.get(text) {
                    Some(&id) => Ok(Some(id as f32)),
                    None if *is_known => {
                        let (column, text) = (self.name.clone(), text.to_string());
                        Err(DataProblem::UnknownCategory { line, column, text })
                    }
                    None if count >= MAX_CATEGORIES => {
                        Err(DataProblem::ManyCategories { column: self.name.clone() })
                    }
                    None => {
                        ids.insert(text.to_string(), count);
                        Ok(Some(count as f32))
                    }
                }
            }
        }
    }

    /// The kind that was found, with the category texts in order; and where each id goes.
    fn finish(self) -> (Kind, Option<Vec<usize>>) {
        let Some(ReadingKind::Category { ids, is_known }) = self.kind else {
            return (Kind::Number, None);
        };
        let mut by_text: Vec<(String, usize)> = ids.into_iter().collect();
        match is_known {
            true => by_text.sort_by_key(|(_, id)| *id),
            false => by_text.sort(),
        }
        let mut goes = vec![0; by_text.len()];
        by_text.iter().enumerate().for_each(|(place, (_, id))| goes[*id] = place);
        (Kind::Category(by_text.into_iter().map(|(text, _)| text).collect()), Some(goes))
    }
}

/// A column with more texts than this is no category.
const MAX_CATEGORIES: usize = 4096;

/// Reads the columns of rows as a known schema has them.
pub struct SchemaReader {
    readings: Vec<Reading>,
    row: Vec<Option<f32>>,
}

impl SchemaReader {
    /// For rows under `header`, or of `width` fields in the schema's order without one.
    ///
    /// **Errors**: [`DataProblem::MissingColumns`], [`DataProblem::Ragged`].
    pub fn new(
        schema: &Schema,
        header: Option<&[String]>,
        width: usize,
    ) -> Result<SchemaReader, DataProblem> {
        let columns = schema.columns.len();
        let places = match header.filter(|_| schema.named) {
            Some(header) => schema.places(header)?,
            // Rows without names stand as the training rows did.
            None if width == columns => (0..columns).collect(),
            None => {
                let (found, expected) = (width, columns);
                return Err(DataProblem::Ragged { line: 1, found, expected });
            }
        };
        let reading = |(column, place): (&super::schema::Column, usize)| {
            let kind = match &column.kind {
                Kind::Number => ReadingKind::Number,
                Kind::Category(values) => {
                    let ids = values.iter().cloned().zip(0..).collect();
                    ReadingKind::Category { ids, is_known: true }
                }
            };
            let name = column.name.clone();
            Reading { place, name, kind: Some(kind), may_be_missing: column.fill.is_some() }
        };
        let readings = schema.columns.iter().zip(places).map(reading).collect();
        Ok(SchemaReader { readings, row: Vec::with_capacity(columns) })
    }

    /// One row's values, as [`Schema::encode`] takes them.
    ///
    /// **Errors**: what a field has wrong.
    pub fn row(
        &mut self,
        line: u64,
        record: &csv::ByteRecord,
    ) -> Result<&[Option<f32>], DataProblem> {
        self.row.clear();
        for reading in &mut self.readings {
            let field = record.get(reading.place).unwrap_or_default();
            self.row.push(reading.value(field, line)?);
        }
        Ok(&self.row)
    }
}

/// Reads a table with labels; as `known` has its columns and classes, if it is given.
///
/// A column whose first value is a number is one of numbers, unless it is named categorical; others are
/// categories.
///
/// **Errors**: [`Error::Io`]; [`Error::Data`] with line and column.
pub(super) fn read_table(
    path: &Path,
    options: &TableOptions,
    known: Option<&Schema>,
) -> Result<RawTable, Error> {
    let mut input = Input::open(path)?;
    let reader = std::mem::replace(&mut input.reader, Box::new(io::empty()));
    parse(reader, options, known).map_err(|problem| problem.at(&input))
}

fn parse(
    input: Box<dyn BufRead>,
    options: &TableOptions,
    known: Option<&Schema>,
) -> Result<RawTable, ReadProblem> {
    // A number may be a value; any other name of the label is its column's.
    let sought: Vec<String> =
        options.label.iter().filter(|name| name.parse::<f64>().is_err()).cloned().collect();
    let mut rows = RowReader::new(input, options.header, options.delimiter, &sought)?;
    let (header, width) = (rows.header().map(<[String]>::to_vec), rows.width());
    let header = header.as_deref();
    let label_name = known.and_then(|schema| schema.label.clone()).or(options.label.clone());
    let label_name = label_name.ok_or(DataProblem::NoLabel)?;
    let label_place = place(&label_name, header, width)?;
    let mut readings = match known {
        Some(schema) if schema.named && header.is_some() => {
            SchemaReader::new(schema, header, width)?.readings
        }
        Some(schema) => {
            // Without names the columns stand in order, the label among them.
            let mut readings = SchemaReader::new(schema, None, width - 1)?.readings;
            for reading in readings.iter_mut().filter(|reading| reading.place >= label_place) {
                reading.place += 1;
            }
            readings
        }
        None => fresh_readings(options, header, width, label_place)?,
    };
    let mut labels = LabelIndex::new(known.map(|schema| schema.classes.as_slice()));
    let (mut table, mut values) = (RawTable::default(), Vec::new());
    while let Some((line, record)) = rows.next_row()? {
        for reading in &mut readings {
            let value = reading.value(record.get(reading.place).unwrap_or_default(), line)?;
            if value.is_none() {
                table.missing.push(values.len());
            }
            values.push(value.unwrap_or(0.0));
        }
        let field = record.get(label_place).unwrap_or_default();
        if is_missing(field) {
            return Err(DataProblem::Missing { line, column: label_name }.into());
        }
        let label = text(field).ok_or(DataProblem::Encoding { line })?;
        labels.push(label, line)?;
    }
    let names: Vec<String> = readings.iter().map(|reading| reading.name.clone()).collect();
    let (kinds, goes): (Vec<Kind>, Vec<_>) = readings.into_iter().map(Reading::finish).unzip();
    table.reorder_categories(&goes, &mut values);
    table.values = Values::Floats(values);
    table.named = header.is_some();
    // Without names the label has none that another file could have.
    table.label = Some(header.map_or(label_name, |names| names[label_place].clone()));
    table.columns = names.into_iter().zip(kinds).collect();
    table.take_labels(labels)?;
    Ok(table)
}

/// The columns of a table that nothing is known of.
fn fresh_readings(
    options: &TableOptions,
    header: Option<&[String]>,
    width: usize,
    label: usize,
) -> Result<Vec<Reading>, DataProblem> {
    let categorical: Vec<usize> = options
        .categorical
        .iter()
        .map(|name| place(name, header, width))
        .collect::<Result<_, _>>()?;
    let reading = |place: usize| Reading {
        place,
        name: header.map_or_else(|| (place + 1).to_string(), |names| names[place].clone()),
        kind: categorical
            .contains(&place)
            .then(|| ReadingKind::Category { ids: HashMap::new(), is_known: false }),
        may_be_missing: options.missing != Missing::Error,
    };
    Ok((0..width).filter(|&place| place != label).map(reading).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_names_and_numbers_from_either_end() {
        let names = ["a", "2", "c"].map(String::from);
        let at = |name| place(name, Some(&names), 3).ok();
        // A name goes before a number.
        assert_eq!([at("c"), at("2"), at("1"), at("-1"), at("-3")], [2, 1, 0, 2, 0].map(Some));
        assert_eq!([at("0"), at("4"), at("-4"), at("b")], [None; 4]);
        assert_eq!(place("3", None, 3).ok(), Some(2));
    }
}
