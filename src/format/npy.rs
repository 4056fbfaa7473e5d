//! NumPy's NPY: a short header before raw numbers.

use super::error::FileProblem;
use std::io::Read;

/// No header is longer than this many bytes.
const MAX_HEADER: u64 = 1 << 16;

/// One NPY array, its numbers as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// NumPy's name of the element type, such as `<f4`.
    pub descr: String,
    /// The dimensions.
    pub shape: Vec<usize>,
    /// The elements in C order.
    pub data: Vec<u8>,
}

impl Array {
    /// Reads an array called `name`, no more of it than its header promises.
    ///
    /// **Errors**: [`FileProblem::NotNpy`], [`FileProblem::NpyHeader`], [`FileProblem::NpyCut`],
    /// [`FileProblem::FortranOrder`]; [`FileProblem::Damaged`] or
    /// [`FileProblem::Zip`] if the reading itself fails.
    pub fn read(mut from: impl Read, name: &str) -> Result<Array, FileProblem> {
        let header = header(&mut from, name)?;
        let field = |key: &str| {
            let (_, rest) = header.split_once(&format!("'{key}':"))?;
            Some(rest.trim_start())
        };
        let malformed = || FileProblem::NpyHeader(name.to_string());
        let descr = field("descr").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next());
        let descr = descr.ok_or_else(malformed)?.to_string();
        let dimensions = field("shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next());
        let item = descr.get(2..).and_then(|size| size.parse::<u64>().ok());
        // A 'U' string has four bytes per character.
        let characters = if descr.contains('U') { 4 } else { 1 };
        let mut expected = item.and_then(|item| item.checked_mul(characters));
        let mut shape = Vec::new();
        let dimensions = dimensions.ok_or_else(malformed)?.split(',').map(str::trim);
        for size in dimensions.filter(|size| !size.is_empty()) {
            let size: usize = size.parse().map_err(|_| malformed())?;
            expected = expected.and_then(|bytes| bytes.checked_mul(size as u64));
            shape.push(size);
        }
        if field("fortran_order").is_some_and(|rest| rest.starts_with("True")) && shape.len() > 1 {
            return Err(FileProblem::FortranOrder(name.to_string()));
        }
        let data = exactly(&mut from, expected.ok_or_else(malformed)?, name)?;
        Ok(Array { descr, shape, data })
    }

    /// The elements as numbers.
    ///
    /// **Errors**: [`FileProblem::Dtype`] for an element type that is none of NumPy's little-endian
    /// booleans, integers, and floats of 32 and 64 bits.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, FileProblem> {
        let data = &self.data;
        Ok(match self.descr.as_str() {
            "|b1" | "|u1" => data.iter().map(|&x| x.into()).collect(),
            "|i1" => data.iter().map(|&x| (x as i8).into()).collect(),
            "<u2" => data.as_chunks().0.iter().map(|&x| u16::from_le_bytes(x).into()).collect(),
            "<i2" => data.as_chunks().0.iter().map(|&x| i16::from_le_bytes(x).into()).collect(),
            "<u4" => data.as_chunks().0.iter().map(|&x| u32::from_le_bytes(x).into()).collect(),
            "<i4" => data.as_chunks().0.iter().map(|&x| i32::from_le_bytes(x).into()).collect(),
            "<u8" => data.as_chunks().0.iter().map(|&x| u64::from_le_bytes(x) as f64).collect(),
            "<i8" => data.as_chunks().0.iter().map(|&x| i64::from_le_bytes(x) as f64).collect(),
            "<f4" => data.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x).into()).collect(),
            "<f8" => data.as_chunks().0.iter().map(|&x| f64::from_le_bytes(x)).collect(),
            other => return Err(FileProblem::Dtype(name.to_string(), other.to_string())),
        })
    }

    /// The elements as indices.
    ///
    /// **Errors**: as [`Array::numbers`]; [`FileProblem::NotIndex`] for what is no index.
    pub fn indices(&self, name: &str) -> Result<Vec<usize>, FileProblem> {
        let index =
            |x: f64| (x >= 0.0 && x.fract() == 0.0 && x < 2f64.powi(53)).then_some(x as usize);
        let indices: Option<Vec<usize>> = self.numbers(name)?.into_iter().map(index).collect();
        indices.ok_or_else(|| FileProblem::NotIndex(name.to_string()))
    }
}

/// The text between an array's magic number and its elements.
fn header(from: &mut impl Read, name: &str) -> Result<String, FileProblem> {
    let start = exactly(from, 8, name)?;
    if &start[..6] != b"\x93NUMPY" {
        return Err(FileProblem::NotNpy(name.to_string()));
    }
    // Version 1 has a 16-bit length, later ones 32 bits.
    let len_bytes = if start[6] == 1 { 2 } else { 4 };
    let mut len = [0; 4];
    len[..len_bytes].copy_from_slice(&exactly(from, len_bytes as u64, name)?);
    let header = exactly(from, u64::from(u32::from_le_bytes(len)).min(MAX_HEADER), name)?;
    String::from_utf8(header).map_err(|problem| FileProblem::Damaged(problem.to_string()))
}

/// The next `count` bytes; memory grows with what is there.
fn exactly(from: &mut impl Read, count: u64, name: &str) -> Result<Vec<u8>, FileProblem> {
    let mut bytes = Vec::new();
    from.by_ref().take(count).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        found if found == count => Ok(bytes),
        found => Err(FileProblem::NpyCut { name: name.to_string(), found, expected: count }),
    }
}

/// An NPY file of version 1.0.
pub fn npy(descr: &str, shape: &str, data: Vec<u8>) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version, length and header together fill whole blocks of 64 bytes.
    let unpadded = 10 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let len = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &len, header.as_bytes(), &data].concat()
}
