//! What is wrong with an archive.

use std::io;

/// What is wrong with a ZIP archive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZipProblem {
    /// No end of an archive is where it should be.
    #[error("not a zip archive, or a damaged one: it has no end")]
    NoEnd,
    /// The directory is not where the end says, or not as long, or its entries are malformed.
    #[error("a damaged zip archive: its directory is broken")]
    Directory,
    /// The archive has several parts.
    #[error("the zip archive has parts in other files")]
    Parts,
    /// Two members have the same name.
    #[error("a damaged zip archive: it has {0} twice")]
    Duplicate(String),
    /// A member lies outside the archive, or on another member.
    #[error("a damaged zip archive: {0} is cut, or lies on another member")]
    Place(String),
    /// A member does not begin as the directory says.
    #[error("a damaged zip archive: {0} begins otherwise than the directory says")]
    Member(String),
    /// A member needs a password.
    #[error("{0} is encrypted in the zip archive")]
    Encrypted(String),
    /// A member is compressed in a way that NumPy does not know either.
    #[error("{name} is compressed by method {method}; stored and deflated can be read")]
    Method {
        /// The member.
        name: String,
        /// The number of the method.
        method: u16,
    },
    /// A member's content, or its compressed form, is longer or shorter than the directory says.
    #[error("a damaged zip archive: {0} is not as long as the directory says")]
    Size(String),
    /// A member's content is another than was put in.
    #[error("a damaged zip archive: the CRC-32 of {0} is another")]
    Crc(String),
    /// The reading itself failed.
    #[error("{0}")]
    Read(String),
}

impl From<io::Error> for ZipProblem {
    fn from(problem: io::Error) -> ZipProblem {
        ZipProblem::Read(problem.to_string())
    }
}
