//! Output that does not arrive is an error; a reader that has enough is none.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::tempdir;

fn fanin(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanin"));
    command.env_remove("FANIN_DATA_DIR").env_remove("FANIN_ISA").args(args);
    command
}

/// Command lines that print something, `MODEL` a model and `ROWS` a row for it.
const PRINTING: [&str; 20] = [
    "--help",
    "--version",
    "train --help",
    "train --print-config",
    "train --epochs 0 --hidden 8",
    "train --epochs 0 --hidden 8 --quiet --json",
    "methods",
    "methods --json",
    "data list",
    "data list --json",
    "topology --shape 64x64",
    "topology --shape 64x64 --json",
    "completions bash",
    "inspect MODEL",
    "inspect MODEL --json",
    "eval MODEL",
    "eval MODEL --json",
    "predict MODEL ROWS",
    "predict MODEL ROWS --format json",
    "data verify mnist",
];

fn commands(dir: &Path) -> Vec<Vec<String>> {
    let (out, rows) = (dir.join("run"), dir.join("rows.csv"));
    let made =
        fanin(&["train", "--hidden", "8", "--epochs", "0", "--quiet", "--out"]).arg(&out).status();
    assert!(made.unwrap().success());
    fs::write(&rows, vec!["0"; 784].join(",") + "\n").unwrap();
    let model = out.join("model.safetensors");
    let given = |word: &str| match word {
        "MODEL" => model.display().to_string(),
        "ROWS" => rows.display().to_string(),
        word => word.to_string(),
    };
    PRINTING.iter().map(|line| line.split(' ').map(given).collect()).collect()
}

#[test]
fn a_full_device_is_told() {
    let Ok(_) = OpenOptions::new().write(true).open("/dev/full") else {
        println!("skipped: a_full_device_is_told");
        return;
    };
    let dir = tempdir().unwrap();
    for command in commands(dir.path()) {
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = fanin(&args).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {errors}");
        let last = errors.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: <stdout>: No space left"), "{args:?}: {errors}");
    }
}

#[test]
fn a_training_whose_output_is_lost_is_kept() {
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        println!("skipped: a_training_whose_output_is_lost_is_kept");
        return;
    };
    let dir = tempdir().unwrap();
    let out = dir.path().join("run");
    let args = ["train", "--hidden", "8", "--epochs", "2", "--out"];
    let output = fanin(&args).arg(&out).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let record = fs::read_to_string(out.join("run.json")).unwrap();
    assert!(record.contains("\"status\": \"finished\""), "{record}");
    assert_eq!(fs::read_to_string(out.join("metrics.jsonl")).unwrap().lines().count(), 2);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = tempdir().unwrap();
    for command in commands(dir.path()) {
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        let mut child = fanin(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args:?}: {errors}");
        assert!(!errors.contains("error"), "{args:?}: {errors}");
    }
}
