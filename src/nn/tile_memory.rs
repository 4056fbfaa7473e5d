//! The memory that a network's tiles need.

use super::{Layer, Mlp, Tile, TileInput};
use fanin_kernels::TILE;

impl Tile {
    /// Memory for a tile of `model`.
    pub fn new(model: &Mlp) -> Tile {
        let sizes = |layer: &Layer| (layer.out_features(), layer.head().gamma.len());
        let (layers, chains) = (model.layers(), model.chains());
        let depth = chains.depth;
        let mut sizes: Vec<(usize, usize)> = layers[..depth].iter().map(sizes).collect();
        if model.mixture().is_some() {
            sizes.extend([(layers[layers.len() - 1].out_features(), 0), (model.outputs(), 0)]);
        }
        let numbers = if model.loss().takes_numbers() { model.outputs() } else { 0 };
        let mut of_samples = layers.iter().enumerate().filter(|(at, _)| chains.takes_samples(*at));
        let takes_sparse = of_samples.all(|(_, layer)| layer.storage().takes_sparse_input());
        Tile::with_sizes(TileInput::new(model.in_features(), takes_sparse), &sizes, depth, numbers)
    }

    /// Memory for a batch of so many samples on its way through `model`; of a mixture for a tile's
    /// at least.
    pub fn of_batch(model: &Mlp, samples: usize) -> Vec<Tile> {
        Tile::several(model, Tile::needed(model, samples.div_ceil(TILE)))
    }

    /// Tiles for a batch that fills `own`.
    fn needed(model: &Mlp, own: usize) -> usize {
        own + model.mixture().map_or(0, |mixture| mixture.tiles(own * TILE))
    }

    /// Memory to answer samples in groups on so many threads. A mixture's experts fill their tiles
    /// better in large groups.
    pub fn for_answers(model: &Mlp, threads: usize) -> Vec<Tile> {
        const OF_MIXTURE: usize = 1024;
        let least = if model.mixture().is_some() { OF_MIXTURE } else { 0 };
        Tile::of_batch(model, least.max(threads * TILE))
    }

    /// The most samples that so many tiles hold as one batch.
    ///
    /// **Panics** if they do not hold a tile's.
    pub fn batch(model: &Mlp, tiles: usize) -> usize {
        let own = (1..=tiles).rev().find(|&own| Tile::needed(model, own) <= tiles);
        own.expect("tiles for a batch") * TILE
    }

    /// Memory for `count` tiles of `model`.
    pub fn several(model: &Mlp, count: usize) -> Vec<Tile> {
        (0..count).map(|_| Tile::new(model)).collect()
    }
}
