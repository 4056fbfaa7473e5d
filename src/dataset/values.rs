//! The values of samples, as they are kept in memory.

use super::sparse_rows::SparseRows;

/// The values of samples, row-major.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Values {
    /// Of images, to be normalised as they are loaded.
    Bytes(Vec<u8>),
    /// Of tables, to be normalised as they are loaded.
    Floats(Vec<f32>),
    /// As they enter the network.
    Inputs(Vec<f32>),
    /// As they enter the network, those that are not 0.
    Sparse(SparseRows<f32>),
}

impl Default for Values {
    fn default() -> Self {
        Values::Floats(Vec::new())
    }
}

impl Values {
    /// How many there are, zeros included.
    pub fn len(&self) -> usize {
        match self {
            Values::Bytes(values) => values.len(),
            Values::Floats(values) | Values::Inputs(values) => values.len(),
            Values::Sparse(rows) => rows.rows() * rows.width(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
