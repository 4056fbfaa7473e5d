//! Runs that are finished, read back: from the folder of one, the folder of many, or a list.

use super::record::{FINISHED, RunRecord, RunResult};
use super::{Error, RunFolder};
use crate::format;
use crate::train::{EpochMetrics, RunConfig, SettingsError};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use toml::Table;

/// A run that is finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinishedRun {
    /// The settings that are not the defaults.
    pub settings: Table,
    /// What it came to.
    pub result: RunResult,
    /// Every epoch.
    pub epochs: Vec<EpochMetrics>,
    /// The steps in which a method acted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<u64>,
    /// The command line that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Its folder, if it was read from one.
    #[serde(skip)]
    pub path: Option<PathBuf>,
}

/// The runs of a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FinishedRuns {
    /// Those that are finished.
    pub runs: Vec<FinishedRun>,
    /// How many are not.
    pub unfinished: usize,
}

impl FinishedRun {
    /// All settings.
    ///
    /// **Errors**: [`SettingsError`] where this program does not know them.
    pub fn config(&self) -> Result<RunConfig, SettingsError> {
        Ok(RunConfig::from_tables([self.settings.clone()])?)
    }

    /// A line of a list of runs.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("plain data serialises") + "\n"
    }

    /// The run in a folder, which another process may hold; none if it is not finished.
    ///
    /// **Errors**: [`Error::Settings`], [`Error::Format`].
    fn in_folder(path: &Path) -> Result<Option<FinishedRun>, Error> {
        let record = RunFolder::record_in(path)?.filter(|record| record.status == FINISHED);
        let Some(RunRecord { result: Some(result), command, .. }) = record else { return Ok(None) };
        let updates = RunFolder::updates_in(path)?;
        Ok(Some(FinishedRun {
            settings: RunFolder::config_in(path)?.to_given_table(),
            result,
            epochs: RunFolder::epochs_in(path)?,
            updates: updates.iter().map(|update| update.update).collect(),
            command: Some(command.join(" ")),
            path: Some(path.to_path_buf()),
        }))
    }
}

impl FinishedRuns {
    /// Reads the folder of a run, a folder with folders of runs, or a file with a line per run.
    ///
    /// **Errors**: [`Error::NoRun`] if there is none; [`Error::Line`] for a line that is no run;
    /// [`Error::Settings`], [`Error::Format`].
    pub fn read(path: &Path) -> Result<FinishedRuns, Error> {
        let mut found = FinishedRuns::default();
        if path.is_file() {
            let text = fs::read_to_string(path).map_err(format::Error::io(path))?;
            for (number, line) in (1..).zip(text.lines()) {
                let run = serde_json::from_str(line).map_err(|problem| {
                    let (path, problem) = (path.to_path_buf(), problem.to_string());
                    Error::Line { path, line: number, problem }
                })?;
                found.runs.push(run);
            }
        } else if path.join("config.toml").is_file() {
            found.take(FinishedRun::in_folder(path)?);
        } else {
            for folder in RunFolder::below(path)? {
                found.take(FinishedRun::in_folder(&folder)?);
            }
        }
        match found.runs.is_empty() && found.unfinished == 0 {
            true => Err(Error::NoRun(path.to_path_buf())),
            false => Ok(found),
        }
    }

    fn take(&mut self, run: Option<FinishedRun>) {
        match run {
            Some(run) => self.runs.push(run),
            None => self.unfinished += 1,
        }
    }
}
