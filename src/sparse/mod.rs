//! CSR matrices: the pattern of connections, and its transpose with a position map. Values are plain
//! slices in the pattern's order.
//!
//! Rows are output neurons, columns inputs. The pattern is a type of its own, validated once and
//! shared by weights, gradients and moments. Nothing here knows of learning.

mod pattern;
mod transpose;

pub use pattern::{CsrPattern, PatternError};
pub use transpose::Transpose;
