//! Rows of a table of text for a model: read one by one, by the columns that it knows.

use super::columns::Columns;
use super::format::{Label, ReadOptions, Row, RowSource};
use super::header::decide_known_header;
use super::input::Input;
use super::labels::{KnownLabels, unlabelled_note};
use super::records::{ReadProblem, Record, RecordReader};
use crate::dataset::dates::seconds;
use crate::dataset::error::Error;
use crate::dataset::field::{DecimalMark, Marks, comma_number, number, text};
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::{Kind, Missing, Names, Schema, Unknown};
use std::io::BufRead;

/// Rows of text, encoded as a schema says.
pub(super) struct KnownRows {
    /// For messages: its bytes have gone to the records.
    input: Input,
    /// None where there was not a line.
    records: Option<RecordReader>,
    decoder: Decoder,
    notes: Vec<String>,
    /// Rows without a label so far.
    unlabelled: usize,
}

/// What becomes of the fields of a row.
struct Decoder {
    schema: Schema,
    marks: Marks,
    missing: Missing,
    unknown: Unknown,
    decimal: DecimalMark,
    /// Fields of a row.
    width: usize,
    /// Values of a row where they have no names.
    features: usize,
    /// Where each column stands.
    places: Vec<usize>,
    /// The texts of each column that has categories.
    categories: Vec<Option<Names>>,
    /// Where labels stand, and what is known of them.
    label: Option<(Vec<usize>, KnownLabels)>,
}

impl KnownRows {
    /// Reads the header, if there is one.
    ///
    /// **Errors**: [`DataProblem::MissingColumns`], [`DataProblem::NamesUnknown`], and what the
    /// first line has wrong.
    pub(super) fn open(
        input: Input,
        reader: Box<dyn BufRead>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<KnownRows, Error> {
        match KnownRows::begin(reader, options, schema, features) {
            Ok((records, decoder, notes)) => {
                Ok(KnownRows { input, records, decoder, notes, unlabelled: 0 })
            }
            Err(problem) => Err(problem.at(&input)),
        }
    }

    fn begin(
        reader: Box<dyn BufRead>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<(Option<RecordReader>, Decoder, Vec<String>), ReadProblem> {
        let mut decoder = Decoder::new(schema, options, features);
        let Some(mut records) = RecordReader::open(reader, &options.text)? else {
            return Ok((None, decoder, Vec::new()));
        };
        let first = records.first();
        let decision = decide_known_header(options.header, first, schema, &decoder.marks)?;
        let names = match decision.is_header {
            true => {
                let names = first.iter().map(|field| text(field).map(String::from)).collect();
                let names: Option<Vec<String>> = names;
                let line = first.line;
                Some(names.ok_or(DataProblem::Encoding { line, encoding: "UTF-8" })?)
            }
            false => None,
        };
        decoder.find_columns(names.as_deref(), first.len(), options)?;
        if decision.is_header {
            records.skip_first();
        }
        Ok((Some(records), decoder, decision.note.into_iter().collect()))
    }
}

impl Decoder {
    fn new(schema: &Schema, options: &ReadOptions, features: usize) -> Decoder {
        let categories = schema.columns.iter().map(|column| match &column.kind {
            Kind::Category(values) => Some(Names::new(values)),
            _ => None,
        });
        Decoder {
            categories: categories.collect(),
            schema: schema.clone(),
            marks: Marks::new(&options.missing_values),
            missing: options.missing,
            unknown: options.unknown,
            decimal: options.decimal,
            width: 0,
            features,
            places: Vec::new(),
            label: None,
        }
    }

    /// Finds out where the columns stand, and the label if it is wanted.
    fn find_columns(
        &mut self,
        names: Option<&[String]>,
        width: usize,
        options: &ReadOptions,
    ) -> Result<(), DataProblem> {
        self.width = width;
        let schema = &self.schema;
        if !schema.columns.is_empty() {
            self.places = match names.filter(|_| schema.named) {
                Some(names) => schema.places(names)?,
                None => schema.places_without_header(width)?,
            };
        }
        if options.wants_labels {
            let places = label_places(schema, names, width, options)?;
            self.label = Some((places, KnownLabels::new(schema, options)));
        }
        Ok(())
    }

    /// Appends a row's inputs, before they are scaled.
    fn row(&self, record: &Record, inputs: &mut Vec<f64>) -> Result<(), DataProblem> {
        let line = record.line;
        if self.schema.columns.is_empty() {
            return self.numbers(record, inputs);
        }
        if record.len() != self.width {
            let (found, expected) = (record.len(), self.width);
            return Err(DataProblem::Ragged { line, found, expected });
        }
        for ((column, &place), names) in
            self.schema.columns.iter().zip(&self.places).zip(&self.categories)
        {
            let field = record.get(place).unwrap_or_default();
            let has_commas = column.has_commas || self.decimal == DecimalMark::Comma;
            let value = self.value(field, names.as_ref(), &column.kind, has_commas);
            let value = value.map_err(|what| {
                let (name, text) =
                    (column.name.clone(), String::from_utf8_lossy(field).trim().to_string());
                match what {
                    Bad::Number => DataProblem::Number { line, column: place + 1, text },
                    Bad::Category => DataProblem::UnknownCategory { line, column: name, text },
                    Bad::Encoding => DataProblem::Encoding { line, encoding: "UTF-8" },
                }
            })?;
            let value = match value {
                Found::Value(value) => Some(value),
                Found::Missing if !column.may_miss(self.missing) => {
                    return Err(DataProblem::Missing { line, column: column.name.clone() });
                }
                Found::Missing | Found::Unknown => None,
            };
            column.encode(value, self.missing, inputs);
        }
        Ok(())
    }

    /// A field's number or the index of its category.
    fn value(
        &self,
        field: &[u8],
        names: Option<&Names>,
        kind: &Kind,
        has_commas: bool,
    ) -> Result<Found, Bad> {
        let number = || match has_commas {
            true => comma_number(field).map(|(value, _)| value).or_else(|| number(field)),
            false => number(field),
        };
        if number().is_some_and(|value| self.marks.has_number(value)) || self.marks.has(field) {
            return Ok(Found::Missing);
        }
        match kind {
            Kind::Number => number().map(Found::Value).ok_or(Bad::Number),
            Kind::Seconds => text(field).and_then(seconds).map(Found::Value).ok_or(Bad::Number),
            Kind::Category(_) => {
                let text = text(field).ok_or(Bad::Encoding)?;
                match (names.and_then(|names| names.get(text)), self.unknown) {
                    (Some(id), _) => Ok(Found::Value(id.into())),
                    (None, Unknown::Missing) => Ok(Found::Unknown),
                    (None, Unknown::Error) => Err(Bad::Category),
                }
            }
        }
    }

    /// Appends a row of numbers without names.
    fn numbers(&self, record: &Record, inputs: &mut Vec<f64>) -> Result<(), DataProblem> {
        let (line, expected) = (record.line, self.features);
        if record.len() != expected {
            return Err(DataProblem::Width { line, found: record.len(), expected });
        }
        for (column, field) in (1..).zip(record.iter()) {
            inputs.push(number(field).ok_or_else(|| {
                let text = String::from_utf8_lossy(field).trim().to_string();
                DataProblem::Number { line, column, text }
            })?);
        }
        Ok(())
    }

    /// What a row should give; none if labels are not wanted.
    fn label(&self, record: &Record) -> Result<Option<Label>, DataProblem> {
        let Some((places, known)) = &self.label else { return Ok(None) };
        let fields: Vec<&[u8]> =
            places.iter().map(|&place| record.get(place).unwrap_or_default()).collect();
        known.label(&fields, record.line).map(Some)
    }
}

/// Where the label stands, or the targets.
fn label_places(
    schema: &Schema,
    names: Option<&[String]>,
    width: usize,
    options: &ReadOptions,
) -> Result<Vec<usize>, DataProblem> {
    let columns = Columns::new(names, width, true);
    let in_file = schema.layout.as_ref().filter(|_| names.is_none() || !schema.named);
    if let Some(layout) = in_file {
        let of_targets: Option<Vec<usize>> = schema.targets.iter().map(|t| t.place).collect();
        return Ok(of_targets.filter(|p| !p.is_empty()).unwrap_or_else(|| layout.labels.clone()));
    }
    if !schema.targets.is_empty() {
        return schema.targets.iter().map(|target| columns.place(&target.name)).collect();
    }
    let name = schema.label.as_ref().or(options.label.as_ref());
    Ok(vec![columns.place(name.ok_or(DataProblem::NoLabel)?)?])
}

/// What a field says.
enum Found {
    Value(f64),
    Missing,
    /// A category that is none of those known, where such may be.
    Unknown,
}

/// What is wrong with a field.
enum Bad {
    Number,
    Category,
    Encoding,
}

impl RowSource for KnownRows {
    fn next_row(&mut self, inputs: &mut Vec<f64>) -> Result<Option<Row>, Error> {
        let KnownRows { input, records, decoder, unlabelled, .. } = self;
        let Some(records) = records else { return Ok(None) };
        loop {
            let record = records.next().map_err(|problem| problem.at(input))?;
            let Some(record) = record else { return Ok(None) };
            let first = inputs.len();
            let read = decoder.row(record, inputs).and_then(|()| decoder.label(record));
            if decoder.label.as_ref().is_some_and(|(_, labels)| labels.passes_over(&read)) {
                inputs.truncate(first);
                *unlabelled += 1;
                continue;
            }
            if read.is_err() {
                inputs.truncate(first);
            }
            return Ok(Some(Row { line: record.line, label: read }));
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        notes.extend(self.records.as_ref().and_then(RecordReader::note));
        notes.extend(unlabelled_note(self.unlabelled));
        notes
    }

    fn problem(&self, problem: DataProblem) -> Error {
        self.input.data(problem)
    }
}
