//! A multilayer perceptron: weights, LayerNorm and activation per hidden layer; weights; a loss.

use super::loss::{CrossEntropy, Loss};
use super::storage::{Engine, Place};
use super::tensors::{LayerBlock, LayerTensors};
use super::{Activation, Head, Layer, LayerTile, Tile, TileInput, add_gradient_rows, he_normal};
use crate::parallel::{Crew, Executor};
use crate::random::{Purpose, stream};
use crate::sparse::CsrPattern;
use fanin_kernels::{
    Isa, Row, drop_out, layer_norm_backward, layer_norm_forward, layer_norm_sample, sum_samples,
};
use std::sync::Arc;

/// LayerNorm's epsilon, as PyTorch has it.
pub const NORM_EPS: f32 = 1e-5;

/// The network.
#[derive(Clone, Debug)]
pub struct Mlp {
    layers: Vec<Layer>,
    activation: Activation,
    loss: Arc<dyn Loss>,
}

/// Where a layer of a new network begins: its connections and, if they are not to be drawn, its
/// weights in CSR order.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerStart {
    /// The connections.
    pub pattern: CsrPattern,
    /// Their weights, if they are given.
    pub weights: Option<Vec<f32>>,
}

impl From<CsrPattern> for LayerStart {
    fn from(pattern: CsrPattern) -> Self {
        LayerStart { pattern, weights: None }
    }
}

impl Mlp {
    /// A network of these layers, the last of which is the output layer; `first` decides how they
    /// are stored.
    ///
    /// Weights that are not given are He-normal with the layer's mean fan-in (paper eq 9), drawn in
    /// CSR order from the stream of (seed, layer): the same on every engine, but for `dense`, which
    /// draws every position. Biases and β are 0, γ is 1. A dense engine takes the shapes alone. The
    /// activation is ReLU, the loss cross-entropy.
    ///
    /// **Panics** if the widths of consecutive layers disagree, a pattern is empty, or weights are
    /// not one per connection.
    pub fn new<L: Into<LayerStart>>(
        engine: &dyn Engine,
        first: Place,
        layers: Vec<L>,
        seed: u64,
    ) -> Mlp {
        let last = layers.len() - 1;
        let layer = |(index, start): (usize, L)| {
            let LayerStart { pattern, weights } = start.into();
            let (rows, cols) = (pattern.rows(), pattern.cols());
            let (pattern, weights) = match engine.is_dense() && pattern.nnz() < rows * cols {
                true => (CsrPattern::full(rows, cols), None),
                false => (pattern, weights),
            };
            let weights = weights.unwrap_or_else(|| {
                let mean_fan_in = pattern.nnz() as f64 / rows as f64;
                let rng = &mut stream(seed, Purpose::Init, index as u64);
                he_normal(rng, mean_fan_in, pattern.nnz())
            });
            let storage = engine.store(pattern, weights, first.of_layer(index));
            Layer::new(storage, Head::new(rows, index < last))
        };
        Mlp::from_layers(layers.into_iter().enumerate().map(layer).collect())
    }

    /// A network of these layers, with ReLU and cross-entropy.
    ///
    /// **Panics** if there is none, the widths of consecutive layers disagree, or a hidden layer
    /// has no norm.
    pub fn from_layers(layers: Vec<Layer>) -> Mlp {
        assert!(!layers.is_empty(), "a network has a layer");
        for (i, pair) in layers.windows(2).enumerate() {
            let (before, after) = (pair[0].out_features(), pair[1].in_features());
            assert_eq!(before, after, "layer {} takes in what layer {} gives out", i + 2, i + 1);
            assert!(pair[0].has_norm(), "layer {} is hidden: it has a norm", i + 1);
        }
        Mlp { layers, activation: Activation::default(), loss: Arc::new(CrossEntropy) }
    }

    /// The network with another activation in its hidden layers.
    pub fn with_activation(self, activation: Activation) -> Mlp {
        Mlp { activation, ..self }
    }

    /// The network with another loss.
    pub fn with_loss(self, loss: impl Into<Arc<dyn Loss>>) -> Mlp {
        Mlp { loss: loss.into(), ..self }
    }

    /// The layers, in the order samples pass them.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// As [`Mlp::layers`], to be changed.
    pub fn layers_mut(&mut self) -> &mut [Layer] {
        &mut self.layers
    }

    /// The hidden layers' activation.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// What the outputs are compared with.
    pub fn loss(&self) -> &Arc<dyn Loss> {
        &self.loss
    }

    /// Inputs of the network.
    pub fn in_features(&self) -> usize {
        self.layers[0].in_features()
    }

    /// Outputs of the network: classes, or numbers.
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].out_features()
    }

    /// Inputs and neurons of each layer.
    pub fn shapes(&self) -> Vec<[usize; 2]> {
        self.layers.iter().map(|layer| [layer.in_features(), layer.out_features()]).collect()
    }

    /// Parameters that exist: connections, biases, γ and β.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// Connections that exist.
    pub fn nnz(&self) -> usize {
        self.layers.iter().map(Layer::nnz).sum()
    }

    /// Flops of one training sample's products as the layers are stored: forward, dX but for the
    /// first layer, and dW if it is wanted.
    pub fn flops_per_sample(&self, with_dw: bool) -> u64 {
        let of = |layer: &Layer| 2 * layer.storage().products() as u64;
        let all: u64 = self.layers.iter().map(of).sum();
        2 * all - of(&self.layers[0]) + if with_dw { all } else { 0 }
    }

    /// The tile's samples through all layers; leaves the outputs in the last layer's `z`.
    pub fn forward(&self, crew: Crew<'_>, tile: &mut Tile) {
        let (isa, activation) = (crew.isa(), self.activation);
        let Tile { input, layers: tiles, dropout, .. } = tile;
        // What a layer takes in; the first one the samples.
        let mut x: Option<&[Row]> = None;
        for (index, (Layer { storage, head }, tile)) in self.layers.iter().zip(tiles).enumerate() {
            let LayerTile { z, h, stats, kept, .. } = tile;
            match (x, input.sparse()) {
                (None, Some(samples)) => storage.forward_sparse(crew, &head.bias, samples, z),
                (x, _) => storage.forward(crew, &head.bias, x.unwrap_or_else(|| input.rows()), z),
            }
            if !head.gamma.is_empty() {
                let Head { gamma, beta, .. } = head;
                *stats = layer_norm_forward(isa, activation, z, gamma, beta, NORM_EPS, h);
                if let Some(dropout) = dropout {
                    dropout.keep(index, h.len(), kept);
                    drop_out(isa, kept, dropout.factor(), h);
                }
            }
            x = Some(h);
        }
    }

    /// Whether samples can pass one by one, [`Mlp::forward_sample`].
    pub fn takes_samples(&self) -> bool {
        self.layers.iter().all(|layer| layer.storage.takes_samples())
    }

    /// One sample through all layers, with the bits it has in a tile: `x` holds its values and then
    /// its outputs; `y` is memory.
    ///
    /// **Panics** unless [`Mlp::takes_samples`], or if there is not one value per input.
    pub fn forward_sample(&self, isa: Isa, x: &mut Vec<f32>, y: &mut Vec<f32>) {
        assert_eq!(x.len(), self.in_features(), "one value per input");
        for Layer { storage, head } in &self.layers {
            y.resize(storage.out_features(), 0.0);
            storage.forward_sample(isa, &head.bias, x, y);
            if !head.gamma.is_empty() {
                layer_norm_sample(isa, self.activation, &head.gamma, &head.beta, NORM_EPS, y);
            }
            std::mem::swap(x, y);
        }
    }

    /// The loss of the outputs, and its gradient in their place, as part of a batch's mean: of
    /// Σ w·loss / Σ w, whose Σ w over the batch is `weight` (its samples, if each counts 1).
    pub fn differentiate(&self, isa: Isa, weight: f32, tile: &mut Tile) {
        let outputs = &mut tile.layers.last_mut().expect("a network has a layer").z;
        let (targets, scale) = (&tile.targets, 1.0 / weight);
        tile.loss = self.loss.differentiate(isa, outputs, targets, tile.samples, scale);
    }

    /// From the outputs' gradient back to the first layer: every `z` becomes its gradient.
    pub fn backward(&self, crew: Crew<'_>, tile: &mut Tile) {
        for layer in (0..self.layers.len()).rev() {
            self.backward_input(crew, layer, tile);
            self.backward_norm(crew, layer, tile);
        }
    }

    /// The first half of layer `layer`'s part of [`Mlp::backward`]: from the gradient of its `z` to
    /// that of what it took in. Both can be read until [`Mlp::backward_norm`].
    pub fn backward_input(&self, crew: Crew<'_>, layer: usize, tile: &mut Tile) {
        let Tile { layers: tiles, dh, .. } = tile;
        if layer + 1 == tiles.len() {
            let LayerTile { z, dbias, .. } = &mut tiles[layer];
            sum_samples(crew.isa(), z, dbias);
        }
        if layer > 0 {
            let dh = &mut dh[..tiles[layer - 1].h.len()];
            self.layers[layer].storage.backward_input(crew, &tiles[layer].z, dh);
        }
    }

    /// The second half: through the activation and the norm of the layer before, if there is one.
    pub fn backward_norm(&self, crew: Crew<'_>, layer: usize, tile: &mut Tile) {
        let Some(before) = layer.checked_sub(1) else { return };
        let (isa, activation) = (crew.isa(), self.activation);
        let Tile { layers: tiles, dh, dropout, .. } = tile;
        let LayerTile { z, h, stats, kept, dgamma, dbeta, dbias } = &mut tiles[before];
        let dh = &mut dh[..h.len()];
        if let Some(dropout) = dropout {
            drop_out(isa, kept, dropout.factor(), dh);
        }
        let Head { gamma, beta, .. } = &self.layers[before].head;
        let sums = [dgamma, dbeta, dbias].map(|sums| &mut sums[..]);
        layer_norm_backward(isa, activation, dh, gamma, beta, stats, z, sums);
    }

    /// Forward, loss and back: a tile's part of a batch whose samples' weights add up to `weight`.
    pub fn run(&self, crew: Crew<'_>, weight: f32, tile: &mut Tile) {
        self.forward(crew, tile);
        self.differentiate(crew.isa(), weight, tile);
        self.backward(crew, tile);
    }

    /// The gradients of all layers after [`Mlp::backward`] of every tile, stored.
    ///
    /// Training does not call this: it hands each block of rows to the optimiser at once.
    pub fn gradients(&self, executor: &Executor, tiles: &[Tile]) -> Vec<LayerTensors> {
        let mut gradients: Vec<LayerTensors> = self.layers.iter().map(Layer::zeros).collect();
        for (index, gradient) in gradients.iter_mut().enumerate() {
            self.layer_gradient(executor, index, tiles, gradient);
        }
        gradients
    }

    /// The gradients of layer `index` after [`Mlp::backward`] of every tile, overwriting
    /// `gradient`.
    pub fn layer_gradient(
        &self,
        executor: &Executor,
        index: usize,
        tiles: &[Tile],
        gradient: &mut LayerTensors,
    ) {
        let storage = self.layers[index].storage();
        let work = LayerBlock::new(storage.row_ptr(), [gradient.slices()]);
        executor.by_rows(storage.blocks(), work, &|rows, block: LayerBlock<'_, 1>| {
            let [mut gradient] = block.sets;
            gradient.clear();
            add_gradient_rows(executor.isa(), storage, index, rows, tiles, &mut gradient);
        });
    }

    /// The first layer, counted from 1, whose output for a tile's samples is not finite, if any:
    /// runs the tile forward again.
    pub fn first_non_finite(&self, crew: Crew<'_>, tile: &mut Tile) -> Option<usize> {
        self.forward(crew, tile);
        let samples = tile.samples;
        let finite =
            |rows: &[Row]| rows.iter().all(|row| row.0[..samples].iter().all(|x| x.is_finite()));
        let layer = tile.layers.iter().position(|layer| !finite(&layer.z) || !finite(&layer.h));
        layer.map(|layer| layer + 1)
    }
}

impl Tile {
    /// Memory for a tile of `model`.
    pub fn new(model: &Mlp) -> Tile {
        let sizes = |layer: &Layer| (layer.out_features(), layer.head().gamma.len());
        let sizes: Vec<(usize, usize)> = model.layers().iter().map(sizes).collect();
        let numbers = if model.loss().takes_numbers() { model.outputs() } else { 0 };
        let takes_sparse = model.layers[0].storage.takes_sparse_input();
        Tile::with_sizes(TileInput::new(model.in_features(), takes_sparse), &sizes, numbers)
    }

    /// Memory for `count` tiles of `model`.
    pub fn several(model: &Mlp, count: usize) -> Vec<Tile> {
        (0..count).map(|_| Tile::new(model)).collect()
    }
}
