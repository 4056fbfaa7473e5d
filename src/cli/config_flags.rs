//! The flags that determine a run, and how they meet a configuration file.

use super::Error;
use super::aliases::AliasFlags;
use super::data_flags::{DataFlags, OWN_KEYS};
use crate::experiment;
use crate::grammar::{self, Choice, Listed, path};
use crate::method::Method;
use crate::nn::{Activation, Engine, Loss, Mixture};
use crate::optim::{LrSchedule, Rule};
use crate::topology::{Allocation, Arrangement, Generator, Profile, Rounding, Spread};
use crate::train::{InitCcv, RunConfig, SettingsError, SettingsProblem};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use toml::Table;

/// What `--help` says of a choice: the flag's line, and then everything in the list.
fn listed<T: Listed>(line: &str) -> String {
    format!("{line}\n\n{}", grammar::help::<T>())
}

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
    #[serde(
        rename = "topology",
        serialize_with = "path::list::serialize",
        skip_serializing_if = "Vec::is_empty"
    )]
    files: Vec<PathBuf>,
    /// Keep every connection of the first hidden layer [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Network")]
    dense_first: Option<bool>,
    /// Make the output layer sparse too [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Network")]
    sparse_output: Option<bool>,
    /// Keep every connection of the hidden layers [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Network")]
    dense_hidden: Option<bool>,
    /// Several networks behind a gate that learns which answer a sample, as
    /// noisy-top-k:experts=20,top=2; each has these hidden layers
    #[arg(long, help_heading = "Network", value_name = "NAME:KEY=VALUE,…",
        long_help = listed::<Mixture>("Several networks behind a gate that learns which answer a sample; each has the hidden layers"))]
    mixture: Option<Choice<Mixture>>,
    /// What follows LayerNorm in the hidden layers [default: relu]
    #[arg(long, help_heading = "Network", value_name = "NAME",
        long_help = listed::<Activation>("What follows LayerNorm in the hidden layers [default: relu]"))]
    activation: Option<Choice<Activation>>,
    /// How the layers are stored and computed [default: sparse]
    #[arg(long, help_heading = "Network", value_name = "NAME",
        long_help = listed::<Box<dyn Engine>>("How the layers are stored and computed [default: sparse]"))]
    engine: Option<Choice<Box<dyn Engine>>>,
    /// How connections change: rigl, set, … with parameters, as rigl:drop=0.3,every=100
    /// [default: static]
    #[arg(long, help_heading = "Method", value_name = "NAME:KEY=VALUE,…",
        long_help = listed::<Box<dyn Method>>("How connections change [default: static]"))]
    method: Option<Choice<Box<dyn Method>>>,
    /// Where a run with a method starts: its profile, or a lognormal at the CCV that a first run
    /// settles to [default: profile]
    #[arg(long, value_enum, help_heading = "Method")]
    init_ccv: Option<InitCcv>,
    #[command(flatten)]
    #[serde(flatten)]
    aliases: AliasFlags,
    /// What the network is trained towards [default: cross-entropy]
    #[arg(long, help_heading = "Training", value_name = "NAME",
        long_help = listed::<Box<dyn Loss>>("What the network is trained towards [default: cross-entropy]"))]
    loss: Option<Choice<Box<dyn Loss>>>,
    /// How parameters follow from gradients, as sgd:momentum=0.9 [default: adam]
    #[arg(long, help_heading = "Training", value_name = "NAME:KEY=VALUE,…",
        long_help = listed::<Box<dyn Rule>>("How parameters follow from gradients [default: adam]"))]
    optimizer: Option<Choice<Box<dyn Rule>>>,
    /// How the learning rate changes over the steps, as cosine:warmup=500 [default: constant]
    #[arg(long, help_heading = "Training", value_name = "NAME:KEY=VALUE,…",
        long_help = listed::<LrSchedule>("How the learning rate changes over the steps [default: constant]"))]
    lr_schedule: Option<Choice<LrSchedule>>,
    /// Passes over the training samples; of one's own small tables more [default: 10]
    #[arg(long, help_heading = "Training")]
    epochs: Option<usize>,
    /// Samples per optimiser step; of one's own tables 8 to 128 [default: 128]
    #[arg(long, help_heading = "Training")]
    batch: Option<usize>,
    /// The learning rate; of one's own tables 0.003, which falls to 0 (--lr-schedule cosine)
    /// [default: 0.001]
    #[arg(long, help_heading = "Training")]
    lr: Option<f64>,
    /// Share of the hidden layers' values that are lost at random in each step; 0 is none
    /// [default: 0]
    #[arg(long, value_name = "SHARE", help_heading = "Regularisation")]
    dropout: Option<f64>,
    /// Share of a class's target that all classes have alike [default: 0]
    #[arg(long, value_name = "SHARE", help_heading = "Regularisation")]
    label_smoothing: Option<f64>,
    /// Standard deviation of noise on the inputs, as they enter the network [default: 0]
    #[arg(long, value_name = "SD", help_heading = "Regularisation")]
    input_noise: Option<f64>,
    /// Scale a step's gradient down to this norm where it is larger; 0 never does [default: 0]
    #[arg(long, value_name = "NORM", help_heading = "Regularisation")]
    clip_norm: Option<f64>,
    /// Keep the running mean of the parameters with this decay, .99 for about a hundred steps; 0
    /// keeps the last [default: 0]
    #[arg(long, value_name = "DECAY", help_heading = "Regularisation")]
    weight_average: Option<f64>,
    /// End after so many epochs without a smaller validation loss, and keep the best network; 0
    /// trains to the last epoch and keeps that [default: 0]
    #[arg(long, value_name = "EPOCHS", help_heading = "Training")]
    patience: Option<usize>,
    /// Threads, 0 for one per core; the result does not depend on it [default: 0]
    #[arg(long, help_heading = "Training")]
    threads: Option<usize>,
}

/// The flags of a profile with a spread.
const PROFILED: [&str; 7] =
    ["profile", "rounding", "match_budget", "fan_in_min", "clamp", "arrangement", "spread"];

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
    /// Which neuron gets which of the profile's fan-ins: profile, spaced, scattered
    /// [default: profile]
    #[arg(long, value_parser = parse_name::<Arrangement>, help_heading = "Topology")]
    arrangement: Option<String>,
    /// Which inputs each neuron gets: random, even, sequential, random-torch [default: random]
    #[arg(long, value_parser = parse_name::<Spread>, help_heading = "Topology")]
    spread: Option<String>,
    /// Neighbouring neurons that have the same inputs, each its own weights, 1 to 256: a step with
    /// 4, or a multiple of it, takes 0.7 to 0.9 of the time [default: 1]
    #[arg(long, value_name = "NEURONS", help_heading = "Topology")]
    share: Option<usize>,
    /// Another generator than a profile with a spread, such as er:epsilon=20 or blocks:size=16;
    /// `fanin methods` has them all
    #[arg(long, value_name = "NAME:KEY=VALUE,…", conflicts_with_all = PROFILED, help_heading = "Topology")]
    generator: Option<Choice<Box<dyn Generator>>>,
    /// How the sparsity is divided among layers: uniform, erk, or a list 0.9;0.95
    /// [default: uniform]
    #[arg(long, value_parser = parse_name::<Allocation>, help_heading = "Topology")]
    allocation: Option<String>,
    /// Seed of topology, initial weights and sample order [default: 42]
    #[arg(long, value_parser = parse_seed, help_heading = "Topology")]
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

/// Flags as settings. TOML refuses numbers from 2⁶³ on.
fn to_table(flags: &impl Serialize) -> Result<Table, Error> {
    let problem = match Table::try_from(flags) {
        Ok(table) => return Ok(table),
        Err(problem) => problem,
    };
    // One flag after the other, to name the one that is wrong.
    let flags = serde_json::to_value(flags).unwrap_or_default();
    let is_wrong = |(_, value): &(&String, &serde_json::Value)| {
        !value.is_null() && toml::Value::try_from(value).is_err()
    };
    let wrong = flags.as_object().and_then(|flags| flags.iter().find(is_wrong));
    Err(match wrong {
        Some((key, value)) => {
            let (key, problem) = (key.clone(), format!("{value} is too large"));
            SettingsError::from(SettingsProblem::Value { key, problem }).into()
        }
        None => problem.into(),
    })
}

impl ConfigFlags {
    /// The flags given, by name.
    ///
    /// **Errors**: [`Error::Config`] for a value that TOML cannot hold.
    pub(super) fn table(&self) -> Result<Table, Error> {
        to_table(self)
    }

    /// The effective configuration: the defaults, `file` over them, the flags over both.
    ///
    /// **Errors**: [`SettingsError`] for the file or a flag.
    pub(super) fn effective(&self, file: Option<&PathBuf>) -> Result<RunConfig, Error> {
        let (flags, mut tables) = (self.table()?, Vec::new());
        if let Some(path) = file {
            // On its own first, so that what is wrong with it names the file.
            RunConfig::read(path)?;
            let mut table = RunConfig::read_table(path)?;
            // It is of the data of another run.
            table.remove("data-digest");
            if self.data.names_known() {
                // A known data set on the command line replaces one's own of the file.
                OWN_KEYS.iter().for_each(|key| drop(table.remove(*key)));
            }
            if PROFILED.iter().any(|flag| flags.contains_key(&flag.replace('_', "-"))) {
                // So does a profile or a spread a generator of the file.
                table.remove("generator");
            }
            tables.push(table);
        }
        tables.push(flags);
        let mut config = RunConfig::from_tables(tables).map_err(SettingsError::from)?;
        // A run is resumed from anywhere.
        config.make_absolute()?;
        Ok(config)
    }

    /// The names of the settings that the flags and `file` give.
    ///
    /// **Errors**: as [`ConfigFlags::effective`].
    pub(super) fn given(&self, file: Option<&PathBuf>) -> Result<BTreeSet<String>, Error> {
        let of_file = file.map(|path| RunConfig::read_table(path)).transpose()?;
        let tables = [Some(self.table()?), of_file];
        Ok(tables
            .into_iter()
            .flatten()
            .flat_map(|table| table.into_iter().map(|(k, _)| k))
            .collect())
    }

    /// A run's own configuration with what may change when it is resumed.
    ///
    /// **Errors**: [`experiment::Error::CannotChange`] for a flag that would make it another run.
    pub(super) fn for_resume(&self, mut config: RunConfig) -> Result<RunConfig, Error> {
        let table = self.table()?;
        let is_file = |name: &str| !["epochs", "threads", "data-dir"].contains(&name);
        // The same content in another place: its digest says so.
        let moves = |name: &str| config.data.data_digest.is_some() && config.data.names_file(name);
        let mut changeable = experiment::MAY_CHANGE.to_vec();
        changeable.retain(|name| !is_file(name) || moves(name));
        if let Some(setting) = table.keys().find(|key| !changeable.contains(&key.as_str())) {
            let setting = setting.clone();
            return Err(experiment::Error::CannotChange { setting, changeable }.into());
        }
        config.train.epochs = self.epochs.unwrap_or(config.train.epochs);
        config.train.threads = self.threads.unwrap_or(config.train.threads);
        config.data.data_dir = self.data.data_dir.clone().or(config.data.data_dir);
        self.data.other_files(&mut config.data);
        config.make_absolute()?;
        Ok(config)
    }
}

/// A seed that TOML can hold.
fn parse_seed(text: &str) -> Result<u64, String> {
    let seed = text.parse().ok().filter(|&seed: &u64| seed <= i64::MAX as u64);
    seed.ok_or_else(|| format!("a seed is a whole number from 0 to {}", i64::MAX))
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
        // What is optional has no default, an alias is no setting, and no file is the default of
        // the topology's.
        let without = DataConfig::OPTIONAL.into_iter().chain(["topology", "generator", "mixture"]);
        let without: Vec<&str> = without.collect();
        for argument in command.get_arguments() {
            let name = argument.get_long().unwrap();
            if without.contains(&name) || !defaults.contains_key(name) {
                continue;
            }
            let help = argument.get_help().unwrap().to_string();
            let said = help.split_once("[default: ").unwrap().1.trim_end_matches(']');
            let is = match &defaults[name] {
                toml::Value::String(text) => text.clone(),
                toml::Value::Array(widths) => {
                    widths.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
                }
                toml::Value::Float(number) => number.to_string(),
                value => value.to_string(),
            };
            // Parameters at their defaults are written out.
            let is = is.split(':').next().unwrap();
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
