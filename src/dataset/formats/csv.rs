//! Tables of text: CSV, TSV and kin.

use super::columns::{SchemaReader, fresh_readings, place};
use super::format::{Before, Format, ReadOptions, RowSource, RowsFrom, Source};
use super::input::Input;
use super::records::{ReadProblem, RecordReader, is_missing, number, text};
use crate::dataset::error::Error;
use crate::dataset::problem::DataProblem;
use crate::dataset::raw::{LabelIndex, RawTable};
use crate::dataset::schema::{Kind, Schema};
use crate::dataset::values::Values;
use std::io::{self, BufRead};

/// Text with separated fields.
pub(super) struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "Text with separated fields"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".csv", ".tsv"]
    }

    fn is_text_table(&self) -> bool {
        true
    }

    /// A column whose first value is a number is one of numbers, unless it is named categorical;
    /// others are categories.
    fn read(
        &self,
        source: &Source<'_>,
        options: &ReadOptions,
        before: Before<'_>,
    ) -> Result<RawTable, Error> {
        let mut input = Input::open(source.path)?;
        let reader = take_reader(&mut input);
        parse(reader, options, before.schema).map_err(|problem| problem.at(&input))
    }

    fn rows(
        &self,
        from: RowsFrom<'_>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let mut input = Input::of(from)?;
        let reader = take_reader(&mut input);
        let (schema, records) = (schema.clone(), None);
        let mut rows = CsvRows { input, schema, features, records };
        rows.begin(reader, options).map_err(|problem| problem.at(&rows.input))?;
        Ok(Box::new(rows))
    }
}

/// The bytes of a file, which stays to name itself in messages.
fn take_reader(input: &mut Input) -> Box<dyn BufRead> {
    std::mem::replace(&mut input.reader, Box::new(io::empty()))
}

/// Reads a table with labels, its columns and classes as in `known`, if there is one.
fn parse(
    input: Box<dyn BufRead>,
    options: &ReadOptions,
    known: Option<&Schema>,
) -> Result<RawTable, ReadProblem> {
    // A number may be a value; any other name of the label is its column's.
    let sought: Vec<String> =
        options.label.iter().filter(|name| name.parse::<f64>().is_err()).cloned().collect();
    let mut records = RecordReader::new(input, options.header, options.delimiter, &sought)?;
    let (header, width) = (records.header().map(<[String]>::to_vec), records.width());
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
    while let Some((line, record)) = records.next_record()? {
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
    let (kinds, goes): (Vec<Kind>, Vec<_>) =
        readings.into_iter().map(|reading| reading.finish()).unzip();
    table.reorder_categories(&goes, &mut values);
    table.values = Values::Floats(values);
    table.named = header.is_some();
    // Without names the label has none that another file could have.
    table.label = Some(header.map_or(label_name, |names| names[label_place].clone()));
    table.columns = names.into_iter().zip(kinds).collect();
    table.take_labels(labels)?;
    Ok(table)
}

/// Rows to be answered, read as they are asked for.
struct CsvRows {
    /// For messages: its bytes have gone to the records.
    input: Input,
    schema: Schema,
    features: usize,
    /// None where there was not a line.
    records: Option<Records>,
}

struct Records {
    reader: RecordReader<Box<dyn BufRead>>,
    /// None where values have no names and are all numbers.
    columns: Option<SchemaReader>,
}

impl CsvRows {
    /// Reads the header, if there is one.
    fn begin(
        &mut self,
        reader: Box<dyn BufRead>,
        options: &ReadOptions,
    ) -> Result<(), ReadProblem> {
        let schema = &self.schema;
        let sought: Vec<String> = match schema.named {
            true => schema.columns.iter().map(|column| column.name.clone()).collect(),
            false => Vec::new(),
        };
        let reader = RecordReader::new(reader, options.header, options.delimiter, &sought);
        let reader = match reader {
            // Nothing in, nothing out.
            Err(ReadProblem::Data(DataProblem::Empty)) => return Ok(()),
            reader => reader?,
        };
        let columns = match schema.columns.is_empty() {
            true => None,
            false => Some(SchemaReader::new(schema, reader.header(), reader.width())?),
        };
        self.records = Some(Records { reader, columns });
        Ok(())
    }

    /// Appends the next row; false if there is none.
    fn next_row(&mut self, rows: &mut Vec<f32>) -> Result<bool, ReadProblem> {
        let Some(Records { reader, columns }) = &mut self.records else { return Ok(false) };
        let record = reader.next_record().map_err(|problem| match problem {
            // What the model takes is the measure, where its columns have no names.
            ReadProblem::Data(DataProblem::Ragged { line, found, .. }) if columns.is_none() => {
                DataProblem::Width { line, found, expected: self.features }.into()
            }
            problem => problem,
        })?;
        let Some((line, record)) = record else { return Ok(false) };
        match columns {
            Some(columns) => self.schema.encode(columns.row(line, record)?, rows),
            None => numbers(line, record, self.features, rows)?,
        }
        Ok(true)
    }
}

impl RowSource for CsvRows {
    fn next_batch(&mut self, limit: usize, rows: &mut Vec<f32>) -> Result<usize, Error> {
        for count in 0..limit {
            if !self.next_row(rows).map_err(|problem| problem.at(&self.input))? {
                return Ok(count);
            }
        }
        Ok(limit)
    }
}

/// Appends one row's numbers.
fn numbers(
    line: u64,
    record: &csv::ByteRecord,
    expected: usize,
    rows: &mut Vec<f32>,
) -> Result<(), DataProblem> {
    if record.len() != expected {
        return Err(DataProblem::Width { line, found: record.len(), expected });
    }
    for (column, field) in (1..).zip(record) {
        match number(field) {
            Some(value) => rows.push(value),
            None => {
                let text = String::from_utf8_lossy(field).into_owned();
                return Err(DataProblem::Number { line, column, text });
            }
        }
    }
    Ok(())
}
