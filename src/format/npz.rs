//! NumPy's `.npz`: a zip of NPY arrays; SciPy's CSR matrix is one of `format`, `shape`, `indptr`,
//! `indices`, `data`.
//!
//! The archive is `zip.rs`'s.

use super::error::{Error, FileProblem};
use super::npy::{Array, Header, npy};
use super::replace::replace_file;
use super::zip::{ZipArchive, zip};
use std::io::{Read, Seek};
use std::path::Path;

/// The pattern of a matrix in CSR, not validated.
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
    let members = arrays.map(|(name, bytes)| (format!("{name}.npy"), bytes));
    replace_file(path, &zip(&members).map_err(Error::io(path))?)
}

/// Reads the first array of an archive that has one of these names, and no other.
///
/// **Errors**: [`FileProblem::Zip`], or what is wrong with the array.
pub fn read_first_of<'a>(
    file: impl Read + Seek,
    names: &[&'a str],
) -> Result<Option<(&'a str, Array)>, FileProblem> {
    first_of(file, names, |member, name| Array::read(member, name))
}

/// As [`read_first_of`], of its header only.
///
/// **Errors**: [`FileProblem::Zip`], or what is wrong with the header.
pub fn header_of_first<'a>(
    file: impl Read + Seek,
    names: &[&'a str],
) -> Result<Option<(&'a str, Header)>, FileProblem> {
    first_of(file, names, |member, name| Header::read(member, name))
}

fn first_of<'a, T>(
    file: impl Read + Seek,
    names: &[&'a str],
    read: impl FnOnce(&mut dyn Read, &str) -> Result<T, FileProblem>,
) -> Result<Option<(&'a str, T)>, FileProblem> {
    let mut archive = ZipArchive::open(file)?;
    let has = |archive: &ZipArchive<_>, name: &str| {
        archive.names().any(|member| member.strip_suffix(".npy") == Some(name))
    };
    match names.iter().find(|name| has(&archive, name)) {
        Some(name) => Ok(Some((name, read_member(&mut archive, name, read)?))),
        None => Ok(None),
    }
}

/// The shape of a vector as Python writes it.
fn tuple(len: usize) -> String {
    format!("({len},)")
}

/// The arrays of an archive, read one by one as they are asked for.
pub(crate) struct NpzReader<R>(ZipArchive<R>);

impl<R: Read + Seek> NpzReader<R> {
    /// Reads the archive's directory.
    ///
    /// **Errors**: [`FileProblem::Zip`].
    pub(crate) fn open(file: R) -> Result<NpzReader<R>, FileProblem> {
        Ok(NpzReader(ZipArchive::open(file)?))
    }

    /// The names of its arrays.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.0.names().filter_map(|name| name.strip_suffix(".npy"));
        names.map(String::from).collect()
    }

    /// Reads an array.
    ///
    /// **Errors**: [`FileProblem::Missing`], [`FileProblem::Zip`], or what is wrong with it.
    pub(crate) fn take(&mut self, name: &str) -> Result<Array, FileProblem> {
        // To its end, where the archive's CRC-32 is checked.
        read_member(&mut self.0, name, |member, name| Array::read(member, name))
    }

    /// Reads an array of so many elements; another's stay unread.
    ///
    /// **Errors**: as [`NpzReader::take`]; [`FileProblem::Shape`].
    pub(crate) fn take_of_len(&mut self, name: &str, len: usize) -> Result<Array, FileProblem> {
        read_member(&mut self.0, name, |member, name| {
            let header = Header::read(&mut *member, name)?;
            if header.count() != len {
                let (name, found, expected) = (name.to_string(), header.shape, vec![len]);
                return Err(FileProblem::Shape { name, found, expected });
            }
            Array::behind(header, member, name)
        })
    }
}

/// Reads `NAME.npy` out of the archive.
fn read_member<T>(
    archive: &mut ZipArchive<impl Read + Seek>,
    name: &str,
    read: impl FnOnce(&mut dyn Read, &str) -> Result<T, FileProblem>,
) -> Result<T, FileProblem> {
    let member = archive.member(&format!("{name}.npy"))?;
    let mut member = member.ok_or_else(|| FileProblem::Missing(name.to_string()))?;
    read(&mut member, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ZipProblem;
    use crate::format::matrix::read_mask;
    use std::fs::File;
    use std::io;

    #[test]
    fn what_is_written_is_read_and_cuts_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mask.npz");
        write_csr(&path, [2, 5], &[0, 2, 3], &[1, 4, 0]).unwrap();
        let arrays = read_mask(&path).unwrap();
        let expected = CsrArrays { shape: [2, 5], row_ptr: vec![0, 2, 3], col_idx: vec![1, 4, 0] };
        assert_eq!(arrays, expected);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..50 {
            std::fs::write(&path, &whole[..whole.len() * cut / 50]).unwrap();
            assert!(matches!(read_mask(&path), Err(Error::File { .. })), "cut {cut}");
        }
    }
    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
    }

    #[test]
    fn what_numpy_and_scipy_save_is_read() {
        let read = |name| {
            let file = File::open(fixture("numpy.npz")).unwrap();
            read_first_of(file, &["z", name]).unwrap().unwrap().1
        };
        assert_eq!(read("x").shape, [2, 3]);
        assert_eq!(read("x").numbers("x"), Ok(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        assert_eq!(read("y").indices("y"), Ok(vec![1, 0]));
        let file = File::open(fixture("numpy.npz")).unwrap();
        assert_eq!(read_first_of(file, &["z"]), Ok(None));
        let expected = CsrArrays { shape: [2, 5], row_ptr: vec![0, 2, 3], col_idx: vec![1, 4, 0] };
        assert_eq!(read_mask(&fixture("scipy.npz")).unwrap(), expected);
    }

    #[test]
    fn damage_behind_an_array_is_damage() {
        let read = |data| {
            let archive = zip(&[("x.npy".to_string(), npy("|u1", "(3,)", data))]).unwrap();
            (read_first_of(io::Cursor::new(&archive), &["x"]).err(), archive)
        };
        assert_eq!(read(vec![1, 2, 3, 0]).0, Some(FileProblem::NpyBeyond("x".into())));
        let (none, mut archive) = read(vec![1, 2, 3]);
        assert_eq!(none, None);
        // The CRC-32 in the directory.
        let entry = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        archive[entry + 16] ^= 1;
        let problem = read_first_of(io::Cursor::new(&archive), &["x"]).unwrap_err();
        assert_eq!(problem, FileProblem::Zip(ZipProblem::Crc("x.npy".into())));
    }
}
