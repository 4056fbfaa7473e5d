//! The memory of one tile of 64 samples on its way through the network.

use super::Mlp;
use fanin_kernels::{Arena, NormStats, Row, Rows, TILE, TileLoss};

/// One tile's samples and everything the layers compute for them. Tiles are disjoint, so each
/// runs on a core of its own without a lock.
#[derive(Debug)]
pub struct Tile {
    /// The normalised samples, `[in_features]`.
    pub input: Rows,
    /// The labels; the first [`Tile::samples`] are real.
    pub labels: [u16; TILE],
    /// How much each sample's loss counts.
    pub weights: [f32; TILE],
    /// How many samples are real; the rest is padding.
    pub samples: usize,
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
    /// Output of the linear part; after the backward pass its gradient. Of the last layer: the
    /// logits, then their gradient.
    pub z: Rows,
    /// Output of LayerNorm and ReLU; empty without a norm.
    pub h: Rows,
    pub(super) stats: NormStats,
    /// This tile's sums of dγ; empty without a norm.
    pub dgamma: Vec<f32>,
    /// This tile's sums of dβ; empty without a norm.
    pub dbeta: Vec<f32>,
    /// This tile's sums of the gradient of the linear part's output: the bias's.
    pub dbias: Vec<f32>,
}

impl Tile {
    /// Memory for a tile of `model`.
    pub fn new(model: &Mlp) -> Tile {
        let sizes = model.layers().iter().map(|layer| {
            let (features, normed) = (layer.linear.out_features(), layer.params.gamma.len());
            (features, normed)
        });
        let widest = sizes.clone().map(|(_, normed)| normed).max().unwrap_or(0);
        let all: usize = sizes.clone().map(|(features, normed)| features + normed).sum();
        let mut arena = Arena::new(model.in_features() + all + widest);
        let input = arena.take(model.in_features());
        let layers = sizes
            .map(|(features, normed)| LayerTile {
                z: arena.take(features),
                h: arena.take(normed),
                stats: NormStats::default(),
                dgamma: vec![0.0; normed],
                dbeta: vec![0.0; normed],
                dbias: vec![0.0; features],
            })
            .collect();
        Tile {
            input,
            labels: [0; TILE],
            weights: [1.0; TILE],
            samples: 0,
            layers,
            loss: TileLoss::default(),
            dh: arena.take(widest),
        }
    }

    /// Memory for `count` tiles of `model`.
    pub fn several(model: &Mlp, count: usize) -> Vec<Tile> {
        (0..count).map(|_| Tile::new(model)).collect()
    }

    /// What layer `layer` takes in, and the gradient of what its linear part gave out.
    pub fn input_and_gradient(&self, layer: usize) -> (&[Row], &[Row]) {
        let x = if layer == 0 { &self.input } else { &self.layers[layer - 1].h };
        (x, &self.layers[layer].z)
    }
}
