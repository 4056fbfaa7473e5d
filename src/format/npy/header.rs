//! What an NPY file says of its elements before they begin.

use crate::format::error::FileProblem;
use std::io::Read;

/// What every file begins with.
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// No header is longer than this many bytes.
const MAX_HEADER: u64 = 1 << 16;

/// What stands before an array's elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// NumPy's name of the element type, such as `<f4`; of a structured array its whole list.
    pub descr: String,
    /// The fields of a structured array: names and element types.
    pub fields: Vec<(String, String)>,
    /// The dimensions.
    pub shape: Vec<usize>,
    /// Whether the first index runs fastest.
    pub is_fortran: bool,
    /// Bytes of all elements.
    pub(super) bytes: u64,
}

impl Header {
    /// Reads the header of an array called `name`; its elements stay to be read.
    ///
    /// **Errors**: [`FileProblem::NotNpy`], [`FileProblem::NpyHeader`], [`FileProblem::NpyCut`],
    /// [`FileProblem::Dtype`]; [`FileProblem::Damaged`] or [`FileProblem::Zip`] if the reading
    /// itself fails.
    pub fn read(mut from: impl Read, name: &str) -> Result<Header, FileProblem> {
        let header = header(&mut from, name)?;
        let field = |key: &str| {
            let (_, rest) = header.split_once(&format!("'{key}':"))?;
            Some(rest.trim_start())
        };
        let malformed = || FileProblem::NpyHeader(name.to_string());
        let descr = field("descr").ok_or_else(malformed)?;
        let (descr, fields) = match descr.starts_with('[') {
            true => structure(descr).ok_or_else(malformed)?,
            false => {
                let descr = descr.strip_prefix('\'').and_then(|rest| rest.split('\'').next());
                (descr.ok_or_else(malformed)?.to_string(), Vec::new())
            }
        };
        let dimensions = field("shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next());
        let sizes = match fields.is_empty() {
            true => vec![item_bytes(&descr)],
            false => fields.iter().map(|(_, descr)| item_bytes(descr)).collect(),
        };
        if descr.contains("|O") || sizes.contains(&None) {
            return Err(FileProblem::Dtype(name.to_string(), descr));
        }
        let mut bytes = sizes.into_iter().flatten().try_fold(0u64, u64::checked_add);
        let mut shape = Vec::new();
        let dimensions = dimensions.ok_or_else(malformed)?.split(',').map(str::trim);
        for size in dimensions.filter(|size| !size.is_empty()) {
            let size: usize = size.parse().map_err(|_| malformed())?;
            bytes = bytes.and_then(|bytes| bytes.checked_mul(size as u64));
            shape.push(size);
        }
        let is_fortran = field("fortran_order").is_some_and(|rest| rest.starts_with("True"));
        let is_fortran = is_fortran && shape.len() > 1;
        let bytes = bytes.ok_or_else(malformed)?;
        Ok(Header { descr, fields, shape, is_fortran, bytes })
    }

    /// Elements, of whatever shape; so many that no memory holds them are as many as there can be.
    pub fn count(&self) -> usize {
        product(&self.shape)
    }
}

/// The product of sizes, or as much as there can be: where one is 0, the others may be anything.
pub fn product(sizes: &[usize]) -> usize {
    sizes.iter().fold(1, |product, &size| product.saturating_mul(size))
}

/// The list of a structured array's fields, as it stands and taken apart.
fn structure(descr: &str) -> Option<(String, Vec<(String, String)>)> {
    let end = descr.find(']')?;
    let list = &descr[..=end];
    let mut fields = Vec::new();
    for field in list[1..end].split('(').skip(1) {
        let mut parts = field.split('\'');
        let (_, name, between, kind) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // A field of several elements has its shape behind.
        let is_single = parts.next()?.trim_end_matches([',', ' ']).ends_with(')');
        if between.trim() != "," || !is_single {
            return None;
        }
        fields.push((name.to_string(), kind.to_string()));
    }
    (!fields.is_empty()).then(|| (list.to_string(), fields))
}

/// Bytes of an element; none of a type that has no such number.
pub(super) fn item_bytes(descr: &str) -> Option<u64> {
    let size: u64 = descr.get(2..)?.parse().ok()?;
    // A 'U' string has four bytes per character.
    size.checked_mul(if descr.get(1..2) == Some("U") { 4 } else { 1 })
}

/// The text between an array's magic number and its elements.
fn header(from: &mut impl Read, name: &str) -> Result<String, FileProblem> {
    let start = exactly(from, 8, name)?;
    if !start.starts_with(MAGIC) {
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
pub(super) fn exactly(
    from: &mut impl Read,
    count: u64,
    name: &str,
) -> Result<Vec<u8>, FileProblem> {
    let mut bytes = Vec::new();
    from.by_ref().take(count).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        found if found == count => Ok(bytes),
        found => Err(FileProblem::NpyCut { name: name.to_string(), found, expected: count }),
    }
}
