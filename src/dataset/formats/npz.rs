//! NumPy's NPZ: an archive with an array of samples and one of labels.

use super::arrays::{
    ArrayRows, Labels, ZIP_MAGIC, header_of, sparse_or_dense, take, values, with_labels,
};
use super::format::{Format, ReadOptions, RowSource, RowsFrom, Source};
use crate::dataset::error::Error;
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::Schema;
use crate::dataset::sparse_rows::SparseRows;
use crate::dataset::table::{Cells, Table};
use crate::format;
use crate::format::matrix::{self, CsrMatrix};
use crate::format::npz::NpzReader;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Names that arrays of samples go by.
const SAMPLES: [&str; 6] = ["x", "X", "x_train", "X_train", "data", "images"];

/// An archive of NumPy arrays.
pub(super) struct Npz;

impl Format for Npz {
    fn name(&self) -> &'static str {
        "npz"
    }

    fn about(&self) -> &'static str {
        "NumPy arrays of samples (x) and labels (y), or a SciPy matrix of samples"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".npz"]
    }

    fn labels_apart(&self) -> bool {
        true
    }

    fn is_begun_by(&self, start: &[u8]) -> bool {
        start.starts_with(ZIP_MAGIC)
    }

    fn read(&self, source: &Source<'_>, options: &ReadOptions) -> Result<Table, Error> {
        let path = source.labels.unwrap_or(source.path);
        let count = count(source.path)?;
        let labels = Labels::open(path)?;
        labels.expect(count, None, options)?;
        let (rows, cells) = samples(source.path, options)?;
        let y = labels.texts()?;
        with_labels(source.path, cells, rows, (path, &y), options)
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
        let of_labels = options.labels.as_deref().unwrap_or(path);
        let labels = options.wants_labels.then(|| Labels::open(of_labels)).transpose()?;
        if let Some(labels) = &labels {
            labels.expect(count(path)?, Some(schema), options)?;
        }
        let labels = labels.map(Labels::texts).transpose()?;
        let x = samples(path, options)?;
        Ok(Box::new(ArrayRows::new(path, x, labels, options, schema, features)?))
    }
}

/// How many samples an archive promises.
fn count(path: &Path) -> Result<usize, Error> {
    let mut archive = open(path)?;
    let shape = matrix::shape(&mut archive).map_err(format::Error::file(path))?;
    match shape {
        Some([rows, _]) => Ok(rows),
        None => {
            let (_, header) = header_of(path, &SAMPLES, "samples")?;
            Ok(header.shape.first().copied().unwrap_or(0))
        }
    }
}

fn open(path: &Path) -> Result<NpzReader<BufReader<File>>, Error> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    Ok(NpzReader::open(file).map_err(format::Error::file(path))?)
}

/// The samples of an archive: a matrix of SciPy's, or an array.
fn samples(path: &Path, options: &ReadOptions) -> Result<(usize, Cells), Error> {
    let mut archive = open(path)?;
    let matrix = matrix::sparse(&mut archive).map_err(format::Error::file(path))?;
    let Some(CsrMatrix { shape: [count, width], row_ptr, col_idx, values: numbers }) = matrix
    else {
        let (name, x) = take(path, &SAMPLES, "samples")?;
        return values(path, x, name, options.content);
    };
    if let Some(at) = numbers.iter().position(|value| !value.is_finite()) {
        let row = row_ptr.partition_point(|&start| start <= at) as u64;
        let (column, text) = (col_idx[at] + 1, numbers[at].to_string());
        return Err(Error::data(path)(DataProblem::Number { line: row, column, text }));
    }
    let rows = SparseRows::from_csr(width, &row_ptr, &col_idx, &numbers);
    let rows = rows.map_err(Error::data(path))?;
    // Of an index and a value per entry, and where each row begins.
    let bytes = size_of_val(&numbers[..]) + 4 * numbers.len() + size_of_val(&row_ptr[..]);
    let cells = sparse_or_dense(rows, bytes as u64, options).map_err(Error::data(path))?;
    Ok((count, cells))
}
