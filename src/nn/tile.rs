//! The memory of one tile of 64 samples on its way through the network, and the loop over tiles.

use super::dropout::Dropout;
use super::input::TileInput;
use super::loss::{TileLoss, TileTargets};
use super::storage::Storage;
use super::tensors::Tensor;
use crate::parallel::{Crew, Executor};
use fanin_kernels::{Arena, Isa, NormStats, Row, Rows, TILE};
use std::borrow::Cow;
use std::ops::Range;

/// One tile's samples and everything the layers compute for them. Tiles are disjoint, so each
/// runs on a core of its own without a lock.
#[derive(Debug)]
pub struct Tile {
    /// The normalised samples.
    pub input: TileInput,
    /// What they should give; the first [`Tile::samples`] are real.
    pub targets: TileTargets,
    /// How many samples are real; the rest is padding.
    pub samples: usize,
    /// What the hidden layers lose in the passes of training; nothing in all others.
    pub dropout: Option<Dropout>,
    /// What each layer computed.
    pub layers: Vec<LayerTile>,
    /// The tile's part of the loss.
    pub loss: TileLoss,
    /// dL/dh of the layer at hand in the backward pass.
    pub(super) dh: Rows,
}

/// One layer's results for a tile.
#[derive(Debug, Default)]
pub struct LayerTile {
    /// Output of the weights and the bias; after the backward pass its gradient. Of the last layer:
    /// the network's outputs, then their gradient.
    pub z: Rows,
    /// Output of LayerNorm and activation; empty without a norm.
    pub h: Rows,
    pub(super) stats: NormStats,
    /// Of each neuron the samples that dropout keeps.
    pub(super) kept: Vec<u64>,
    /// This tile's sums of dγ; empty without a norm.
    pub dgamma: Vec<f32>,
    /// This tile's sums of dβ; empty without a norm.
    pub dbeta: Vec<f32>,
    /// This tile's sums of dz: the bias's gradient.
    pub dbias: Vec<f32>,
}

impl LayerTile {
    /// This tile's sums of the gradient of a tensor; empty for the weights.
    pub(super) fn sums(&self, tensor: Tensor) -> &[f32] {
        match tensor {
            Tensor::Weight => &[],
            Tensor::Bias => &self.dbias,
            Tensor::Gamma => &self.dgamma,
            Tensor::Beta => &self.dbeta,
        }
    }
}

impl Tile {
    /// Memory for a tile of a network with this input, (neurons, of which normed) per layer, and
    /// numbers that a sample should give.
    pub(super) fn with_sizes(input: TileInput, sizes: &[(usize, usize)], numbers: usize) -> Tile {
        let widest = sizes.iter().map(|&(_, normed)| normed).max().unwrap_or(0);
        let all: usize = sizes.iter().map(|&(features, normed)| features + normed).sum();
        let mut arena = Arena::new(all + widest + numbers);
        let layers = sizes
            .iter()
            .map(|&(features, normed)| LayerTile {
                z: arena.take(features),
                h: arena.take(normed),
                stats: NormStats::default(),
                kept: Vec::new(),
                dgamma: vec![0.0; normed],
                dbeta: vec![0.0; normed],
                dbias: vec![0.0; features],
            })
            .collect();
        let dh = arena.take(widest);
        let numbers = arena.take(numbers);
        Tile {
            input,
            targets: TileTargets {
                classes: [0; TILE],
                numbers,
                weights: [1.0; TILE],
                smoothing: 0.0,
            },
            dropout: None,
            samples: 0,
            layers,
            loss: TileLoss::default(),
            dh,
        }
    }

    /// What layer `layer` takes in, as rows, and the gradient of what its weights gave out.
    pub fn input_and_gradient(&self, layer: usize) -> (Cow<'_, [Row]>, &[Row]) {
        let x = match layer {
            0 => self.input.to_rows(),
            _ => Cow::Borrowed(&self.layers[layer - 1].h[..]),
        };
        (x, &self.layers[layer].z)
    }

    /// Adds this tile's dW of a block of rows of layer `layer`.
    pub(super) fn add_weight_gradient(
        &self,
        isa: Isa,
        storage: &dyn Storage,
        layer: usize,
        rows: Range<usize>,
        dw: &mut [f32],
    ) {
        let dy = &self.layers[layer].z;
        match (layer, self.input.sparse()) {
            (0, Some(x)) => storage.add_sparse_gradient_rows(isa, rows, x, dy, dw),
            (0, None) => storage.add_gradient_rows(isa, rows, self.input.rows(), dy, dw),
            _ => storage.add_gradient_rows(isa, rows, &self.layers[layer - 1].h, dy, dw),
        }
    }

    /// The network's outputs, or what has become of them.
    pub fn outputs(&self) -> &[Row] {
        &self.layers[self.layers.len() - 1].z
    }

    /// As [`Tile::outputs`], to be changed.
    pub fn outputs_mut(&mut self) -> &mut [Row] {
        &mut self.layers.last_mut().expect("a network has a layer").z
    }
}

/// Runs `f` for every tile that `samples` fill, in parallel, with its number and its samples.
///
/// **Panics** if there are fewer tiles.
pub fn each_tile(
    executor: &Executor,
    tiles: &mut [Tile],
    samples: &[u32],
    f: impl Fn(Crew<'_>, usize, &[u32], &mut Tile) + Sync,
) {
    let tiles = &mut tiles[..samples.len().div_ceil(TILE)];
    executor.for_each(tiles, |crew, index, tile| f(crew, index, of_tile(samples, index), tile));
}

/// The samples of a batch that belong to its tile `index`; none beyond its end.
pub fn of_tile(samples: &[u32], index: usize) -> &[u32] {
    let end = samples.len().min((index + 1) * TILE);
    &samples[end.min(index * TILE)..end]
}
