//! Where the files of known data sets are looked for.

use super::entry::{KnownDataset, KnownFile};
use crate::dataset::error::Error;
use std::path::{Path, PathBuf};

/// As [`found_in`].
///
/// **Errors**: [`Error::Missing`].
pub(super) fn find(
    known: &KnownDataset,
    file: &KnownFile,
    folders: &[PathBuf],
) -> Result<PathBuf, Error> {
    found_in(file, folders).ok_or_else(|| Error::Missing {
        name: known.name,
        file: format!("{}.gz", file.name),
        searched: folders.to_vec(),
        url: file.sources[0].url,
    })
}

/// Where a file is, in the first of these folders that has it, gzipped or not.
pub fn found_in(file: &KnownFile, folders: &[PathBuf]) -> Option<PathBuf> {
    let names = |dir: &PathBuf| ["", ".gz"].map(|end| dir.join(format!("{}{end}", file.name)));
    folders.iter().flat_map(names).find(|path| path.is_file())
}

/// Whether every file of the data set is in one of the folders that may hold it.
pub fn is_here(known: &KnownDataset, data_dir: Option<&Path>) -> bool {
    let folders = search_path(known, data_dir);
    known.files.iter().all(|file| found_in(file, &folders).is_some())
}

/// Folders that may hold the data set, in order: `data_dir` (and nothing else, if it is given), or
/// `FANIN_DATA_DIR`, `data/` here, `data/` above the executable (the repository's), the user's
/// cache, and the system's folder.
pub fn search_path(known: &KnownDataset, data_dir: Option<&Path>) -> Vec<PathBuf> {
    let name = known.name;
    if let Some(dir) = data_dir {
        return vec![dir.join(name), dir.to_path_buf()];
    }
    let environment = std::env::var_os("FANIN_DATA_DIR").map(PathBuf::from);
    let executable = std::env::current_exe().ok();
    let above = executable.iter().flat_map(|path| path.ancestors().skip(1).take(4));
    let repository = above.map(|dir| dir.join("data")).find(|dir| dir.join(name).is_dir());
    let folders = environment.into_iter().chain([PathBuf::from("data")]).chain(repository);
    let folders = folders.chain(cache_dir()).map(|dir| dir.join(name));
    folders.chain(known.system_folder.map(PathBuf::from)).collect()
}

/// The user's folder for fetched data: `$XDG_CACHE_HOME/fanin` or `~/.cache/fanin`.
pub(super) fn cache_dir() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || absolute("HOME").or_else(|| absolute("USERPROFILE"));
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(home()?.join(".cache")))?;
    Some(cache.join("fanin"))
}
