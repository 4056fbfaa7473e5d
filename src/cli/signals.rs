//! What a long command does when it is told to stop.

use super::error::EXIT_INTERRUPTED;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Lets a write beyond a limit of file sizes be an error that is told, and not the process's end.
pub(super) fn outlive_file_limits() {
    #[cfg(target_os = "linux")]
    drop(signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()));
}

/// A flag that Ctrl-C, SIGTERM, and the end of the terminal set; a second Ctrl-C or SIGTERM ends
/// the process at once.
pub(super) fn stop_on_signal() -> Arc<AtomicBool> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal only sets the flag. Without a handler the signal ends the
        // process, and the last epoch's checkpoint remains.
        let code = EXIT_INTERRUPTED.into();
        drop(signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&stop)));
        drop(signal_hook::flag::register(signal, Arc::clone(&stop)));
    }
    // Shell and system each tell of the end of a terminal: the second time means nothing.
    #[cfg(target_os = "linux")]
    if !outlives_terminal() {
        let hangup = signal_hook::consts::SIGHUP;
        drop(signal_hook::flag::register(hangup, Arc::clone(&stop)));
    }
    stop
}

/// Whether this process was started with SIGHUP ignored, as `nohup` does.
#[cfg(target_os = "linux")]
fn outlives_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 << (signal_hook::consts::SIGHUP - 1) != 0)
}
