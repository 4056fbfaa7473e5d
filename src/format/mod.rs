//! Files other tools read. A leaf: knows of no network, and its errors are its own.

pub(crate) mod digest;
mod error;
pub(crate) mod fingerprint;
pub mod matrix;
pub mod npy;
pub mod npz;
mod replace;
pub mod safetensors;
pub(crate) mod zip;

pub use error::{Error, FileProblem};
pub use replace::replace_file;
pub use zip::ZipProblem;
