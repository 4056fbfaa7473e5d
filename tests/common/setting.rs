//! A layer in the midst of training, for tests of what rewiring chooses.

use fanin::dataset::Dataset;
use fanin::method::{
    Candidates, GrowScore, Grown, Norm, Returned, Rewiring, Search, TieOrder, Ties, drop_smallest,
    grow_by_gradient,
};
use fanin::nn::{Tile, each_tile};
use fanin::parallel::Executor;
use fanin::sparse::CsrPattern;
use fanin::train::{TrainConfig, Trainer};
use fanin_kernels::{Isa, Row, TILE, dense_backward_weight};
use std::borrow::Cow;

/// A hidden layer of a network that has been trained a little, and one batch's tiles.
pub(crate) struct Setting {
    pub(crate) pattern: CsrPattern,
    pub(crate) weights: Vec<f32>,
    pub(crate) x: Vec<Vec<Row>>,
    pub(crate) dy: Vec<Vec<Row>>,
}

/// Tiles of these samples, run through the network forward and back.
pub(crate) fn tiles_of(trainer: &Trainer, data: &Dataset, batch: &[u32]) -> Vec<Tile> {
    let (model, executor) = (trainer.model(), trainer.executor());
    let mut tiles = Tile::several(model, batch.len().div_ceil(TILE));
    each_tile(executor, &mut tiles, batch, |crew, _, indices, tile| {
        data.train.load_tile(crew.isa(), &data.scaling, indices, tile);
        model.run(crew, batch.len() as f32, tile);
    });
    tiles
}

impl Setting {
    pub(crate) fn of(trainer: &Trainer, tiles: &[Tile], layer: usize) -> Setting {
        let (pattern, weights) = trainer.model().layers()[layer].connections();
        let pairs = || tiles.iter().map(|tile| tile.input_and_gradient(layer));
        Setting {
            pattern: (*pattern).clone(),
            weights,
            x: pairs().map(|(x, _)| x.to_vec()).collect(),
            dy: pairs().map(|(_, dy)| dy.to_vec()).collect(),
        }
    }

    pub(crate) fn tiles(&self) -> Vec<(Cow<'_, [Row]>, &[Row])> {
        self.x.iter().zip(&self.dy).map(|(x, dy)| (Cow::Borrowed(&x[..]), &dy[..])).collect()
    }

    /// The whole dense gradient, as nothing in the engine ever holds it.
    pub(crate) fn dense_gradient(&self) -> Vec<f32> {
        let (rows, cols) = (self.pattern.rows(), self.pattern.cols());
        let mut gradient = vec![0.0; rows * cols];
        for (x, dy) in self.tiles() {
            dense_backward_weight(Isa::detect(), dy, &x, &mut gradient);
        }
        gradient
    }
}

pub(crate) fn setting() -> Setting {
    let data = super::common::mnist(640, 64);
    let config = TrainConfig { hidden: vec![90, 40], threads: 1, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config, data.clone()).unwrap();
    for _ in 0..3 {
        trainer.step().unwrap();
    }
    let batch: Vec<u32> = (0..128).collect();
    Setting::of(&trainer, &tiles_of(&trainer, &data, &batch), 0)
}

pub(crate) const TIES: Ties = Ties { order: TieOrder::Noise, seed: 42, step: 100, layer: 0 };

pub(crate) fn drop_one(setting: &Setting, count: usize) -> Vec<bool> {
    drop_smallest(&[(&setting.pattern, &setting.weights, TIES)], count, 0).remove(0)
}

pub(crate) fn search<'a>(
    setting: &'a Setting,
    survives: &'a [bool],
    tiles: &'a [(Cow<'a, [Row]>, &'a [Row])],
) -> Search<'a> {
    Search {
        share: 1,
        norm: Norm::L1,
        pattern: &setting.pattern,
        survives,
        tiles,
        candidates: Candidates::Free,
        score: GrowScore::Dense,
        ties: TIES,
    }
}

pub(crate) fn executor(threads: usize) -> Executor {
    Executor::new(Isa::detect(), threads).unwrap()
}

pub(crate) fn grow(
    setting: &Setting,
    survives: &[bool],
    count: usize,
    threads: usize,
) -> Vec<Grown> {
    let tiles = setting.tiles();
    grow_by_gradient(&executor(threads), &[search(setting, survives, &tiles)], count).remove(0)
}

pub(crate) fn rewiring(pattern: &CsrPattern, survives: &[bool], grown: Vec<Grown>) -> Rewiring {
    Rewiring::new(pattern, survives, grown, Returned::Kept)
}
