//! A multilayer perceptron: linear, LayerNorm and ReLU per hidden layer; linear; cross-entropy.

use super::tensors::{LayerBlock, LayerSlices, LayerTensors};
use super::{DenseLinear, LayerTile, Linear, SparseLinear, Tile, he_normal};
use crate::parallel::{self, Executor};
use crate::random::{Purpose, stream};
use crate::sparse::CsrPattern;
use fanin_kernels::{
    Activation, Isa, Row, layer_norm_backward, layer_norm_forward, layer_norm_sample,
    softmax_cross_entropy, sum_samples,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// LayerNorm's epsilon, as PyTorch has it.
pub const NORM_EPS: f32 = 1e-5;

/// How the layers compute. All three learn the same network from the same weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Stored connections only, in CSR.
    Sparse,
    /// All connections, by GEMM; the sparsity is ignored.
    Dense,
    /// Dense weights by GEMM, the mask reapplied after each update.
    Masked,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Sparse => "sparse",
            Engine::Dense => "dense",
            Engine::Masked => "masked",
        })
    }
}

/// One layer: a structure and its parameters.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Which connections there are, and how products over them are computed.
    pub linear: Linear,
    /// Weight, bias, and γ, β where a LayerNorm follows.
    pub params: LayerTensors,
}

/// The network.
#[derive(Clone, Debug)]
pub struct Mlp {
    layers: Vec<Layer>,
}

impl Mlp {
    /// A network on the given patterns, the last of which is the output layer.
    ///
    /// Weights are He-normal with the layer's mean fan-in (paper eq 9), drawn in CSR order from the
    /// stream of (seed, layer): the same on every engine, but for `Dense`, which draws every
    /// position. Biases and β are 0, γ is 1. For `Engine::Dense` only the patterns' shapes count.
    ///
    /// **Panics** if the widths of consecutive patterns disagree, or a pattern is empty.
    pub fn new(engine: Engine, patterns: Vec<CsrPattern>, seed: u64) -> Mlp {
        let last = patterns.len() - 1;
        let layers = patterns
            .into_iter()
            .enumerate()
            .map(|(i, pattern)| Layer::new(engine, pattern, i, i < last, seed))
            .collect();
        Mlp::from_layers(layers)
    }

    /// A network of these layers.
    ///
    /// **Panics** if there is none, or the widths of consecutive layers disagree.
    pub fn from_layers(layers: Vec<Layer>) -> Mlp {
        assert!(!layers.is_empty(), "a network has a layer");
        for (i, pair) in layers.windows(2).enumerate() {
            let (before, after) = (pair[0].linear.out_features(), pair[1].linear.in_features());
            assert_eq!(before, after, "layer {} takes in what layer {i} gives out", i + 1);
        }
        Mlp { layers }
    }

    /// The layers, in the order samples pass them.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// As [`Mlp::layers`]; after changing weights call [`Linear::weights_changed`].
    pub fn layers_mut(&mut self) -> &mut [Layer] {
        &mut self.layers
    }

    /// Inputs of the network.
    pub fn in_features(&self) -> usize {
        self.layers[0].linear.in_features()
    }

    /// Outputs of the network.
    pub fn classes(&self) -> usize {
        self.layers[self.layers.len() - 1].linear.out_features()
    }

    /// Parameters that exist: connections, biases, γ and β.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// Connections that exist.
    pub fn nnz(&self) -> usize {
        self.layers.iter().map(|layer| layer.linear.nnz()).sum()
    }

    /// Flops of one training sample's products over the connections: forward, dX but for the first
    /// layer, and dW if it is wanted.
    pub fn flops_per_sample(&self, with_dw: bool) -> u64 {
        let of = |layer: &Layer| 2 * layer.linear.nnz() as u64;
        let all: u64 = self.layers.iter().map(of).sum();
        2 * all - of(&self.layers[0]) + if with_dw { all } else { 0 }
    }

    /// The tile's samples through all layers; leaves the logits in the last layer's `z`.
    pub fn forward(&self, executor: &Executor, cut_rows: bool, tile: &mut Tile) {
        let Tile { input, layers: tiles, .. } = tile;
        let mut x: &[Row] = input;
        for (layer, tile) in self.layers.iter().zip(tiles) {
            let LayerTensors { weight, bias, gamma, beta } = &layer.params;
            layer.linear.forward(executor, cut_rows, weight, bias, x, &mut tile.z);
            if layer.has_norm() {
                tile.stats = layer_norm_forward(
                    executor.isa(),
                    Activation::Relu,
                    &tile.z,
                    gamma,
                    beta,
                    NORM_EPS,
                    &mut tile.h,
                );
            }
            x = &tile.h;
        }
    }

    /// Whether samples can pass one by one, [`Mlp::forward_sample`].
    pub fn takes_samples(&self) -> bool {
        self.layers.iter().all(|layer| matches!(layer.linear, Linear::Sparse(_)))
    }

    /// One sample through all layers, with the bits it has in a tile: `x` holds its values and then its
    /// logits; `y` is memory.
    ///
    /// **Panics** unless [`Mlp::takes_samples`], or if there is not one value per input.
    pub fn forward_sample(&self, isa: Isa, x: &mut Vec<f32>, y: &mut Vec<f32>) {
        assert_eq!(x.len(), self.in_features(), "one value per input");
        for layer in &self.layers {
            let LayerTensors { weight, bias, gamma, beta } = &layer.params;
            y.resize(layer.linear.out_features(), 0.0);
            layer.linear.forward_sample(isa, weight, bias, x, y);
            if layer.has_norm() {
                layer_norm_sample(isa, Activation::Relu, gamma, beta, NORM_EPS, y);
            }
            std::mem::swap(x, y);
        }
    }

    /// The loss of the logits, and its gradient in their place, as part of a mean over `batch`.
    pub fn loss(&self, executor: &Executor, batch: usize, tile: &mut Tile) {
        let logits = &mut tile.layers.last_mut().expect("a network has a layer").z;
        let labels = &tile.labels[..tile.samples];
        let (weights, scale) = (&tile.weights[..tile.samples], 1.0 / batch as f32);
        tile.loss = softmax_cross_entropy(executor.isa(), logits, labels, weights, scale);
    }

    /// From the logits' gradient back to the first layer: every `z` becomes its gradient.
    pub fn backward(&self, executor: &Executor, cut_rows: bool, tile: &mut Tile) {
        let Tile { layers: tiles, dh, .. } = tile;
        let LayerTile { z: dlogits, dbias, .. } = tiles.last_mut().expect("a network has a layer");
        sum_samples(executor.isa(), dlogits, dbias);
        for l in (1..self.layers.len()).rev() {
            let (before, after) = tiles.split_at_mut(l);
            let (below, dy) = (&mut before[l - 1], &after[0].z);
            let dh = &mut dh[..below.h.len()];
            let layer = &self.layers[l];
            layer.linear.backward_input(executor, cut_rows, &layer.params.weight, dy, dh);
            let LayerTensors { gamma, beta, .. } = &self.layers[l - 1].params;
            let LayerTile { z, stats, dgamma, dbeta, dbias, .. } = below;
            let sums = [dgamma, dbeta, dbias].map(|sums| &mut sums[..]);
            layer_norm_backward(executor.isa(), Activation::Relu, dh, gamma, beta, stats, z, sums);
        }
    }

    /// The gradients of all layers after [`Mlp::backward`] of every tile, stored.
    ///
    /// Training does not call this: it hands each block of rows to the optimiser at once.
    pub fn gradients(&self, executor: &Executor, tiles: &[Tile]) -> Vec<LayerTensors> {
        let gradient_of = |(index, layer): (usize, &Layer)| {
            let mut gradient = LayerTensors::zeros_like(&layer.params);
            self.layer_gradient(executor, index, tiles, &mut gradient);
            gradient
        };
        executor.install(|| self.layers.iter().enumerate().map(gradient_of).collect())
    }

    /// The gradients of layer `index` after [`Mlp::backward`] of every tile, overwriting `gradient`.
    pub fn layer_gradient(
        &self,
        executor: &Executor,
        index: usize,
        tiles: &[Tile],
        gradient: &mut LayerTensors,
    ) {
        let linear = &self.layers[index].linear;
        let work = LayerBlock::new(linear.row_ptr(), [gradient.slices()]);
        parallel::by_rows(linear.blocks(), work, &|rows, block: LayerBlock<'_, 1>| {
            let [mut gradient] = block.sets;
            gradient.clear();
            add_gradient_rows(executor, linear, index, rows, tiles, &mut gradient);
        });
    }

    /// The first layer whose output for the tile is not finite, if any.
    pub fn first_non_finite(&self, tile: &Tile) -> Option<usize> {
        let finite = |rows: &[Row]| rows.iter().flat_map(|row| row.0).all(f32::is_finite);
        tile.layers.iter().position(|layer| !finite(&layer.z) || !finite(&layer.h))
    }
}

impl Layer {
    /// A layer with initial parameters.
    fn new(engine: Engine, pattern: CsrPattern, index: usize, norm: bool, seed: u64) -> Layer {
        let rows = pattern.rows();
        let pattern = match engine {
            Engine::Dense => CsrPattern::full(rows, pattern.cols()),
            Engine::Sparse | Engine::Masked => pattern,
        };
        let mean_fan_in = pattern.nnz() as f64 / rows as f64;
        let rng = &mut stream(seed, Purpose::Init, index as u64);
        let norm_features = if norm { rows } else { 0 };
        let params = LayerTensors {
            weight: he_normal(rng, mean_fan_in, pattern.nnz()),
            bias: vec![0.0; rows],
            gamma: vec![1.0; norm_features],
            beta: vec![0.0; norm_features],
        };
        Layer::from_parts(engine, pattern, index, params)
    }

    /// The layer `index` of a network with given parameters, the weights in CSR order.
    ///
    /// **Panics** if the parameters are not of the pattern's shape.
    pub fn from_parts(
        engine: Engine,
        pattern: CsrPattern,
        index: usize,
        mut params: LayerTensors,
    ) -> Layer {
        let (rows, cols) = (pattern.rows(), pattern.cols());
        assert_eq!(params.weight.len(), pattern.nnz(), "one weight per connection");
        assert_eq!(params.bias.len(), rows, "one bias per neuron");
        let is_full = pattern.nnz() == rows * cols;
        let linear = match engine {
            Engine::Sparse => Linear::Sparse(SparseLinear::new(Arc::new(pattern), index > 0)),
            Engine::Dense | Engine::Masked if is_full => {
                Linear::Dense(DenseLinear::new(cols, rows, None))
            }
            Engine::Dense | Engine::Masked => {
                params.weight = pattern.scatter(&params.weight);
                Linear::Dense(DenseLinear::new(cols, rows, Some(Arc::new(pattern))))
            }
        };
        let mut layer = Layer { linear, params };
        layer.linear.weights_changed(&layer.params.weight);
        layer
    }

    /// The connections with their weights in CSR order, whatever the engine stores.
    pub fn connections(&self) -> (Arc<CsrPattern>, Vec<f32>) {
        match self.linear.pattern() {
            None => {
                let full = CsrPattern::full(self.linear.out_features(), self.linear.in_features());
                (Arc::new(full), self.params.weight.clone())
            }
            Some(pattern) if self.params.weight.len() == pattern.nnz() => {
                (Arc::clone(pattern), self.params.weight.clone())
            }
            Some(pattern) => (Arc::clone(pattern), pattern.gather(&self.params.weight)),
        }
    }

    /// Whether LayerNorm and ReLU follow.
    pub fn has_norm(&self) -> bool {
        !self.params.gamma.is_empty()
    }

    /// Parameters that exist.
    pub fn parameters(&self) -> usize {
        self.linear.nnz() + self.params.count() - self.params.weight.len()
    }
}

/// Adds the gradient of all four tensors of a block of rows of layer `index` over tiles, in order.
///
/// **Shapes**: `gradient` holds the tensors' slices of these rows.
///
/// **Order**: per tile as the kernels promise, tiles ascending: groups of tiles one after the other give
/// the bits of all at once.
pub fn add_gradient_rows(
    executor: &Executor,
    linear: &Linear,
    index: usize,
    rows: Range<usize>,
    tiles: &[Tile],
    gradient: &mut LayerSlices<'_>,
) {
    let pairs = tiles.iter().map(|tile| tile.input_and_gradient(index));
    linear.add_weight_gradient(executor, rows.clone(), pairs, gradient.weight);
    let LayerSlices { bias, gamma, beta, .. } = gradient;
    for tile in tiles {
        let LayerTile { dbias, dgamma, dbeta, .. } = &tile.layers[index];
        for (sums, parts) in [(&mut *bias, dbias), (gamma, dgamma), (beta, dbeta)] {
            // Without a norm there are no sums of γ and β.
            let parts = parts.get(rows.clone()).unwrap_or_default();
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum += part;
            }
        }
    }
}
