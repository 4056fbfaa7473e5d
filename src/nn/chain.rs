//! Layers one behind the other, and a tile's way through them, forward and back.

use super::{Activation, Head, Layer, LayerTile, Tile};
use crate::parallel::Crew;
use fanin_kernels::{
    Isa, Row, drop_out, layer_norm_backward, layer_norm_forward, layer_norm_sample, sum_samples,
};

/// LayerNorm's epsilon, as PyTorch has it.
pub const NORM_EPS: f32 = 1e-5;

/// The layers of a network, or of an expert, the last of which gives the answer.
#[derive(Clone, Copy)]
pub(super) struct Chain<'a> {
    pub(super) layers: &'a [Layer],
    pub(super) activation: Activation,
}

impl Chain<'_> {
    /// The tile's samples through all layers; leaves the answers in the last one's `z`.
    pub(super) fn forward(&self, crew: Crew<'_>, tile: &mut Tile) {
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

    /// One sample through all layers: `x` holds its values and then the answers; `y` is memory.
    pub(super) fn forward_sample(&self, isa: Isa, x: &mut Vec<f32>, y: &mut Vec<f32>) {
        for Layer { storage, head } in self.layers {
            y.resize(storage.out_features(), 0.0);
            storage.forward_sample(isa, &head.bias, x, y);
            if !head.gamma.is_empty() {
                layer_norm_sample(isa, self.activation, &head.gamma, &head.beta, NORM_EPS, y);
            }
            std::mem::swap(x, y);
        }
    }

    /// From the answers' gradient back to the first layer: every `z` becomes its gradient.
    pub(super) fn backward(&self, crew: Crew<'_>, tile: &mut Tile) {
        for layer in (0..self.layers.len()).rev() {
            self.backward_input(crew, layer, tile);
            self.backward_norm(crew, layer, tile);
        }
    }

    /// The first half of layer `layer`'s part of [`Chain::backward`]: from the gradient of its `z`
    /// to that of what it took in. Both can be read until [`Chain::backward_norm`].
    pub(super) fn backward_input(&self, crew: Crew<'_>, layer: usize, tile: &mut Tile) {
        let Tile { layers: tiles, dh, .. } = tile;
        if layer + 1 == self.layers.len() {
            let LayerTile { z, dbias, .. } = &mut tiles[layer];
            sum_samples(crew.isa(), z, dbias);
        }
        if layer > 0 {
            let dh = &mut dh[..tiles[layer - 1].h.len()];
            self.layers[layer].storage.backward_input(crew, &tiles[layer].z, dh);
        }
    }

    /// The second half: through the activation and the norm of the layer before, if there is one.
    pub(super) fn backward_norm(&self, crew: Crew<'_>, layer: usize, tile: &mut Tile) {
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
}
