//! Runs one can trust: killed, interrupted, resumed, locked, and never overwritten.

#[path = "common/runs.rs"]
mod runs;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use runs::{NEW, fanin, finish, outcome, reference, signal, spin, start, wait_for_epochs};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

#[test]
fn a_run_killed_twenty_times_ends_with_the_same_bits() {
    let dir = TempDir::new().unwrap();
    let expected = reference(&dir);
    let path = dir.path().join("killed");
    let mut rng = Pcg64::seed_from_u64(20);
    let mut kills = 0;
    let mut args = [&NEW[..], &["--out"]].concat();
    while kills < 20 {
        let mut child = start(&args, &path);
        // The first kills come before the first epoch, and so before the first checkpoint.
        let epochs = if kills < 3 { 0 } else { rng.random_range(1..=2) };
        assert!(wait_for_epochs(&mut child, epochs), "the run ended too early for 20 kills");
        spin(&mut rng);
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        if path.join("config.toml").exists() {
            args = vec!["train", "--resume"];
        }
    }
    finish(&["train", "--resume"], &path);
    assert!(outcome(&path) == expected);
}

#[test]
fn a_finished_run_can_be_extended_to_the_same_bits() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("extended");
    let mut short = NEW;
    short[6] = "3";
    finish(&[&short[..], &["--out"]].concat(), &path);
    finish(&["train", "--epochs", "5", "--threads", "1", "--resume"], &path);
    let mut long = NEW;
    long[6] = "5";
    let straight = dir.path().join("straight");
    finish(&[&long[..], &["--threads", "1", "--out"]].concat(), &straight);
    assert!(outcome(&path) == outcome(&straight));
}

#[test]
fn a_finished_run_stays_as_it_is_when_it_is_resumed() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    let new = ["train", "--hidden", "8", "--epochs", "2", "--method", "rigl", "--out"];
    finish(&new, &path);
    let read = |name: &str| fs::read(path.join(name)).unwrap();
    let (record, model) = (read("run.json"), read("model.safetensors"));
    fs::remove_file(path.join("rewiring.svg")).unwrap();
    let output = fanin().args(["train", "--json", "--resume"]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(read("run.json") == record && read("model.safetensors") == model);
    // It says what it said, and draws what is missing.
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    assert_eq!((&record["status"], &record["result"]), (&"finished".into(), &printed));
    assert!(path.join("rewiring.svg").exists());
}

#[test]
fn a_run_with_a_schedule_of_its_rate_cannot_be_extended() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    let new = ["train", "--hidden", "8", "--epochs", "1", "--lr-schedule", "cosine", "--out"];
    finish(&new, &path);
    assert_error(&["train", "--epochs", "2", "--resume"], &path, "cannot be extended");
}

fn assert_error(args: &[&str], dir: &Path, message: &str) {
    let output = fanin().args(args).arg(dir).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(message), "{stderr}");
}

#[test]
fn a_folder_in_use_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    let mut child = start(&[&NEW[..], &["--out"]].concat(), &path);
    assert!(wait_for_epochs(&mut child, 1));
    assert_error(&["train", "--resume"], &path, "in use by another fanin process");
    assert_error(&["train", "--force", "--out"], &path, "in use by another fanin process");
    child.kill().unwrap();
    child.wait().unwrap();
    // Whoever goes without locks is not asked.
    let lock = fs::File::open(path.join("lock")).unwrap();
    lock.try_lock().unwrap();
    assert_error(&["train", "--resume"], &path, "in use by another fanin process");
    finish(&["train", "--no-lock", "--resume"], &path);
}

#[test]
fn a_run_is_overwritten_only_by_force_and_resumed_only_as_itself() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    let one = ["train", "--hidden", "8", "--epochs", "1", "--out"];
    finish(&one, &path);
    assert_error(&one, &path, "already holds a run");
    assert_error(&["train", "--lr", "0.1", "--resume"], &path, "--lr cannot change");
    assert_error(&["train", "--epochs", "0", "--resume"], &path, "in epoch 1 already");
    assert_error(&["train", "--resume"], dir.path(), "holds no run");
    let before = outcome(&path);
    finish(&["train", "--resume"], &path);
    assert!(outcome(&path) == before, "resuming a finished run changes nothing");
    finish(&["train", "--hidden", "9", "--epochs", "1", "--force", "--out"], &path);
    assert!(outcome(&path).0 != before.0);
}

#[test]
fn a_checkpoint_that_cannot_be_written_loses_nothing_written_before() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    finish(&["train", "--hidden", "8", "--epochs", "1", "--out"], &path);
    let checkpoint = fs::read(path.join("checkpoint.safetensors")).unwrap();
    // A folder stands where the next checkpoint would be written first.
    let in_the_way = path.join("checkpoint.safetensors.partial");
    fs::create_dir(&in_the_way).unwrap();
    assert_error(&["train", "--epochs", "3", "--resume"], &path, "checkpoint.safetensors");
    assert_eq!(fs::read(path.join("checkpoint.safetensors")).unwrap(), checkpoint);
    fs::remove_dir(&in_the_way).unwrap();
    finish(&["train", "--resume"], &path);
    let straight = dir.path().join("straight");
    finish(&["train", "--hidden", "8", "--epochs", "3", "--out"], &straight);
    assert!(outcome(&path) == outcome(&straight));
}

#[test]
fn an_update_that_ruins_the_network_leaves_the_last_good_checkpoint() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    let file = dir.path().join("config.toml");
    // One step per epoch: its own loss is finite, the evaluation after it is not.
    fs::write(&file, "hidden = [8, 8]\nsparsity = 0.5\nbatch = 60000\nepochs = 1\nlr = 1e30\n")
        .unwrap();
    let name = file.to_str().unwrap();
    assert_error(&["train", "--config", name, "--out"], &path, "the loss is not finite");
    let metrics = path.join("metrics.jsonl");
    assert!(!metrics.exists(), "no line of a ruined epoch");
    assert!(!path.join("model.safetensors").exists(), "nothing was trained");
    // The checkpoint is whole: the run goes on, to the same end.
    assert!(path.join("checkpoint.safetensors").exists());
    assert_error(&["train", "--resume"], &path, "the loss is not finite");
}

#[test]
fn a_config_file_gives_the_run_its_flags_would() {
    let dir = TempDir::new().unwrap();
    let flags = ["train", "--hidden", "18,17", "--epochs", "1", "--lr", "0.01", "--sparse-output"];
    let output = fanin().args(flags).arg("--print-config").output().unwrap();
    let file = dir.path().join("config.toml");
    fs::write(&file, &output.stdout).unwrap();
    let (by_flags, by_file) = (dir.path().join("flags"), dir.path().join("file"));
    finish(&[&flags[..], &["--out"]].concat(), &by_flags);
    let file_name = file.to_str().unwrap();
    finish(&["train", "--config", file_name, "--out"], &by_file);
    assert!(outcome(&by_flags) == outcome(&by_file));

    fs::write(&file, "epochs = 1\nsparcity = 0.5\n").unwrap();
    assert_error(
        &["train", "--config"],
        &file,
        "unknown setting 'sparcity': did you mean 'sparsity'?",
    );
    fs::write(&file, "epochs = 1\nbatch = \n").unwrap();
    assert_error(&["train", "--config"], &file, "line 2");
}

/// A rewired run with every kind of state that must survive.
const REWIRED: [&str; 15] = [
    "train",
    "--hidden",
    "24,16",
    "--batch",
    "700",
    "--epochs",
    "12",
    "--sparsity",
    "0.7",
    "--rewire",
    "rigl",
    "--rewire-every",
    "7",
    "--grown-state",
    "own-step",
];

#[test]
fn a_rewired_run_interrupted_and_killed_ends_with_the_same_bits_and_the_same_updates() {
    let dir = TempDir::new().unwrap();
    let straight = dir.path().join("straight");
    finish(&[&REWIRED[..], &["--out"]].concat(), &straight);
    let expected = outcome(&straight);
    let updates = expected.1.iter().filter(|line| line["update"].is_u64()).count();
    // ΔT = 7, T_end = .75 of 12 epochs of 86 steps.
    assert_eq!((updates, expected.1.len()), (110, 122));
    assert!(fs::read_to_string(straight.join("rewiring.svg")).unwrap().contains("fan-in CCV"));
    let path = dir.path().join("interrupted");
    let mut rng = Pcg64::seed_from_u64(22);
    let mut args = [&REWIRED[..], &["--out"]].concat();
    for kill in [false, true, false, true] {
        let mut child = start(&args, &path);
        assert!(wait_for_epochs(&mut child, 2));
        spin(&mut rng);
        if kill {
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            assert_eq!(signal(child, "INT").status.code(), Some(130));
        }
        args = vec!["train", "--resume"];
    }
    finish(&args, &path);
    assert!(outcome(&path) == expected);
    assert_error(&["train", "--epochs", "20", "--resume"], &path, "cannot be extended");
}

#[test]
fn a_run_from_its_own_equilibrium_can_be_interrupted_in_either_part() {
    let dir = TempDir::new().unwrap();
    let flags = [&REWIRED[..], &["--init-ccv", "equilibrium"]].concat();
    let straight = dir.path().join("straight");
    finish(&[&flags[..], &["--out"]].concat(), &straight);
    let expected = outcome(&straight);
    // The first part is the run without the flag, and its end the start of the second.
    let first = dir.path().join("first");
    finish(&[&REWIRED[..], &["--out"]].concat(), &first);
    assert!(outcome(&straight.join("equilibrium")) == outcome(&first));
    let record = fs::read_to_string(straight.join("equilibrium/run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let ccv = record["result"]["rewired_ccv"].as_f64().unwrap();
    let config = fs::read_to_string(straight.join("config.toml")).unwrap();
    assert!(config.contains(&format!("lognormal:ccv={ccv}")), "{config}");
    let path = dir.path().join("interrupted");
    let mut args = [&flags[..], &["--out"]].concat();
    // In the first part, and twelve epochs later in the second.
    for epochs in [3, 12] {
        let mut child = start(&args, &path);
        assert!(wait_for_epochs(&mut child, epochs));
        let output = signal(child, "INT");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(&format!("--resume {}\n", path.display())), "{stderr}");
        args = vec!["train", "--resume"];
    }
    finish(&args, &path);
    assert!(outcome(&path) == expected);
}

#[test]
fn set_refuses_a_schedule_that_is_not_its_own() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    let flags = ["train", "--rewire", "set", "--rewire-every", "50", "--out"];
    assert_error(
        &flags,
        &path,
        "--rewire-every: 'set:drop=0.3,norm=l1,every=50': set has no parameter 'every'",
    );
}

#[cfg(unix)]
#[test]
fn a_path_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = TempDir::new().unwrap();
    let named = |name: &[u8]| dir.path().join(OsStr::from_bytes(name));
    let (file, run, plain) = (named(b"rows\xff.csv"), named(b"run\xfe"), named(b"plain"));
    fs::copy("tests/fixtures/flowers.csv", &file).unwrap();
    let train = |out: &Path| {
        let mut command = fanin();
        command.args(["train", "--label", "species", "--hidden", "8", "--epochs", "2", "--out"]);
        command.arg(out).arg("--train");
        command
    };
    let said = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    said(train(&run).arg(&file));
    said(train(&plain).arg("tests/fixtures/flowers.csv"));
    assert_eq!(outcome(&run).1, outcome(&plain).1, "another name, another network");
    finish(&["train", "--resume"], &run);
    // The model knows its file, and the settings are read as they were written.
    said(fanin().arg("eval").arg(run.join("model.safetensors")).arg("--json"));
    let config = run.join("config.toml");
    let again = named(b"again");
    said(fanin().args(["train", "--config"]).arg(config).arg("--out").arg(&again));
    assert_eq!(outcome(&again), outcome(&run));
}
