//! Data files made up by several tests.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn idx(dimensions: &[u32], bytes: &[u8]) -> Vec<u8> {
    let magic = 0x0800 + dimensions.len() as u32;
    let header = [magic].into_iter().chain(dimensions.iter().copied());
    header.flat_map(u32::to_be_bytes).chain(bytes.iter().copied()).collect()
}
