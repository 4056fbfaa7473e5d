//! A trained network: as a file, at work, and how good it is.

mod classification;
mod error;
mod file;
mod predictor;
mod regression;
mod tensors;

pub use classification::{ClassResult, Classification};
pub use error::{Error, ModelProblem};
pub use file::{Meaning, ModelFile};
pub use predictor::{Batch, Number, Predictor, answers, most_probable};
pub use regression::{Regression, TargetResult};
pub(crate) use tensors::{add_pattern, expect_format, from_json, take_pattern, to_json};
