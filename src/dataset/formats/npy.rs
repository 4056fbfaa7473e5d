//! NumPy's NPY: an array of samples, with another file for the labels; or a structured array, which
//! is a table with names.

use super::arrays::{ArrayRows, label_texts, values, with_labels};
use super::csv::{Csv, as_text};
use super::format::{Format, ReadOptions, RowSource, RowsFrom, Source};
use super::input::Input;
use crate::dataset::error::Error;
use crate::dataset::schema::Schema;
use crate::dataset::table::Table;
use crate::format;
use crate::format::npy::{Array, MAGIC};
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
        let x = array(Input::open(source.path)?)?;
        if let Some(text) = x.table().map_err(format::Error::file(source.path))? {
            let (name, reader) = (source.path.to_path_buf(), Box::new(Cursor::new(text)));
            let input = Input::of(RowsFrom::Stream { name, reader })?;
            return Csv::read_text(input, &as_text(options));
        }
        refuse_label(options, source.path)?;
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
        let input = Input::of(from)?;
        let path = input.path.clone();
        let x = array(input)?;
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

fn array(input: Input) -> Result<Array, Error> {
    Ok(Array::read(input.reader, NAME).map_err(format::Error::file(&input.path))?)
}
