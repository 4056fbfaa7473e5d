//! What only a command finds wrong, beside the library's errors.

use crate::nn::gradcheck::Check;
use std::path::PathBuf;

/// The exit code after Ctrl-C, SIGTERM or the end of the terminal: 128 + SIGINT, as shells have it.
pub(super) const EXIT_INTERRUPTED: u8 = 130;

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The library says why.
    #[error(transparent)]
    Library(#[from] crate::Error),
    /// A flag's value that settings cannot hold.
    #[error("a flag's value: {0}")]
    Flag(#[from] toml::ser::Error),
    /// A measurement shorter than nothing, or longer than an hour.
    #[error("`seconds` {0}: 0 to 3600 are possible")]
    Seconds(f64),
    /// A sparsity that leaves neurons of a width without an input.
    #[error("at sparsity {sparsity} a neuron with {width} inputs has none left: at most {most:.6}")]
    TooSparse {
        /// The sparsity asked for.
        sparsity: f64,
        /// The width.
        width: usize,
        /// The highest sparsity that leaves one input.
        most: f64,
    },
    /// A network without a sparse layer.
    #[error("no layer lacks connections: there is no topology to write")]
    NoTopology,
    /// The connections of several networks, which no file of connections holds.
    #[error("the model is a mixture: a file of connections is for a single network")]
    MixtureTopology,
    /// Samples of other sizes than a model's.
    #[error(
        "the model takes {features} values and gives {outputs}; {name} has {found_features} and \
         {found_outputs}"
    )]
    OtherSizes {
        /// The samples.
        name: String,
        /// Values that the model takes.
        features: usize,
        /// Classes that it knows, or numbers that it gives.
        outputs: usize,
        /// Values of a sample.
        found_features: usize,
        /// Classes of the samples, or their numbers.
        found_outputs: usize,
    },
    /// Images for a model of tables, or tables for a model of images.
    #[error("the model was trained on data of another kind than {0}")]
    OtherKind(String),
    /// Data whose values would enter a model otherwise than in its training.
    #[error(
        "{0}: its values are scaled otherwise than those that the model was trained on; rows of a \
         `test` file are scaled as the model says"
    )]
    OtherScaling(String),
    /// What a model names as its data, and is a pipe or a device.
    #[error("{}: the model names it as its data, and it is no file", .0.display())]
    NoFile(PathBuf),
    /// An old model without the settings it was trained with.
    #[error("{}: the model does not say what data it was trained on", .0.display())]
    NoSettings(PathBuf),
    /// A fold's folder with a run of other settings or data.
    #[error("{}: holds a run of other settings or other data; `force` replaces it", .0.display())]
    OtherFold(PathBuf),
    /// An experiment that the paper does not have.
    #[error("there is no experiment '{name}': there are {}", known.join(", "))]
    NoExperiment {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Runs of which none has a result.
    #[error("none of the runs is finished")]
    NothingFinished,
    /// Runs of a sweep that failed; the others are finished.
    #[error("{failed} of {runs} runs failed: their folders say why in error.txt")]
    RunsFailed {
        /// Runs that failed.
        failed: usize,
        /// All runs.
        runs: usize,
    },
    /// Runs whose data are not on this machine.
    #[error(
        "{runs} runs are left out, since their data are not here: {}",
        datasets.iter().map(|name| format!("`fanin data fetch {name}`")).collect::<Vec<_>>().join(", ")
    )]
    LeftOut {
        /// Runs that were not tried.
        runs: usize,
        /// Names of the data sets.
        datasets: Vec<&'static str>,
    },
    /// Rows that were not answered.
    #[error("{refused} of {total} rows have no answer")]
    Unanswered {
        /// Rows without an answer.
        refused: usize,
        /// All rows.
        total: usize,
    },
    /// A picture of an unknown kind.
    #[error("{}: name a .svg or .png", .0.display())]
    PictureName(PathBuf),
    /// A gradient check outside its bounds.
    #[error(
        "the gradient check failed: {} of {}: error {:.1e}, bound {:.0e}",
        .0.parameter, .0.subject, .0.worst_error, .0.bound
    )]
    GradientCheck(Check),
}

/// What each part of the library says goes the same way.
macro_rules! through_the_library {
    ($($error:ty),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Error::Library(error.into())
            }
        })*
    };
}

through_the_library!(
    crate::grammar::Error,
    crate::parallel::Error,
    crate::format::Error,
    crate::topology::Error,
    crate::dataset::Error,
    crate::model::Error,
    crate::train::Error,
    crate::train::SettingsError,
    crate::experiment::Error
);

impl Error {
    /// Whether the run was asked to stop.
    pub(super) fn is_interruption(&self) -> bool {
        let interrupted = crate::experiment::Error::is_interruption;
        matches!(self, Error::Library(crate::Error::Experiment(error)) if interrupted(error))
    }
}
