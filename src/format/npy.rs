//! NumPy's NPY: a short header before raw numbers.

use crate::error::FileProblem;
use std::io::Read;

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

fn damaged(problem: impl std::fmt::Display) -> FileProblem {
    FileProblem::Damaged(problem.to_string())
}

impl Array {
    /// Reads an array called `name`, no more of it than its header promises.
    ///
    /// **Errors**: [`FileProblem::Damaged`] for what is no NPY array, is cut, or is in Fortran order.
    pub fn read(mut from: impl Read, name: &str) -> Result<Array, FileProblem> {
        let mut start = [0; 8];
        from.read_exact(&mut start).map_err(damaged)?;
        if &start[..6] != b"\x93NUMPY" {
            return Err(damaged(format!("{name} is not an NPY array")));
        }
        // Version 1 has a 16-bit length, later ones 32 bits.
        let mut len = [0; 4];
        let len_bytes = if start[6] == 1 { 2 } else { 4 };
        from.read_exact(&mut len[..len_bytes]).map_err(damaged)?;
        let mut header = String::new();
        let header_len = u64::from(u32::from_le_bytes(len)).min(1 << 16);
        from.by_ref().take(header_len).read_to_string(&mut header).map_err(damaged)?;
        let field = |key: &str| {
            let (_, rest) = header.split_once(&format!("'{key}':"))?;
            Some(rest.trim_start())
        };
        let malformed = || damaged(format!("{name} has a malformed NPY header"));
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
            return Err(damaged(format!("{name} is in Fortran order: save it in C order")));
        }
        let expected = expected.ok_or_else(malformed)?;
        let mut data = Vec::new();
        from.take(expected).read_to_end(&mut data).map_err(damaged)?;
        if (data.len() as u64) < expected {
            return Err(damaged(format!("{name} has {} of {expected} bytes", data.len())));
        }
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
    /// **Errors**: as [`Array::numbers`]; [`FileProblem::Damaged`] for what is no index.
    pub fn indices(&self, name: &str) -> Result<Vec<usize>, FileProblem> {
        let index =
            |x: f64| (x >= 0.0 && x.fract() == 0.0 && x < 2f64.powi(53)).then_some(x as usize);
        let indices: Option<Vec<usize>> = self.numbers(name)?.into_iter().map(index).collect();
        indices.ok_or_else(|| damaged(format!("{name} has a number that is no index")))
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
