//! Arrays with labels beside them: NumPy's NPY and NPZ, and IDX files of one's own.

use super::Values;
use super::idx::read_idx;
use super::input::Input;
use super::raw::{LabelIndex, RawTable};
use super::schema::Schema;
use crate::Error;
use crate::error::DataProblem;
use crate::format::FileProblem;
use crate::format::npy::Array;
use crate::format::npz::read_arrays;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Names that arrays of samples and of labels go by in NPZ files.
const SAMPLES: [&str; 6] = ["x", "X", "x_train", "X_train", "data", "images"];
const LABELS: [&str; 6] = ["y", "Y", "y_train", "Y_train", "labels", "target"];

/// Reads an NPZ with an array of samples and one of labels.
///
/// **Errors**: [`Error::Io`], [`Error::File`] for what is no such archive, [`Error::Data`] for labels
/// and samples that do not fit.
pub(super) fn read_npz(path: &Path, known: Option<&Schema>) -> Result<RawTable, Error> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    let mut arrays = read_arrays(file).map_err(|problem| Error::file(path, problem))?;
    let mut take = |names: [&'static str; 6], what: &str| {
        let found = names.iter().find_map(|name| Some((*name, arrays.remove(*name)?)));
        let missing = || FileProblem::Missing(format!("of {what} ({})", names.join(", ")));
        found.ok_or_else(|| Error::file(path, missing()))
    };
    let (x_name, x) = take(SAMPLES, "samples")?;
    let (y_name, y) = take(LABELS, "labels")?;
    table(path, x, x_name, (path, y, y_name), known)
}

/// Reads an NPY of samples `[n, …]` and one of labels `[n]`.
///
/// **Errors**: as [`read_npz`].
pub(super) fn read_npy(
    path: &Path,
    labels: &Path,
    known: Option<&Schema>,
) -> Result<RawTable, Error> {
    let read = |path: &Path| {
        let input = Input::open(path)?;
        Array::read(input.reader, "the file").map_err(|problem| Error::file(path, problem))
    };
    let (x, y) = (read(path)?, read(labels)?);
    table(path, x, "the file", (labels, y, "the file"), known)
}

/// Reads an IDX file of samples and one of labels.
///
/// **Errors**: as [`read_idx`]; [`Error::Data`] if they differ in number.
pub(super) fn read_idx_pair(
    path: &Path,
    labels: &Path,
    known: Option<&Schema>,
) -> Result<RawTable, Error> {
    let (x, y) = (read_idx(path, 3)?, read_idx(labels, 1)?);
    let y: Vec<f64> = y.bytes.into_iter().map(f64::from).collect();
    with_labels(path, Values::Bytes(x.bytes), x.dimensions[0], labels, &y, known)
}

fn table(
    path: &Path,
    x: Array,
    x_name: &str,
    (y_path, y, y_name): (&Path, Array, &str),
    known: Option<&Schema>,
) -> Result<RawTable, Error> {
    let labels = y.numbers(y_name).map_err(|problem| Error::file(y_path, problem))?;
    let rows = x.shape.first().copied().unwrap_or(0);
    let values = match x.descr.as_str() {
        "|u1" => Values::Bytes(x.data),
        "<f4" => {
            Values::Floats(x.data.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x)).collect())
        }
        _ => {
            let numbers = x.numbers(x_name).map_err(|problem| Error::file(path, problem))?;
            Values::Floats(numbers.into_iter().map(|x| x as f32).collect())
        }
    };
    if let Values::Floats(values) = &values
        && let Some(at) = values.iter().position(|value| !value.is_finite())
    {
        let width = (values.len() / rows.max(1)).max(1);
        let (line, column) = ((at / width) as u64 + 1, at % width + 1);
        let text = values[at].to_string();
        return Err(Error::data(path, DataProblem::Number { line, column, text }));
    }
    with_labels(path, values, rows, y_path, &labels, known)
}

fn with_labels(
    path: &Path,
    values: Values,
    rows: usize,
    labels_path: &Path,
    labels: &[f64],
    known: Option<&Schema>,
) -> Result<RawTable, Error> {
    if rows != labels.len() {
        let problem = DataProblem::Count { samples: rows, labels: labels.len() };
        return Err(Error::data(labels_path, problem));
    }
    let mut index = LabelIndex::new(known.map(|schema| schema.classes.as_slice()));
    for (row, label) in (1..).zip(labels) {
        let text = label.to_string();
        index.push(&text, row).map_err(|problem| Error::data(labels_path, problem))?;
    }
    let mut table = RawTable { values, ..RawTable::default() };
    table.take_labels(index).map_err(|problem| Error::data(path, problem))?;
    Ok(table)
}
