//! The parts of a sweep, brought together.

use crate::experiment::{Error, RunFolder};
use crate::format;
use std::fs;
use std::path::{Path, PathBuf};

/// What a merge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Runs that were copied.
    pub copied: usize,
    /// Runs that were there already, with the same result.
    pub known: usize,
    /// Runs that are not finished, and stayed where they are.
    pub unfinished: usize,
}

/// Copies the finished runs of several sweeps into the folder `out`.
///
/// **Errors**: [`Error::OtherResult`] for a run that is there with another result: one of the two
/// was made by another program; [`Error::Format`].
pub fn merge(out: &Path, parts: &[PathBuf]) -> Result<Merged, Error> {
    let mut merged = Merged::default();
    fs::create_dir_all(out).map_err(format::Error::io(out))?;
    for part in parts {
        for from in RunFolder::below(part)? {
            let name = from.file_name().expect("what is listed has a name");
            let to = out.join(name);
            let Some(result) = RunFolder::result_in(&from)? else {
                merged.unfinished += 1;
                continue;
            };
            if let Some(known) = RunFolder::result_in(&to)? {
                if known.values != result.values {
                    return Err(Error::OtherResult(from, to));
                }
                merged.known += 1;
                continue;
            }
            copy(&from, &to)?;
            merged.copied += 1;
        }
    }
    Ok(merged)
}

/// Copies a run under another name first, so that a copy that was cut short is no run.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let copy = || -> std::io::Result<()> {
        for stale in [&partial, to] {
            if stale.exists() {
                fs::remove_dir_all(stale)?;
            }
        }
        copy_folder(from, &partial)?;
        fs::rename(&partial, to)
    };
    Ok(copy().map_err(format::Error::io(to))?)
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_folder(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}
