//! The IDX format of MNIST: a magic number, dimensions, then bytes; optionally gzipped.

use crate::Error;
use crate::error::DataProblem;
use byteorder::{BigEndian, ByteOrder};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read};
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

/// Reads an IDX file of unsigned bytes with `rank` dimensions; gzip if the name ends in `.gz`.
///
/// Memory grows with the bytes that are there, whatever the header promises.
///
/// **Errors**: [`Error::Io`], or [`Error::Data`] with the way in which the file is broken.
pub fn read_idx(path: &Path, rank: usize) -> Result<IdxFile, Error> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    let reader: &mut dyn Read =
        if is_gzip { &mut MultiGzDecoder::new(file) } else { &mut { file } };
    // Within a gzip stream an I/O error is the stream's damage, and its early end a truncation.
    let broken = |source: std::io::Error| match is_gzip {
        true => Error::data(path, DataProblem::Gzip(source.to_string())),
        false => Error::Io { path: path.to_path_buf(), source },
    };
    let header_len = 4 + 4 * rank;
    let mut header = Vec::new();
    reader.take(header_len as u64).read_to_end(&mut header).map_err(broken)?;
    if header.len() < header_len {
        let (expected, found) = (header_len as u64, header.len() as u64);
        return Err(Error::data(path, DataProblem::Truncated { expected, found }));
    }
    let magic = BigEndian::read_u32(&header);
    if magic != 0x0800 + rank as u32 {
        let expected = if rank == 1 { "labels" } else { "images" };
        return Err(Error::data(path, DataProblem::Magic { expected, found: magic }));
    }
    let sizes: Vec<u32> = header[4..].chunks(4).map(BigEndian::read_u32).collect();
    let expected = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size.into()));
    let expected = expected
        .filter(|&expected| expected > 0)
        .ok_or_else(|| Error::data(path, DataProblem::Dimensions(sizes.clone())))?;
    let mut bytes = Vec::new();
    reader.take(expected).read_to_end(&mut bytes).map_err(broken)?;
    if (bytes.len() as u64) < expected {
        let found = bytes.len() as u64;
        return Err(Error::data(path, DataProblem::Truncated { expected, found }));
    }
    if reader.read(&mut [0]).map_err(broken)? > 0 {
        return Err(Error::data(path, DataProblem::TrailingBytes { expected }));
    }
    let digest = Sha256::new().chain_update(&header).chain_update(&bytes).finalize();
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let dimensions = sizes.into_iter().map(|size| size as usize).collect();
    Ok(IdxFile { dimensions, bytes, sha256 })
}
