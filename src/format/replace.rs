//! Replacing a file by a complete one or not at all.

use super::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Writes a whole file beside its place, syncs it, renames it there, and syncs the folder, so that
/// the name outlasts a loss of power, too. A pipe or a device gets the bytes and stays what it is.
///
/// **Errors**: [`Error::Io`]; whatever stood at `path` before is then untouched.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return fs::write(path, bytes).map_err(Error::io(path));
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    let beside = path.with_file_name(name);
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_folder(path);
        Ok(())
    };
    write().map_err(|source| {
        // The partial file is of no use; failing to remove it changes nothing.
        let _ = fs::remove_file(&beside);
        Error::io(path)(source)
    })
}

/// Brings a file's name to the disk, where folders can be synced: some file systems cannot, and a
/// folder that may be written need not be readable.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if cfg!(unix)
        && let Ok(folder) = File::open(folder.unwrap_or(Path::new(".")))
    {
        let _ = folder.sync_all();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::FileTypeExt;

    #[test]
    fn a_pipe_gets_the_bytes_and_stays_a_pipe() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe)
        });
        replace_file(&pipe, b"all of it").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), b"all of it");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
