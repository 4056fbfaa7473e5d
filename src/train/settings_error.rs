//! What can be wrong with settings.

use crate::format;
use std::path::{Path, PathBuf};

/// What is wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsProblem {
    /// A key that is no setting.
    #[error("unknown setting '{key}'{}", nearest.as_ref().map_or(String::new(),
        |nearest| format!(": did you mean '{nearest}'?")))]
    UnknownKey {
        /// The key.
        key: String,
        /// The setting whose name is nearest to it; none without the feature `cli`.
        nearest: Option<String>,
    },
    /// A value that the setting cannot have.
    #[error("`{key}`: {problem}")]
    Value {
        /// The setting.
        key: String,
        /// What is wrong with its value.
        problem: String,
    },
    /// A text that is no TOML.
    #[error("line {line}: {problem}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
}

/// An error of settings, with the file if they are one's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A file cannot be read.
    #[error(transparent)]
    Format(#[from] format::Error),
    /// A file's settings.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        problem: Box<SettingsProblem>,
    },
    /// Settings that are no file's.
    #[error(transparent)]
    Settings(Box<SettingsProblem>),
}

impl SettingsError {
    /// Wraps a problem with the file it concerns.
    pub fn at(path: &Path) -> impl FnOnce(SettingsProblem) -> SettingsError + '_ {
        |problem| SettingsError::File { path: path.to_path_buf(), problem: Box::new(problem) }
    }
}

impl From<SettingsProblem> for SettingsError {
    fn from(problem: SettingsProblem) -> Self {
        SettingsError::Settings(Box::new(problem))
    }
}
