//! What can be wrong with a file whose format is this module's.
//!
//! Rows and samples are counted from 1 in every message; layers, where a file numbers its tensors,
//! as the file does.

use super::zip::ZipProblem;
use crate::memory::TooMuch;
use std::io;
use std::path::{Path, PathBuf};

/// An error with the file it concerns.
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
    /// A file is not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        problem: FileProblem,
    },
}

impl Error {
    /// Wraps a system's error with the file it concerns.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        |source| Error::Io { path: path.to_path_buf(), source }
    }

    /// Wraps a file's problem with its path.
    pub fn file(path: &Path) -> impl FnOnce(FileProblem) -> Error + '_ {
        |problem| Error::File { path: path.to_path_buf(), problem }
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// Cut, or bits are other than they were written, as the library that reads it says.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A file has fewer bytes than its header says, or more.
    #[error("damaged: {found} bytes, not {expected}")]
    FileLength {
        /// Bytes that are there.
        found: u64,
        /// Bytes that should be, as far as is known.
        expected: u64,
    },
    /// A header is longer than any header is.
    #[error("damaged, or no model: its header would have {found} bytes, and may have {most}")]
    HeaderLength {
        /// The length it says.
        found: u64,
        /// The longest there is.
        most: u64,
    },
    /// A name comes twice.
    #[error("damaged: {0} is there twice")]
    Duplicate(String),
    /// A tensor's bytes do not begin where those of the tensor before end.
    #[error("damaged: tensor {0} leaves a hole, or lies on another")]
    Offsets(String),
    /// A tensor's bytes are not as many as its shape needs.
    #[error("damaged: tensor {name} has {found} bytes, its shape needs {expected}")]
    TensorLength {
        /// The tensor.
        name: String,
        /// Bytes that it has.
        found: usize,
        /// Bytes of so many elements.
        expected: usize,
    },
    /// A tensor's shape has more bytes than can be counted.
    #[error("damaged: tensor {0} would have more bytes than can be counted")]
    TooLarge(String),
    /// The content has another SHA-256 than the file carries.
    #[error("damaged: its SHA-256 is another")]
    Digest,
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
    #[error("tensor {0} has the element type {1}{hint}", hint = of_objects(.1))]
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
    /// An array of indices has a number that is none.
    #[error("{0} has a number that is no index")]
    NotIndex(String),
    /// A tensor of bytes has not the length it begins with.
    #[error("tensor {0} is not as long as it says")]
    Length(String),
    /// Not a zip archive, a damaged one, or one that cannot be read.
    #[error(transparent)]
    Zip(#[from] ZipProblem),
    /// Not an NPY array.
    #[error("{0} is not an NPY array")]
    NotNpy(String),
    /// The header of an NPY array cannot be understood.
    #[error("{0} has a malformed NPY header")]
    NpyHeader(String),
    /// More memory than may be taken.
    #[error(transparent)]
    Memory(#[from] TooMuch),
    /// Bytes follow an NPY array.
    #[error("damaged: {0} is followed by bytes that belong to nothing")]
    NpyBeyond(String),
    /// An NPY array ends early.
    #[error("damaged: {name} has {found} of {expected} bytes")]
    NpyCut {
        /// The array.
        name: String,
        /// Bytes that are there, of the header or of the elements.
        found: u64,
        /// Bytes that should be.
        expected: u64,
    },
}

impl From<io::Error> for FileProblem {
    /// What a failed read means: a damaged archive, if its reader says so.
    fn from(problem: io::Error) -> FileProblem {
        match problem.downcast::<ZipProblem>() {
            Ok(problem) => FileProblem::Zip(problem),
            Err(problem) => FileProblem::Damaged(problem.to_string()),
        }
    }
}

/// What to do about an element type, if it is one of Python's own.
fn of_objects(descr: &str) -> &'static str {
    match descr.contains("|O") {
        true => ": Python's objects, which only Python reads; astype(str) makes texts of them",
        false => "",
    }
}
