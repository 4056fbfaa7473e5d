//! What a run leaves beside its model: where it ran, how it stands, and its result. Written to
//! `run.json`, and read back.

use super::statistics::mean;
use crate::dataset::Description;
use crate::format::digest::Sha256;
use crate::nn::{Layer, Mlp};
use crate::topology::TopologyStats;
use crate::train::{Changed, Trainer, Values};
use serde::{Deserialize, Serialize};
use std::fs;

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// `running`, `interrupted`, `finished`, or what went wrong.
    pub status: String,
    /// Of the program.
    pub version: String,
    /// The commit that the program was built from.
    pub commit: String,
    /// The compiler that built it.
    pub compiler: String,
    /// The command line that wrote this.
    pub command: Vec<String>,
    /// Where it ran.
    pub machine: Machine,
    /// The instruction set.
    pub isa: String,
    /// Threads.
    pub threads: usize,
    /// Seed of every random stream.
    pub seed: u64,
    /// What the data was understood to be, and what of it is worth a warning.
    #[serde(default)]
    pub data: Option<DataRecord>,
    /// What was changed where it was resumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// When the run began, in UTC.
    pub started: String,
    /// When this was written, in UTC.
    pub updated: String,
    /// The result, once there is one.
    pub result: Option<RunResult>,
}

/// A setting that was changed where a run was resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When, in UTC.
    pub at: String,
    /// Epochs done by then.
    pub epochs: usize,
    /// The setting.
    pub setting: String,
    /// Its value before; none if it had none.
    pub from: Option<String>,
    /// Its value from then on.
    pub to: Option<String>,
}

impl Change {
    /// The changes that a record tells of, and those of this moment, after so many epochs.
    pub(super) fn all(
        recorded: Option<RunRecord>,
        changed: &[Changed],
        epochs: usize,
    ) -> Vec<Change> {
        let mut changes = recorded.map(|record| record.changes).unwrap_or_default();
        let at = now();
        for (setting, from, to) in changed.iter().cloned() {
            // One that was told of before the next checkpoint was written is told of once.
            let is_known = |known: &Change| (&known.setting, &known.to) == (&setting, &to);
            if !changes.iter().rev().take(changed.len()).any(is_known) {
                changes.push(Change { at: at.clone(), epochs, setting, from, to });
            }
        }
        changes
    }
}

/// What a run knows of its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// What it was understood to be, in a line.
    #[serde(default)]
    pub summary: String,
    /// The same at length; of very many columns none.
    #[serde(flatten)]
    pub description: Description,
    /// What is worth a warning.
    pub warnings: Vec<String>,
    /// Its digest.
    pub digest: String,
}

/// The status of a run that came to its end.
pub const FINISHED: &str = "finished";

/// A run's result: what `fanin train --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The data set; a stand-in for a known one is marked as such.
    pub data: String,
    /// `test_loss` and the loss's named values, such as `test_accuracy`, of the network that is
    /// kept; `train_loss` and its like of the last epoch.
    #[serde(flatten)]
    pub values: Values,
    /// Mean of the classes' F1 on the test samples, if samples have classes.
    pub macro_f1: Option<f64>,
    /// Epochs done.
    pub epochs: usize,
    /// The epoch of the network that is kept, where the validation loss is watched.
    pub best_epoch: Option<usize>,
    /// Median over this call's epochs, or the run's if this call had none; loading included,
    /// evaluation excluded.
    pub seconds_per_epoch: Option<f64>,
    /// Seconds of the last evaluation.
    pub eval_seconds: f64,
    /// Of the program.
    pub version: String,
    /// The commit that the program was built from.
    pub commit: String,
    /// Parameters that exist.
    pub parameters: usize,
    /// Connections that exist.
    pub nnz: usize,
    /// The sparsity asked for; none where a list, a file or a generator decides layer by layer.
    pub sparsity_target: Option<f64>,
    /// 1 − connections / positions over the layers that lack connections.
    pub sparsity_of_sparse_layers: f64,
    /// 1 − connections / positions over the hidden layers.
    pub sparsity_of_hidden_layers: f64,
    /// Mean CCV of the layers that lack connections, if any does.
    pub ccv_of_sparse_layers: Option<f64>,
    /// Mean CCV of the hidden layers; 0 of one with every connection.
    pub ccv_of_hidden_layers: f64,
    /// Flops of the products of one training sample, as the layers are stored.
    pub train_flops_per_sample: u64,
    /// Flops of the products of one prediction, as the layers are stored.
    pub inference_flops_per_sample: u64,
    /// The same if every connection existed.
    pub inference_flops_per_sample_dense: u64,
    /// Of the products of all steps so far, those of a method's dense gradients included; not of
    /// what a method computes beside the steps.
    pub train_flops: u64,
    /// Mean CCV of the layers that the method may rewire, where there is one: what it settled to.
    pub rewired_ccv: Option<f64>,
    /// Of a mixture the share of the test samples that each expert answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expert_shares: Option<Vec<f64>>,
    /// Seconds that the method took, where there is one.
    pub rewire_seconds: Option<f64>,
    /// The most memory this process ever held; none where it had other runs too.
    pub peak_rss_bytes: Option<u64>,
    /// Threads.
    pub threads: usize,
    /// The instruction set.
    pub isa: String,
    /// How the layers are stored.
    pub engine: String,
    /// Neighbouring neurons that share their inputs.
    pub share: usize,
    /// The mixture, if the network is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixture: Option<String>,
    /// The method.
    pub method: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// The run's folder, if it has one.
    pub run_dir: Option<String>,
}

/// The version and the commit of this program, and the compiler that built it.
pub fn program() -> [String; 3] {
    [env!("CARGO_PKG_VERSION"), env!("FANIN_COMMIT"), env!("FANIN_COMPILER")].map(String::from)
}

/// The machine that a result was made on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// The operating system.
    pub os: String,
    /// The processor's architecture.
    pub architecture: String,
    /// The CPU's name, where the system tells.
    pub cpu: Option<String>,
    /// Its family and model, where the system tells.
    pub cpu_family_and_model: Option<String>,
    /// Cores that this process may use.
    pub cores: Option<usize>,
}

impl Machine {
    /// This machine.
    pub fn here() -> Machine {
        let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = text.lines().find(|line| line.split('\t').next() == Some(name))?;
            Some(line.split_once(':')?.1.trim().to_string())
        };
        let numbers = field("cpu family").zip(field("model"));
        Machine {
            os: std::env::consts::OS.to_string(),
            architecture: std::env::consts::ARCH.to_string(),
            cpu: field("model name"),
            cpu_family_and_model: numbers.map(|(family, model)| format!("{family}, {model}")),
            cores: std::thread::available_parallelism().ok().map(usize::from),
        }
    }

    /// The machine and the program in two lines, as a bench prints them.
    pub fn describe(threads: &str) -> String {
        let unknown = || "unknown".to_string();
        let here = Machine::here();
        let [_, commit, compiler] = program();
        format!(
            "cpu: {} (family and model {}), {} cores; threads: {threads}\n\
             compiler: {compiler}; commit: {commit}",
            here.cpu.unwrap_or_else(unknown),
            here.cpu_family_and_model.unwrap_or_else(unknown),
            here.cores.map_or_else(unknown, |cores| cores.to_string()),
        )
    }
}

/// The most memory this process ever held, where the system tells (Linux).
pub fn peak_rss_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// What stands before the digest in a record's text, and behind it.
const DIGEST: [&str; 2] = [",\n  \"sha256\": \"", "\"\n}\n"];

impl RunRecord {
    /// As JSON that ends with the SHA-256 of what stands before it.
    pub(super) fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("plain data serialises");
        let text = text.strip_suffix("\n}").expect("an object ends").to_string();
        let digest = digest(&text);
        format!("{text}{}{digest}{}", DIGEST[0], DIGEST[1])
    }

    /// Understands a text; none if it is not what was written. Records of earlier versions have no
    /// digest.
    pub(super) fn parse(text: &str) -> Option<RunRecord> {
        if let Some((before, rest)) = text.rsplit_once(DIGEST[0])
            && rest.strip_suffix(DIGEST[1]) != Some(&digest(before))
        {
            return None;
        }
        serde_json::from_str(text).ok()
    }

    /// A record of this moment.
    pub fn now(
        status: &str,
        trainer: &Trainer,
        started: Option<String>,
        changes: &[Change],
        result: Option<RunResult>,
    ) -> RunRecord {
        let (executor, data) = (trainer.executor(), trainer.data());
        let data = DataRecord {
            summary: data.description.to_string(),
            description: data.description.brief(),
            warnings: data.notes.clone(),
            digest: trainer.data_digest().to_string(),
        };
        let now = now();
        let [version, commit, compiler] = program();
        RunRecord {
            status: status.to_string(),
            version,
            commit,
            compiler,
            command: std::env::args_os().map(|part| part.to_string_lossy().into_owned()).collect(),
            machine: Machine::here(),
            isa: executor.isa().level().name().to_string(),
            threads: executor.threads(),
            seed: trainer.config().seed,
            data: Some(data),
            changes: changes.to_vec(),
            started: started.unwrap_or_else(|| now.clone()),
            updated: now,
            result,
        }
    }
}

/// This moment, in UTC.
fn now() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()
}

fn digest(text: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(text.as_bytes());
    digest.hexadecimal()
}

fn ccv(layer: &Layer) -> Option<f64> {
    let pattern = layer.storage().pattern().filter(|pattern| pattern.density() < 1.0)?;
    Some(TopologyStats::of(pattern).fan_in.ccv)
}

/// The CCV of each layer that lacks connections.
pub(super) fn ccvs(model: &Mlp) -> Vec<f64> {
    model.layers().iter().filter_map(ccv).collect()
}

/// Mean CCV of the hidden layers (of all if there is none): 0 of one with every connection.
pub(super) fn hidden_ccv(model: &Mlp) -> f64 {
    let of = |layer: usize| ccv(&model.layers()[layer]).unwrap_or(0.0);
    let hidden: Vec<f64> = model.hidden().into_iter().map(of).collect();
    mean(&hidden).unwrap_or(0.0)
}
