//! Apache Parquet: a table with names and types, read as the text that it would be.
//!
//! Its columns of strings stay texts, whatever they look like; nulls are missing; timestamps are
//! those that text has. Nested columns are refused.

use super::csv::{Csv, as_text};
use super::format::{Format, ReadOptions, RowSource, RowsFrom, Source};
use super::input::Input;
use crate::dataset::error::Error;
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::Schema;
use crate::dataset::table::Table;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::fs::File;
use std::io::Cursor;
use std::path::Path;

/// Apache Parquet.
pub(super) struct Parquet;

impl Format for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn about(&self) -> &'static str {
        "Apache Parquet"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".parquet", ".pq"]
    }

    fn is_text_table(&self) -> bool {
        true
    }

    fn is_begun_by(&self, start: &[u8]) -> bool {
        start.starts_with(b"PAR1")
    }

    fn read(&self, source: &Source<'_>, options: &ReadOptions) -> Result<Table, Error> {
        let (text, texts) = text_of(source.path)?;
        let mut options = as_text(options);
        let label = options.label.clone();
        options.categorical.extend(texts.into_iter().filter(|name| Some(name) != label.as_ref()));
        Csv::read_text(input(source.path, text)?, &options)
    }

    /// Of a file: it is read from its end.
    fn rows(
        &self,
        from: RowsFrom<'_>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let path = match from {
            RowsFrom::File(path) => path,
            RowsFrom::Stream { name, .. } => {
                return Err(Error::Stream { format: self.name(), name });
            }
        };
        let (name, reader) = (path.to_path_buf(), Box::new(Cursor::new(text_of(path)?.0)));
        Csv.rows(RowsFrom::Stream { name, reader }, &as_text(options), schema, features)
    }
}

fn input(path: &Path, text: Vec<u8>) -> Result<Input, Error> {
    let (name, reader) = (path.to_path_buf(), Box::new(Cursor::new(text)));
    Input::of(RowsFrom::Stream { name, reader })
}

/// The table as CSV, and the names of its columns of strings.
fn text_of(path: &Path) -> Result<(Vec<u8>, Vec<String>), Error> {
    let damaged = |problem: parquet::errors::ParquetError| {
        Error::data(path)(DataProblem::Parquet(problem.to_string()))
    };
    let file = File::open(path).map_err(Error::io(path))?;
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let columns = schema.columns();
    let nested = columns.iter().find(|column| column.path().parts().len() > 1);
    if let Some(nested) = nested {
        let problem =
            DataProblem::Parquet(format!("column '{}' is nested", nested.path().parts().join(".")));
        return Err(Error::data(path)(problem));
    }
    let in_nanoseconds: Vec<bool> = columns
        .iter()
        .map(|column| match column.logical_type_ref() {
            Some(LogicalType::Timestamp(of)) => of.unit == TimeUnit::NANOS,
            _ => false,
        })
        .collect();
    let names: Vec<String> = columns.iter().map(|column| column.name().to_string()).collect();
    let mut text = Vec::new();
    write_record(&mut text, names.iter().map(|name| quoted(name)));
    let mut is_text = vec![false; names.len()];
    for row in reader.get_row_iter(None).map_err(damaged)? {
        let row = row.map_err(damaged)?;
        let mut fields = Vec::with_capacity(names.len());
        for (at, (name, field)) in row.get_column_iter().enumerate() {
            is_text[at] |= matches!(field, Field::Str(_));
            fields.push(match field {
                Field::Long(value) if in_nanoseconds[at] => {
                    moment(&Field::TimestampMicros(value.div_euclid(1000)))
                }
                Field::Null => String::new(),
                Field::Str(text) => quoted(text),
                Field::Float16(value) => f32::from(*value).to_string(),
                Field::Float(value) => value.to_string(),
                Field::Double(value) => value.to_string(),
                Field::TimestampMillis(_) | Field::TimestampMicros(_) => moment(field),
                Field::Bytes(_)
                | Field::Group(_)
                | Field::ListInternal(_)
                | Field::MapInternal(_) => {
                    let problem = format!("column '{name}' holds neither numbers nor text");
                    return Err(Error::data(path)(DataProblem::Parquet(problem)));
                }
                other => other.to_string(),
            });
        }
        write_record(&mut text, fields.into_iter());
    }
    let texts = names.into_iter().zip(is_text).filter(|(_, is_text)| *is_text);
    Ok((text, texts.map(|(name, _)| name).collect()))
}

/// A moment as text has it, without the zone, which is always UTC.
fn moment(field: &Field) -> String {
    field.to_string().trim_end_matches(" +00:00").to_string()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn write_record(text: &mut Vec<u8>, fields: impl Iterator<Item = String>) {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            text.push(b',');
        }
        text.extend_from_slice(field.as_bytes());
    }
    text.push(b'\n');
}
