//! What can go wrong outside this program: files, flags, data, a diverging loss.
//!
//! Each message says what was found where and, if it is not plain, what to do. Our own mistakes
//! (a shape mismatch) are assertions instead.

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
    /// A data set is nowhere to be found.
    #[error(
        "data set '{name}' not found: no {file} in {}; name its folder with --data-dir or \
         FANIN_DATA_DIR", searched.iter().map(|p| p.display().to_string()).collect::<Vec<_>>()
            .join(", ")
    )]
    MissingData {
        /// The data set.
        name: String,
        /// The file looked for.
        file: String,
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// A data file is not what it should be.
    #[error("{}: {problem}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where in the file.
        problem: DataProblem,
    },
    /// A file of ours is not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
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

/// What is wrong with a data file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataProblem {
    /// The gzip stream is damaged.
    #[error("damaged gzip stream: {0}")]
    Gzip(String),
    /// The IDX magic number is another.
    #[error("not an IDX file of {expected}: it starts with 0x{found:08x}")]
    Magic {
        /// What the file should hold.
        expected: &'static str,
        /// Its first four bytes, big-endian.
        found: u32,
    },
    /// The file ends early.
    #[error("truncated: {found} bytes of content where the header promises {expected}")]
    Truncated {
        /// Bytes promised after the header.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// The file goes on after its content.
    #[error("bytes follow the {expected} that the header promises")]
    TrailingBytes {
        /// Bytes promised after the header.
        expected: u64,
    },
    /// The dimensions are zero or overflow.
    #[error("impossible dimensions {0:?}")]
    Dimensions(Vec<u32>),
    /// Images and labels differ in number.
    #[error("{labels} labels for {samples} samples")]
    Count {
        /// Samples.
        samples: usize,
        /// Labels.
        labels: usize,
    },
    /// A label beyond the classes.
    #[error("label {label} of sample {sample} is out of range: there are {classes} classes")]
    Label {
        /// The label.
        label: u16,
        /// The sample, counted from 0.
        sample: usize,
        /// The number of classes.
        classes: usize,
    },
    /// A row has another number of fields.
    #[error("line {line}: {found} values where the model takes {expected}")]
    Width {
        /// The line, counted from 1.
        line: u64,
        /// Fields it has.
        found: usize,
        /// Fields it should have.
        expected: usize,
    },
    /// A field is not a finite number.
    #[error("line {line}, column {column}: '{text}' is not a finite number")]
    Number {
        /// The line, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// What stands there.
        text: String,
    },
    /// The text is not CSV.
    #[error("{0}")]
    Csv(String),
    /// The content is not the known file's.
    #[error("SHA-256 of the content is {found}, not {expected}: the file is damaged or another")]
    Digest {
        /// The digest it should have.
        expected: String,
        /// The digest it has.
        found: String,
    },
}

/// What is wrong with a model, a checkpoint, or a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// Cut, or bits are other than they were written.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Not written by fanin.
    #[error("not a fanin file: it carries no digest")]
    NoDigest,
    /// Another kind of file.
    #[error("this is a {found} file, not a {expected} file")]
    Kind {
        /// What was wanted.
        expected: &'static str,
        /// What it says it is.
        found: String,
    },
    /// A tensor is not there.
    #[error("tensor {0} is missing")]
    Missing(String),
    /// A tensor has another element type.
    #[error("tensor {0} has the element type {1}")]
    Dtype(String, String),
    /// A tensor has another shape.
    #[error("tensor {name} has shape {found:?}, not {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// The shape it has.
        found: Vec<usize>,
        /// The shape it should have.
        expected: Vec<usize>,
    },
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
    pub fn file(path: &Path, problem: FileProblem) -> Error {
        Error::File { path: path.to_path_buf(), problem }
    }

    /// Wraps a data problem with the file it concerns.
    pub fn data(path: &Path, problem: DataProblem) -> Error {
        Error::Data { path: path.to_path_buf(), problem }
    }
}
