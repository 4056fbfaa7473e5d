//! The layout of a safetensors file: the length of a header, the header, the numbers.
//!
//! ```text
//! 8 bytes     n, the header's length, little-endian
//! n bytes     {"__metadata__": {key: text}, name: {"dtype", "shape", "data_offsets"}, …} in JSON,
//!             filled up with spaces to a multiple of 8
//! the rest    the tensors' elements, little-endian, row-major, one tensor right after another
//! ```
//!
//! The layout is by hand because the crate `safetensors` brings eleven more. Tensors are written in
//! the crate's order (floats first, then by name), so that equal files stay equal bytes.

use crate::format::error::FileProblem;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The header's length is in so many bytes, and the header is filled up to a multiple of them.
const WORD: usize = 8;
/// No header is longer: the limit of other readers.
const MAX_HEADER: u64 = 100_000_000;
/// The header's entry that is no tensor.
const METADATA: &str = "__metadata__";

/// What the header says of a tensor.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct TensorInfo {
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
    /// Where its bytes begin and end, counted from the header's end.
    data_offsets: [usize; 2],
}

/// A file's content: nothing of it is copied.
#[derive(Debug)]
pub(super) struct Content<'a> {
    /// Keys and texts of the metadata.
    pub(super) metadata: Vec<(String, String)>,
    /// Names, what the header says, and elements.
    pub(super) tensors: Vec<(String, TensorInfo, &'a [u8])>,
}

/// A file of tensors, each its name, dtype, shape and bytes, in this order.
pub(super) fn write(
    metadata: (&str, &str),
    tensors: &[(&str, &'static str, &[usize], Vec<u8>)],
) -> Vec<u8> {
    let json = |text: &str| serde_json::to_string(text).expect("a text serialises");
    let (key, text) = (json(metadata.0), json(metadata.1));
    let mut header = format!("{{\"{METADATA}\":{{{key}:{text}}}");
    let mut begin = 0;
    for (name, dtype, shape, bytes) in tensors {
        let data_offsets = [begin, begin + bytes.len()];
        let info = TensorInfo { dtype: dtype.to_string(), shape: shape.to_vec(), data_offsets };
        let info = serde_json::to_string(&info).expect("numbers serialise");
        header.push_str(&format!(",{}:{info}", json(name)));
        begin += bytes.len();
    }
    header.push('}');
    header.push_str(&" ".repeat(header.len().next_multiple_of(WORD) - header.len()));
    let mut file = Vec::with_capacity(WORD + header.len() + begin);
    file.extend((header.len() as u64).to_le_bytes());
    file.extend(header.as_bytes());
    tensors.iter().for_each(|(.., bytes)| file.extend(bytes));
    file
}

/// Takes a file apart.
///
/// **Errors**: [`FileProblem::FileLength`], [`FileProblem::HeaderLength`]; [`FileProblem::Damaged`]
/// for a header that is none; [`FileProblem::Duplicate`], [`FileProblem::Dtype`],
/// [`FileProblem::TooLarge`], [`FileProblem::TensorLength`], [`FileProblem::Offsets`].
pub(super) fn read(bytes: &[u8]) -> Result<Content<'_>, FileProblem> {
    let length = |expected| FileProblem::FileLength { found: bytes.len() as u64, expected };
    let (len, rest) = bytes.split_first_chunk::<WORD>().ok_or(length(WORD as u64))?;
    let len = u64::from_le_bytes(*len);
    if len > MAX_HEADER {
        return Err(FileProblem::HeaderLength { found: len, most: MAX_HEADER });
    }
    let header_end = WORD as u64 + len;
    let (header, data) = rest.split_at_checked(len as usize).ok_or(length(header_end))?;
    let header: Header = serde_json::from_slice(header)
        .map_err(|problem| FileProblem::Damaged(format!("the header: {problem}")))?;
    let mut tensors = header.tensors;
    refuse_duplicates(tensors.iter().map(|(name, _)| name))?;
    refuse_duplicates(header.metadata.0.iter().map(|(key, _)| key))?;

    // The tensors, in whatever order the header names them, fill the data without a gap.
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut reached = 0;
    for (name, info) in &tensors {
        let [begin, end] = info.data_offsets;
        if begin != reached || end < begin {
            return Err(FileProblem::Offsets(name.clone()));
        }
        let (found, expected) = (end - begin, size(name, info)?);
        if found != expected {
            return Err(FileProblem::TensorLength { name: name.clone(), found, expected });
        }
        reached = end;
    }
    if reached != data.len() {
        return Err(length(header_end.saturating_add(reached as u64)));
    }
    let with_data = |(name, info): (String, TensorInfo)| {
        let [begin, end] = info.data_offsets;
        (name, info, &data[begin..end])
    };
    let tensors = tensors.into_iter().map(with_data).collect();
    Ok(Content { metadata: header.metadata.0, tensors })
}

/// The bytes of a tensor's elements by its dtype and shape.
fn size(name: &str, info: &TensorInfo) -> Result<usize, FileProblem> {
    let element = match info.dtype.as_str() {
        "F32" | "I32" => 4,
        "I64" => 8,
        other => return Err(FileProblem::Dtype(name.to_string(), other.to_string())),
    };
    let size = info.shape.iter().try_fold(element, |product: usize, &n| product.checked_mul(n));
    size.ok_or_else(|| FileProblem::TooLarge(name.to_string()))
}

fn refuse_duplicates<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), FileProblem> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(FileProblem::Duplicate(name.clone()));
        }
    }
    Ok(())
}

/// The header as it stands, a name that comes twice twice.
struct Header {
    metadata: Texts,
    tensors: Vec<(String, TensorInfo)>,
}

/// A JSON object of texts as it stands, a key that comes twice twice.
#[derive(Default)]
struct Texts(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Header, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let (mut metadata, mut tensors) = (None, Vec::new());
                while let Some(name) = map.next_key::<String>()? {
                    if name != METADATA {
                        tensors.push((name, map.next_value()?));
                    } else if metadata.replace(map.next_value()?).is_some() {
                        return Err(A::Error::duplicate_field(METADATA));
                    }
                }
                Ok(Header { metadata: metadata.unwrap_or_default(), tensors })
            }
        }
        from.deserialize_map(Entries)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Texts, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("texts by key")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    texts.push(entry);
                }
                Ok(Texts(texts))
            }
        }
        from.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of this header and so many bytes of data.
    fn file(header: &str, data: usize) -> Vec<u8> {
        let len = (header.len() as u64).to_le_bytes();
        [&len, header.as_bytes(), &vec![0; data]].concat()
    }

    fn problem(bytes: &[u8]) -> FileProblem {
        read(bytes).map(|content| panic!("{content:?}")).unwrap_err()
    }

    fn length(found: u64, expected: u64) -> FileProblem {
        FileProblem::FileLength { found, expected }
    }

    /// A header's entry of a tensor.
    fn tensor(name: &str, dtype: &str, shape: &str, offsets: [u64; 2]) -> String {
        let offsets = format!("[{},{}]", offsets[0], offsets[1]);
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}"#)
    }

    #[test]
    fn tensors_are_found_in_any_order_with_empty_ones_between() {
        let entries = [
            tensor("last", "I64", "[1]", [8, 16]),
            tensor("none", "F32", "[0,3]", [4, 4]),
            tensor("scalar", "F32", "[]", [0, 4]),
            tensor("word", "I32", "[1]", [4, 8]),
        ];
        let bytes = file(&format!("{{{}}}  ", entries.join(",")), 16);
        let found = read(&bytes).unwrap();
        let names: Vec<&str> = found.tensors.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["scalar", "none", "word", "last"]);
        let sizes: Vec<usize> = found.tensors.iter().map(|(.., bytes)| bytes.len()).collect();
        assert_eq!(sizes, [4, 0, 4, 8]);
        assert!(read(&file("{}", 0)).unwrap().tensors.is_empty());
    }

    #[test]
    fn lengths_that_are_wrong_are_errors() {
        assert_eq!(problem(&[]), length(0, 8));
        assert_eq!(problem(&[0; 7]), length(7, 8));
        assert_eq!(problem(&file("{}", 0)[..9]), length(9, 10));
        let absurd = |found| FileProblem::HeaderLength { found, most: MAX_HEADER };
        assert_eq!(problem(&u64::MAX.to_le_bytes()), absurd(u64::MAX));
        assert_eq!(problem(&(MAX_HEADER + 1).to_le_bytes()), absurd(MAX_HEADER + 1));
        assert_eq!(problem(&MAX_HEADER.to_le_bytes()), length(8, MAX_HEADER + 8));
        let one = format!("{{{}}}", tensor("a", "F32", "[1]", [0, 4]));
        let end = 8 + one.len() as u64;
        assert_eq!(problem(&file(&one, 3)), length(end + 3, end + 4));
        assert_eq!(problem(&file(&one, 5)), length(end + 5, end + 4));
        assert_eq!(problem(&file("{}", 1)), length(11, 10));
    }

    #[test]
    fn what_is_no_header_is_an_error() {
        let negative = r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#;
        let no_dtype = r#"{"a":{"shape":[1],"data_offsets":[0,4]}}"#;
        let twice = r#"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let metadata_twice = r#"{"__metadata__":{},"__metadata__":{}}"#;
        let number = r#"{"__metadata__":{"a":1}}"#;
        for header in [
            "",
            "null",
            "[]",
            "{",
            "{}}",
            "{\"a\":1}",
            negative,
            no_dtype,
            twice,
            metadata_twice,
            number,
        ] {
            assert!(matches!(problem(&file(header, 4)), FileProblem::Damaged(_)), "{header}");
        }
        let mut not_utf8 = file("{\"__\":1}", 4);
        not_utf8[10] = 0xff;
        assert!(matches!(problem(&not_utf8), FileProblem::Damaged(_)));
    }

    #[test]
    fn names_that_come_twice_are_errors() {
        let a = tensor("a", "F32", "[1]", [0, 4]);
        let again = tensor("a", "F32", "[1]", [4, 8]);
        let bytes = file(&format!("{{{a},{again}}}"), 8);
        assert_eq!(problem(&bytes), FileProblem::Duplicate("a".into()));
        let bytes = file(r#"{"__metadata__":{"k":"","k":""}}"#, 0);
        assert_eq!(problem(&bytes), FileProblem::Duplicate("k".into()));
    }

    #[test]
    fn tensors_that_do_not_fill_the_data_are_errors() {
        let a = tensor("a", "F32", "[2]", [0, 8]);
        for (case, offsets) in
            [("overlap", [4, 8]), ("the same", [0, 4]), ("a hole", [9, 13]), ("reversed", [8, 4])]
        {
            let bytes = file(&format!("{{{a},{}}}", tensor("b", "I32", "[1]", offsets)), 16);
            assert!(matches!(problem(&bytes), FileProblem::Offsets(_)), "{case}");
        }
        let late = file(&format!("{{{}}}", tensor("a", "F32", "[1]", [1, 5])), 5);
        assert_eq!(problem(&late), FileProblem::Offsets("a".into()));
        let beyond = tensor("b", "I32", "[1]", [8, 12]);
        assert!(matches!(
            problem(&file(&format!("{{{a},{beyond}}}"), 8)),
            FileProblem::FileLength { .. }
        ));
    }

    #[test]
    fn a_shape_of_another_size_is_an_error() {
        let one = |dtype, shape, end| {
            problem(&file(&format!("{{{}}}", tensor("a", dtype, shape, [0, end])), 8))
        };
        let length =
            |found, expected| FileProblem::TensorLength { name: "a".into(), found, expected };
        assert_eq!(one("F32", "[3]", 8), length(8, 12));
        assert_eq!(one("I64", "[2]", 8), length(8, 16));
        assert_eq!(one("F32", "[2,0]", 8), length(8, 0));
        assert_eq!(one("F32", "[2]", u64::MAX), length(usize::MAX, 8));
        assert_eq!(one("F64", "[1]", 8), FileProblem::Dtype("a".into(), "F64".into()));
        let huge = format!("[{},2]", u64::MAX / 2);
        assert_eq!(one("F32", &huge, 8), FileProblem::TooLarge("a".into()));
        let product = format!("[{}]", u64::MAX / 4 + 1);
        assert_eq!(one("F32", &product, 8), FileProblem::TooLarge("a".into()));
    }
}
