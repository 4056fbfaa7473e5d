//! The memory of one tile of 64 samples on its way through the network.

use super::Mlp;
use fanin_kernels::{NormStats, Row, TILE, TileLoss};

/// One tile's samples and everything the layers compute for them. Tiles are disjoint, so each
/// runs on a core of its own without a lock.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The normalised samples, `[in_features]`.
    pub input: Vec<Row>,
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
    pub(super) dh: Vec<Row>,
}

/// One layer's results for a tile.
#[derive(Clone, Debug, Default)]
pub struct LayerTile {
    /// Output of the linear part; after the backward pass its gradient. Of the last layer: the
    /// logits, then their gradient.
    pub z: Vec<Row>,
    /// Output of LayerNorm and ReLU; empty without a norm.
    pub h: Vec<Row>,
    pub(super) stats: NormStats,
    /// This tile's sums of dγ; empty without a norm.
    pub dgamma: Vec<f32>,
    /// This tile's sums of dβ; empty without a norm.
    pub dbeta: Vec<f32>,
}

impl Tile {
    /// Memory for a tile of `model`.
    pub fn new(model: &Mlp) -> Tile {
        let layers: Vec<LayerTile> = model
            .layers()
            .iter()
            .map(|layer| {
                let features = layer.linear.out_features();
                let normed = layer.params.gamma.len();
                LayerTile {
                    z: vec![Row::ZERO; features],
                    h: vec![Row::ZERO; normed],
                    stats: NormStats::default(),
                    dgamma: vec![0.0; normed],
                    dbeta: vec![0.0; normed],
                }
            })
            .collect();
        let widest = layers.iter().map(|layer| layer.h.len()).max().unwrap_or(0);
        Tile {
            input: vec![Row::ZERO; model.in_features()],
            labels: [0; TILE],
            weights: [1.0; TILE],
            samples: 0,
            layers,
            loss: TileLoss::default(),
            dh: vec![Row::ZERO; widest],
        }
    }

    /// What layer `layer` takes in, and the gradient of what its linear part gave out.
    pub fn input_and_gradient(&self, layer: usize) -> (&[Row], &[Row]) {
        let x = if layer == 0 { &self.input } else { &self.layers[layer - 1].h };
        (x, &self.layers[layer].z)
    }
}
