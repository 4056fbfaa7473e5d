//! What can go wrong outside this program: files, flags, data, a diverging loss.
//!
//! Each message says what was found where and, if it is not plain, what to do. Our own mistakes
//! (a shape mismatch) are assertions instead.

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
    /// A data set is nowhere to be found.
    #[error(
        "data set '{name}' not found: no {file} in {}; `fanin data fetch {name}` gets it from \
         {source_url}, or put it into one of these folders, or name another with --data-dir or \
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
        /// Where it can be had.
        source_url: String,
    },
    /// No address gave a file.
    #[error(
        "{file} of {name} could not be fetched: {}; get it from there some other way and put it into \
         {}, or name what you have with --from", said.join("; "), dir.display()
    )]
    Fetch {
        /// The data set.
        name: String,
        /// The file.
        file: String,
        /// What each address said.
        said: Vec<String>,
        /// Where the file belongs.
        dir: PathBuf,
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
    /// A file whose format is one of [`format`](crate::format)'s.
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
    /// A row has another number of fields than the first.
    #[error("line {line}: {found} fields where there are {expected} before")]
    Ragged {
        /// The line, counted from 1.
        line: u64,
        /// Fields it has.
        found: usize,
        /// Fields of the lines before.
        expected: usize,
    },
    /// A value is missing.
    #[error(
        "line {line}, column '{column}': the value is missing (--missing mean or zero fills such, \
         but for labels)"
    )]
    Missing {
        /// The line, counted from 1.
        line: u64,
        /// The column.
        column: String,
    },
    /// The header names a column twice.
    #[error("two columns are called '{0}'")]
    DuplicateColumn(String),
    /// No column has this name or number.
    #[error("there is no column '{name}': the columns are {columns}")]
    UnknownColumn {
        /// The name or number.
        name: String,
        /// Those that are there.
        columns: String,
    },
    /// Columns that a model needs are not there.
    #[error("the model needs {}, which {} not there", columns(.0), if .0.len() == 1 { "is" } else { "are" })]
    MissingColumns(Vec<String>),
    /// Nothing says which column is the label.
    #[error(
        "which column is the label? --label names it, or numbers it from 1 (from -1 at the end)"
    )]
    NoLabel,
    /// A label that is none of the classes.
    #[error("line {line}: '{text}' is no class of the training data")]
    UnknownLabel {
        /// The line, counted from 1.
        line: u64,
        /// The label.
        text: String,
    },
    /// A text that a categorical column has not had in training.
    #[error("line {line}, column '{column}': '{text}' does not occur in the training data")]
    UnknownCategory {
        /// The line, counted from 1.
        line: u64,
        /// The column.
        column: String,
        /// The text.
        text: String,
    },
    /// A column of texts has too many of them.
    #[error("column '{column}' has more than 4096 different texts: it is no category")]
    ManyCategories {
        /// The column.
        column: String,
    },
    /// Too many classes.
    #[error("more than 65536 classes: is the label the right column?")]
    ManyClasses,
    /// Text is not UTF-8.
    #[error("line {line} is not UTF-8")]
    Encoding {
        /// The line, counted from 1.
        line: u64,
    },
    /// A line is too long to be one.
    #[error("a line is longer than {limit} bytes: this is no table")]
    LongLine {
        /// The most bytes a line may have.
        limit: usize,
    },
    /// There is nothing in it.
    #[error("there are no rows of values in it")]
    Empty,
    /// An entry of a sparse row is not `index:value`, or out of order.
    #[error(
        "line {line}: '{text}' is no index:value with ascending indices from 1 and a finite value"
    )]
    Entry {
        /// The line, counted from 1.
        line: u64,
        /// The entry.
        text: String,
    },
    /// Rows are wider than the model or the training data.
    #[error("a row has a value {found}, where the training data has {expected} values")]
    Wide {
        /// The largest index.
        found: usize,
        /// The width it should not exceed.
        expected: usize,
    },
    /// The content would take too much memory.
    #[error("the content would take {bytes} bytes of memory, far more than the file is worth")]
    TooLarge {
        /// The bytes.
        bytes: u64,
    },
    /// A known data set in another size.
    #[error(
        "{what} where the official file has {expected}: this is another data set under its name \
         (--allow-unofficial takes it, and marks every result)"
    )]
    Unofficial {
        /// What was found.
        what: String,
        /// What should be there.
        expected: String,
    },
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

/// Columns as words.
fn columns(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("column{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
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

    /// Wraps a data problem with the file it concerns.
    pub fn data(path: &Path, problem: DataProblem) -> Error {
        Error::Data { path: path.to_path_buf(), problem }
    }
}
