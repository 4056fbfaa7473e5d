//! Random command lines: done, an error in one line, or bad usage; never a panic, a hang, or more
//! memory than is allowed.

use crate::area::{Area, Counts, anywhere};
use crate::draw;
use crate::process::{ended, fanin};
use clap::{ArgAction, Command};
use fanin::dataset::Task;
use fanin::method::Method;
use fanin::nn::{Activation, Engine, Loss, Mixture};
use fanin::optim::{LrSchedule, Rule};
use fanin::topology::{Generator, Profile};
use fanin::train::{RunConfig, TrainConfig};
use rand::RngExt;
use rand_pcg::Pcg64;
use std::fs;
use std::path::Path;

pub(crate) const AREA: Area = Area {
    name: "lines",
    about: "Command lines of the program's own commands and flags, with good, bad and absurd \
            values and files: exit 0; 1 with an error in one line; 2 with what is wrong; or, \
            interrupted after five seconds, an end by that within five more. No panic, no \
            other signal, and less than 2 GB where 1 GB is allowed.",
    cases: [60, 10_400],
    hindrance: anywhere,
    expected: &[("done", "cases", 0.2), ("errors", "cases", 0.05), ("bad usage", "cases", 0.05)],
    attack,
};

const MEMORY: u64 = 2_000_000_000;

fn attack(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    let pool = Pool::new(dir)?;
    let line = if rng.random_bool(0.3) { pool.good_line(rng) } else { pool.line(rng) };
    let end = ended(fanin(dir).args(&line), dir)?;
    if end.peak > MEMORY {
        return Err(format!("{line:?} took {} bytes", end.peak));
    }
    let name = match end.status.code() {
        Some(0) => "done",
        Some(1) => "errors",
        Some(2) => "bad usage",
        _ => "interrupted",
    };
    Ok(Counts::from([(name, 1)]))
}

/// The commands, and files for them.
pub(crate) struct Pool {
    commands: Vec<(Vec<String>, Command)>,
    files: Vec<String>,
}

impl Pool {
    /// Writes files of all kinds into a folder.
    ///
    /// **Errors**: a fault on the way.
    pub(crate) fn new(dir: &Path) -> Result<Pool, String> {
        let table = crate::files::good_csv();
        let write = |name: &str, bytes: &[u8]| fs::write(dir.join(name), bytes).expect("a file");
        write("rows.csv", table.as_bytes());
        write("cut.csv", &table.as_bytes()[..table.len() / 2 - 3]);
        write("empty", b"");
        write("noise.bin", &[0x93, 0xff, 0, 10, 44, 34, 0x80].repeat(99));
        write("names.csv", b"size,weight,colour\n1,2,red\n3,4,blue\n");
        write("rows.svm", b"0 1:2 3:4\n1 2:1\n2 1:1 2:2\n0 3:3\n1 1:1\n2 2:2\n");
        let train = TrainConfig { hidden: vec![6], epochs: 1, ..TrainConfig::default() };
        let settings = RunConfig { train, ..RunConfig::default() };
        write("settings.toml", settings.to_toml().as_bytes());
        fs::create_dir(dir.join("folder")).expect("a folder");
        let mut make = fanin(dir);
        make.args(["train", "--quiet", "--train", "rows.csv", "--label", "kind", "--out", "run"]);
        let made = ended(make.args(["--hidden", "6", "--epochs", "2"]), dir)?;
        if !made.is_done() {
            return Err(made.stderr);
        }
        let files = [
            "rows.csv",
            "cut.csv",
            "empty",
            "noise.bin",
            "names.csv",
            "rows.svm",
            "settings.toml",
            "folder",
            "run",
            "run/model.safetensors",
            "run/checkpoint.safetensors",
            "run/config.toml",
            "run/run.json",
            "missing",
            "/dev/null",
            "new",
            "new.svg",
            "new.csv",
            "",
        ];
        let commands = leaves(&fanin::cli::command());
        Ok(Pool { commands, files: files.map(String::from).to_vec() })
    }

    /// A line whose parts are right, though they may contradict each other.
    pub(crate) fn good_line(&self, rng: &mut Pcg64) -> Vec<String> {
        let model = "run/model.safetensors";
        let lines: [&[&str]; 12] = [
            &["train", "--train", "rows.csv", "--label", "kind", "--epochs", "1", "--hidden", "5"],
            &["train", "--config", "run/config.toml", "--epochs", "1"],
            &["train", "--resume", "run"],
            &["eval", model],
            &["predict", model, "names.csv"],
            &["inspect", model],
            &["methods"],
            &["data", "list"],
            &["data", "show", "--train", "rows.csv", "--label", "kind"],
            &["topology", "--shape", "40x30"],
            &["gradcheck"],
            &["completions", "bash"],
        ];
        let mut line: Vec<String> =
            draw::one(rng, &lines).iter().copied().map(String::from).collect();
        if line[0] == "train" && line[1] != "--resume" {
            let task = Task::Classification;
            let settings = draw::settings(rng, task);
            for (flag, value) in [
                ("--method", settings.method.to_string()),
                ("--optimizer", settings.optimizer.to_string()),
                ("--sparsity", settings.sparsity.to_string()),
                ("--batch", settings.batch.to_string()),
                ("--out", "new".to_string()),
            ] {
                if rng.random_bool(0.3) {
                    line.extend([flag.to_string(), value]);
                }
            }
        }
        line
    }

    /// A line of any command with any flags.
    fn line(&self, rng: &mut Pcg64) -> Vec<String> {
        let mut drawn = draw::one(rng, &self.commands);
        // It measures for minutes.
        if drawn.0[0] == "bench" && rng.random_bool(0.9) {
            drawn = draw::one(rng, &self.commands);
        }
        let (words, command) = drawn;
        let mut line = words.clone();
        line.extend(["--max-memory", "1GB"].map(String::from));
        let arguments: Vec<_> = command.get_arguments().collect();
        let many = rng.random_range(0..7);
        for argument in &arguments {
            // Those without a name are places.
            let chance = match argument.get_long() {
                None => 0.8,
                Some(_) => f64::from(many) / arguments.len() as f64,
            };
            if !rng.random_bool(chance.min(1.0)) {
                continue;
            }
            line.extend(argument.get_long().map(|name| format!("--{name}")));
            let takes = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
            if takes || rng.random_bool(0.02) {
                let possible = argument.get_possible_values();
                let known: Vec<&str> = possible.iter().map(|value| value.get_name()).collect();
                line.push(self.value(rng, argument.get_id().as_str(), &known));
            }
        }
        if rng.random_bool(0.05) {
            let at = rng.random_range(0..line.len());
            let odd = ["--", "-x", "--no-such-flag", "\u{1b}[31m", "a\nb", "-", "--=", "🦀"];
            line.insert(at, draw::one(rng, &odd).to_string());
        }
        // A training of few steps, where nothing else is said.
        if line[0] == "train" && rng.random_bool(0.8) {
            line.extend(["--train", "rows.csv", "--label", "kind"].map(String::from));
        }
        line
    }

    /// A value for a flag, right or not.
    fn value(&self, rng: &mut Pcg64, flag: &str, known: &[&str]) -> String {
        if !known.is_empty() && rng.random_bool(0.8) {
            return draw::one(rng, known).to_string();
        }
        let listed = match flag {
            "method" => Some(draw::choice::<Box<dyn Method>>(rng)),
            "generator" => Some(draw::choice::<Box<dyn Generator>>(rng)),
            "optimizer" => Some(draw::choice::<Box<dyn Rule>>(rng)),
            "loss" => Some(draw::choice::<Box<dyn Loss>>(rng)),
            "engine" => Some(draw::choice::<Box<dyn Engine>>(rng)),
            "activation" => Some(draw::choice::<Activation>(rng)),
            "lr_schedule" => Some(draw::choice::<LrSchedule>(rng)),
            "mixture" => Some(draw::choice::<Mixture>(rng)),
            "profile" => Some(draw::choice::<Profile>(rng)),
            _ => None,
        };
        if let Some(text) = listed.filter(|_| rng.random_bool(0.9)) {
            return text;
        }
        let odd = [
            "0",
            "1",
            "2",
            "7",
            "64",
            "0.5",
            "0.9",
            "1.0",
            "-1",
            "1e9",
            "1e-320",
            "1e999",
            "nan",
            "inf",
            "18446744073709551615",
            "99999999999999999999",
            "",
            " ",
            "x",
            "0x10",
            "1,2",
            "8,8",
            "1,,2",
            "30x20",
            "0x0",
            "kind",
            "size",
            "a:b=c",
            "rigl:drop=",
            ":",
            "=",
            "true",
            "false",
            "\u{7}",
            "ü",
            "2024-01-01",
            "%s%n",
            "../..",
            "-",
        ];
        match rng.random_range(0..3) {
            0 => draw::one(rng, &self.files).clone(),
            _ => draw::one(rng, &odd).to_string(),
        }
    }
}

/// Every command that does something, with the words that call it.
fn leaves(command: &Command) -> Vec<(Vec<String>, Command)> {
    let mut found = Vec::new();
    for inner in command.get_subcommands() {
        let name = inner.get_name().to_string();
        match inner.has_subcommands() {
            false => found.push((vec![name], inner.clone())),
            true => found.extend(
                leaves(inner)
                    .into_iter()
                    .map(|(words, leaf)| ([vec![name.clone()], words].concat(), leaf)),
            ),
        }
    }
    found
}
