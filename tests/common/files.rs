//! Data files made up by several tests.

// Each test takes what it needs.
#![allow(dead_code)]

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

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

pub(crate) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    header.push_str(&" ".repeat((10 + header.len() + 1).next_multiple_of(64) - 11 - header.len()));
    header.push('\n');
    let len = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &len, header.as_bytes(), data].concat()
}

pub(crate) fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

pub(crate) fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// 40 rows of two numbers and a text, three classes.
pub(crate) fn good_csv() -> String {
    let mut text = String::from("size,weight,colour,kind\n");
    for row in 0..40 {
        let colour = ["red", "green", "blue"][row % 3];
        let kind = ["oak", "ash", "elm"][row % 3];
        text += &format!("{row},{}.5,{colour},{kind}\n", row * 3);
    }
    text
}
