//! SciPy's sparse `.npz`: a zip of NPY arrays `format`, `shape`, `indptr`, `indices`, `data`.
//!
//! The crate `zip` knows the archive.

use super::error::{Error, FileProblem};
use super::npy::{Array, npy};
use super::replace::replace_file;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// The pattern of a CSR matrix, not validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsrArrays {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Offsets, `[rows + 1]`.
    pub row_ptr: Vec<usize>,
    /// Columns, `[nnz]`.
    pub col_idx: Vec<usize>,
}

/// Writes a pattern as `scipy.sparse.save_npz` writes a CSR matrix of ones.
///
/// **Errors**: [`Error::Io`]; whatever stood at `path` before is then untouched.
pub fn write_csr(
    path: &Path,
    shape: [usize; 2],
    row_ptr: &[usize],
    col_idx: &[u32],
) -> Result<(), Error> {
    let little = |values: &mut dyn Iterator<Item = i64>| -> Vec<u8> {
        values.flat_map(i64::to_le_bytes).collect()
    };
    let arrays = [
        ("format", npy("|S3", "()", b"csr".to_vec())),
        ("shape", npy("<i8", "(2,)", little(&mut shape.iter().map(|&n| n as i64)))),
        (
            "indptr",
            npy("<i8", &tuple(row_ptr.len()), little(&mut row_ptr.iter().map(|&n| n as i64))),
        ),
        (
            "indices",
            npy("<i8", &tuple(col_idx.len()), little(&mut col_idx.iter().map(|&n| n.into()))),
        ),
        (
            "data",
            npy(
                "<f4",
                &tuple(col_idx.len()),
                col_idx.iter().flat_map(|_| 1f32.to_le_bytes()).collect(),
            ),
        ),
    ];
    let write = || -> zip::result::ZipResult<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in arrays {
            archive.start_file(format!("{name}.npy"), SimpleFileOptions::default())?;
            archive.write_all(&bytes)?;
        }
        Ok(archive.finish()?.into_inner())
    };
    let bytes = write().map_err(|problem| Error::io(path)(std::io::Error::other(problem)))?;
    replace_file(path, &bytes)
}

/// Reads every array of an archive, by name; what is no NPY array is passed over.
///
/// **Errors**: [`FileProblem::NotZip`], or what is wrong with an array.
pub fn read_arrays(file: impl Read + Seek) -> Result<BTreeMap<String, Array>, FileProblem> {
    let mut archive = ZipArchive::new(file).map_err(not_zip)?;
    let names: Vec<String> = archive.file_names().flatten().map(Into::into).collect();
    let mut arrays = BTreeMap::new();
    for name in names.iter().filter_map(|name| name.strip_suffix(".npy")) {
        arrays.insert(name.to_string(), array(&mut archive, name)?);
    }
    Ok(arrays)
}

/// The shape of a vector as Python writes it.
fn tuple(len: usize) -> String {
    format!("({len},)")
}

/// Reads the pattern of a CSR matrix that SciPy (or [`write_csr`]) saved; its values do not matter.
///
/// **Errors**: [`Error::Io`]; [`Error::File`] for what is not such a file.
pub fn read_csr(path: &Path) -> Result<CsrArrays, Error> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    parse(file).map_err(Error::file(path))
}

fn parse(file: impl Read + Seek) -> Result<CsrArrays, FileProblem> {
    let mut archive = ZipArchive::new(file).map_err(not_zip)?;
    let format = array(&mut archive, "format")?;
    let text: Vec<u8> = format.data.iter().copied().filter(|byte| *byte != 0).collect();
    if text != b"csr" {
        let found = format!("sparse '{}'", String::from_utf8_lossy(&text));
        return Err(FileProblem::Kind { expected: "sparse 'csr'", found });
    }
    let shape = array(&mut archive, "shape")?.indices("shape")?;
    let &[rows, cols] = shape.as_slice() else {
        let (found, expected) = (vec![shape.len()], vec![2]);
        return Err(FileProblem::Shape { name: "shape".into(), found, expected });
    };
    Ok(CsrArrays {
        shape: [rows, cols],
        row_ptr: array(&mut archive, "indptr")?.indices("indptr")?,
        col_idx: array(&mut archive, "indices")?.indices("indices")?,
    })
}

fn not_zip(problem: zip::result::ZipError) -> FileProblem {
    FileProblem::NotZip(problem.to_string())
}

/// Reads `NAME.npy` out of the archive, no more of it than its header promises.
fn array(archive: &mut ZipArchive<impl Read + Seek>, name: &str) -> Result<Array, FileProblem> {
    let member = archive
        .by_name(&format!("{name}.npy"))
        .map_err(|_| FileProblem::Missing(name.to_string()))?;
    Array::read(member, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_cuts_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mask.npz");
        write_csr(&path, [2, 5], &[0, 2, 3], &[1, 4, 0]).unwrap();
        let arrays = read_csr(&path).unwrap();
        let expected = CsrArrays { shape: [2, 5], row_ptr: vec![0, 2, 3], col_idx: vec![1, 4, 0] };
        assert_eq!(arrays, expected);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..50 {
            std::fs::write(&path, &whole[..whole.len() * cut / 50]).unwrap();
            assert!(matches!(read_csr(&path), Err(Error::File { .. })), "cut {cut}");
        }
    }
}
