//! The IDX format of MNIST: a magic number, dimensions, then bytes; optionally gzipped.

use super::input::Input;
use crate::Error;
use crate::error::DataProblem;
use byteorder::{BigEndian, ByteOrder};
use sha2::{Digest, Sha256};
use std::path::Path;

/// The content of an IDX file of unsigned bytes.
#[derive(Clone, Debug)]
pub struct IdxFile {
    /// The dimensions, samples first.
    pub dimensions: Vec<usize>,
    /// The bytes, row-major.
    pub bytes: Vec<u8>,
    /// SHA-256 of the uncompressed file, in hexadecimal.
    pub sha256: String,
}

/// Reads an IDX file of unsigned bytes with `rank` dimensions, gzipped or not.
///
/// Memory grows with the bytes that are there, whatever the header promises.
///
/// **Errors**: [`Error::Io`], or [`Error::Data`] with the way in which the file is broken.
pub fn read_idx(path: &Path, rank: usize) -> Result<IdxFile, Error> {
    let mut input = Input::open(path)?;
    let header_len = 4 + 4 * rank;
    let header = input.read_up_to(header_len as u64)?;
    if header.len() < header_len {
        let (expected, found) = (header_len as u64, header.len() as u64);
        return Err(input.data(DataProblem::Truncated { expected, found }));
    }
    let magic = BigEndian::read_u32(&header);
    if magic != 0x0800 + rank as u32 {
        let expected = if rank == 1 { "labels" } else { "images" };
        return Err(input.data(DataProblem::Magic { expected, found: magic }));
    }
    let sizes: Vec<u32> = header[4..].chunks(4).map(BigEndian::read_u32).collect();
    let expected = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size.into()));
    let expected = expected
        .filter(|&expected| expected > 0)
        .ok_or_else(|| input.data(DataProblem::Dimensions(sizes.clone())))?;
    let bytes = input.read_up_to(expected)?;
    if (bytes.len() as u64) < expected {
        let found = bytes.len() as u64;
        return Err(input.data(DataProblem::Truncated { expected, found }));
    }
    if !input.is_at_end()? {
        return Err(input.data(DataProblem::TrailingBytes { expected }));
    }
    let digest = Sha256::new().chain_update(&header).chain_update(&bytes).finalize();
    let dimensions = sizes.into_iter().map(|size| size as usize).collect();
    Ok(IdxFile { dimensions, bytes, sha256: hexadecimal(&digest) })
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
