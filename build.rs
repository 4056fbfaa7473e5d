//! Puts the commit and the compiler into the binary, so that a result can name them.

use std::process::Command;

fn main() {
    // Without a repository (a packaged source) the commit is unknown; that is no error.
    let commit = output("git", &["describe", "--always", "--dirty", "--abbrev=10"]);
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let compiler = output(&rustc, &["--version"]);
    println!("cargo::rustc-env=FANIN_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=FANIN_COMPILER={}", compiler.as_deref().unwrap_or("unknown"));
    for path in ["src", "kernels", "Cargo.lock", ".git/HEAD", ".git/index"] {
        println!("cargo::rerun-if-changed={path}");
    }
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}
