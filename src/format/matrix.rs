//! A matrix that NumPy or SciPy saved: its pattern, which is where it is not zero, or the values.
//!
//! SciPy's `.npz` in CSR, CSC, COO or BSR (arrays `format`, `shape`, `data` and their indices), an
//! `.npz` with one array, or an `.npy`.

use super::error::{Error, FileProblem};
use super::npy::Array;
use super::npz::{CsrArrays, NpzReader};
use crate::memory;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

/// A matrix in CSR, not validated but for the lengths of its arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct CsrMatrix {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Offsets, `[rows + 1]`.
    pub row_ptr: Vec<usize>,
    /// Columns, `[nnz]`.
    pub col_idx: Vec<usize>,
    /// Values, `[nnz]`.
    pub values: Vec<f64>,
}

/// Reads the pattern of a matrix; entries that are stored and zero are none.
///
/// **Errors**: [`Error::Io`]; [`Error::File`] for what is not such a file.
pub fn read_mask(path: &Path) -> Result<CsrArrays, Error> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    let is_npy = path.extension().is_some_and(|extension| extension == "npy");
    let read = || match is_npy {
        true => dense(&Array::read(file, "the file")?),
        false => {
            let mut archive = NpzReader::open(file)?;
            match (sparse(&mut archive)?, archive.names().as_slice()) {
                (Some(matrix), _) => Ok(matrix),
                (None, [name]) => dense(&archive.take(name)?),
                (None, _) => {
                    let what = "format (of a SciPy matrix, or one array)";
                    Err(FileProblem::Missing(what.to_string()))
                }
            }
        }
    };
    let matrix = read().and_then(sorted).map_err(Error::file(path))?;
    Ok(pattern(matrix))
}

/// The rows and columns of the matrix that SciPy saved in an archive; none if it holds other
/// arrays.
///
/// **Errors**: [`FileProblem`].
pub(crate) fn shape<R: Read + Seek>(
    archive: &mut NpzReader<R>,
) -> Result<Option<[usize; 2]>, FileProblem> {
    if !archive.names().iter().any(|name| name == "format") {
        return Ok(None);
    }
    let shape = archive.take_of_len("shape", 2)?.indices("shape")?;
    Ok(Some([shape[0], shape[1]]))
}

/// Reads the matrix that SciPy saved in an archive; none if it holds other arrays.
///
/// **Errors**: [`FileProblem`].
pub(crate) fn sparse<R: Read + Seek>(
    archive: &mut NpzReader<R>,
) -> Result<Option<CsrMatrix>, FileProblem> {
    let Some(shape @ [rows, cols]) = shape(archive)? else { return Ok(None) };
    let format = archive.take_of_len("format", 1)?.texts("format")?.concat();
    // Lines of so many rows or columns. What is read first says how long the next is.
    let mut compressed_by = |lines: usize| {
        let line_ptr = archive.take_of_len("indptr", lines + 1)?.indices("indptr")?;
        let entries = line_ptr.last().copied().unwrap_or(0);
        let idx = archive.take_of_len("indices", entries)?.indices("indices")?;
        Ok::<_, FileProblem>((line_ptr, idx))
    };
    match format.as_str() {
        "csr" => {
            let (row_ptr, col_idx) = compressed_by(rows)?;
            let values = archive.take_of_len("data", col_idx.len())?.numbers("data")?;
            Ok(Some(CsrMatrix { shape, row_ptr, col_idx, values }))
        }
        "csc" => {
            let (col_ptr, row_idx) = compressed_by(cols)?;
            let entries = compressed(col_ptr, row_idx, cols)?;
            let places = entries.into_iter().map(|[col, row]| [row, col]).collect();
            with_data(archive, shape, places)
        }
        "coo" => {
            let row = archive.take("row")?.indices("row")?;
            let col = archive.take_of_len("col", row.len())?.indices("col")?;
            let places = row.into_iter().zip(col).map(|(row, col)| [row, col]).collect();
            with_data(archive, shape, places)
        }
        "bsr" => {
            let row_ptr = archive.take("indptr")?.indices("indptr")?;
            let col_idx = archive.take("indices")?.indices("indices")?;
            blocks(shape, row_ptr, col_idx, &archive.take("data")?).map(Some)
        }
        other => {
            let found = format!("sparse '{other}'");
            Err(FileProblem::Kind { expected: "sparse 'csr', 'csc', 'coo' or 'bsr'", found })
        }
    }
}

/// Entries at these places.
fn with_data<R: Read + Seek>(
    archive: &mut NpzReader<R>,
    shape: [usize; 2],
    places: Vec<[usize; 2]>,
) -> Result<Option<CsrMatrix>, FileProblem> {
    let values = archive.take_of_len("data", places.len())?.numbers("data")?;
    by_rows(shape, places.into_iter().zip(values).collect()).map(Some)
}

fn same_len(name: &str, found: usize, expected: usize) -> Result<(), FileProblem> {
    match found == expected {
        true => Ok(()),
        false => {
            let (name, found, expected) = (name.to_string(), vec![found], vec![expected]);
            Err(FileProblem::Shape { name, found, expected })
        }
    }
}

/// The places of entries by rows (or columns): those of each line between two of its pointers.
fn compressed(
    line_ptr: Vec<usize>,
    idx: Vec<usize>,
    lines: usize,
) -> Result<Vec<[usize; 2]>, FileProblem> {
    same_len("indptr", line_ptr.len(), lines + 1)?;
    same_len("indices", idx.len(), line_ptr.last().copied().unwrap_or(0))?;
    let mut entries = Vec::with_capacity(idx.len());
    for (line, range) in line_ptr.windows(2).enumerate() {
        let of_line = idx.get(range[0]..range[1]);
        let of_line = of_line.ok_or_else(|| FileProblem::NotIndex("indptr".to_string()))?;
        entries.extend(of_line.iter().map(|&at| [line, at]));
    }
    Ok(entries)
}

/// A matrix of blocks of values.
fn blocks(
    shape: [usize; 2],
    row_ptr: Vec<usize>,
    col_idx: Vec<usize>,
    data: &Array,
) -> Result<CsrMatrix, FileProblem> {
    let &[count, height, width] = data.shape.as_slice() else {
        let (name, found) = ("data".to_string(), data.shape.clone());
        return Err(FileProblem::Shape { name, found, expected: vec![col_idx.len(), 1, 1] });
    };
    let size = height.checked_mul(width).filter(|&size| size > 0);
    let size = size.ok_or_else(|| FileProblem::NotIndex("the size of a block".to_string()))?;
    let block_rows = shape[0] / height;
    let places = compressed(row_ptr, col_idx, block_rows)?;
    same_len("data", count, places.len())?;
    let values = data.numbers("data")?;
    let mut entries = Vec::with_capacity(values.len());
    for ([block_row, block_col], block) in places.iter().zip(values.chunks_exact(size)) {
        for (at, &value) in block.iter().enumerate() {
            let (row, col) = (block_row * height + at / width, block_col.saturating_mul(width));
            entries.push(([row, col.saturating_add(at % width)], value));
        }
    }
    by_rows(shape, entries)
}

/// A whole matrix.
fn dense(array: &Array) -> Result<CsrMatrix, FileProblem> {
    let &[rows, cols] = array.shape.as_slice() else {
        let (name, found) = ("the mask".to_string(), array.shape.clone());
        return Err(FileProblem::Shape { name, found, expected: vec![0, 0] });
    };
    let values = array.numbers("the mask")?;
    expect_rows(rows)?;
    Ok(CsrMatrix {
        shape: [rows, cols],
        row_ptr: (0..=rows).map(|row| row * cols).collect(),
        col_idx: (0..rows * cols).map(|at| at % cols).collect(),
        values,
    })
}

/// Whether there may be so many rows, which cost a file nothing if they are empty.
fn expect_rows(rows: usize) -> Result<(), FileProblem> {
    let bytes = (rows as u64).saturating_add(1).saturating_mul(8);
    Ok(memory::expect(bytes, || format!("a matrix of {rows} rows"))?)
}

/// Entries in any order, by rows; those of one place add up.
fn by_rows(
    shape: [usize; 2],
    mut entries: Vec<([usize; 2], f64)>,
) -> Result<CsrMatrix, FileProblem> {
    let [rows, cols] = shape;
    if entries.iter().any(|&([row, col], _)| row >= rows || col >= cols) {
        return Err(FileProblem::NotIndex("the matrix".to_string()));
    }
    expect_rows(rows)?;
    entries.sort_by_key(|(place, _)| *place);
    let (mut row_ptr, mut col_idx, mut values) = (vec![0; rows + 1], Vec::new(), Vec::new());
    for same in entries.chunk_by(|(a, _), (b, _)| a == b) {
        let [row, col] = same[0].0;
        row_ptr[row + 1] += 1;
        col_idx.push(col);
        values.push(same.iter().map(|(_, value)| value).sum());
    }
    for row in 0..rows {
        row_ptr[row + 1] += row_ptr[row];
    }
    Ok(CsrMatrix { shape, row_ptr, col_idx, values })
}

/// A matrix whose columns ascend within a row; entries of one place add up.
///
/// **Errors**: [`FileProblem::NotIndex`] for what lies outside, or is not a number.
fn sorted(matrix: CsrMatrix) -> Result<CsrMatrix, FileProblem> {
    let CsrMatrix { shape, row_ptr, col_idx, values } = matrix;
    if values.iter().any(|value| value.is_nan()) {
        return Err(FileProblem::NotIndex("the matrix".to_string()));
    }
    let places = compressed(row_ptr, col_idx, shape[0])?;
    by_rows(shape, places.into_iter().zip(values).collect())
}

/// Where a matrix is not zero.
fn pattern(matrix: CsrMatrix) -> CsrArrays {
    let CsrMatrix { shape, row_ptr, col_idx, values } = matrix;
    let mut mask = CsrArrays { shape, row_ptr: vec![0], col_idx: Vec::new() };
    for bounds in row_ptr.windows(2) {
        let entries = bounds[0]..bounds[1];
        let of_row = col_idx[entries.clone()].iter().zip(&values[entries]);
        mask.col_idx.extend(of_row.filter(|(_, value)| **value != 0.0).map(|(&col, _)| col));
        mask.row_ptr.push(mask.col_idx.len());
    }
    mask
}
