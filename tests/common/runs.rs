//! What tests of whole runs share.

// Each test takes what it needs.
#![allow(dead_code)]

use rand::RngExt;
use rand_pcg::Pcg64;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) fn fanin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanin"));
    command.env_remove("FANIN_DATA_DIR").env_remove("FANIN_ISA");
    command
}

/// A run of some seconds whose every epoch is short, in a partial last batch.
pub(crate) const NEW: [&str; 9] =
    ["train", "--hidden", "24,16", "--batch", "700", "--epochs", "40", "--sparsity", "0.7"];

pub(crate) fn start(args: &[&str], dir: &Path) -> Child {
    let mut command = fanin();
    command.args(args).arg(dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

/// Reads stdout until `count` epochs are done; false if the run ends before.
pub(crate) fn wait_for_epochs(child: &mut Child, count: usize) -> bool {
    let lines = BufReader::new(child.stdout.as_mut().expect("piped")).lines();
    let epochs = lines.map_while(Result::ok).filter(|line| line.starts_with("epoch"));
    epochs.take(count).count() == count
}

/// Spins for a random part of an epoch, so that the next signal meets a random step.
pub(crate) fn spin(rng: &mut Pcg64) {
    let until = Instant::now() + Duration::from_micros(rng.random_range(0..25_000));
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

pub(crate) fn finish(args: &[&str], dir: &Path) {
    let output = fanin().args(args).arg(dir).arg("--quiet").output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Everything that must not depend on interruptions: the bytes of model and checkpoint, and the
/// metrics but for the seconds.
pub(crate) fn outcome(dir: &Path) -> ([Vec<u8>; 2], Vec<serde_json::Value>) {
    let metrics = fs::read_to_string(dir.join("metrics.jsonl")).expect("a run has metrics");
    let lines = metrics.lines().map(|line| {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        let object = line.as_object_mut().expect("a line is an object");
        object.remove("seconds");
        object.remove("eval_seconds");
        line
    });
    let files = ["model.safetensors", "checkpoint.safetensors"];
    (files.map(|name| fs::read(dir.join(name)).expect("a run has both")), lines.collect())
}

pub(crate) fn reference(dir: &TempDir) -> ([Vec<u8>; 2], Vec<serde_json::Value>) {
    let path = dir.path().join("reference");
    finish(&[&NEW[..], &["--out"]].concat(), &path);
    let reference = outcome(&path);
    assert_eq!(reference.1.len(), 40);
    reference
}

/// Sends a signal by name and waits.
pub(crate) fn signal(child: Child, name: &str) -> Output {
    let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(status.expect("kill is on every Unix").success());
    child.wait_with_output().expect("the child ends")
}
