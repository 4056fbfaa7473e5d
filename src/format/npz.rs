//! SciPy's sparse `.npz`: a zip of NPY arrays `format`, `shape`, `indptr`, `indices`, `data`.
//!
//! The crate `zip` knows the archive; NPY is a short header before raw numbers and read here.

use super::replace_file;
use crate::Error;
use crate::error::FileProblem;
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

/// The shape of a vector as Python writes it.
fn tuple(len: usize) -> String {
    format!("({len},)")
}

/// An NPY file of version 1.0.
fn npy(descr: &str, shape: &str, data: Vec<u8>) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version, length and header together fill whole blocks of 64 bytes.
    let unpadded = 10 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let len = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &len, header.as_bytes(), &data].concat()
}

/// Reads the pattern of a CSR matrix that SciPy (or [`write_csr`]) saved; its values do not matter.
///
/// **Errors**: [`Error::Io`]; [`Error::File`] for what is not such a file.
pub fn read_csr(path: &Path) -> Result<CsrArrays, Error> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    parse(file).map_err(|problem| Error::file(path, problem))
}

fn parse(file: impl Read + Seek) -> Result<CsrArrays, FileProblem> {
    let mut archive = ZipArchive::new(file).map_err(damaged)?;
    let format = array(&mut archive, "format")?;
    let text: Vec<u8> = format.data.iter().copied().filter(|byte| *byte != 0).collect();
    if text != b"csr" {
        let found = format!("sparse '{}'", String::from_utf8_lossy(&text));
        return Err(FileProblem::Kind { expected: "sparse 'csr'", found });
    }
    let shape = array(&mut archive, "shape")?.integers("shape")?;
    let &[rows, cols] = shape.as_slice() else {
        let (found, expected) = (vec![shape.len()], vec![2]);
        return Err(FileProblem::Shape { name: "shape".into(), found, expected });
    };
    Ok(CsrArrays {
        shape: [rows, cols],
        row_ptr: array(&mut archive, "indptr")?.integers("indptr")?,
        col_idx: array(&mut archive, "indices")?.integers("indices")?,
    })
}

fn damaged(problem: impl std::fmt::Display) -> FileProblem {
    FileProblem::Damaged(problem.to_string())
}

/// One NPY array.
struct Array {
    descr: String,
    data: Vec<u8>,
}

impl Array {
    /// The elements as indices.
    fn integers(self, name: &str) -> Result<Vec<usize>, FileProblem> {
        let words: Vec<i64> = match self.descr.as_str() {
            "<i4" => {
                self.data.as_chunks().0.iter().map(|&w| i32::from_le_bytes(w).into()).collect()
            }
            "<i8" => self.data.as_chunks().0.iter().map(|&w| i64::from_le_bytes(w)).collect(),
            other => return Err(FileProblem::Dtype(name.to_string(), other.to_string())),
        };
        let index = |word| usize::try_from(word).ok();
        let indices: Option<Vec<usize>> = words.into_iter().map(index).collect();
        indices.ok_or_else(|| damaged(format!("{name} has a negative number")))
    }
}

/// Reads `NAME.npy` out of the archive, no more of it than its header promises.
fn array(archive: &mut ZipArchive<impl Read + Seek>, name: &str) -> Result<Array, FileProblem> {
    let mut member = archive
        .by_name(&format!("{name}.npy"))
        .map_err(|_| FileProblem::Missing(name.to_string()))?;
    let mut start = [0; 8];
    member.read_exact(&mut start).map_err(damaged)?;
    if &start[..6] != b"\x93NUMPY" {
        return Err(damaged(format!("{name} is not an NPY array")));
    }
    // Version 1 has a 16-bit length, later ones 32 bits.
    let mut len = [0; 4];
    let len_bytes = if start[6] == 1 { 2 } else { 4 };
    member.read_exact(&mut len[..len_bytes]).map_err(damaged)?;
    let mut header = String::new();
    let header_len = u64::from(u32::from_le_bytes(len)).min(1 << 16);
    member.by_ref().take(header_len).read_to_string(&mut header).map_err(damaged)?;
    let field = |key: &str| {
        let (_, rest) = header.split_once(&format!("'{key}':"))?;
        Some(rest.trim_start())
    };
    let malformed = || damaged(format!("{name} has a malformed NPY header"));
    let descr = field("descr").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next());
    let descr = descr.ok_or_else(malformed)?.to_string();
    let shape = field("shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next());
    let item: u64 = descr.get(2..).and_then(|size| size.parse().ok()).ok_or_else(malformed)?;
    // A 'U' string has four bytes per character.
    let item = if descr.contains('U') { 4 * item } else { item };
    let mut expected = Some(item);
    for size in shape.ok_or_else(malformed)?.split(',').map(str::trim).filter(|s| !s.is_empty()) {
        let size: u64 = size.parse().map_err(|_| malformed())?;
        expected = expected.and_then(|bytes| bytes.checked_mul(size));
    }
    let expected = expected.ok_or_else(malformed)?;
    let mut data = Vec::new();
    member.take(expected).read_to_end(&mut data).map_err(damaged)?;
    if (data.len() as u64) < expected {
        return Err(damaged(format!("{name} has {} of {expected} bytes", data.len())));
    }
    Ok(Array { descr, data })
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
