//! Surroundings that fail: disks that are full or read-only, outputs that are lost, and limits of
//! files, bytes and memory.

use crate::area::{Area, Counts, PATIENCE, anywhere};
use crate::kills::Reference;
use crate::lines::Pool;
use crate::process::{Running, around, ended, fanin};
use rand::RngExt;
use rand_pcg::Pcg64;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) const AREA: Area = Area {
    name: "failures",
    about: "A disk that is full (a small tmpfs) or read-only, stdout on a full device or \
            closed, and `ulimit`s of open files, file size and memory: an error in one line, \
            nothing lost, and the run goes on to the same end once there is room; a closed \
            pipe is no error.",
    cases: [12, 400],
    hindrance: anywhere,
    expected: &[("lost outputs", "cases", 0.1)],
    attack,
};

fn attack(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    match rng.random_range(0..4) {
        0 => small_disk(rng, dir),
        1 => lost_output(rng, dir),
        _ => limits(rng, dir),
    }
}

/// A disk in memory, unmounted when it goes.
struct Disk<'a>(&'a Path);

impl Disk<'_> {
    /// None where mounting is not allowed.
    fn mount(at: &Path, options: String) -> Option<Disk<'_>> {
        fs::create_dir_all(at).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "campaign"]).arg(at);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Disk(at))
    }

    fn again(&self, options: &str) {
        let mut mount = Command::new("mount");
        let done = mount.args(["-o", &format!("remount,{options}")]).arg(self.0).output();
        assert!(done.expect("it was mounted").status.success(), "a disk is mounted anew");
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0).output().expect("it was mounted");
    }
}

fn small_disk(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    let reference = Reference::draw(rng, dir, 3..30)?;
    let at = dir.join("disk");
    let is_full = rng.random_bool(0.7);
    let size = 4 * rng.random_range(1..60);
    let options = if is_full { format!("size={size}k") } else { "ro".to_string() };
    let Some(disk) = Disk::mount(&at, options) else {
        return Ok(Counts::from([("disks that could not be mounted", 1)]));
    };
    let out = at.join("run");
    let end = ended(&mut reference.next(dir, &out), dir)?;
    if !is_full && end.is_done() {
        return Err("a run on a read-only disk is done".to_string());
    }
    disk.again("rw,size=64m");
    reference.finish(dir, &out)?;
    Ok(Counts::from([(if is_full { "small disks" } else { "read-only disks" }, 1)]))
}

fn lost_output(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    let pool = Pool::new(dir)?;
    // A line that does something, and prints some of it.
    for _ in 0..100 {
        let line = pool.good_line(rng);
        // What is kept is kept once.
        if line.contains(&"new".to_string()) {
            continue;
        }
        let end = ended(fanin(dir).args(&line), dir)?;
        if !end.is_done() || end.stdout.is_empty() {
            continue;
        }
        if let Ok(full) = OpenOptions::new().write(true).open("/dev/full") {
            let mut command = fanin(dir);
            let output = command.args(&line).stdin(Stdio::null()).stdout(full).output();
            let output = output.expect("the binary starts");
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or_default();
            if output.status.code() != Some(1) || !last.starts_with("error: ") {
                return Err(format!("{line:?} on a full device: {}, {said}", output.status));
            }
        }
        let mut command = fanin(dir);
        command.args(&line).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the child is ours");
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() || said.contains("panicked") {
            return Err(format!("{line:?} into a closed pipe: {}, {said}", output.status));
        }
        return Ok(Counts::from([("lost outputs", 2)]));
    }
    Err("none of a hundred good lines prints anything".to_string())
}

fn limits(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    let reference = Reference::draw(rng, dir, 3..30)?;
    let (limit, name) = match rng.random_range(0..3) {
        0 => (format!("ulimit -n {}", rng.random_range(4..20)), "limits of open files"),
        1 => (format!("ulimit -f {}", rng.random_range(1..200)), "limits of file sizes"),
        _ => (format!("ulimit -v {}", rng.random_range(400_000..4_000_000)), "limits of memory"),
    };
    let out = dir.join("limited");
    let mut shell = around("sh", dir);
    shell.args(["-c", &format!("{limit}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_fanin")]);
    let mut command = reference.next_by(shell, &out);
    let end = Running::start(&mut command, dir).end(PATIENCE.max(Duration::from_secs(60)))?;
    // A process that has no files left cannot open its libraries.
    if end.status.code() != Some(127) {
        end.expect_sound().map_err(|fault| format!("{limit}: {fault}"))?;
    }
    reference.finish(dir, &out).map_err(|fault| format!("{limit}: {fault}"))?;
    Ok(Counts::from([(name, 1)]))
}
