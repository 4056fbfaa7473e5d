//! What can be wrong with a data set: its files, its settings, the way to it.
//!
//! All messages count in one way: lines are the file's, counted from 1; columns, rows and samples
//! count from 1 too. (Lists of row numbers, such as those of a drawn test split, count from 0.)
//! Settings are named in backticks, as `label`; the command line prints them as its flags.

use super::problem::DataProblem;
use crate::format;
use std::io;
use std::path::{Path, PathBuf};

/// An error of reading, choosing or fetching data.
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
    /// A gzip stream is damaged.
    #[error("{}: damaged gzip stream: {source}", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: io::Error,
    },
    /// A file of arrays is not what it should be.
    #[error(transparent)]
    Format(#[from] format::Error),
    /// A data file is not what it should be.
    #[error("{}: {problem}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where in the file.
        #[source]
        problem: DataProblem,
    },
    /// The labels of a file are in another, which nobody names.
    #[error("{}: `train-labels` (or `test-labels`) names its labels", .0.display())]
    NoLabels(PathBuf),
    /// A file of labels for a format that has them within.
    #[error(
        "{}: a {format} file holds its labels: `train-labels` and its like are for arrays and images",
        path.display()
    )]
    LabelsWithin {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: &'static str,
    },
    /// A format that cannot be read from a stream.
    #[error("{format} is read from a file, not from a stream such as {}", name.display())]
    Stream {
        /// The format.
        format: &'static str,
        /// The stream's name.
        name: PathBuf,
    },

    /// A fraction out of range.
    #[error("`{setting}` {value}: it is at least 0 and below 1")]
    Fraction {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: f64,
    },
    /// A mark within text that is no single byte.
    #[error("`{setting}` '{mark}': it is one ASCII character")]
    NotAscii {
        /// The setting.
        setting: &'static str,
        /// Its value.
        mark: char,
    },
    /// A setting of one's own files, without any.
    #[error("`{0}` is for your own data: name it with `train` FILE")]
    NeedsTrain(&'static str),
    /// A test split is drawn where there is a test file.
    #[error("`test-fraction` is for data without a `test` file")]
    TwoTestSplits,
    /// Two ways to hold rows out for testing.
    #[error("`folds` hold out the test rows: leave out `test` and `test-fraction`")]
    FoldsAndTest,
    /// Too few folds, or one that is not there.
    #[error("`folds` {folds}, `fold` {fold}: there are 2 folds and more, counted from 1")]
    Fold {
        /// How many there are.
        folds: usize,
        /// Which is meant.
        fold: usize,
    },
    /// A fold of none.
    #[error("`fold` is one of `folds`: say how many there are")]
    FoldOfNone,
    /// All folds at once.
    #[error("a training holds out one of {0} `folds`: `fold` says which")]
    WhichFold(usize),
    /// More folds than rows.
    #[error("{rows} rows cannot be cut into {folds} `folds`")]
    TooFewForFolds {
        /// Rows.
        rows: usize,
        /// Folds.
        folds: usize,
    },
    /// Validation rows are drawn where there is a validation file.
    #[error("`validation-fraction` is for data without a `validation` file")]
    TwoValidationSplits,
    /// A setting of tables with names for another kind of file.
    #[error("`{setting}` is for tables of text, which {} is not", path.display())]
    NotText {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A setting of SVMlight for another kind of file.
    #[error("`{setting}` is for SVMlight, which {} is not", path.display())]
    OnlySvmlight {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A setting of classes, where numbers are learned.
    #[error("`{0}` is for classes, and `task` regression learns numbers")]
    NeedsClasses(&'static str),
    /// Nothing is left to be held out, or nothing to be kept.
    #[error("a `validation-fraction` of {0} leaves one side empty")]
    EmptyValidation(f64),
    /// Nothing to train with, or nothing to test on.
    #[error(
        "{train} training and {test} test rows: both must be there (`test` FILE or \
         `test-fraction`)"
    )]
    EmptySplit {
        /// Training rows.
        train: usize,
        /// Test rows.
        test: usize,
    },
    /// Images of other numbers than bytes.
    #[error("{}: `content` image is for arrays of unsigned bytes", .0.display())]
    NotBytes(PathBuf),
    /// The data is not what it was.
    #[error(
        "{name} is not the data that this run began with: its digest is {found}, it was \
         {expected}; another file, another order of columns or rows, or another split"
    )]
    DataChanged {
        /// The data set.
        name: String,
        /// The digest that was kept.
        expected: String,
        /// The digest now.
        found: String,
    },

    /// No known data set has this name.
    #[error("unknown data set '{name}': the known ones are {}", known.join(", "))]
    UnknownDataset {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// A known data set is nowhere to be found.
    #[error(
        "data set '{name}' not found: no {file} in {}; `fanin data fetch {name}` gets it from \
         {url}, or put it into one of these folders, or name another with `data-dir` or \
         FANIN_DATA_DIR",
        listed(searched)
    )]
    Missing {
        /// The data set.
        name: &'static str,
        /// The file looked for.
        file: String,
        /// Where it was looked for.
        searched: Vec<PathBuf>,
        /// Where it can be had.
        url: &'static str,
    },
    /// A file of a known data set is not there to be checked.
    #[error("{name}: {file} is not here")]
    NotHere {
        /// The data set.
        name: &'static str,
        /// The file.
        file: &'static str,
    },
    /// A known data set without images.
    #[error("{0} has no images to show")]
    NoImages(&'static str),
    /// There is no folder to fetch into.
    #[error("there is no home for a cache: name a folder with `data-dir`")]
    NoCache,
    /// What is on this machine does not hold a file.
    #[error("{} has no {file} for {name}", from.display())]
    NotIn {
        /// The file, archive or folder.
        from: PathBuf,
        /// What was looked for in it.
        file: String,
        /// The data set.
        name: &'static str,
    },
    /// No address gave a file.
    #[error(
        "{file} of {name} could not be fetched: {}; get it from there some other way and put it \
         into {}, or name what you have with `from`", told(said), dir.display()
    )]
    Fetch {
        /// The data set.
        name: &'static str,
        /// The file.
        file: String,
        /// What each address said.
        said: Vec<(String, FetchProblem)>,
        /// Where the file belongs.
        dir: PathBuf,
    },
}

impl Error {
    /// Wraps a system's error with the file it concerns.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        |source| Error::Io { path: path.to_path_buf(), source }
    }

    /// Wraps a data problem with the file it concerns.
    pub fn data(path: &Path) -> impl FnOnce(DataProblem) -> Error + '_ {
        |problem| Error::Data { path: path.to_path_buf(), problem }
    }
}

impl From<Error> for FetchProblem {
    fn from(problem: Error) -> Self {
        FetchProblem::Arrived(Box::new(problem))
    }
}

/// Why an address gave no file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchProblem {
    /// The connection, as its library says.
    #[error(transparent)]
    Connection(Box<dyn std::error::Error + Send + Sync>),
    /// The server refuses.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// What an earlier attempt left is no beginning of what is offered.
    #[error("the file there has another length")]
    OtherLength,
    /// The connection ended early.
    #[error("the connection broke off after {found} of {expected} bytes")]
    BrokenOff {
        /// Bytes that came.
        found: u64,
        /// Bytes promised.
        expected: u64,
    },
    /// More than any known data set has.
    #[error("more bytes than any file of a known data set has")]
    TooLong,
    /// Nothing comes any more.
    #[error("nothing came for {seconds} second{}", if *seconds == 1 { "" } else { "s" })]
    Stalled {
        /// How long was waited.
        seconds: u64,
    },
    /// What arrived is not the file, or cannot be kept.
    #[error(transparent)]
    Arrived(Box<Error>),
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn told(said: &[(String, FetchProblem)]) -> String {
    said.iter().map(|(url, problem)| format!("{url}: {problem}")).collect::<Vec<_>>().join("; ")
}
