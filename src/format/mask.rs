//! The pattern of a matrix that NumPy or SciPy saved: where it is not zero.
//!
//! SciPy's `.npz` in CSR, CSC, COO or BSR (arrays `format`, `shape`, `data` and their indices), an
//! `.npz` with one array, or an `.npy`.

use super::error::{Error, FileProblem};
use super::npy::Array;
use super::npz::{CsrArrays, NpzReader};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Reads the pattern of a matrix; entries that are stored and zero are none.
///
/// **Errors**: [`Error::Io`]; [`Error::File`] for what is not such a file.
pub fn read_mask(path: &Path) -> Result<CsrArrays, Error> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    let is_npy = path.extension().is_some_and(|extension| extension == "npy");
    let read = || match is_npy {
        true => dense(&Array::read(file, "the file")?),
        false => archived(NpzReader::open(file)?),
    };
    read().map_err(Error::file(path))
}

fn archived(mut archive: NpzReader<BufReader<File>>) -> Result<CsrArrays, FileProblem> {
    let names = archive.names();
    if !names.iter().any(|name| name == "format") {
        return match names.as_slice() {
            [name] => dense(&archive.take(name)?),
            _ => Err(FileProblem::Missing("format (of a SciPy matrix, or one array)".to_string())),
        };
    }
    let format = archive.take("format")?.texts("format")?.concat();
    let shape = archive.take("shape")?.indices("shape")?;
    let &[rows, cols] = shape.as_slice() else {
        let (found, expected) = (vec![shape.len()], vec![2]);
        return Err(FileProblem::Shape { name: "shape".into(), found, expected });
    };
    let mut indices = |name: &str| archive.take(name)?.indices(name);
    let entries = match format.as_str() {
        "csr" => compressed(indices("indptr")?, indices("indices")?, rows)?,
        "csc" => {
            let entries = compressed(indices("indptr")?, indices("indices")?, cols)?;
            entries.into_iter().map(|[col, row]| [row, col]).collect()
        }
        "coo" => {
            let (row, col) = (indices("row")?, indices("col")?);
            same_len("col", col.len(), row.len())?;
            row.into_iter().zip(col).map(|(row, col)| [row, col]).collect()
        }
        "bsr" => {
            let (row_ptr, col_idx) = (indices("indptr")?, indices("indices")?);
            let data = archive.take("data")?;
            return blocks([rows, cols], row_ptr, col_idx, &data);
        }
        other => {
            let found = format!("sparse '{other}'");
            return Err(FileProblem::Kind {
                expected: "sparse 'csr', 'csc', 'coo' or 'bsr'",
                found,
            });
        }
    };
    let values = archive.take("data")?.numbers("data")?;
    same_len("data", values.len(), entries.len())?;
    pattern([rows, cols], entries.into_iter().zip(values).collect())
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

/// The pattern of blocks of values.
fn blocks(
    shape: [usize; 2],
    row_ptr: Vec<usize>,
    col_idx: Vec<usize>,
    data: &Array,
) -> Result<CsrArrays, FileProblem> {
    let &[count, height, width] = data.shape.as_slice() else {
        let (name, found) = ("data".to_string(), data.shape.clone());
        return Err(FileProblem::Shape { name, found, expected: vec![col_idx.len(), 1, 1] });
    };
    let block_rows = shape[0].checked_div(height).unwrap_or(0);
    let places = compressed(row_ptr, col_idx, block_rows)?;
    same_len("data", count, places.len())?;
    let values = data.numbers("data")?;
    let mut entries = Vec::with_capacity(values.len());
    for ([block_row, block_col], block) in places.iter().zip(values.chunks_exact(height * width)) {
        for (at, &value) in block.iter().enumerate() {
            let (row, col) = (block_row * height + at / width, block_col * width + at % width);
            entries.push(([row, col], value));
        }
    }
    pattern(shape, entries)
}

/// The pattern of a whole matrix.
fn dense(array: &Array) -> Result<CsrArrays, FileProblem> {
    let &[rows, cols] = array.shape.as_slice() else {
        let (name, found) = ("the mask".to_string(), array.shape.clone());
        return Err(FileProblem::Shape { name, found, expected: vec![0, 0] });
    };
    let values = array.numbers("the mask")?;
    let place = |at: usize| [at / cols.max(1), at % cols.max(1)];
    let entries = values.into_iter().enumerate().map(|(at, value)| (place(at), value));
    pattern([rows, cols], entries.collect())
}

/// The places whose values add up to something else than 0, by rows.
fn pattern(
    shape: [usize; 2],
    mut entries: Vec<([usize; 2], f64)>,
) -> Result<CsrArrays, FileProblem> {
    let [rows, cols] = shape;
    let is_within = |[row, col]: [usize; 2]| row < rows && col < cols;
    if entries.iter().any(|(place, value)| !is_within(*place) || value.is_nan()) {
        return Err(FileProblem::NotIndex("the matrix".to_string()));
    }
    entries.sort_by_key(|(place, _)| *place);
    let (mut row_ptr, mut col_idx) = (vec![0; rows + 1], Vec::with_capacity(entries.len()));
    for same in entries.chunk_by(|(a, _), (b, _)| a == b) {
        let [row, col] = same[0].0;
        if same.iter().map(|(_, value)| value).sum::<f64>() != 0.0 {
            row_ptr[row + 1] += 1;
            col_idx.push(col);
        }
    }
    for row in 0..rows {
        row_ptr[row + 1] += row_ptr[row];
    }
    Ok(CsrArrays { shape, row_ptr, col_idx })
}
