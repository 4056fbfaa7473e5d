//! What can go wrong outside this program: files, flags, data, a diverging loss.
//!
//! Each message says what was found where and, if it is not plain, what to do. Our own mistakes
//! (a shape mismatch) are assertions instead.

use crate::dataset;
use crate::format;
use crate::sparse::PatternError;
use crate::topology::TopologyError;
use fanin_kernels::IsaError;
use std::io;
use std::path::{Path, PathBuf};

/// An error a user can meet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A data set that is missing, broken, or asked for in a wrong way.
    #[error(transparent)]
    Data(#[from] dataset::Error),
    /// A file of ours is not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// A file whose format is one of [`format`](mod@crate::format)'s.
    #[error(transparent)]
    Format(#[from] format::Error),
    /// A folder already holds a run.
    #[error(
        "{} already holds a run: continue it with --resume, replace it with --force, or name \
         another --out", .0.display()
    )]
    RunExists(PathBuf),
    /// A folder's run belongs to another process at this moment.
    #[error("{} is in use by another fanin process", .0.display())]
    RunLocked(PathBuf),
    /// A folder holds no run.
    #[error("{} holds no run: there is no config.toml in it", .0.display())]
    NoRun(PathBuf),
    /// The run was asked to stop; its checkpoint is written if it has a folder.
    #[error("interrupted at epoch {epoch}, step {step}{}", match run_dir {
        Some(dir) => format!(": continue with fanin train --resume {}", dir.display()),
        None => String::from(" (without --out there is nothing to resume)"),
    })]
    Interrupted {
        /// The epoch, counted from 1.
        epoch: usize,
        /// Steps of it done.
        step: usize,
        /// The run's folder, if it has one.
        run_dir: Option<PathBuf>,
    },
    /// A topology that cannot be built.
    #[error("layer {layer}: {source}")]
    Topology {
        /// The layer, counted from 1.
        layer: usize,
        /// Why not.
        source: TopologyError,
    },
    /// A setting outside its range.
    #[error("{0}")]
    Config(String),
    /// The loss is not a finite number any more.
    #[error(
        "the loss is not finite at epoch {epoch}, step {step}: layer {layer} was the first to \
         overflow{}; try a smaller --lr", last_loss.map_or(String::new(),
            |loss| format!(" (last finite loss {loss:.4})"))
    )]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The step within it, counted from 1.
        step: usize,
        /// The first layer with a non-finite output, counted from 1.
        layer: usize,
        /// The loss of the step before, if there was one.
        last_loss: Option<f64>,
    },
    /// An instruction set that cannot be had.
    #[error("FANIN_ISA: {0}")]
    Isa(#[from] IsaError),
    /// The system refuses threads.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A gradient check outside its bounds.
    #[error("the gradient check failed: {0}")]
    GradientCheck(String),
}

/// What is wrong with a model, a checkpoint, or a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// What its format sees.
    #[error(transparent)]
    Format(#[from] format::FileProblem),
    /// A layer's connections are not a CSR pattern.
    #[error("layer {layer}: {source}")]
    Pattern {
        /// The layer, counted from 0 as in the file.
        layer: usize,
        /// What is wrong.
        source: PatternError,
    },
    /// A configuration has a key that is none.
    #[error("unknown setting '{key}'{}", nearest.as_ref().map_or(String::new(),
        |nearest| format!(": did you mean '{nearest}'?")))]
    UnknownKey {
        /// The key.
        key: String,
        /// The setting whose name is nearest to it.
        nearest: Option<String>,
    },
    /// A configuration does not parse.
    #[error("{0}")]
    Syntax(String),
}

impl Error {
    /// Wraps a system's error with the file it concerns.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        |source| Error::Io { path: path.to_path_buf(), source }
    }

    /// Wraps a problem of one of our files with its path.
    pub fn file(path: &Path, problem: impl Into<FileProblem>) -> Error {
        Error::File { path: path.to_path_buf(), problem: problem.into() }
    }
}
