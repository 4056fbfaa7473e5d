//! A run as a folder: `config.toml`, `metrics.jsonl`, `run.json`, `model.safetensors`,
//! `checkpoint.safetensors`; of a rewired run `rewiring.svg`,
//! of a drawn split `test-rows.txt` and `validation-rows.txt`. Every file is replaced as a whole or appended to by whole lines; one
//! process at a time owns the folder.

use super::{EpochMetrics, ModelFile, RunConfig, Trainer, UpdateMetrics, checkpoint};
use crate::Error;
use crate::dataset::Dataset;
use crate::format::replace_file;
use serde::Serialize;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const CONFIG: &str = "config.toml";
const METRICS: &str = "metrics.jsonl";
const RUN: &str = "run.json";
const MODEL: &str = "model.safetensors";
const CHECKPOINT: &str = "checkpoint.safetensors";
const FIGURE: &str = "rewiring.svg";
/// The folder of a first run whose end is the start of this one.
pub(super) const EQUILIBRIUM: &str = "equilibrium";
const TEST_ROWS: &str = "test-rows.txt";
const VALIDATION_ROWS: &str = "validation-rows.txt";
const LOCK: &str = "lock";

/// A folder that this process writes a run to.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    opened: SystemTime,
    /// Held as long as the folder is; the system lets go of it however the process ends.
    _lock: File,
}

/// What `run.json` says.
#[derive(Serialize)]
struct RunRecord<'a, R: Serialize> {
    status: &'a str,
    version: &'a str,
    commit: &'a str,
    compiler: &'a str,
    command: Vec<String>,
    machine: Machine,
    isa: &'a str,
    threads: usize,
    seed: u64,
    started: String,
    updated: String,
    result: Option<R>,
}

#[derive(Serialize)]
struct Machine {
    os: &'static str,
    architecture: &'static str,
    cpu: Option<String>,
    cores: Option<usize>,
}

impl RunFolder {
    /// Makes the folder of a new run; `force` removes a run that is there.
    ///
    /// **Errors**: [`Error::RunExists`], [`Error::RunLocked`], [`Error::Io`].
    pub fn create(path: &Path, config: &RunConfig, force: bool) -> Result<RunFolder, Error> {
        fs::create_dir_all(path).map_err(Error::io(path))?;
        let folder = RunFolder::lock(path)?;
        let names = [CONFIG, METRICS, RUN, MODEL, CHECKPOINT, FIGURE, TEST_ROWS, VALIDATION_ROWS];
        let files = names.map(|name| path.join(name));
        if files.iter().any(|file| file.exists()) {
            if !force {
                return Err(Error::RunExists(path.to_path_buf()));
            }
            let first = path.join(EQUILIBRIUM);
            if first.join(CONFIG).exists() {
                fs::remove_dir_all(&first).map_err(Error::io(&first))?;
            }
            for file in files.iter().filter(|file| file.exists()) {
                fs::remove_file(file).map_err(Error::io(file))?;
            }
        }
        folder.write_config(config)?;
        Ok(folder)
    }

    /// Opens the folder of a run that exists, with its configuration.
    ///
    /// **Errors**: [`Error::NoRun`], [`Error::RunLocked`], [`Error::Io`], [`Error::File`].
    pub fn open(path: &Path) -> Result<(RunFolder, RunConfig), Error> {
        let config = path.join(CONFIG);
        if !config.is_file() {
            return Err(Error::NoRun(path.to_path_buf()));
        }
        let folder = RunFolder::lock(path)?;
        Ok((folder, RunConfig::read(&config)?))
    }

    fn lock(path: &Path) -> Result<RunFolder, Error> {
        let file = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&file);
        let lock = lock.map_err(Error::io(&file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::RunLocked(path.to_path_buf())),
            Err(TryLockError::Error(source)) => return Err(Error::io(&file)(source)),
        }
        Ok(RunFolder { path: path.to_path_buf(), opened: SystemTime::now(), _lock: lock })
    }

    /// Writes which rows were held out, a number a line: `test-rows.txt`, `validation-rows.txt`.
    ///
    /// **Errors**: [`Error::Io`].
    pub fn write_rows(&self, data: &Dataset) -> Result<(), Error> {
        for (name, rows) in [(TEST_ROWS, &data.test_rows), (VALIDATION_ROWS, &data.validation_rows)]
        {
            if let Some(rows) = rows {
                let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
                replace_file(&self.path.join(name), lines.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `config.toml`.
    ///
    /// **Errors**: [`Error::Io`].
    pub fn write_config(&self, config: &RunConfig) -> Result<(), Error> {
        Ok(replace_file(&self.path.join(CONFIG), config.to_toml().as_bytes())?)
    }

    /// Continues from the checkpoint, if there is one yet, and cuts the metrics back to it.
    ///
    /// **Errors**: [`Error::Io`]; [`Error::File`] for a damaged checkpoint.
    pub fn resume(&self, trainer: &mut Trainer<'_>, config: &RunConfig) -> Result<(), Error> {
        let checkpoint = self.path.join(CHECKPOINT);
        if checkpoint.exists() {
            checkpoint::restore(&checkpoint, trainer, config)?;
            if trainer.position().best.is_some() {
                trainer.restore_best(ModelFile::read(&self.path.join(MODEL))?.model);
            }
        }
        let metrics = self.path.join(METRICS);
        if metrics.exists() {
            if !checkpoint.exists() {
                // Every run begins with a checkpoint, so it was removed: nothing is thrown away.
                let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
                return Err(Error::io(&checkpoint)(missing));
            }
            let text = fs::read_to_string(&metrics).map_err(Error::io(&metrics))?;
            let (epochs, steps) = (trainer.position().epochs as u64, trainer.steps());
            let is_known = |line: &&str| {
                // A line that a crash cut short is of a later time.
                let line = serde_json::from_str::<serde_json::Value>(line).unwrap_or_default();
                match (line["epoch"].as_u64(), line["update"].as_u64()) {
                    (Some(epoch), _) => epoch <= epochs,
                    (None, Some(update)) => update <= steps,
                    (None, None) => false,
                }
            };
            let kept: Vec<&str> = text.split_inclusive('\n').filter(is_known).collect();
            replace_file(&metrics, kept.concat().as_bytes())?;
        }
        Ok(())
    }

    /// Ends an epoch: its line of `metrics.jsonl`, the model, the checkpoint, in this order, so that
    /// the checkpoint never knows more than the other two.
    ///
    /// **Errors**: [`Error::Io`]; what was written before stays.
    pub fn end_epoch(
        &self,
        metrics: &EpochMetrics,
        trainer: &Trainer<'_>,
        data: &Dataset,
        config: &RunConfig,
    ) -> Result<(), Error> {
        self.append(metrics, true)?;
        self.save(trainer, data, config)
    }

    /// Appends an update's line to `metrics.jsonl`.
    ///
    /// **Errors**: [`Error::Io`].
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
        append().map_err(Error::io(&path))
    }

    /// The updates that `metrics.jsonl` tells of.
    ///
    /// **Errors**: [`Error::Io`].
    pub fn updates(&self) -> Result<Vec<UpdateMetrics>, Error> {
        let path = self.path.join(METRICS);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(problem) => return Err(Error::io(&path)(problem)),
        };
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Writes `rewiring.svg`.
    ///
    /// **Errors**: [`Error::Io`].
    pub fn write_figure(&self, svg: &str) -> Result<(), Error> {
        Ok(replace_file(&self.path.join(FIGURE), svg.as_bytes())?)
    }

    /// Writes `model.safetensors` and `checkpoint.safetensors`.
    ///
    /// **Errors**: [`Error::Io`]; what was written before stays.
    pub fn save(
        &self,
        trainer: &Trainer<'_>,
        data: &Dataset,
        config: &RunConfig,
    ) -> Result<(), Error> {
        ModelFile::write(&self.path.join(MODEL), trainer.kept_model(), data, config)?;
        self.checkpoint(trainer)
    }

    /// Writes `checkpoint.safetensors`.
    ///
    /// **Errors**: [`Error::Io`]; the checkpoint before is then untouched.
    pub fn checkpoint(&self, trainer: &Trainer<'_>) -> Result<(), Error> {
        checkpoint::write(&self.path.join(CHECKPOINT), trainer)
    }

    /// Writes `run.json`: where the run ran, how it stands, and its result once there is one.
    ///
    /// **Errors**: [`Error::Io`].
    pub fn write_record(
        &self,
        status: &str,
        trainer: &Trainer<'_>,
        config: &RunConfig,
        result: Option<&impl Serialize>,
    ) -> Result<(), Error> {
        let time = |time| humantime::format_rfc3339_seconds(time).to_string();
        let path = self.path.join(RUN);
        let before = fs::read(&path).ok();
        let before: Option<serde_json::Value> =
            before.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let started = before.and_then(|record| Some(record["started"].as_str()?.to_string()));
        let record = RunRecord {
            status,
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("FANIN_COMMIT"),
            compiler: env!("FANIN_COMPILER"),
            command: std::env::args_os().map(|part| part.to_string_lossy().into_owned()).collect(),
            machine: Machine {
                os: std::env::consts::OS,
                architecture: std::env::consts::ARCH,
                cpu: cpu_name(),
                cores: std::thread::available_parallelism().ok().map(usize::from),
            },
            isa: trainer.executor().isa().level().name(),
            threads: trainer.executor().threads(),
            seed: config.train.seed,
            started: started.unwrap_or_else(|| time(self.opened)),
            updated: time(SystemTime::now()),
            result,
        };
        let text = serde_json::to_string_pretty(&record).expect("plain data serialises") + "\n";
        Ok(replace_file(&path, text.as_bytes())?)
    }
}

/// The CPU's name, where the system tells (Linux).
fn cpu_name() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}
