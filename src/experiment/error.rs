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
    /// A record that is not what was written.
    #[error(
        "{}: damaged, it is not what was written; once it is removed, `fanin train --resume` \
         writes it from the checkpoint", .0.display()
    )]
    Damaged(PathBuf),
    /// A network that does not give the result that its record has.
    #[error("{}: the network gives another result than run.json has", .0.display())]
    NotItsResult(PathBuf),
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
    /// A part of a sweep that is none.
    #[error(
        "'{0}' is no shard: it is k/n with 1 ≤ k ≤ n, as 2/5, or slurm within a task of a Slurm \
         array"
    )]
    Shard(String),
    /// A sweep was asked to stop; every run's checkpoint is written.
    #[error("interrupted: {done} of {of} runs are done; the same command goes on")]
    SweepInterrupted {
        /// Runs that are done.
        done: usize,
        /// Runs of the sweep, or of the part of it.
        of: usize,
    },
    /// A line of a list of runs that is none.
    #[error("{}, line {line}: this is no run: {problem}", path.display())]
    Line {
        /// The list.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A value that a run does not have.
    #[error("no run has a '{metric}': there {} {}", if known.len() == 1 { "is" } else { "are" },
        if known.is_empty() { String::from("no values") } else { known.join(", ") })]
    NoMetric {
        /// The value.
        metric: String,
        /// The values there are.
        known: Vec<String>,
    },
    /// A baseline that is not among the runs.
    #[error(
        "no runs have the baseline's `{setting}`: what differs between them is {}",
        if varied.is_empty() { String::from("nothing") } else { varied.join(", ") }
    )]
    NoBaseline {
        /// The baseline's setting.
        setting: String,
        /// The settings that differ.
        varied: Vec<String>,
    },
    /// Two results of the same run that differ.
    #[error("{}: it has another result than {}", .0.display(), .1.display())]
    OtherResult(PathBuf, PathBuf),
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
        matches!(self, Error::Interrupted { .. } | Error::SweepInterrupted { .. })
    }
}
