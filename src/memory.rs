//! How much memory this process may take for what a file or a setting asks for.
//!
//! Half of the machine's, unless it is told otherwise: what would take more is refused before a
//! byte of it is asked for. It is an estimate of the largest parts, held against absurd sizes, and
//! no account of every byte.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

/// What would take too much memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} would take {}, and no more than {} may be taken (`max-memory` sets another limit)",
    text(*.bytes), text(*.limit)
)]
pub struct TooMuch {
    /// What.
    pub what: String,
    /// Bytes that it would take.
    pub bytes: u64,
    /// Bytes that may be taken.
    pub limit: u64,
}

/// The limit; 0 as long as nobody has asked for it or set it.
static LIMIT: AtomicU64 = AtomicU64::new(0);

/// Bytes that may be taken.
pub fn limit() -> u64 {
    match LIMIT.load(Ordering::Relaxed) {
        0 => {
            let half = machine().map_or(u64::MAX, |bytes| bytes / 2);
            LIMIT.store(half, Ordering::Relaxed);
            half
        }
        limit => limit,
    }
}

/// Sets the limit of this process.
///
/// **Panics** if it is 0.
pub fn set_limit(bytes: u64) {
    assert!(bytes > 0, "a limit of some bytes");
    LIMIT.store(bytes, Ordering::Relaxed);
}

/// Whether something may take so many bytes.
///
/// **Errors**: [`TooMuch`].
pub fn expect(bytes: u64, what: impl FnOnce() -> String) -> Result<(), TooMuch> {
    match limit() {
        limit if bytes > limit => Err(TooMuch { what: what(), bytes, limit }),
        _ => Ok(()),
    }
}

/// Bytes that this machine, the group of processes, or this process may have, where the system
/// tells.
fn machine() -> Option<u64> {
    let whole = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let of_group = |path: &&str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let of_process = fs::read_to_string("/proc/self/limits").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    groups.iter().filter_map(of_group).chain(whole).chain(of_process).min()
}

/// Bytes in a unit that shows them.
fn text(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 1_000_000_000_000 => format!("{:.1} TB", bytes as f64 / 1e12),
        bytes if bytes >= 1_000_000_000 => format!("{:.1} GB", bytes as f64 / 1e9),
        bytes if bytes >= 1_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        bytes => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_limit_is_refused_and_both_are_named() {
        // Of this process: no other test here sets it.
        assert!(limit() > 1 << 20 && limit() == limit());
        assert_eq!(expect(limit(), || "x".into()), Ok(()));
        let error = expect(u64::MAX, || "the sky".into());
        if limit() < u64::MAX {
            let text = error.unwrap_err().to_string();
            assert!(text.starts_with("the sky would take 18446744.1 TB, and no more"), "{text}");
        }
        assert_eq!([text(5), text(3 << 20), text(5 << 30)], ["5 bytes", "3 MB", "5.4 GB"]);
    }
}
