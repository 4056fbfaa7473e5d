//! What makes a layer's connections: the interface that each way of making them meets.

use super::error::{TopologyError, Warning};
use crate::grammar::Card;
use crate::sparse::CsrPattern;
use std::fmt::Debug;

/// A way of making a layer's connections.
pub trait Generator: Debug + Send + Sync {
    /// The connections of one layer, the same for the same request.
    ///
    /// **Errors**: a [`TopologyError`] where the layer cannot be had.
    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError>;

    /// Where it is from and what it does, in words.
    fn card(&self) -> Card {
        Card::default()
    }

    /// Whether what it makes can be the connections of groups of neurons.
    fn takes_groups(&self) -> bool {
        true
    }

    /// Whether it looks at training data. Then the request for the first layer carries them;
    /// without, it is [`TopologyError::NoInputs`].
    fn needs_inputs(&self) -> bool {
        false
    }
}

/// The layer that is wanted.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `[in_features, out_features]`.
    pub shape: [usize; 2],
    /// Fraction of the positions without a connection, at least 0 and below 1.
    pub sparsity: f64,
    /// The run's seed.
    pub seed: u64,
    /// The layer's index in its network, from 0: layers of one seed differ by it.
    pub layer: usize,
    /// Training data, for the first layer of a generator that looks at them.
    pub inputs: Option<&'a dyn Inputs>,
}

/// Training data as a generator sees them: scaled as they enter the network.
pub trait Inputs: Sync {
    /// Samples.
    fn count(&self) -> usize;

    /// Values of a sample.
    fn features(&self) -> usize;

    /// Writes the values of a sample.
    ///
    /// **Shapes**: `values` `[features]`.
    fn sample(&self, index: usize, values: &mut [f32]);
}

/// A layer as a generator made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Its connections.
    pub pattern: CsrPattern,
    /// Its initial weights `[nnz]` in the pattern's order, if the generator gives them.
    pub weights: Option<Vec<f32>>,
    /// What is met only approximately.
    pub warnings: Vec<Warning>,
}

impl From<CsrPattern> for Generated {
    fn from(pattern: CsrPattern) -> Generated {
        Generated { pattern, weights: None, warnings: Vec::new() }
    }
}
