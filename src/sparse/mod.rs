//! CSR matrices: the pattern of connections, its transpose with a position map, its panels, and
//! its order by rows sorted by length. Values are plain slices in the pattern's order or that one.
//!
//! Rows are output neurons, columns inputs. The pattern is a type of its own, validated once and
//! shared by weights, gradients and moments. Nothing here knows of learning.

mod panels;
mod pattern;
mod sell;
mod transpose;

pub use panels::Panels;
pub use pattern::{CsrPattern, PatternError};
pub use sell::{Part, Sell};
pub use transpose::{Transpose, gather_into};
