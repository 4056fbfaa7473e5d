//! A run as a folder: `config.toml`, `metrics.jsonl`, `run.json`, `model.safetensors`,
//! `checkpoint.safetensors`, `curves.svg` and `lock`; of a run with a method `rewiring.svg`; of a
//! drawn split `test-rows.txt` and `validation-rows.txt`, whose rows count from 1, as their first
//! line says; of a run from its equilibrium the first run in `equilibrium/`.
//!
//! Every file is replaced as a whole or appended to by whole lines; one process at a time owns the
//! folder.

use super::Error;
use super::lock::lock;
use super::record::{FINISHED, RunRecord, RunResult};
use crate::dataset::Dataset;
use crate::format::{self, replace_file};
use crate::grammar::named;
use crate::model::{Meaning, ModelFile};
use crate::nn::{Layer, Mlp};
use crate::train::checkpoint::{self, Checkpoint};
use crate::train::{
    Changed, EQUILIBRIUM, EpochMetrics, RunConfig, SettingsError, Trainer, UpdateMetrics,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const CONFIG: &str = "config.toml";
const METRICS: &str = "metrics.jsonl";
const RUN: &str = "run.json";
const MODEL: &str = "model.safetensors";
const CHECKPOINT: &str = "checkpoint.safetensors";
/// How the run went, and what became of its connections.
const FIGURES: [&str; 2] = ["curves.svg", "rewiring.svg"];
const TEST_ROWS: &str = "test-rows.txt";
const VALIDATION_ROWS: &str = "validation-rows.txt";
const LOCK: &str = "lock";
/// Why a run of a sweep failed.
pub(super) const FAILURE: &str = "error.txt";
/// Settings that may be others than the checkpoint's: what trains no other network, since the data
/// is known by its digest.
pub const MAY_CHANGE: [&str; 9] = [
    "epochs",
    "threads",
    "data-dir",
    "train",
    "test",
    "validation",
    "train-labels",
    "test-labels",
    "validation-labels",
];
/// The first line of a list of rows.
const ROWS_SAY: &str = "# rows of the training file, counted from 1; a header is no row\n";

named! {
    /// What is kept of a run that is finished.
    #[derive(Default)]
    pub enum Keep as "keep" {
        /// Everything: a run without a schedule can go on with more epochs.
        All = "all",
        /// All but the checkpoint.
        #[default]
        Model = "model",
        /// Settings, metrics, record and figures.
        Results = "results",
    }
}

/// A folder that this process writes a run to.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held as long as the folder is; the system lets go of it however the process ends.
    _lock: Option<File>,
}

impl RunFolder {
    /// Makes the folder of a new run; `force` removes a run that is there.
    ///
    /// **Errors**: [`Error::RunExists`], [`Error::RunLocked`], [`Error::Format`].
    pub fn create(path: &Path, config: &RunConfig, force: bool) -> Result<RunFolder, Error> {
        fs::create_dir_all(path).map_err(format::Error::io(path))?;
        let folder = RunFolder::lock(path)?;
        let names = [CONFIG, METRICS, RUN, MODEL, CHECKPOINT, TEST_ROWS, VALIDATION_ROWS];
        let files: Vec<PathBuf> =
            names.iter().chain(&FIGURES).map(|name| path.join(name)).collect();
        if files.iter().any(|file| file.exists()) {
            if !force {
                return Err(Error::RunExists(path.to_path_buf()));
            }
            let first = path.join(EQUILIBRIUM);
            if first.join(CONFIG).exists() {
                fs::remove_dir_all(&first).map_err(format::Error::io(&first))?;
            }
            for file in files.iter().filter(|file| file.exists()) {
                fs::remove_file(file).map_err(format::Error::io(file))?;
            }
        }
        folder.write_config(config)?;
        Ok(folder)
    }

    /// Opens the folder of a run that exists, with its configuration.
    ///
    /// **Errors**: [`Error::NoRun`], [`Error::RunLocked`], [`Error::Settings`], [`Error::Format`].
    pub fn open(path: &Path) -> Result<(RunFolder, RunConfig), Error> {
        if !path.join(CONFIG).is_file() {
            return Err(Error::NoRun(path.to_path_buf()));
        }
        let folder = RunFolder::lock(path)?;
        Ok((folder, RunFolder::config_in(path)?))
    }

    fn lock(path: &Path) -> Result<RunFolder, Error> {
        Ok(RunFolder { path: path.to_path_buf(), _lock: lock(&path.join(LOCK), path)? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        Ok(replace_file(&self.path.join(name), bytes)?)
    }

    /// Writes which rows were held out, a number a line: `test-rows.txt`, `validation-rows.txt`.
    /// They count from 1, as everything that people read.
    ///
    /// **Errors**: [`Error::Format`].
    pub fn write_rows(&self, data: &Dataset) -> Result<(), Error> {
        for (name, rows) in [(TEST_ROWS, &data.test_rows), (VALIDATION_ROWS, &data.validation_rows)]
        {
            if let Some(rows) = rows {
                let lines = rows.iter().map(|row| format!("{}\n", row + 1));
                let text: String = [ROWS_SAY.to_string()].into_iter().chain(lines).collect();
                self.replace(name, text.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Writes `config.toml`.
    ///
    /// **Errors**: [`Error::Format`].
    pub fn write_config(&self, config: &RunConfig) -> Result<(), Error> {
        self.replace(CONFIG, config.to_toml().as_bytes())
    }

    /// Continues from the checkpoint, if there is one yet, and cuts the metrics back to it. Returns
    /// which of the settings are others than the checkpoint's, all of them such as may change.
    ///
    /// **Errors**: [`Error::Format`]; [`Error::Model`] for a damaged checkpoint;
    /// [`Error::Edited`] for another setting than it was written with.
    pub fn resume(&self, trainer: &mut Trainer, config: &RunConfig) -> Result<Vec<Changed>, Error> {
        let checkpoint = self.path.join(CHECKPOINT);
        let mut changed = Vec::new();
        if checkpoint.exists() {
            let checkpoint = Checkpoint::read(&checkpoint)?;
            if let Some(settings) = checkpoint.settings() {
                let before = RunConfig::from_toml(settings).map_err(SettingsError::from)?;
                changed = config.changes_since(&before);
                changed.retain(|(setting, ..)| setting != "threads");
            }
            let may_change = |setting: &str| MAY_CHANGE.contains(&setting);
            if let Some((setting, from, to)) = changed.iter().find(|(s, ..)| !may_change(s)) {
                let (path, setting) = (self.path.join(CONFIG), setting.clone());
                return Err(Error::Edited { path, setting, from: from.clone(), to: to.clone() });
            }
            checkpoint.restore(trainer)?;
            if trainer.position().best.is_some() {
                trainer.restore_best(ModelFile::read(&self.path.join(MODEL))?.model)?;
            }
        }
        let metrics = self.path.join(METRICS);
        if metrics.exists() {
            if !checkpoint.exists() {
                // Every run begins with a checkpoint, so it was removed: nothing is thrown away.
                let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
                return Err(format::Error::io(&checkpoint)(missing).into());
            }
            let text = fs::read_to_string(&metrics).map_err(format::Error::io(&metrics))?;
            let (epochs, steps) = (trainer.position().epochs as u64, trainer.steps());
            let is_known = |line: &&str| {
                // A line that a crash cut short is of a later time.
                let line = serde_json::from_str::<serde_json::Value>(line).unwrap_or_default();
                match (line["epoch"].as_u64(), line["update"].as_u64()) {
                    (Some(epoch), _) => epoch <= epochs,
                    // What a method did before the first step it does again.
                    (None, Some(0)) => steps > 0,
                    (None, Some(update)) => update <= steps,
                    (None, None) => false,
                }
            };
            let kept: Vec<&str> = text.split_inclusive('\n').filter(is_known).collect();
            self.replace(METRICS, kept.concat().as_bytes())?;
            trainer.set_rewire_seconds(self.updates()?.iter().map(|update| update.seconds).sum());
        }
        let done = trainer.position().epochs;
        let told: BTreeSet<usize> = self.epochs()?.iter().map(|epoch| epoch.epoch).collect();
        let missing = (1..=done).filter(|epoch| !told.contains(epoch)).count();
        if missing > 0 {
            trainer.warn(format!(
                "{}: {missing} of {done} epochs are not in it, and will not be; the network lacks \
                 nothing",
                metrics.display()
            ));
        }
        Ok(changed)
    }

    /// Ends an epoch: its line of `metrics.jsonl`, the model, the checkpoint, in this order, so
    /// that the checkpoint is never ahead of the other two.
    ///
    /// **Errors**: [`Error::Format`], [`Error::Model`]; what was written before stays.
    pub fn end_epoch(
        &self,
        metrics: &EpochMetrics,
        trainer: &Trainer,
        config: &RunConfig,
    ) -> Result<(), Error> {
        self.append(metrics, true)?;
        self.save(trainer, config)
    }

    /// The epochs that `metrics.jsonl` tells of.
    ///
    /// **Errors**: [`Error::Format`].
    pub fn epochs(&self) -> Result<Vec<EpochMetrics>, Error> {
        RunFolder::epochs_in(&self.path)
    }

    /// The epochs of a run that may be another's.
    pub(super) fn epochs_in(path: &Path) -> Result<Vec<EpochMetrics>, Error> {
        lines(&path.join(METRICS))
    }

    /// The configuration of a run that may be another's.
    pub(super) fn config_in(path: &Path) -> Result<RunConfig, Error> {
        Ok(RunConfig::read(&path.join(CONFIG))?)
    }

    /// Appends an update's line to `metrics.jsonl`.
    ///
    /// **Errors**: [`Error::Format`].
    pub fn append_update(&self, update: &UpdateMetrics) -> Result<(), Error> {
        // The epoch's line, or the checkpoint of an interruption, brings it to the disk.
        self.append(update, false)
    }

    fn append(&self, line: &impl Serialize, sync: bool) -> Result<(), Error> {
        let line = serde_json::to_string(line).expect("plain data serialises") + "\n";
        let path = self.path.join(METRICS);
        let append = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(line.as_bytes())?;
            if sync { file.sync_data() } else { Ok(()) }
        };
        Ok(append().map_err(format::Error::io(&path))?)
    }

    /// The updates that `metrics.jsonl` tells of.
    ///
    /// **Errors**: [`Error::Format`].
    pub fn updates(&self) -> Result<Vec<UpdateMetrics>, Error> {
        RunFolder::updates_in(&self.path)
    }

    /// The updates of a run that may be another's.
    pub(super) fn updates_in(path: &Path) -> Result<Vec<UpdateMetrics>, Error> {
        lines(&path.join(METRICS))
    }

    /// Writes `curves.svg` and, if there is one, `rewiring.svg`.
    ///
    /// **Errors**: [`Error::Format`].
    pub fn write_figures(&self, curves: &str, rewiring: Option<&str>) -> Result<(), Error> {
        for (name, figure) in FIGURES.into_iter().zip([Some(curves), rewiring]) {
            figure.map_or(Ok(()), |figure| self.replace(name, figure.as_bytes()))?;
        }
        Ok(())
    }

    /// Writes `model.safetensors` and `checkpoint.safetensors`.
    ///
    /// **Errors**: [`Error::Model`]; what was written before stays.
    pub fn save(&self, trainer: &Trainer, config: &RunConfig) -> Result<(), Error> {
        let meaning = self.meaning(trainer, config);
        ModelFile::write(&self.path.join(MODEL), trainer.kept_model(), &meaning)?;
        self.checkpoint(trainer, config)
    }

    /// Writes `model.safetensors` anew if it is another than the one that the checkpoint has.
    ///
    /// **Errors**: as [`RunFolder::save`].
    pub(super) fn restore_model(&self, trainer: &Trainer, config: &RunConfig) -> Result<(), Error> {
        let parameters = |model: &Mlp| -> Vec<_> {
            let of = |layer: &Layer| (layer.connections(), layer.head().clone());
            model.layers().iter().map(of).collect()
        };
        let path = self.path.join(MODEL);
        let is_there = ModelFile::read(&path)
            .is_ok_and(|file| parameters(&file.model) == parameters(trainer.kept_model()));
        match is_there {
            true => Ok(()),
            false => {
                Ok(ModelFile::write(&path, trainer.kept_model(), &self.meaning(trainer, config))?)
            }
        }
    }

    fn meaning(&self, trainer: &Trainer, config: &RunConfig) -> Meaning {
        Meaning::of(trainer.data(), config.to_portable_toml())
    }

    /// Writes `checkpoint.safetensors`.
    ///
    /// **Errors**: [`Error::Model`]; the checkpoint before is then untouched.
    pub fn checkpoint(&self, trainer: &Trainer, config: &RunConfig) -> Result<(), Error> {
        let (path, settings) = (self.path.join(CHECKPOINT), config.to_portable_toml());
        Ok(checkpoint::write_with_settings(&path, trainer, settings)?)
    }

    /// What `run.json` says; none if there is none.
    ///
    /// **Errors**: [`Error::Damaged`] if it is not what was written, [`Error::Format`].
    pub fn record(&self) -> Result<Option<RunRecord>, Error> {
        RunFolder::record_in(&self.path)
    }

    /// What the `run.json` of a folder says that may be another's.
    pub(super) fn record_in(path: &Path) -> Result<Option<RunRecord>, Error> {
        let path = path.join(RUN);
        match fs::read_to_string(&path) {
            Ok(text) => match RunRecord::parse(&text) {
                Some(record) => Ok(Some(record)),
                None => Err(Error::Damaged(path)),
            },
            Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(None),
            Err(problem) if problem.kind() == ErrorKind::InvalidData => Err(Error::Damaged(path)),
            Err(problem) => Err(format::Error::io(&path)(problem).into()),
        }
    }

    /// The result of a run that is finished, and may be another's.
    ///
    /// **Errors**: as [`RunFolder::record`].
    pub(super) fn result_in(path: &Path) -> Result<Option<RunResult>, Error> {
        let finished = |record: &RunRecord| record.status == FINISHED;
        Ok(RunFolder::record_in(path)?.filter(finished).and_then(|record| record.result))
    }

    /// The folders of runs in a folder, those that failed before they began included, by name.
    ///
    /// **Errors**: [`Error::Format`].
    pub(super) fn below(path: &Path) -> Result<Vec<PathBuf>, Error> {
        let entries = || -> std::io::Result<Vec<PathBuf>> {
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect()
        };
        let mut folders = entries().map_err(format::Error::io(path))?;
        folders.retain(|folder| folder.join(CONFIG).is_file() || folder.join(FAILURE).is_file());
        folders.sort();
        Ok(folders)
    }

    /// Removes what a finished run is not to keep, that of its first run included.
    ///
    /// **Errors**: [`Error::Format`].
    pub fn thin(&self, keep: Keep) -> Result<(), Error> {
        let gone: &[&str] = match keep {
            Keep::All => &[],
            Keep::Model => &[CHECKPOINT],
            Keep::Results => &[CHECKPOINT, MODEL],
        };
        for folder in [self.path.join(EQUILIBRIUM), self.path.clone()] {
            for file in gone.iter().map(|name| folder.join(name)).filter(|file| file.exists()) {
                fs::remove_file(&file).map_err(format::Error::io(&file))?;
            }
        }
        Ok(())
    }

    /// Writes `run.json`.
    ///
    /// **Errors**: [`Error::Format`].
    pub fn write_record(&self, record: &RunRecord) -> Result<(), Error> {
        self.replace(RUN, record.to_text().as_bytes())
    }
}

/// The lines of metrics that are of a kind.
fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(problem) if problem.kind() == ErrorKind::NotFound => String::new(),
        Err(problem) => return Err(format::Error::io(path)(problem).into()),
    };
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
