//! CSR matrices: the pattern of connections, values on it, and its transpose.
//!
//! Rows are output neurons, columns inputs. The pattern is a type of its own, validated once and
//! shared by weights, gradients and moments. Nothing here knows of learning.

mod pattern;
mod transpose;

pub use pattern::{CsrPattern, PatternError};
pub use transpose::Transpose;
