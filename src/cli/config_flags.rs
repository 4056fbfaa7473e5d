//! The flags that determine a run, and how they meet a configuration file.

use super::data_flags::{DataFlags, OWN_KEYS};
use crate::Error;
use crate::error::FileProblem;
use crate::topology::{Allocation, Profile, Rounding, Spread};
use crate::train::{RewireMethod, RunConfig};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;
use toml::Table;

/// Heading of the flags that read RigL in another way than its authors' code.
const READINGS: &str = "Rewiring, read otherwise";

/// Settings of a run; what is not given comes from `--config`, then from the defaults.
#[derive(Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ConfigFlags {
    #[command(flatten)]
    #[serde(flatten)]
    data: DataFlags,
    /// Widths of the hidden layers [default: 1024,1024]
    #[arg(long, value_delimiter = ',', value_name = "WIDTHS", help_heading = "Network")]
    hidden: Option<Vec<usize>>,
    #[command(flatten)]
    #[serde(flatten)]
    topology: TopologyFlags,
    /// Files with the sparse layers' connections instead: one .safetensors, or an .npz per layer
    #[arg(
        long = "topology",
        value_delimiter = ',',
        value_name = "FILES",
        help_heading = "Network"
    )]
    #[serde(rename = "topology")]
    files: Option<Vec<PathBuf>>,
    /// Keep every connection of the first hidden layer [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Network")]
    dense_first: Option<bool>,
    /// Make the output layer sparse too [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Network")]
    sparse_output: Option<bool>,
    /// Keep every connection of the hidden layers [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Network")]
    dense_hidden: Option<bool>,
    /// How connections change while the network trains [default: static]
    #[arg(long, value_enum, help_heading = "Rewiring")]
    rewire: Option<RewireArg>,
    /// Steps between updates of the connections (ΔT) [default: 100]
    #[arg(long, value_name = "STEPS", help_heading = "Rewiring")]
    rewire_every: Option<u64>,
    /// Fraction of connections dropped at first (α; of set its ζ) [default: 0.3]
    #[arg(long, value_name = "F", help_heading = "Rewiring")]
    drop_fraction: Option<f64>,
    /// How that fraction decays until --rewire-end [default: cosine]
    #[arg(long, value_enum, help_heading = "Rewiring")]
    drop_decay: Option<DecayArg>,
    /// Fraction of all steps after which connections stay (T_end) [default: 0.75]
    #[arg(long, value_name = "F", help_heading = "Rewiring")]
    rewire_end: Option<f64>,
    /// Adam's moments of a grown connection [default: zero]
    #[arg(long, value_enum, help_heading = "Rewiring")]
    grown_state: Option<GrownStateArg>,
    /// Where a rewired run starts: its profile, or a lognormal at the CCV that a first run settles
    /// to [default: profile]
    #[arg(long, value_enum, help_heading = "Rewiring")]
    init_ccv: Option<InitCcvArg>,
    /// Take the optimiser step and then update, instead of updating in its place [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = READINGS)]
    step_on_update: Option<bool>,
    /// Seek the smallest weights and largest gradients per layer or over all [default: layer]
    #[arg(long, value_enum, help_heading = READINGS)]
    rewire_scope: Option<ScopeArg>,
    /// Drop no neuron below this fan-in [default: 0]
    #[arg(long, value_name = "N", help_heading = READINGS)]
    rewire_fan_in_min: Option<usize>,
    /// Which positions may be grown [default: free]
    #[arg(long, value_enum, help_heading = READINGS)]
    grow_from: Option<CandidatesArg>,
    /// Gradient that scores a position: masked makes the artefact of masks on purpose
    /// [default: dense]
    #[arg(long, value_enum, help_heading = READINGS)]
    grow_score: Option<GrowScoreArg>,
    /// What decides between equals: index makes rows fill up in order, on purpose [default: noise]
    #[arg(long, value_enum, help_heading = READINGS)]
    tie: Option<TieArg>,
    /// How the layers compute [default: sparse]
    #[arg(long, value_enum, help_heading = "Training")]
    engine: Option<EngineArg>,
    /// Passes over the training samples [default: 10]
    #[arg(long, help_heading = "Training")]
    epochs: Option<usize>,
    /// Samples per optimiser step [default: 128]
    #[arg(long, help_heading = "Training")]
    batch: Option<usize>,
    /// Adam's learning rate [default: 0.001]
    #[arg(long, help_heading = "Training")]
    lr: Option<f64>,
    /// End after so many epochs without a smaller validation loss, and keep the best network; 0
    /// trains to the last epoch and keeps that [default: 0]
    #[arg(long, value_name = "EPOCHS", help_heading = "Training")]
    patience: Option<usize>,
    /// Threads, 0 for one per core; the result does not depend on it [default: 0]
    #[arg(long, help_heading = "Training")]
    threads: Option<usize>,
}

/// The settings of a topology: what `fanin topology` shows, and `fanin train` trains on.
#[derive(Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct TopologyFlags {
    /// Fraction of the sparse layers' connections that do not exist, 0 ≤ S < 1 [default: 0.9]
    #[arg(long, value_parser = parse_sparsity, value_name = "S", help_heading = "Topology")]
    sparsity: Option<f64>,
    /// Fan-in over the neurons of a layer, such as bell, exponential:alpha=4, lognormal:ccv=1.5
    /// [default: uniform]
    #[arg(long, value_parser = parse_name::<Profile>, help_heading = "Topology")]
    profile: Option<String>,
    /// How fan-ins become whole: exact, floor, ceil, round [default: exact]
    #[arg(long, value_parser = parse_name::<Rounding>, help_heading = "Topology")]
    rounding: Option<String>,
    /// With floor, ceil or round: scale so that the clamped fan-ins meet the sparsity
    /// [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Topology")]
    match_budget: Option<bool>,
    /// Least inputs of a neuron [default: 1]
    #[arg(long, value_name = "N", help_heading = "Topology")]
    fan_in_min: Option<usize>,
    /// Above the highest possible sparsity keep the least fan-in instead of refusing
    /// [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Topology")]
    clamp: Option<bool>,
    /// Which inputs each neuron gets: random, even, sequential, random-torch [default: random]
    #[arg(long, value_parser = parse_name::<Spread>, help_heading = "Topology")]
    spread: Option<String>,
    /// How the sparsity is divided among layers: uniform, erk, or a list 0.9;0.95
    /// [default: uniform]
    #[arg(long, value_parser = parse_name::<Allocation>, help_heading = "Topology")]
    allocation: Option<String>,
    /// Seed of topology, initial weights and sample order [default: 42]
    #[arg(long, value_parser = clap::value_parser!(u64).range(..1 << 63), help_heading = "Topology")]
    seed: Option<u64>,
}

impl TopologyFlags {
    /// The flags given, by name.
    ///
    /// **Errors**: [`Error::Config`] for a value that TOML cannot hold.
    pub(super) fn table(&self) -> Result<Table, Error> {
        to_table(self)
    }
}

/// Flags as settings. TOML refuses numbers beyond 2⁶³ and paths that are not UTF-8.
fn to_table(flags: &impl Serialize) -> Result<Table, Error> {
    Table::try_from(flags).map_err(|problem| Error::Config(format!("a flag's value: {problem}")))
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum EngineArg {
    /// Stored connections only, in CSR
    Sparse,
    /// Every connection, by GEMM
    Dense,
    /// Dense weights, the mask reapplied after each update
    Masked,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum RewireArg {
    /// Not at all
    Static,
    /// Drop the smallest weights, grow where the gradient is largest
    Rigl,
    /// Drop the smallest weights, grow at random, on the same schedule
    SetRigl,
    /// After every epoch but the last, drop the weights nearest to 0 on either side, grow at random
    Set,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum DecayArg {
    /// α/2·(1 + cos(π·t/T_end))
    Cosine,
    /// α
    Constant,
    /// α·(1 − t/T_end)
    Linear,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum InitCcvArg {
    /// From the profile as it is given
    Profile,
    /// From where rewiring leads: runs twice
    Equilibrium,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum ScopeArg {
    /// Each layer keeps its number of connections
    Layer,
    /// The network does; connections move between layers
    Network,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum CandidatesArg {
    /// All but the survivors: what was just dropped may come back
    Free,
    /// Those that were no connection before the update
    Absent,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum GrowScoreArg {
    /// The gradient as if every connection existed
    Dense,
    /// The gradient of weight times mask, 0 where no connection is
    Masked,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum TieArg {
    /// A hash of seed, step, layer and position
    Noise,
    /// The lowest position
    Index,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum GrownStateArg {
    /// Zero, as RigL's authors have it
    Zero,
    /// Zero, with bias corrections by the connection's own number of updates
    OwnStep,
    /// As if the connection had been there all along
    Warm,
}

impl ConfigFlags {
    /// The flags given, by name.
    fn table(&self) -> Result<Table, Error> {
        to_table(self)
    }

    /// The effective configuration: the defaults, `file` over them, the flags over both.
    ///
    /// **Errors**: [`Error::Io`], [`Error::File`] for the file.
    pub(super) fn effective(&self, file: Option<&PathBuf>) -> Result<RunConfig, Error> {
        let mut tables = Vec::new();
        if let Some(path) = file {
            let mut table = RunConfig::read_table(path)?;
            // On its own first, so that what is wrong with it names the file.
            let problem = |problem| Error::file(path, problem);
            RunConfig::from_tables([table.clone()]).map_err(problem)?;
            if self.data.names_known() {
                // A known data set on the command line replaces one's own of the file.
                OWN_KEYS.iter().for_each(|key| drop(table.remove(*key)));
            }
            tables.push(table);
        }
        tables.push(self.table()?);
        refuse_schedule_of_set(&tables)?;
        let problem = |problem: FileProblem| Error::Config(problem.to_string());
        let mut config = RunConfig::from_tables(tables).map_err(problem)?;
        // A run is resumed from anywhere.
        config.data.make_absolute()?;
        for path in &mut config.train.topology {
            *path = std::path::absolute(&*path).map_err(Error::io(path))?;
        }
        Ok(config)
    }

    /// A run's own configuration with what may change when it is resumed.
    ///
    /// **Errors**: [`Error::Config`] for a flag that would make it another run, or fewer epochs than
    /// it already has.
    pub(super) fn for_resume(&self, mut config: RunConfig) -> Result<RunConfig, Error> {
        let changeable = ["epochs", "threads", "data-dir"];
        let table = self.table()?;
        if let Some(flag) = table.keys().find(|key| !changeable.contains(&key.as_str())) {
            return Err(Error::Config(format!(
                "--{flag} cannot change when a run is resumed: only --{} can",
                changeable.join(", --")
            )));
        }
        let other_epochs = self.epochs.is_some_and(|epochs| epochs != config.train.epochs);
        if other_epochs && config.train.rewire != RewireMethod::Static {
            let problem = "a rewired run cannot be extended: its schedule ends with its epochs";
            return Err(Error::Config(problem.to_string()));
        }
        config.train.epochs = self.epochs.unwrap_or(config.train.epochs);
        config.train.threads = self.threads.unwrap_or(config.train.threads);
        config.data.data_dir = self.data.data_dir.clone().or(config.data.data_dir);
        config.data.make_absolute()?;
        Ok(config)
    }
}

/// Refuses a schedule for `set`, which has its own.
fn refuse_schedule_of_set(tables: &[Table]) -> Result<(), Error> {
    let given = |key: &str| tables.iter().rev().find_map(|table| table.get(key));
    let of_rigl = ["rewire-every", "rewire-end", "drop-decay"];
    let defaults: Table = RunConfig::default().to_toml().parse().expect("it was just written");
    let is_other = |key: &&str| given(key).is_some_and(|value| Some(value) != defaults.get(*key));
    match of_rigl.into_iter().find(is_other) {
        Some(flag) if given("rewire").and_then(|method| method.as_str()) == Some("set") => {
            Err(Error::Config(format!(
                "--{flag} is not for set: it updates after every epoch but the last, by a \
                 constant fraction (set-rigl has rigl's schedule)"
            )))
        }
        _ => Ok(()),
    }
}

pub(super) fn parse_sparsity(text: &str) -> Result<f64, String> {
    let sparsity: f64 = text.parse().map_err(|_| format!("'{text}' is not a number"))?;
    match (0.0..1.0).contains(&sparsity) {
        true => Ok(sparsity),
        false => Err("a sparsity is at least 0 and below 1".to_string()),
    }
}

/// Accepts a name that `T` can be parsed from.
fn parse_name<T: std::str::FromStr>(text: &str) -> Result<String, String>
where
    T::Err: std::fmt::Display,
{
    text.parse::<T>().map(|_| text.to_string()).map_err(|problem| problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::DataConfig;
    use clap::CommandFactory;

    #[derive(clap::Parser)]
    struct Wrapper {
        #[command(flatten)]
        flags: ConfigFlags,
    }

    #[test]
    fn the_help_names_the_defaults_there_are() {
        let defaults: Table = RunConfig::default().to_toml().parse().unwrap();
        let command = Wrapper::command();
        let mut checked = 0;
        // What is optional has no default, and no file is the default of the topology's.
        let optional = DataConfig::OPTIONAL.map(|name| name.replace('-', "_"));
        let without: Vec<&str> = optional.iter().map(String::as_str).chain(["files"]).collect();
        for argument in command.get_arguments().filter(|a| !without.contains(&a.get_id().as_str()))
        {
            let name = argument.get_long().unwrap();
            let help = argument.get_help().unwrap().to_string();
            let said = help.split_once("[default: ").unwrap().1.trim_end_matches(']');
            let is = match &defaults[name] {
                toml::Value::String(text) => text.clone(),
                toml::Value::Array(widths) => {
                    widths.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
                }
                value => value.to_string(),
            };
            assert_eq!(said, is, "--{name}");
            checked += 1;
        }
        // Every key of the file is a flag; the topology's files are the one not compared.
        assert_eq!(checked + 1, defaults.len());
    }

    #[test]
    fn flags_win_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "epochs = 3\nbatch = 64\n").unwrap();
        let flags = <Wrapper as clap::Parser>::parse_from(["x", "--batch", "32"]).flags;
        let config = flags.effective(Some(&path)).unwrap().train;
        assert_eq!((config.epochs, config.batch, config.lr), (3, 32, 1e-3));
    }
}
