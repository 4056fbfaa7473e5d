//! Runs that are killed and resumed: nothing is lost, and the end is the one without kills.

use crate::area::{Area, Counts, anywhere};
use crate::draw;
use crate::process::{Ended, Running, around, fanin};
use fanin::dataset::{DataConfig, Task};
use fanin::format::safetensors::TensorFile;
use fanin::model::ModelFile;
use fanin::train::{EQUILIBRIUM, InitCcv, RunConfig};
use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) const AT_ANY_TIME: Area = Area {
    name: "kills",
    about: "Runs that are killed (KILL) or asked to end (INT, TERM, HUP) at random times, up \
            to eight times each, and resumed: after every kill each file can be read, and at \
            last all files of the run are those of one that was left alone, but for times.",
    cases: [6, 250],
    hindrance: anywhere,
    expected: &[("kills", "cases", 1.0)],
    attack: at_any_time,
};

pub(crate) const AT_ANY_WRITE: Area = Area {
    name: "writes",
    about: "Runs that are killed at, or refused, one of their calls to write, fsync, rename, \
            unlink, mkdir or open, at random, and resumed: a refusal is an error in one line, \
            and the end is as in `kills`.",
    cases: [4, 120],
    hindrance: without_strace,
    expected: &[("kills", "cases", 0.5), ("refusals", "cases", 0.5)],
    attack: at_any_write,
};

/// Longer takes no run of the campaign.
const LONG: Duration = Duration::from_secs(120);

fn without_strace() -> Option<&'static str> {
    let found = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    (!found.is_ok_and(|output| output.status.success())).then_some("there is no strace")
}

/// Settings in a file, and what a run of them leaves.
pub(crate) struct Reference {
    pub(crate) config: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    seconds: f64,
}

impl Reference {
    /// Of settings that train to an end.
    ///
    /// **Errors**: a fault on the way.
    pub(crate) fn draw(
        rng: &mut Pcg64,
        dir: &Path,
        epochs: std::ops::Range<usize>,
    ) -> Result<Reference, String> {
        let (config, out) = (dir.join("settings.toml"), dir.join("reference"));
        loop {
            fs::write(&config, settings(rng, dir, epochs.clone()).to_toml()).expect("a file");
            let (mut command, started) = (fanin(dir), Instant::now());
            command.args(["train", "--quiet", "--force", "--config"]).arg(&config);
            let running = Running::start(command.arg("--out").arg(&out), dir);
            let end = running.end(LONG)?;
            end.expect_sound()?;
            if end.is_done() {
                let seconds = started.elapsed().as_secs_f64();
                return Ok(Reference { config, files: left_by(&out), seconds });
            }
        }
    }

    /// The command that begins the run or goes on with it.
    pub(crate) fn next(&self, dir: &Path, out: &Path) -> Command {
        self.next_by(fanin(dir), out)
    }

    /// As [`Reference::next`], behind what is there of a command line.
    pub(crate) fn next_by(&self, mut command: Command, out: &Path) -> Command {
        command.args(["train", "--quiet"]);
        match out.join("config.toml").exists() {
            true => command.arg("--resume").arg(out),
            false => command.arg("--config").arg(&self.config).arg("--out").arg(out),
        };
        command
    }

    /// Goes on to the end, which must be the reference's.
    ///
    /// **Errors**: in what it differs.
    pub(crate) fn finish(&self, dir: &Path, out: &Path) -> Result<(), String> {
        let end = Running::start(&mut self.next(dir, out), dir).end(LONG)?;
        end.expect_sound()?;
        if !end.is_done() {
            return Err(format!("a run cannot be resumed: {}", end.stderr));
        }
        self.expect_same(out)
    }

    fn expect_same(&self, out: &Path) -> Result<(), String> {
        let found = left_by(out);
        let names: Vec<&String> = self.files.keys().chain(found.keys()).collect();
        match names.into_iter().find(|name| self.files.get(*name) != found.get(*name)) {
            None => Ok(()),
            Some(name) => {
                let text = |files: &BTreeMap<String, Vec<u8>>| {
                    files.get(name).map(|bytes| match name.ends_with("safetensors") {
                        true => format!("{} bytes", bytes.len()),
                        false => String::from_utf8_lossy(bytes).into_owned(),
                    })
                };
                let settings = fs::read_to_string(&self.config).unwrap_or_default();
                let (expected, found) = (text(&self.files), text(&found));
                Err(format!("{name} is another: {expected:?}, {found:?}; {settings}"))
            }
        }
    }
}

/// Settings of a run of some epochs, on a table, or now and then on MNIST.
fn settings(rng: &mut Pcg64, dir: &Path, epochs: std::ops::Range<usize>) -> RunConfig {
    loop {
        let task = *draw::one(rng, &[Task::Classification, Task::Classification, Task::Regression]);
        let mut train = draw::settings(rng, task);
        let is_mnist = task == Task::Classification && rng.random_bool(0.2);
        let data = match is_mnist {
            true => DataConfig::default(),
            false => draw::table(rng, dir, task),
        };
        train.epochs =
            if is_mnist { rng.random_range(1..4) } else { rng.random_range(epochs.clone()) };
        train.batch = if is_mnist { train.batch.max(64) } else { train.batch };
        train.init_ccv = draw::named::<InitCcv>(rng);
        train.threads = rng.random_range(1..4);
        if train.validate().is_ok() && data.validate().is_ok() {
            return RunConfig { train, data };
        }
    }
}

/// Every file of a run by its name, without what is of the clock or of the process.
fn left_by(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![out.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).expect("the run is there").map(|entry| entry.expect("it"))
        {
            let path = entry.path();
            let name = path.strip_prefix(out).expect("it is within").display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if !name.ends_with("lock") {
                let bytes = fs::read(&path).expect("it is there");
                files.insert(name.clone(), timeless(&name, bytes));
            }
        }
    }
    files
}

/// A file's content without times.
fn timeless(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    if !name.ends_with(".json") && !name.ends_with(".jsonl") {
        return bytes;
    }
    let text = String::from_utf8(bytes).expect("JSON is UTF-8");
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let mut timeless = String::new();
    for value in values {
        let mut value = value.unwrap_or_else(|error| panic!("{name}: {error}"));
        forget(&mut value);
        timeless += &format!("{value}\n");
    }
    timeless.into_bytes()
}

/// Removes what two runs of the same need not have in common.
fn forget(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|key, _| {
            let own =
                ["command", "started", "updated", "peak_rss_bytes", "run_dir", "machine", "sha256"];
            !key.contains("seconds") && !own.contains(&key.as_str())
        });
        fields.values_mut().for_each(forget);
    }
}

/// Asserts that whatever a killed run has left can be read.
///
/// **Errors**: which file cannot.
fn expect_readable(out: &Path) -> Result<(), String> {
    let model = out.join("model.safetensors");
    if model.exists() {
        ModelFile::read(&model).map(drop).map_err(|error| format!("after a kill: {error}"))?;
    }
    let config = out.join("config.toml");
    if config.exists() {
        RunConfig::read(&config).map(drop).map_err(|error| format!("after a kill: {error}"))?;
    }
    let checkpoint = out.join("checkpoint.safetensors");
    if checkpoint.exists() {
        let read = TensorFile::read(&checkpoint);
        read.map(drop).map_err(|error| format!("after a kill: {error}"))?;
    }
    for (name, is_lines) in [("run.json", false), ("metrics.jsonl", true)] {
        let Ok(text) = fs::read_to_string(out.join(name)) else { continue };
        // A line that was being written may be cut: a run goes on from before it.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parts = if is_lines { whole.lines().collect() } else { vec![&text[..]] };
        for part in parts {
            let read = serde_json::from_str::<Value>(part);
            read.map(drop).map_err(|error| format!("after a kill, {name}: {error}"))?;
        }
    }
    Ok(())
}

fn at_any_time(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    let reference = Reference::draw(rng, dir, 20..200)?;
    let (out, mut counts) = (dir.join("killed"), Counts::new());
    for _ in 0..8 {
        let told = || fs::metadata(out.join("metrics.jsonl")).map_or(0, |file| file.len());
        let before = told();
        let mut running = Running::start(&mut reference.next(dir, &out), dir);
        let wait = reference.seconds.min(3.0) * rng.random_range(0.0..0.7);
        if running.ends_within(Duration::from_secs_f64(wait)) {
            running.end(LONG)?.expect_sound()?;
            break;
        }
        let (signal, number) = *draw::one(rng, &SIGNALS);
        // A process that has done an epoch listens, and the first signal is the one that counts.
        let listens = told() > before;
        let twice = rng.random_bool(0.2);
        (0..=u8::from(twice)).for_each(|_| running.signal(signal));
        let end = running.end(LONG)?;
        let may_die = number == 9 || !listens;
        expect_end_of_signal(&end, number, may_die)
            .map_err(|fault| format!("{signal}, listening {listens}, twice {twice}: {fault}"))?;
        let is_kept = ["", EQUILIBRIUM]
            .map(|folder| out.join(folder).join("checkpoint.safetensors"))
            .iter()
            .any(|checkpoint| checkpoint.exists());
        if end.status.code() == Some(130) && !twice && !is_kept {
            return Err(format!("{signal}: interrupted without a checkpoint; {}", end.stderr));
        }
        expect_readable(&out)?;
        *counts.entry("kills").or_default() += 1;
    }
    reference.finish(dir, &out)?;
    *counts.entry("runs that ended as they should").or_default() += 1;
    Ok(counts)
}

/// What is sent, and its number; the first as often as all others.
const SIGNALS: [(&str, i32); 6] =
    [("KILL", 9), ("KILL", 9), ("KILL", 9), ("INT", 2), ("TERM", 15), ("HUP", 1)];

/// A process that was sent a signal ends by it where it may, or in a way of its own.
fn expect_end_of_signal(end: &Ended, number: i32, may_die: bool) -> Result<(), String> {
    let is_quiet = !end.stderr.contains("panicked");
    match (end.status.signal(), end.status.code()) {
        (Some(of), _) if of == number && may_die && is_quiet => Ok(()),
        // The second signal ends it without a word.
        (None, Some(130)) if is_quiet => Ok(()),
        _ => end.expect_sound(),
    }
}

/// The calls that change files.
const CALLS: &str = "/^(write|fsync|rename.*|unlink.*|mkdir.*|openat|ftruncate)$";

fn at_any_write(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    let reference = Reference::draw(rng, dir, 2..5)?;
    let mut counts = Counts::new();
    let calls = calls(&reference, dir)?;
    for round in 0..6 {
        let out = dir.join(format!("run-{round}"));
        let (name, number) = draw::one(rng, &calls);
        let at = rng.random_range(1..=*number);
        // What cannot be opened may be the program's own libraries.
        let kinds = match name.as_str() {
            "openat" => &["signal=KILL"][..],
            _ => &["signal=KILL", "error=ENOSPC", "error=EIO"],
        };
        let kind = draw::one(rng, kinds);
        let more = if kind.starts_with("error") && rng.random_bool(0.5) { "+" } else { "" };
        let mut strace = around("strace", dir);
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={name}"), "-e"]);
        strace
            .arg(format!("inject={name}:{kind}:when={at}{more}"))
            .arg(env!("CARGO_BIN_EXE_fanin"));
        let told = format!("{name}:{kind}:when={at}{more}");
        let mut command = reference.next_by(strace, &out);
        let end = Running::start(&mut command, dir).end(LONG)?;
        let is_sound = match *kind {
            "signal=KILL" => expect_end_of_signal(&end, 9, true),
            // What cannot be written cannot be told.
            _ if name == "write" && !more.is_empty() => match end.status.code() {
                Some(0 | 1) => Ok(()),
                _ => Err(format!("{}; stderr: {}", end.status, end.stderr)),
            },
            _ => end.expect_sound(),
        };
        is_sound.map_err(|fault| format!("{told}: {fault}"))?;
        if out.exists() {
            expect_readable(&out).map_err(|fault| format!("{told}: {fault}"))?;
        }
        reference.finish(dir, &out).map_err(|fault| format!("{told}: {fault}"))?;
        let name = match (end.is_done(), *kind) {
            (true, _) => "calls that did not come, or did not matter",
            (false, "signal=KILL") => "kills",
            _ => "refusals",
        };
        *counts.entry(name).or_default() += 1;
    }
    Ok(counts)
}

/// How often a run makes each call.
fn calls(reference: &Reference, dir: &Path) -> Result<Vec<(String, usize)>, String> {
    let (out, log) = (dir.join("counted"), dir.join("calls.txt"));
    let mut strace = around("strace", dir);
    strace.args(["-f", "-qq", "-e", &format!("trace={CALLS}"), "-o"]).arg(&log);
    strace.arg(env!("CARGO_BIN_EXE_fanin"));
    // An interrupt would reach strace, which goes on: it trains to the end, however slowly.
    Running::start(&mut reference.next_by(strace, &out), dir).end(LONG)?.expect_sound()?;
    let text = fs::read_to_string(log).expect("strace writes its log");
    let mut calls = BTreeMap::<String, usize>::new();
    // A line is "PID CALL(ARGUMENTS".
    for name in text.lines().filter_map(|line| line.split_once(' ')?.1.trim().split_once('(')) {
        *calls.entry(name.0.to_string()).or_default() += 1;
    }
    Ok(calls.into_iter().collect())
}
