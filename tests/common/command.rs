//! The `fanin` binary, as several tests call it.

// Each test takes what it needs.
#![allow(dead_code)]

use assert_cmd::Command;

/// The command, apart from this process's environment.
pub(crate) fn fanin() -> Command {
    let mut command = Command::cargo_bin("fanin").expect("the binary is built");
    command.env_remove("FANIN_DATA_DIR").env_remove("FANIN_ISA");
    command
}

/// What a command that succeeds prints.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The summary of a training.
pub(crate) fn summary(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&run(fanin().arg("train").args(args).args(["--json", "--quiet"]))).unwrap()
}

/// Asserts that a command fails with this exit code and one line of stderr that holds `message`.
pub(crate) fn assert_error(command: &mut Command, code: i32, message: &str) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.contains(message), "{stderr}");
    assert!(code != 1 || stderr.lines().count() == 1, "{stderr}");
}
