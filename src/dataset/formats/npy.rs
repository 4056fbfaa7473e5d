//! NumPy's NPY: an array of samples, with another file for the labels; or a structured array, which
//! is a table with names.

use super::arrays::{ArrayRows, Labels, values, with_labels};
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
        if !header.fields.is_empty() {
            let text = Input::of(as_csv(header, input)?)?;
            return Csv::read_text(text, &as_text(options));
        }
        refuse_label(options, source.path)?;
        let path = source.labels()?;
        let labels = Labels::open(path)?;
        labels.expect(rows(&header), None, options)?;
        let x = elements(header, input)?;
        let y = labels.texts()?;
        let (rows, cells) = values(source.path, x, NAME, options.content)?;
        with_labels(source.path, cells, rows, (path, &y), options)
    }

    fn rows(
        &self,
        from: RowsFrom<'_>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let mut input = Input::of(from)?;
        let header = header(&mut input)?;
        if !header.fields.is_empty() {
            return Csv.rows(as_csv(header, input)?, &as_text(options), schema, features);
        }
        let path = input.path.clone();
        let labels = match (options.wants_labels, &options.labels) {
            (true, Some(labels)) => Some(Labels::open(labels)?),
            (true, None) => return Err(Error::NoLabels(path)),
            (false, _) => None,
        };
        if let Some(labels) = &labels {
            labels.expect(rows(&header), Some(schema), options)?;
        }
        let x = elements(header, input)?;
        let labels = labels.map(Labels::texts).transpose()?;
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

/// A structured array as a table of text.
fn as_csv(header: Header, input: Input) -> Result<RowsFrom<'static>, Error> {
    let name = input.path.clone();
    let text = elements(header, input)?.table().map_err(format::Error::file(&name))?;
    Ok(RowsFrom::Stream { name, reader: Box::new(Cursor::new(text)) })
}

fn rows(header: &Header) -> usize {
    header.shape.first().copied().unwrap_or(0)
}
