//! One process at a time owns a run's folder.

use super::Error;
use crate::format;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process goes without locks.
static NO_LOCKS: AtomicBool = AtomicBool::new(false);

/// Lets this process write runs where the file system has no locks: nothing then keeps two
/// processes from writing the same one.
pub fn forgo_locks() {
    NO_LOCKS.store(true, Ordering::Relaxed);
}

/// The file, made if need be and locked, and held as long as what is returned; `path` is the run's.
/// None where this process goes without locks.
///
/// **Errors**: [`Error::RunLocked`], [`Error::NoLocks`], [`Error::Format`].
pub(super) fn lock(file: &Path, path: &Path) -> Result<Option<File>, Error> {
    if NO_LOCKS.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(file);
    let lock = lock.map_err(format::Error::io(file))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Err(Error::RunLocked(path.to_path_buf())),
        Err(TryLockError::Error(source)) if has_no_locks(&source) => {
            Err(Error::NoLocks { path: file.into(), source })
        }
        Err(TryLockError::Error(source)) => Err(format::Error::io(file)(source).into()),
    }
}

/// Whether an error of locking is that there are no locks.
fn has_no_locks(error: &std::io::Error) -> bool {
    // ENOLCK, which has no kind.
    let is_none = cfg!(target_os = "linux") && error.raw_os_error() == Some(37);
    is_none || error.kind() == ErrorKind::Unsupported
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn only_where_there_are_no_locks_is_that_said() {
        // ENOLCK, EOPNOTSUPP; EIO, EINTR.
        for (number, expected) in [(37, true), (95, true), (5, false), (4, false)] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(has_no_locks(&error), expected, "{error}");
        }
    }
}
