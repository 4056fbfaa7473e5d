//! The command as a process that is watched: how it ends, what it says, what it takes.

use crate::area::PATIENCE;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// The command, with nothing of the surroundings, in a folder that is its home, too.
pub(crate) fn fanin(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanin"));
    at_home(&mut command, dir);
    command
}

/// Another program that calls the command.
pub(crate) fn around(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    at_home(&mut command, dir);
    command
}

fn at_home(command: &mut Command, dir: &Path) {
    // No server is asked for anything.
    let nowhere = "http://127.0.0.1:9";
    command.current_dir(dir).env("HOME", dir).env("XDG_CACHE_HOME", dir);
    command.env("HTTPS_PROXY", nowhere).env("HTTP_PROXY", nowhere).env("ALL_PROXY", nowhere);
    command.env_remove("FANIN_DATA_DIR").env_remove("FANIN_ISA");
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Bytes that it had in memory, at most, as far as was seen.
    pub(crate) peak: u64,
}

/// A process that runs, its outputs in files beside `dir`.
pub(crate) struct Running {
    child: Child,
    outputs: [std::path::PathBuf; 2],
    peak: u64,
}

impl Running {
    pub(crate) fn start(command: &mut Command, dir: &Path) -> Running {
        let outputs = ["stdout.txt", "stderr.txt"].map(|name| dir.join(name));
        let [out, err] = outputs.each_ref().map(|path| File::create(path).expect("a file"));
        command.stdin(std::process::Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().expect("the program starts");
        Running { child, outputs, peak: 0 }
    }

    /// Whether it ends within this time.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            self.look();
            if self.child.try_wait().expect("the child is ours").is_some() {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1).min(time));
        }
    }

    fn look(&mut self) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let peak = status.ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        });
        self.peak = self.peak.max(peak.unwrap_or(0) * 1024);
    }

    /// Sends a signal by its name; that the process is gone already is no fault.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).output();
        sent.expect("kill is on every Unix");
    }

    /// Waits for the end.
    ///
    /// **Errors**: that it does not come in time.
    pub(crate) fn end(mut self, time: Duration) -> Result<Ended, String> {
        if !self.ends_within(time) {
            self.child.kill().expect("the child is ours");
            self.child.wait().expect("the child is ours");
            return Err(format!("no end after {time:?}; it said: {}", self.said()));
        }
        let status = self.child.wait().expect("the child is ours");
        let text =
            |path| String::from_utf8_lossy(&fs::read(path).expect("it is ours")).into_owned();
        let [stdout, stderr] = self.outputs.each_ref().map(text);
        Ok(Ended { status, stdout, stderr, peak: self.peak })
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.outputs[1]).unwrap_or_default()
    }
}

/// Runs a command to its end. What takes longer than anyone waits is interrupted, and must then
/// end.
///
/// **Errors**: that it hangs, or how its end is wrong.
pub(crate) fn ended(command: &mut Command, dir: &Path) -> Result<Ended, String> {
    let told = format!("{command:?}");
    let mut running = Running::start(command, dir);
    let is_interrupted = !running.ends_within(PATIENCE);
    if is_interrupted {
        running.signal(if ignores_interrupts() { "TERM" } else { "INT" });
    }
    let found = running.end(PATIENCE).and_then(|ended| {
        // What keeps nothing needs no farewell.
        let is_plain =
            matches!(ended.status.signal(), Some(2 | 15)) && !ended.stderr.contains("panicked at");
        if !(is_interrupted && is_plain) {
            ended.expect_sound()?;
        }
        Ok(ended)
    });
    found.map_err(|fault| format!("{told}: {fault}"))
}

/// Whether this process ignores interrupts, and so lets its children ignore them: a shell's job in
/// the background does.
fn ignores_interrupts() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    ignored.is_some_and(|bits| bits >> 1 & 1 == 1)
}

impl Ended {
    /// Asserts an end that the manual knows: done; an error in one line; bad usage; interrupted.
    ///
    /// **Errors**: what is wrong.
    pub(crate) fn expect_sound(&self) -> Result<(), String> {
        let last = self.stderr.lines().last().unwrap_or_default();
        let is_error = |line: &&str| line.starts_with("error: ");
        let is_sound = match self.status.code() {
            Some(0) => !self.stderr.lines().any(|line| is_error(&line)),
            Some(1) => is_error(&last) && self.stderr.lines().filter(is_error).count() == 1,
            Some(2) => self.stderr.lines().any(|line| is_error(&line)),
            Some(130) => last.starts_with("error: interrupted"),
            _ => false,
        };
        match is_sound && !self.stderr.contains("panicked at") {
            true => Ok(()),
            false => Err(format!("{}; stderr: {}", self.status, self.stderr)),
        }
    }

    /// Whether it did what it was asked for.
    pub(crate) fn is_done(&self) -> bool {
        self.status.success()
    }
}
