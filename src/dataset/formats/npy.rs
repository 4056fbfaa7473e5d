//! NumPy's NPY: an array of samples, with another file for the labels.

use super::arrays::{ArrayRows, values, with_labels};
use super::format::{Before, Format, ReadOptions, RowSource, RowsFrom, Source};
use super::input::Input;
use crate::dataset::error::Error;
use crate::dataset::raw::RawTable;
use crate::dataset::schema::Schema;
use crate::format;
use crate::format::npy::Array;

/// What an array without a name is called in messages.
const NAME: &str = "the file";

/// A NumPy array.
pub(super) struct Npy;

impl Format for Npy {
    fn name(&self) -> &'static str {
        "npy"
    }

    fn about(&self) -> &'static str {
        "A NumPy array, with another for the labels"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".npy"]
    }

    fn read(
        &self,
        source: &Source<'_>,
        _: &ReadOptions,
        before: Before<'_>,
    ) -> Result<RawTable, Error> {
        let labels = source.labels()?;
        let (x, y) = (array(Input::open(source.path)?)?, array(Input::open(labels)?)?);
        let y = y.numbers(NAME).map_err(format::Error::file(labels))?;
        let (rows, values) = values(source.path, x, NAME)?;
        with_labels(source.path, values, rows, (labels, &y), before)
    }

    fn rows(
        &self,
        from: RowsFrom<'_>,
        _: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let input = Input::of(from)?;
        let path = input.path.clone();
        let (rows, values) = values(&path, array(input)?, NAME)?;
        let rows = ArrayRows::new(values, rows, schema, features);
        Ok(Box::new(rows.map_err(Error::data(&path))?))
    }
}

fn array(input: Input) -> Result<Array, Error> {
    Ok(Array::read(input.reader, NAME).map_err(format::Error::file(&input.path))?)
}
