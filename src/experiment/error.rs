//! What can go wrong with a run and its folder.

use crate::{dataset, format, model, train};
use std::path::PathBuf;

/// An error of a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A folder already holds a run.
    #[error(
        "{} already holds a run: continue it with `resume`, replace it with `force`, or name \
         another `out`", .0.display()
    )]
    RunExists(PathBuf),
    /// A folder's run belongs to another process at this moment.
    #[error("{} is in use by another fanin process", .0.display())]
    RunLocked(PathBuf),
    /// A folder where no file can be locked.
    #[error(
        "{}: this file system locks no files ({source}): `no-lock` goes without, where no other \
         process writes to the same run", path.display()
    )]
    NoLocks {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder holds no run.
    #[error("{} holds no run: there is no config.toml in it", .0.display())]
    NoRun(PathBuf),
    /// A setting that would make a resumed run another.
    #[error("`{setting}` cannot change when a run is resumed: only {} can", changeable
        .iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))]
    CannotChange {
        /// The setting.
        setting: String,
        /// Those that may change.
        changeable: Vec<&'static str>,
    },
    /// A configuration that was edited beside its checkpoint.
    #[error(
        "{}: `{setting}` is {}, and the run so far had {}: a run that is resumed stays what it is",
        path.display(), to.as_deref().unwrap_or("not there"), from.as_deref().unwrap_or("none")
    )]
    Edited {
        /// The configuration.
        path: PathBuf,
        /// The setting.
        setting: String,
        /// Its value in the checkpoint, if it had one.
        from: Option<String>,
        /// Its value in the configuration, if it has one.
        to: Option<String>,
    },
    /// A run whose schedule ends with its epochs.
    #[error(
        "a run with a `method` or an `lr-schedule` cannot be extended: these end with its epochs \
         (a run from the beginning with more `epochs`, or with `lr-schedule` constant)"
    )]
    CannotExtend,
    /// Fewer epochs than are done.
    #[error("the run is in epoch {done} already: `epochs` cannot undo any")]
    CannotUndo {
        /// Epochs done or begun.
        done: usize,
    },
    /// The run was asked to stop; its checkpoint is written if it has a folder.
    #[error("interrupted at epoch {epoch}, step {step}{}", match run_dir {
        Some(dir) => format!(": continue with fanin train --resume {}", dir.display()),
        None => String::from(" (without `out` there is nothing to resume)"),
    })]
    Interrupted {
        /// The epoch, counted from 1.
        epoch: usize,
        /// Steps of it done.
        step: usize,
        /// The run's folder, if it has one.
        run_dir: Option<PathBuf>,
    },
    /// Training.
    #[error(transparent)]
    Train(#[from] train::Error),
    /// Settings.
    #[error(transparent)]
    Settings(#[from] train::SettingsError),
    /// A model or a checkpoint.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// The data.
    #[error(transparent)]
    Data(#[from] dataset::Error),
    /// A file.
    #[error(transparent)]
    Format(#[from] format::Error),
}

impl Error {
    /// Whether the run was asked to stop.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Error::Interrupted { .. })
    }
}
