//! NumPy's NPY: an array of samples, with another file for the labels; or a structured array, which
//! is a table with names.

use super::arrays::{ArrayRows, expect_labels, label_count, label_texts, values, with_labels};
use super::csv::{Csv, as_text};
use super::format::{Format, ReadOptions, RowSource, RowsFrom, Source};
use super::input::Input;
use crate::dataset::error::Error;
use crate::dataset::schema::Schema;
use crate::dataset::table::Table;
use crate::format;
use crate::format::npy::{Array, Header, MAGIC};
use std::io::Cursor;
use std::path::Path;

/// What an array without a name is called in messages.
const NAME: &str = "the file";

/// A NumPy array.
pub(super) struct Npy;

impl Format for Npy {
    fn name(&self) -> &'static str {
        "npy"
    }

    fn about(&self) -> &'static str {
        "A NumPy array, with another for the labels; or a structured array"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".npy"]
    }

    fn labels_apart(&self) -> bool {
        true
    }

    fn names_columns(&self) -> bool {
        true
    }

    fn is_begun_by(&self, start: &[u8]) -> bool {
        start.starts_with(MAGIC)
    }

    fn read(&self, source: &Source<'_>, options: &ReadOptions) -> Result<Table, Error> {
        let mut input = Input::open(source.path)?;
        let header = header(&mut input)?;
        if header.fields.is_empty() {
            refuse_label(options, source.path)?;
            let labels = source.labels()?;
            expect_labels(rows(&header), None, label_count(labels)?, labels, options)?;
        }
        let x = elements(header, input)?;
        if let Some(text) = x.table().map_err(format::Error::file(source.path))? {
            let (name, reader) = (source.path.to_path_buf(), Box::new(Cursor::new(text)));
            let input = Input::of(RowsFrom::Stream { name, reader })?;
            return Csv::read_text(input, &as_text(options));
        }
        let labels = source.labels()?;
        let y = label_texts(labels)?;
        let (rows, cells) = values(source.path, x, NAME, options.content)?;
        with_labels(source.path, cells, rows, (labels, &y), options)
    }

    fn rows(
        &self,
        from: RowsFrom<'_>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let mut input = Input::of(from)?;
        let path = input.path.clone();
        let header = header(&mut input)?;
        if let (true, true, Some(labels)) =
            (header.fields.is_empty(), options.wants_labels, &options.labels)
        {
            let width = Some(schema.targets.len().max(1));
            expect_labels(rows(&header), width, label_count(labels)?, labels, options)?;
        }
        let x = elements(header, input)?;
        if let Some(text) = x.table().map_err(format::Error::file(&path))? {
            let reader = Box::new(Cursor::new(text));
            let from = RowsFrom::Stream { name: path, reader };
            return Csv.rows(from, &as_text(options), schema, features);
        }
        let labels = match (options.wants_labels, &options.labels) {
            (true, Some(labels)) => Some(label_texts(labels)?),
            (true, None) => return Err(Error::NoLabels(path)),
            (false, _) => None,
        };
        let x = values(&path, x, NAME, options.content)?;
        Ok(Box::new(ArrayRows::new(&path, x, labels, options, schema, features)?))
    }
}

/// Refuses a label's column where columns have no names.
fn refuse_label(options: &ReadOptions, path: &Path) -> Result<(), Error> {
    match options.label {
        Some(_) => Err(Error::NotText { setting: "label", path: path.to_path_buf() }),
        None => Ok(()),
    }
}

fn header(input: &mut Input) -> Result<Header, Error> {
    Ok(Header::read(&mut input.reader, NAME).map_err(format::Error::file(&input.path))?)
}

fn elements(header: Header, input: Input) -> Result<Array, Error> {
    Ok(Array::behind(header, input.reader, NAME).map_err(format::Error::file(&input.path))?)
}

fn rows(header: &Header) -> usize {
    header.shape.first().copied().unwrap_or(0)
}
