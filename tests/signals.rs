//! Runs that are asked to end, and their way to the same bits.

#[path = "common/runs.rs"]
mod runs;

use rand::SeedableRng;
use rand_pcg::Pcg64;
use runs::{NEW, finish, outcome, reference, signal, spin, start, wait_for_epochs};
use std::fs;
use std::process::{Command, Stdio};
use tempfile::TempDir;

#[test]
fn a_run_interrupted_in_mid_epoch_ends_with_the_same_bits() {
    let dir = TempDir::new().unwrap();
    let expected = reference(&dir);
    let path = dir.path().join("interrupted");
    let mut rng = Pcg64::seed_from_u64(21);
    let mut args = [&NEW[..], &["--out"]].concat();
    for name in ["INT", "TERM", "INT", "TERM"] {
        let mut child = start(&args, &path);
        assert!(wait_for_epochs(&mut child, 2));
        spin(&mut rng);
        let output = signal(child, name);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("fanin train --resume"), "{stderr}");
        let record = fs::read_to_string(path.join("run.json")).unwrap();
        assert!(record.contains(r#""status": "interrupted""#), "{record}");
        args = vec!["train", "--resume"];
    }
    finish(&args, &path);
    assert!(outcome(&path) == expected);
}

#[cfg(target_os = "linux")]
#[test]
fn the_end_of_a_terminal_interrupts_a_run_unless_it_is_ignored() {
    let dir = TempDir::new().unwrap();
    let expected = reference(&dir);
    let path = dir.path().join("left");
    // Shell and system both tell of it, and this process may itself ignore it.
    for (before, code) in [("trap - HUP", Some(130)), ("trap '' HUP", Some(0))] {
        let mut command = Command::new("sh");
        let shell = format!("{before}; exec {} \"$@\"", env!("CARGO_BIN_EXE_fanin"));
        command.args(["-c", &shell, "sh"]).env_remove("FANIN_DATA_DIR").env_remove("FANIN_ISA");
        match code {
            Some(130) => command.args(NEW).arg("--out").arg(&path),
            _ => command.args(["train", "--resume"]).arg(&path),
        };
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        assert!(wait_for_epochs(&mut child, 2));
        let again = Command::new("kill").arg("-HUP").arg(child.id().to_string()).status();
        assert!(again.unwrap().success());
        let output = signal(child, "HUP");
        let stderr = String::from_utf8(output.stderr).unwrap();
        if code == Some(130) && output.status.success() {
            // Who started this ignores it, and a shell cannot undo that.
            println!("skipped: the_end_of_a_terminal_interrupts_a_run_unless_it_is_ignored");
            return;
        }
        assert_eq!(output.status.code(), code, "{stderr}");
    }
    assert!(outcome(&path) == expected);
}
