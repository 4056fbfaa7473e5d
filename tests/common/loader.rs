//! A loader of data with a good file, to be tried with bad ones.

// Each test takes what it needs.
#![allow(dead_code)]

use fanin::dataset::{DataConfig, Dataset, Error, Normalize};
use peak_alloc::PeakAlloc;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

#[global_allocator]
pub(crate) static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process: one test at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A loader with a good file of its format.
pub(crate) struct Loader {
    pub(crate) dir: TempDir,
    pub(crate) config: DataConfig,
    pub(crate) file: PathBuf,
    pub(crate) good: Vec<u8>,
}

impl Loader {
    /// A loader of `name`, which holds `good`; `labels` is a second file beside it.
    pub(crate) fn new(name: &str, good: Vec<u8>, labels: Option<(&str, Vec<u8>)>) -> Loader {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join(name);
        let (train, normalize) = (Some(file.clone()), Normalize::None);
        let mut config = DataConfig { train, normalize, ..DataConfig::default() };
        if let Some((name, bytes)) = labels {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            config.train_labels = Some(path);
        }
        let loader = Loader { dir, config, file, good };
        loader.load(&loader.good).expect("the good file is good");
        loader
    }

    /// A loader of `name`, a table with the label `kind`, which holds `good`.
    pub(crate) fn of_csv(name: &str, good: Vec<u8>) -> Loader {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join(name);
        let label = Some("kind".to_string());
        let (train, normalize) = (Some(file.clone()), Normalize::None);
        let config = DataConfig { train, label, normalize, ..DataConfig::default() };
        let loader = Loader { dir, config, file, good };
        loader.load(&loader.good).expect("the good file is good");
        loader
    }

    pub(crate) fn load(&self, bytes: &[u8]) -> Result<Dataset, Error> {
        fs::write(&self.file, bytes).unwrap();
        self.config.load()
    }

    /// Asserts an error that names the file and says `message`.
    pub(crate) fn refuses(&self, case: &str, bytes: &[u8], message: &str) {
        let problem = self.load(bytes).map(|_| ()).expect_err(case).to_string();
        assert!(problem.contains(message), "{case}: {problem}");
        let folder = self.dir.path().to_str().unwrap();
        assert!(problem.contains(folder), "{case} names no file: {problem}");
    }

    /// As [`Loader::refuses`], in less than `limit` bytes of memory.
    pub(crate) fn refuses_within(&self, limit: usize, case: &str, bytes: &[u8], message: &str) {
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        self.refuses(case, bytes, message);
        let used = ALLOCATOR.peak_usage() - before;
        assert!(used < limit, "{case} took {used} bytes");
    }

    /// Cuts at `count` places: all are errors but for those where whole rows remain.
    pub(crate) fn refuses_cuts(&self, count: usize, message: &str) {
        for cut in 0..count {
            let at = self.good.len() * cut / count;
            self.refuses(&format!("cut at {at}"), &self.good[..at], message);
        }
    }
}
