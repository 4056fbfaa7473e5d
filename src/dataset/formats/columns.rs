//! The columns of a table of text while its rows are read: what they hold, found out by their first
//! value or known from another file.

use super::format::ReadOptions;
use super::records::{is_missing, number, text};
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::{Column, Kind, Missing, Schema};
use std::collections::HashMap;

/// A column with more texts than this is no category.
const MAX_CATEGORIES: usize = 4096;

/// The place that a column's name or number means.
pub(super) fn place(
    name: &str,
    header: Option<&[String]>,
    width: usize,
) -> Result<usize, DataProblem> {
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
pub(super) struct Reading {
    pub(super) place: usize,
    pub(super) name: String,
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
    pub(super) fn value(&mut self, field: &[u8], line: u64) -> Result<Option<f32>, DataProblem> {
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
                        let (column, most) = (self.name.clone(), MAX_CATEGORIES);
                        Err(DataProblem::ManyCategories { column, most })
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
    pub(super) fn finish(self) -> (Kind, Option<Vec<usize>>) {
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

/// Reads the columns of rows as a known schema has them.
pub(super) struct SchemaReader {
    pub(super) readings: Vec<Reading>,
    row: Vec<Option<f32>>,
}

impl SchemaReader {
    /// For rows under `header`, or of `width` fields in the schema's order without one.
    ///
    /// **Errors**: [`DataProblem::MissingColumns`], [`DataProblem::Ragged`].
    pub(super) fn new(
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
        let reading = |(column, place): (&Column, usize)| {
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
    pub(super) fn row(
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

/// The columns of a table that nothing is known of.
pub(super) fn fresh_readings(
    options: &ReadOptions,
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
