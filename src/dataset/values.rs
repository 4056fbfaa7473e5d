//! The values of samples, as they are kept in memory.

/// The values of samples, row-major.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Values {
    /// Of images.
    Bytes(Vec<u8>),
    /// Of tables.
    Floats(Vec<f32>),
}

impl Default for Values {
    fn default() -> Self {
        Values::Floats(Vec::new())
    }
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Values::Bytes(values) => values.len(),
            Values::Floats(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
