//! CSR matrices: the pattern of connections, its transpose with a position map, and its
//! orders by rows sorted by length, by rows that share their columns and by blocks. Values are
//! plain slices in one of the orders.
//!
//! Rows are output neurons, columns inputs. The pattern is a type of its own, validated once and
//! shared by weights, gradients and moments. Nothing here knows of learning.

mod blocks;
mod pattern;
mod sell;
mod shared;
mod transpose;

pub use blocks::Blocks;
pub use pattern::{CsrPattern, PatternError, free_positions};
pub use sell::{Part, Sell};
pub use shared::Shared;
pub use transpose::{Transpose, gather_into};

#[cfg(test)]
pub(crate) mod oracle;
