//! A file for what a reader is fed, in memory where there is a file system in memory.

// Each target takes what it needs.
#![allow(dead_code)]

use std::path::PathBuf;
use std::sync::LazyLock;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let shared = std::path::Path::new("/dev/shm");
    let within = if shared.is_dir() { shared.to_path_buf() } else { std::env::temp_dir() };
    let folder = within.join(format!("fanin-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    folder
});

/// A path of this process.
pub fn path(name: &str) -> PathBuf {
    FOLDER.join(name)
}

/// Writes a file of this process.
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    std::fs::write(&path, bytes).expect("a file is written");
    path
}

/// The first byte, and what is behind it.
pub fn split(data: &[u8]) -> Option<(u8, &[u8])> {
    data.split_first().map(|(&first, rest)| (first, rest))
}
