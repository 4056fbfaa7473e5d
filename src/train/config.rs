//! Everything that determines a training run.

use crate::Error;
use crate::nn::{Engine, Mlp};
use crate::sparse::CsrPattern;
use crate::topology::{self, Profile, Spread};
use serde::{Deserialize, Serialize};

/// The configuration of a run; the default is the paper's MNIST network at 90 % sparsity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Fraction of the hidden layers' connections that do not exist.
    pub sparsity: f64,
    /// Fan-in over the neurons of a layer.
    pub profile: Profile,
    /// Which inputs each neuron gets.
    pub spread: Spread,
    /// Whether the output layer is as sparse as the hidden ones.
    pub sparse_output: bool,
    /// Whether the hidden layers keep every connection.
    pub dense_hidden: bool,
    /// How the layers compute.
    pub engine: Engine,
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples per optimiser step; the last batch of an epoch may be smaller.
    pub batch: usize,
    /// Adam's learning rate.
    pub lr: f32,
    /// Seed of every random stream.
    pub seed: u64,
    /// Threads; 0 is one per core. Changes no bit of the result.
    pub threads: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            hidden: vec![1024, 1024],
            sparsity: 0.9,
            profile: Profile::Uniform,
            spread: Spread::Random,
            sparse_output: false,
            dense_hidden: false,
            engine: Engine::Sparse,
            epochs: 10,
            batch: 128,
            lr: 1e-3,
            seed: 42,
            threads: 0,
        }
    }
}

impl TrainConfig {
    /// Refuses values outside their range.
    ///
    /// **Errors**: [`Error::Config`] naming the setting.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::Config(problem));
        if let Some(width) = self.hidden.iter().find(|width| **width == 0) {
            return refuse(format!("a hidden layer of width {width}"));
        }
        if self.batch == 0 || self.batch > 1 << 20 {
            return refuse(format!("a batch of {} samples: 1 to 1048576 are possible", self.batch));
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return refuse(format!("a learning rate of {}: it must be positive", self.lr));
        }
        Ok(())
    }

    /// The sparsity of the hidden layers: none where the engine or the user wants all connections.
    pub fn hidden_sparsity(&self) -> f64 {
        if self.dense_hidden || self.engine == Engine::Dense { 0.0 } else { self.sparsity }
    }

    /// Builds the network for this many inputs and classes.
    ///
    /// **Errors**: [`Error::Topology`] naming the layer that cannot be built.
    pub fn build(&self, in_features: usize, classes: usize) -> Result<Mlp, Error> {
        self.validate()?;
        let widths: Vec<usize> =
            [in_features].into_iter().chain(self.hidden.iter().copied()).chain([classes]).collect();
        let patterns: Result<Vec<CsrPattern>, Error> = widths
            .windows(2)
            .enumerate()
            .map(|(layer, width)| {
                let is_output = layer == self.hidden.len();
                let sparsity = match (is_output, self.sparse_output) {
                    (false, _) => self.hidden_sparsity(),
                    (true, true) if self.engine != Engine::Dense => self.sparsity,
                    (true, _) => 0.0,
                };
                let (profile, spread) = (&self.profile, self.spread);
                topology::build(width[0], width[1], sparsity, profile, spread, self.seed, layer)
                    .map_err(|source| Error::Topology { layer: layer + 1, source })
            })
            .collect();
        Ok(Mlp::new(self.engine, patterns?, self.seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dense_mnist_net_has_the_papers_parameters() {
        // Paper §2.1, notes G23: weights, biases, and LayerNorm's γ and β.
        let config = TrainConfig { engine: Engine::Dense, ..TrainConfig::default() };
        assert_eq!(config.build(784, 10).unwrap().parameters(), 1_867_786);
    }

    #[test]
    fn hidden_and_output_layers_are_sparse_as_asked() {
        let config = TrainConfig { hidden: vec![20], sparsity: 0.75, ..TrainConfig::default() };
        let nnz = |config: &TrainConfig| {
            let model = config.build(16, 8).unwrap();
            model.layers().iter().map(|layer| layer.linear.nnz()).collect::<Vec<_>>()
        };
        assert_eq!(nnz(&config), [80, 160]);
        assert_eq!(nnz(&TrainConfig { sparse_output: true, ..config.clone() }), [80, 40]);
        let dense_hidden = TrainConfig { dense_hidden: true, sparse_output: true, ..config };
        assert_eq!(nnz(&dense_hidden), [320, 40]);
    }
}
