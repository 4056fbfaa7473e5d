//! NumPy's NPZ: an archive with an array of samples and one of labels.

use super::arrays::{ArrayRows, values, with_labels};
use super::format::{Before, Format, ReadOptions, RowSource, RowsFrom, Source};
use crate::dataset::error::Error;
use crate::dataset::raw::RawTable;
use crate::dataset::schema::Schema;
use crate::format;
use crate::format::FileProblem;
use crate::format::npy::Array;
use crate::format::npz::read_arrays;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Names that arrays of samples and of labels go by.
const SAMPLES: [&str; 6] = ["x", "X", "x_train", "X_train", "data", "images"];
const LABELS: [&str; 6] = ["y", "Y", "y_train", "Y_train", "labels", "target"];

/// An archive of NumPy arrays.
pub(super) struct Npz;

impl Format for Npz {
    fn name(&self) -> &'static str {
        "npz"
    }

    fn about(&self) -> &'static str {
        "NumPy arrays of samples (x) and labels (y)"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".npz"]
    }

    fn read(
        &self,
        source: &Source<'_>,
        _: &ReadOptions,
        before: Before<'_>,
    ) -> Result<RawTable, Error> {
        let path = source.path;
        let mut arrays = arrays(path)?;
        let (x_name, x) = take(path, &mut arrays, SAMPLES, "samples")?;
        let (y_name, y) = take(path, &mut arrays, LABELS, "labels")?;
        let y = y.numbers(y_name).map_err(format::Error::file(path))?;
        let (rows, values) = values(path, x, x_name)?;
        with_labels(path, values, rows, (path, &y), before)
    }

    /// Of a file: an archive is read from its end.
    fn rows(
        &self,
        from: RowsFrom<'_>,
        _: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let path = match from {
            RowsFrom::File(path) => path,
            RowsFrom::Stream { name, .. } => {
                return Err(Error::Stream { format: self.name(), name });
            }
        };
        let (name, x) = take(path, &mut arrays(path)?, SAMPLES, "samples")?;
        let (rows, values) = values(path, x, name)?;
        let rows = ArrayRows::new(values, rows, schema, features);
        Ok(Box::new(rows.map_err(Error::data(path))?))
    }
}

fn arrays(path: &Path) -> Result<BTreeMap<String, Array>, Error> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    Ok(read_arrays(file).map_err(format::Error::file(path))?)
}

/// Takes the first array that has one of these names.
fn take(
    path: &Path,
    arrays: &mut BTreeMap<String, Array>,
    names: [&'static str; 6],
    what: &str,
) -> Result<(&'static str, Array), Error> {
    let found = names.iter().find_map(|name| Some((*name, arrays.remove(*name)?)));
    let missing = || FileProblem::Missing(format!("of {what} ({})", names.join(", ")));
    Ok(found.ok_or_else(|| format::Error::file(path)(missing()))?)
}
