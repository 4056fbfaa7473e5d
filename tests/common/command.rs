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
