//! NPY, NPZ, IDX, and SciPy's matrices, behind checksums that are right.

#![no_main]

mod files;

use fanin::dataset::{DataConfig, Normalize};
use fanin::format::npy::{Header, npy};
use fanin::topology::read_topology;
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The arrays of an archive, by what begins each of them: a name's number and a length.
fn archive(mut bytes: &[u8]) -> Vec<u8> {
    const NAMES: [&str; 12] =
        ["x", "y", "data", "indices", "indptr", "shape", "format", "row", "col", "labels", "z", ""];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    while let [name, low, high, rest @ ..] = bytes {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let name = format!("{}.npy", NAMES[usize::from(*name) % NAMES.len()]);
        if archive.start_file(name, options).is_ok() {
            archive.write_all(&rest[..len]).expect("memory takes it");
        }
        bytes = &rest[len..];
    }
    archive.finish().expect("memory takes it").into_inner()
}

/// A file of as many labels as the header of an array, or of images, promises.
fn labels_of(bytes: &[u8], is_idx: bool) -> PathBuf {
    const MOST: usize = 4096;
    let of_idx = || Some(u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?) as usize);
    let of_npy = || Header::read(bytes, "x").ok()?.shape.first().copied();
    let count = if is_idx { of_idx() } else { of_npy() }.unwrap_or(0).min(MOST);
    let labels: Vec<u8> = (0..count).map(|at| at as u8 % 3).collect();
    match is_idx {
        true => {
            let start = [&[0, 0, 8, 1][..], &(count as u32).to_be_bytes()].concat();
            files::write("y-idx1-ubyte", &[&start[..], &labels].concat())
        }
        false => files::write("y.npy", &npy("|u1", &format!("({count},)"), labels)),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = files::split(data) else { return };
    let archive = archive(bytes);
    let (name, content) = match kind % 4 {
        0 => ("x.npy", bytes),
        1 => ("x-idx3-ubyte", bytes),
        _ => ("x.npz", &archive[..]),
    };
    let packed;
    let (name, content) = match kind & 16 != 0 && name != "x.npz" {
        true => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(content).expect("memory takes it");
            packed = gzip.finish().expect("memory takes it");
            (format!("{name}.gz"), &packed[..])
        }
        false => (name.to_string(), content),
    };
    let path = files::write(&name, content);
    if kind & 32 != 0 {
        let read = read_topology(&[path]);
        for pattern in read.unwrap_or_default() {
            assert!(pattern.col_idx().iter().all(|&col| (col as usize) < pattern.cols()));
        }
        return;
    }
    let labels = (kind & 64 != 0).then(|| labels_of(bytes, kind % 4 == 1));
    let (test, normalize) = (Some(path.clone()), Normalize::None);
    let config =
        DataConfig { test, normalize, test_labels: labels.clone(), ..DataConfig::default() };
    drop(DataConfig { train: Some(path), train_labels: labels, ..config }.load());
});
