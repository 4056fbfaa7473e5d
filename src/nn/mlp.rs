//! A multilayer perceptron: weights, LayerNorm and activation per hidden layer; weights; a loss. Or
//! a mixture of several.

use super::chain::Chain;
use super::loss::{CrossEntropy, Loss};
use super::storage::{Engine, Place};
use super::tensors::{LayerBlock, LayerTensors};
use super::{
    Activation, Chains, Gates, Head, Layer, Mixture, Passed, Tile, add_gradient_rows, he_normal,
};
use crate::parallel::{Crew, Executor};
use crate::random::{Purpose, stream};
use crate::sparse::CsrPattern;
use fanin_kernels::{Isa, Row};
use std::sync::Arc;

/// The network.
#[derive(Clone, Debug)]
pub struct Mlp {
    layers: Vec<Layer>,
    mixture: Option<Mixture>,
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
        Mlp::stored(engine, first, layers, seed, None)
    }

    /// As [`Mlp::new`], of a mixture if one is given: then the layers are those of its experts, one
    /// expert after the other, and its gate on the samples, of two neurons an expert.
    ///
    /// **Panics** as [`Mlp::new`] and [`Mlp::of`].
    pub fn stored<L: Into<LayerStart>>(
        engine: &dyn Engine,
        first: Place,
        layers: Vec<L>,
        seed: u64,
        mixture: Option<Mixture>,
    ) -> Mlp {
        let chains = Chains::of(layers.len(), mixture.as_ref()).expect("the mixture's layers");
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
            let place = chains.place(first, index);
            let storage = engine.store(pattern, weights, place);
            Layer::new(storage, Head::new(rows, chains.is_hidden(index)))
        };
        Mlp::of(layers.into_iter().enumerate().map(layer).collect(), mixture)
    }

    /// A network of these layers, with ReLU and cross-entropy.
    ///
    /// **Panics** if there is none, the widths of consecutive layers disagree, or a hidden layer
    /// has no norm.
    pub fn from_layers(layers: Vec<Layer>) -> Mlp {
        Mlp::of(layers, None)
    }

    /// As [`Mlp::from_layers`], of a mixture if one is given, whose layers come as in
    /// [`Mlp::stored`].
    ///
    /// **Panics** as [`Mlp::from_layers`], or if the layers are not those of the mixture.
    pub fn of(layers: Vec<Layer>, mixture: Option<Mixture>) -> Mlp {
        assert!(!layers.is_empty(), "a network has a layer");
        let chains = Chains::of(layers.len(), mixture.as_ref()).expect("the mixture's layers");
        for (i, layer) in layers.iter().enumerate() {
            if chains.is_hidden(i) {
                let after = layers[i + 1].in_features();
                let (number, next) = (i + 1, i + 2);
                assert_eq!(
                    layer.out_features(),
                    after,
                    "layer {next} takes in what {number} gives"
                );
                assert!(layer.has_norm(), "layer {number} is hidden: it has a norm");
            }
            let like = &layers[chains.position(i)];
            assert_eq!(layer.in_features(), like.in_features(), "experts are of the same widths");
        }
        if let Some(Mixture { experts, .. }) = mixture {
            let gate = layers[layers.len() - 1].out_features();
            assert_eq!(gate, 2 * experts, "a gate has two neurons an expert");
        }
        Mlp { layers, mixture, activation: Activation::default(), loss: Arc::new(CrossEntropy) }
    }

    /// The network with other layers of the same shapes.
    ///
    /// **Panics** as [`Mlp::of`].
    pub fn with_layers(&self, layers: Vec<Layer>) -> Mlp {
        let other = Mlp::of(layers, self.mixture);
        other.with_activation(self.activation).with_loss(Arc::clone(&self.loss))
    }

    /// The network with another activation in its hidden layers.
    pub fn with_activation(self, activation: Activation) -> Mlp {
        Mlp { activation, ..self }
    }

    /// The network with another loss.
    pub fn with_loss(self, loss: impl Into<Arc<dyn Loss>>) -> Mlp {
        Mlp { loss: loss.into(), ..self }
    }

    /// The layers, in the order samples pass them; of a mixture those of one expert after the
    /// other, and its gate.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// As [`Mlp::layers`], to be changed.
    pub fn layers_mut(&mut self) -> &mut [Layer] {
        &mut self.layers
    }

    /// The mixture that the layers make, if they are not one chain.
    pub fn mixture(&self) -> Option<Mixture> {
        self.mixture
    }

    /// Where the layers stand.
    pub fn chains(&self) -> Chains {
        Chains::of(self.layers.len(), self.mixture.as_ref()).expect("checked when it was made")
    }

    /// The hidden layers, by their numbers; all, if there is none.
    pub fn hidden(&self) -> Vec<usize> {
        let chains = self.chains();
        let is_hidden = |layer: &usize| chains.depth == 1 || chains.is_hidden(*layer);
        (0..self.layers.len()).filter(is_hidden).collect()
    }

    /// What a layer is called where people read it.
    pub fn layer_name(&self, layer: usize) -> String {
        self.chains().name(layer, self.mixture.as_ref())
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
        self.layers[self.chains().depth - 1].out_features()
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

    /// The network's layers, or those of an expert.
    pub(super) fn chain(&self, index: usize) -> Chain<'_> {
        Chain { layers: &self.layers[self.chains().layers(index)], activation: self.activation }
    }

    /// The tile's samples through all layers; leaves the outputs in the last layer's `z`.
    ///
    /// **Panics** if the network is a mixture, whose batches go by experts: [`forward_batch`],
    /// [`run_mixture`]. So do all halves of the way back.
    ///
    /// [`forward_batch`]: super::forward_batch
    /// [`run_mixture`]: super::run_mixture
    pub fn forward(&self, crew: Crew<'_>, tile: &mut Tile) {
        self.alone().forward(crew, tile);
    }

    /// The mixture's gate, the last layer.
    fn gate(&self) -> &Layer {
        &self.layers[self.layers.len() - 1]
    }

    /// The mixture's gates of a tile's samples, as after training, without noise.
    ///
    /// **Panics** if the network is no mixture.
    pub fn gates(&self, crew: Crew<'_>, tile: &mut Tile) -> Gates {
        let mixture = self.mixture.expect("a mixture");
        self.forward_gate(crew, tile);
        Gates::of(mixture, tile.gate(0..mixture.experts), None)
    }

    /// The tile's samples through the mixture's gate.
    pub(super) fn forward_gate(&self, crew: Crew<'_>, tile: &mut Tile) {
        let Layer { storage, head } = self.gate();
        let Tile { input, layers, depth, .. } = tile;
        let z = &mut layers[*depth].z;
        match input.sparse() {
            Some(samples) => storage.forward_sparse(crew, &head.bias, samples, z),
            None => storage.forward(crew, &head.bias, input.rows(), z),
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
        let Some(mixture) = self.mixture else { return self.chain(0).forward_sample(isa, x, y) };
        let Layer { storage, head } = self.gate();
        y.resize(storage.out_features(), 0.0);
        storage.forward_sample(isa, &head.bias, x, y);
        let clean = y[..mixture.experts].iter().map(|&x| f64::from(x)).collect();
        let gates = Gates::of(mixture, clean, None);
        let mut outputs = vec![0.0; self.outputs()];
        for expert in 0..mixture.experts {
            let gate = gates.gate(0, expert) as f32;
            if gate != 0.0 {
                let mut answer = x.clone();
                self.chain(expert).forward_sample(isa, &mut answer, y);
                outputs.iter_mut().zip(answer).for_each(|(sum, answer)| *sum += gate * answer);
            }
        }
        *x = outputs;
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
        self.alone().backward(crew, tile);
    }

    /// The first half of layer `layer`'s part of [`Mlp::backward`]: from the gradient of its `z` to
    /// that of what it took in. Both can be read until [`Mlp::backward_norm`].
    pub fn backward_input(&self, crew: Crew<'_>, layer: usize, tile: &mut Tile) {
        self.alone().backward_input(crew, layer, tile);
    }

    /// The second half: through the activation and the norm of the layer before, if there is one.
    pub fn backward_norm(&self, crew: Crew<'_>, layer: usize, tile: &mut Tile) {
        self.alone().backward_norm(crew, layer, tile);
    }

    fn alone(&self) -> Chain<'_> {
        assert!(self.mixture.is_none(), "a mixture's tiles go by experts");
        self.chain(0)
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
    pub fn gradients<'a>(
        &self,
        executor: &Executor,
        passed: impl Into<Passed<'a>>,
    ) -> Vec<LayerTensors> {
        let passed = passed.into();
        let mut gradients: Vec<LayerTensors> = self.layers.iter().map(Layer::zeros).collect();
        for (index, gradient) in gradients.iter_mut().enumerate() {
            self.layer_gradient(executor, index, passed, gradient);
        }
        gradients
    }

    /// The gradients of layer `index` after [`Mlp::backward`] of every tile, overwriting
    /// `gradient`.
    pub fn layer_gradient(
        &self,
        executor: &Executor,
        index: usize,
        passed: Passed<'_>,
        gradient: &mut LayerTensors,
    ) {
        let storage = self.layers[index].storage();
        let (position, tiles) = passed.of_layer(index);
        let work = LayerBlock::new(storage.row_ptr(), [gradient.slices()]);
        executor.by_rows(storage.blocks(), work, &|rows, block: LayerBlock<'_, 1>| {
            let [mut gradient] = block.sets;
            gradient.clear();
            add_gradient_rows(executor.isa(), storage, position, rows, tiles, &mut gradient);
        });
    }

    /// The first layer, counted from 0, whose output for a tile's samples is not finite, if any:
    /// runs the tile forward again, and of a mixture through all experts.
    pub fn first_non_finite(&self, crew: Crew<'_>, tile: &mut Tile) -> Option<usize> {
        let samples = tile.samples;
        let finite =
            |rows: &[Row]| rows.iter().all(|row| row.0[..samples].iter().all(|x| x.is_finite()));
        let chains = self.chains();
        if self.mixture.is_some() {
            self.forward_gate(crew, tile);
            if !finite(&tile.layers[chains.depth].z) {
                return Some(self.layers.len() - 1);
            }
        }
        (0..chains.count).find_map(|chain| {
            self.chain(chain).forward(crew, tile);
            let layers = &tile.layers[..chains.depth];
            let layer = layers.iter().position(|layer| !finite(&layer.z) || !finite(&layer.h));
            layer.map(|layer| chains.layers(chain).start + layer)
        })
    }
}
