//! Timing for the benches: warm up, take samples in turn, report median, minimum and spread.

use std::time::Instant;

/// Samples per measurement.
pub(crate) const SAMPLES: usize = 31;

/// Seconds of one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Timing {
    fn of(mut seconds: Vec<f64>) -> Timing {
        seconds.sort_by(f64::total_cmp);
        let last = seconds.len() - 1;
        Timing { median: seconds[last / 2], min: seconds[0], max: seconds[last] }
    }
}

/// Times each function [`SAMPLES`] times, in turn, so that a noisy minute hits all of them.
pub(crate) fn time_in_turn(functions: &mut [&mut dyn FnMut()]) -> Vec<Timing> {
    let mut seconds = vec![Vec::new(); functions.len()];
    for sample in 0..SAMPLES + 3 {
        for (f, seconds) in functions.iter_mut().zip(&mut seconds) {
            let started = Instant::now();
            f();
            // The first three warm up.
            if sample >= 3 {
                seconds.push(started.elapsed().as_secs_f64());
            }
        }
    }
    seconds.into_iter().map(Timing::of).collect()
}

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
