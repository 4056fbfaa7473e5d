//! What can be wrong with a model or a checkpoint.
//!
//! Layers are named as the file names its tensors: `layers.0` is the first.

use crate::format::{self, FileProblem};
use crate::sparse::PatternError;
use std::path::{Path, PathBuf};

/// An error of a model or a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read or written, or is no file of ours.
    #[error(transparent)]
    Format(#[from] format::Error),
    /// The file's content is not what it should be.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        problem: ModelProblem,
    },
}

impl Error {
    /// Wraps a problem with the file it concerns.
    pub fn at(path: &Path) -> impl FnOnce(ModelProblem) -> Error + '_ {
        |problem| Error::Content { path: path.to_path_buf(), problem }
    }
}

/// What is wrong with the content of a model or a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelProblem {
    /// A tensor.
    #[error(transparent)]
    Tensor(#[from] FileProblem),
    /// A layer's connections are not a CSR pattern.
    #[error("layers.{layer}: {source}")]
    Pattern {
        /// The layer as the file counts: from 0.
        layer: usize,
        /// What is wrong.
        source: PatternError,
    },
    /// Parameters that no training leaves.
    #[error("layers.{0} holds values that are not finite")]
    NotFinite(usize),
    /// A metadata entry that cannot be understood.
    #[error("metadata {key}: {problem}")]
    Metadata {
        /// The entry.
        key: &'static str,
        /// What the reader says.
        problem: String,
    },
    /// Layers that are not those of a mixture.
    #[error("{0} layers are not those of the mixture's experts and its gate")]
    Experts(usize),
    /// A checkpoint from beyond an epoch's end.
    #[error("{0} samples into an epoch that is shorter")]
    Position(usize),
    /// Epochs, steps or flops that no run can have done.
    #[error("damaged: it counts more epochs, steps or flops than any run has")]
    Counts,
    /// Numbers of an optimiser that it never writes.
    #[error("damaged: {0} holds numbers that the optimiser never has")]
    Slot(String),
    /// A checkpoint of a run on other data.
    #[error("the run's data is another than at this checkpoint")]
    OtherData,
    /// A method's state that is not what the method keeps.
    #[error("the method's state is another method's")]
    MethodState,
}
