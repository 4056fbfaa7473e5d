//! NumPy's NPZ: an archive with an array of samples and one of labels.

use super::arrays::{ArrayRows, values, with_labels};
use super::format::{Format, ReadOptions, RowSource, RowsFrom, Source};
use crate::dataset::error::Error;
use crate::dataset::schema::Schema;
use crate::dataset::table::Table;
use crate::format;
use crate::format::FileProblem;
use crate::format::npy::Array;
use crate::format::npz::read_first_of;
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

    fn is_begun_by(&self, start: &[u8]) -> bool {
        start.starts_with(b"PK\x03\x04")
    }

    fn read(&self, source: &Source<'_>, options: &ReadOptions) -> Result<Table, Error> {
        let path = source.path;
        let (x_name, x) = take(path, &SAMPLES, "samples")?;
        let y = label_texts(path)?;
        let (rows, cells) = values(path, x, x_name, options.content)?;
        with_labels(path, cells, rows, (path, &y), options)
    }

    /// Of a file: an archive is read from its end.
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
        let (name, x) = take(path, &SAMPLES, "samples")?;
        let labels = options.wants_labels.then(|| label_texts(path)).transpose()?;
        let x = values(path, x, name, options.content)?;
        Ok(Box::new(ArrayRows::new(path, x, labels, options, schema, features)?))
    }
}

/// Reads the first array that has one of these names; the others stay unread.
fn take(path: &Path, names: &[&'static str], what: &str) -> Result<(&'static str, Array), Error> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    let found = read_first_of(file, names).map_err(format::Error::file(path))?;
    let missing = || FileProblem::Missing(format!("of {what} ({})", names.join(", ")));
    Ok(found.ok_or_else(|| format::Error::file(path)(missing()))?)
}

fn label_texts(path: &Path) -> Result<Vec<String>, Error> {
    let (name, y) = take(path, &LABELS, "labels")?;
    Ok(y.texts(name).map_err(format::Error::file(path))?)
}
