//! Tables of text and SVMlight: read, or refused; never more rows than lines, never another answer
//! for the same bytes gzipped.

#![no_main]

mod files;

use fanin::dataset::{DataConfig, Normalize, Task};
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use std::io::Write;

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = files::split(data) else { return };
    let name = if kind & 1 == 0 { "rows.csv" } else { "rows.svm" };
    let task = if kind & 2 == 0 { Task::Classification } else { Task::Regression };
    let load = |name: &str, bytes: &[u8]| {
        let path = Some(files::write(name, bytes));
        let label = (kind & 5 == 4).then(|| "1".to_string());
        let (test, normalize) = (path.clone(), Normalize::None);
        DataConfig { train: path, test, label, task, normalize, ..DataConfig::default() }.load()
    };
    let plain = load(name, bytes).map(|data| {
        let lines = bytes.split(|&byte| byte == b'\n' || byte == b'\r').count();
        assert!(data.train.len() <= lines, "{} rows of {lines} lines", data.train.len());
        data.digest()
    });
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("memory takes it");
    let packed = load(&format!("{name}.gz"), &gzip.finish().expect("memory takes it"));
    let packed = packed.map(|data| data.digest());
    // Gzip within gzip is but once unpacked.
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        assert_eq!(plain.ok(), packed.ok());
    }
});
