//! NumPy's NPY: a short header before raw numbers.

mod header;

pub use header::{Header, MAGIC, product};

use super::error::FileProblem;
use crate::memory;
use header::{exactly, item_bytes};
use std::io::Read;

/// One NPY array, its elements as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    header: Header,
    data: Vec<u8>,
}

impl std::ops::Deref for Array {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.header
    }
}

impl Array {
    /// Reads an array called `name`, no more of it than its header promises.
    ///
    /// **Errors**: those of [`Header::read`] and [`Array::behind`].
    pub fn read(mut from: impl Read, name: &str) -> Result<Array, FileProblem> {
        let header = Header::read(&mut from, name)?;
        Array::behind(header, from, name)
    }

    /// Reads the elements behind a header, no more than it promises.
    ///
    /// **Errors**: [`FileProblem::Memory`], [`FileProblem::NpyCut`], [`FileProblem::NpyBeyond`];
    /// [`FileProblem::Damaged`] or [`FileProblem::Zip`] if the reading itself fails.
    pub fn behind(header: Header, mut from: impl Read, name: &str) -> Result<Array, FileProblem> {
        memory::expect(header.bytes, || format!("{name}, as an array,"))?;
        let data = exactly(&mut from, header.bytes, name)?;
        // Reading on to the end lets a compressed stream check itself.
        if from.take(1).read_to_end(&mut Vec::new())? > 0 {
            return Err(FileProblem::NpyBeyond(name.to_string()));
        }
        Ok(Array { header, data })
    }

    /// Whether the elements are unsigned bytes.
    pub fn is_bytes(&self) -> bool {
        self.descr == "|u1"
    }

    /// The elements' bytes in C order.
    pub fn in_order(&self) -> Vec<u8> {
        if !self.is_fortran {
            return self.data.clone();
        }
        let count = self.count();
        let item = self.data.len().checked_div(count).unwrap_or(1);
        let mut data = Vec::with_capacity(self.data.len());
        let mut index = vec![0; self.shape.len()];
        for _ in 0..count {
            let at = index.iter().zip(&self.shape).rev().fold(0, |at, (i, size)| at * size + i);
            data.extend_from_slice(&self.data[at * item..][..item]);
            for (i, &size) in index.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < size {
                    break;
                }
                *i = 0;
            }
        }
        data
    }

    /// The elements as numbers, in C order.
    ///
    /// **Errors**: [`FileProblem::Dtype`] for an element type that is none of NumPy's booleans,
    /// integers, and floats of 16, 32 and 64 bits.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, FileProblem> {
        let data = self.in_order();
        let numbers = numbers(&self.descr, &data);
        numbers.ok_or_else(|| FileProblem::Dtype(name.to_string(), self.descr.clone()))
    }

    /// The elements in C order, if every number of their type is one of single precision.
    pub fn singles(&self) -> Option<Vec<f32>> {
        match self.descr.get(1..)? {
            "f4" if self.descr.starts_with('<') => {
                let data = self.in_order();
                Some(data.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x)).collect())
            }
            "b1" | "u1" | "i1" | "u2" | "i2" | "f2" | "f4" => {
                let numbers = numbers(&self.descr, &self.in_order())?;
                Some(numbers.into_iter().map(|x| x as f32).collect())
            }
            _ => None,
        }
    }

    /// The elements as texts, in C order: whole numbers with all their digits.
    ///
    /// **Errors**: [`FileProblem::Dtype`] for an element type that is neither of numbers nor of
    /// texts.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, FileProblem> {
        let data = self.in_order();
        let texts = texts(&self.descr, &data);
        texts.ok_or_else(|| FileProblem::Dtype(name.to_string(), self.descr.clone()))
    }

    /// A structured array of one dimension as CSV with a header.
    ///
    /// **Errors**: as [`Array::texts`], of a field.
    pub fn table(&self) -> Result<Vec<u8>, FileProblem> {
        let rows = self.count();
        let row_bytes = self.data.len().checked_div(rows).unwrap_or(0);
        let (mut columns, mut start) = (Vec::new(), 0);
        for (name, descr) in &self.fields {
            let item = item_bytes(descr).unwrap_or(0) as usize;
            let of_row = |row: usize| &self.data[row * row_bytes + start..][..item];
            let data: Vec<u8> = (0..rows).flat_map(of_row).copied().collect();
            let texts = texts(descr, &data);
            columns.push(texts.ok_or_else(|| FileProblem::Dtype(name.clone(), descr.clone()))?);
            start += item;
        }
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let names: Vec<String> = self.fields.iter().map(|(name, _)| quoted(name)).collect();
        let mut text = names.join(",") + "\n";
        for row in 0..rows {
            let fields: Vec<String> = columns.iter().map(|column| quoted(&column[row])).collect();
            text += &(fields.join(",") + "\n");
        }
        Ok(text.into_bytes())
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

/// Elements of `N` bytes, the least significant first.
fn elements<const N: usize>(
    data: &[u8],
    is_big_endian: bool,
) -> impl Iterator<Item = [u8; N]> + '_ {
    data.as_chunks::<N>().0.iter().map(move |&element| {
        let mut element = element;
        if is_big_endian {
            element.reverse();
        }
        element
    })
}

fn numbers(descr: &str, data: &[u8]) -> Option<Vec<f64>> {
    let big = descr.starts_with('>');
    Some(match descr.get(1..)? {
        "b1" | "u1" => data.iter().map(|&x| x.into()).collect(),
        "i1" => data.iter().map(|&x| (x as i8).into()).collect(),
        "u2" => elements(data, big).map(|x| u16::from_le_bytes(x).into()).collect(),
        "i2" => elements(data, big).map(|x| i16::from_le_bytes(x).into()).collect(),
        "u4" => elements(data, big).map(|x| u32::from_le_bytes(x).into()).collect(),
        "i4" => elements(data, big).map(|x| i32::from_le_bytes(x).into()).collect(),
        "u8" => elements(data, big).map(|x| u64::from_le_bytes(x) as f64).collect(),
        "i8" => elements(data, big).map(|x| i64::from_le_bytes(x) as f64).collect(),
        "f2" => elements(data, big).map(|x| half(u16::from_le_bytes(x))).collect(),
        "f4" => elements(data, big).map(|x| f32::from_le_bytes(x).into()).collect(),
        "f8" => elements(data, big).map(f64::from_le_bytes).collect(),
        _ => return None,
    })
}

/// A number of half precision.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

fn texts(descr: &str, data: &[u8]) -> Option<Vec<String>> {
    let big = descr.starts_with('>');
    let until_zero = |bytes: &[u8]| {
        let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        std::str::from_utf8(&bytes[..end]).ok().map(String::from)
    };
    let size = item_bytes(descr)? as usize;
    match descr.get(1..2)? {
        "S" if size > 0 => data.chunks_exact(size).map(until_zero).collect(),
        "U" if size > 0 => {
            let text = |characters: &[u8]| {
                let codes = elements(characters, big).map(u32::from_le_bytes);
                let text: Option<String> = codes.map(char::from_u32).collect();
                text.map(|text| text.trim_end_matches('\0').to_string())
            };
            data.chunks_exact(size).map(text).collect()
        }
        _ => match descr.get(1..)? {
            "u8" => Some(elements(data, big).map(|x| u64::from_le_bytes(x).to_string()).collect()),
            "i8" => Some(elements(data, big).map(|x| i64::from_le_bytes(x).to_string()).collect()),
            "f4" => Some(elements(data, big).map(|x| f32::from_le_bytes(x).to_string()).collect()),
            _ => Some(numbers(descr, data)?.iter().map(f64::to_string).collect()),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    fn array(descr: &str, is_fortran: bool, shape: &str, data: &[u8]) -> Array {
        let bytes = npy(descr, shape, data.to_vec());
        let text = String::from_utf8_lossy(&bytes[..10]).len();
        assert!(text > 0);
        let mut array = Array::read(bytes.as_slice(), "x").unwrap();
        array.header.is_fortran = is_fortran;
        array
    }

    #[test]
    fn every_type_and_order_gives_its_numbers() {
        let little: Vec<u8> =
            [1.5f64, -2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let big: Vec<u8> =
            [1.5f64, -2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_be_bytes()).collect();
        let expected = Ok(vec![1.5, -2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(array("<f8", false, "(2, 3)", &little).numbers("x"), expected);
        assert_eq!(array(">f8", false, "(2, 3)", &big).numbers("x"), expected);
        // Columns one after the other.
        let fortran = array("<f8", true, "(2, 3)", &little);
        assert_eq!(fortran.numbers("x"), Ok(vec![1.5, 3.0, 5.0, -2.0, 4.0, 6.0]));
        let cube: Vec<u8> = (0..24).collect();
        let order = array("|u1", true, "(2, 3, 4)", &cube).in_order();
        let at = |i: usize, j: usize, k: usize| order[(i * 3 + j) * 4 + k];
        assert!((0..24).all(|n| usize::from(at(n % 2, n / 2 % 3, n / 6)) == n));
        let halves = [0x3c00u16, 0xc000, 0x7bff, 0x0001, 0x8000];
        let halves: Vec<u8> = halves.iter().flat_map(|x| x.to_le_bytes()).collect();
        let expected = vec![1.0, -2.0, 65504.0, 2f32.powi(-24), 0.0];
        assert_eq!(array("<f2", false, "(5,)", &halves).singles(), Some(expected));
        assert_eq!(array(">u2", false, "(1,)", &[1, 2]).singles(), Some(vec![258.0]));
        assert_eq!(array("<i4", false, "(1,)", &[1, 0, 0, 0]).singles(), None);
    }

    #[test]
    fn labels_keep_all_their_digits() {
        let whole = (1u64 << 53) + 1;
        let array_of = array("<u8", false, "(1,)", &whole.to_le_bytes());
        assert_eq!(array_of.texts("x"), Ok(vec!["9007199254740993".to_string()]));
        let words = array("|S3", false, "(2,)", b"ab\0cde");
        assert_eq!(words.texts("x"), Ok(vec!["ab".to_string(), "cde".to_string()]));
        let wide: Vec<u8> = "é\0".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        assert_eq!(array("<U2", false, "(1,)", &wide).texts("x"), Ok(vec!["é".to_string()]));
        assert!(array("<c8", false, "(1,)", &[0; 8]).texts("x").is_err());
    }

    #[test]
    fn structured_arrays_are_tables() {
        let descr = "[('size', '<f4'), ('kind', '|S4')]";
        let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2,), }}\n");
        let len = (header.len() as u16).to_le_bytes();
        let data =
            [1.5f32.to_le_bytes().as_slice(), b"oak\0", &2f32.to_le_bytes(), b"a\"b\0"].concat();
        let bytes = [MAGIC, &[1, 0], &len, header.as_bytes(), &data].concat();
        let table = Array::read(bytes.as_slice(), "x").unwrap().table().unwrap();
        let expected = "\"size\",\"kind\"\n\"1.5\",\"oak\"\n\"2\",\"a\"\"b\"\n";
        assert_eq!(String::from_utf8(table).unwrap(), expected);
    }
}
