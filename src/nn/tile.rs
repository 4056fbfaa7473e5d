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
    /// What each layer computed. Of a mixture: the layers of an expert, the gate, and in the place
    /// of another layer the outputs.
    pub layers: Vec<LayerTile>,
    /// How many of them stand one behind the other.
    pub(super) depth: usize,
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
    /// numbers that a sample should give; `depth` of the layers stand one behind the other.
    pub(super) fn with_sizes(
        input: TileInput,
        sizes: &[(usize, usize)],
        depth: usize,
        numbers: usize,
    ) -> Tile {
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
            depth,
            loss: TileLoss::default(),
            dh,
        }
    }

    /// Whether the layer at a place of [`Tile::layers`] takes in the samples.
    fn takes_samples(&self, position: usize) -> bool {
        position.is_multiple_of(self.depth)
    }

    /// What layer `layer` takes in, as rows, and the gradient of what its weights gave out.
    pub fn input_and_gradient(&self, layer: usize) -> (Cow<'_, [Row]>, &[Row]) {
        let x = match self.takes_samples(layer) {
            true => self.input.to_rows(),
            false => Cow::Borrowed(&self.layers[layer - 1].h[..]),
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
        match (self.takes_samples(layer), self.input.sparse()) {
            (true, Some(x)) => storage.add_sparse_gradient_rows(isa, rows, x, dy, dw),
            (true, None) => storage.add_gradient_rows(isa, rows, self.input.rows(), dy, dw),
            _ => storage.add_gradient_rows(isa, rows, &self.layers[layer - 1].h, dy, dw),
        }
    }

    /// What the gate's rows gave out, `[samples, rows]`.
    pub(super) fn gate(&self, rows: Range<usize>) -> Vec<f64> {
        let rows = &self.layers[self.depth].z[rows];
        let of = |sample: usize| rows.iter().map(move |row| f64::from(row.0[sample]));
        (0..self.samples).flat_map(of).collect()
    }

    /// The gate's rows, and this tile's sums of their gradient.
    pub(super) fn gate_mut(&mut self) -> (&mut [Row], &mut [f32]) {
        let LayerTile { z, dbias, .. } = &mut self.layers[self.depth];
        (z, dbias)
    }

    /// What the last layer of the chain gave out.
    pub(super) fn answers(&self) -> &[Row] {
        &self.layers[self.depth - 1].z
    }

    /// As [`Tile::answers`], to be changed.
    pub(super) fn answers_mut(&mut self) -> &mut [Row] {
        &mut self.layers[self.depth - 1].z
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

/// The tiles of a batch as its layers saw them, after the backward pass.
#[derive(Clone, Copy, Debug)]
pub struct Passed<'a> {
    tiles: &'a [Tile],
    /// Of a mixture which tiles passed which expert.
    routes: Option<&'a Routes>,
}

/// Which of a batch's tiles passed which expert of a mixture; the first ones, which hold the batch
/// in its own order, passed the gate.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    pub(super) depth: usize,
    /// The first tile of each expert, and the tile behind the last one's last.
    pub(super) bounds: Vec<usize>,
}

impl<'a> Passed<'a> {
    /// Tiles that passed a mixture.
    pub fn routed(tiles: &'a [Tile], routes: &'a Routes) -> Passed<'a> {
        Passed { tiles, routes: Some(routes) }
    }

    /// Where layer `layer` stands in its tiles' [`Tile::layers`], and these; none of an expert that
    /// answered no sample.
    pub fn of_layer(self, layer: usize) -> (usize, &'a [Tile]) {
        let Some(Routes { depth, bounds }) = self.routes else { return (layer, self.tiles) };
        match bounds.get(layer / depth..layer / depth + 2) {
            Some(&[first, end]) => (layer % depth, &self.tiles[first..end]),
            _ => (*depth, &self.tiles[..bounds[0]]),
        }
    }
}

impl<'a> From<&'a [Tile]> for Passed<'a> {
    fn from(tiles: &'a [Tile]) -> Self {
        Passed { tiles, routes: None }
    }
}

impl<'a> From<&'a Vec<Tile>> for Passed<'a> {
    fn from(tiles: &'a Vec<Tile>) -> Self {
        Passed::from(&tiles[..])
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
