//! What several benches share.

/// What the numbers were taken on.
pub(crate) fn print_machine(threads: &str) {
    let run = |program: &str, args: &[&str]| {
        let output = std::process::Command::new(program).args(args).output().ok()?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
    };
    let unknown = || "unknown".to_string();
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_string())
    };
    println!(
        "cpu: {} (family {}, model {}), {} cores; threads: {threads}",
        field("model name").unwrap_or_else(unknown),
        field("cpu family").unwrap_or_else(unknown),
        field("model").unwrap_or_else(unknown),
        std::thread::available_parallelism().map_or(0, usize::from),
    );
    println!(
        "compiler: {}; commit: {}",
        run("rustc", &["--version"]).unwrap_or_else(unknown),
        run("git", &["describe", "--always", "--dirty", "--abbrev=10"]).unwrap_or_else(unknown),
    );
}
