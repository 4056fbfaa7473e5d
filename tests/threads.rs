//! One thread is one thread: `--threads 1` starts no other.

use assert_cmd::cargo::cargo_bin;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn a_run_of_one_thread_starts_no_other() {
    if !cfg!(target_os = "linux") {
        println!("skipped: a_run_of_one_thread_starts_no_other");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let most_threads = |threads: &str| {
        let mut run = Command::new(cargo_bin("fanin"))
            .args(["train", "--hidden", "16", "--epochs", "100000", "--method", "rigl", "--force"])
            .args(["--threads", threads, "--out"])
            .arg(&out)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let tasks = format!("/proc/{}/task", run.id());
        let (mut most, started) = (0, Instant::now());
        // Until an epoch is done: data read, folder made, steps, updates, evaluation, files.
        while !fs::read_to_string(out.join("metrics.jsonl")).is_ok_and(|m| m.contains("epoch")) {
            most = most.max(fs::read_dir(&tasks).map_or(0, Iterator::count));
            assert!(started.elapsed() < Duration::from_secs(300), "no epoch came");
        }
        run.kill().unwrap();
        run.wait().unwrap();
        fs::remove_dir_all(&out).unwrap();
        most
    };
    assert_eq!(most_threads("1"), 1);
    assert!(most_threads("2") > 1, "the count must see threads");
}
