//! A trained network at work: rows of values to class probabilities.

use super::ModelFile;
use crate::dataset::Samples;
use crate::nn::{Mlp, Tile};
use crate::parallel::{self, Executor};
use fanin_kernels::{TILE, softmax, standardize_sample, standardize_tile};

/// Up to so many rows go one by one where one thread works: at 80 to 99 % sparsity a tile of 64 takes as
/// long as five or six. Several threads share a tile's work; a single row is faster alone all the same.
const FEW: usize = 4;

/// A model with the memory to run it.
#[derive(Debug)]
pub struct Predictor {
    executor: Executor,
    file: ModelFile,
    tiles: Vec<Tile>,
    /// Scale and shift of each input.
    scaling: [Vec<f32>; 2],
    /// Of a sample that goes alone.
    sample: [Vec<f32>; 2],
}

impl Predictor {
    /// A predictor that runs one tile per thread at a time.
    pub fn new(executor: Executor, file: ModelFile) -> Predictor {
        let tiles = Tile::several(&file.model, executor.threads());
        let of_inputs = (0..file.model.in_features()).map(|feature| file.scaling.of(feature));
        let (scale, shift) = of_inputs.unzip();
        Predictor { executor, file, tiles, scaling: [scale, shift], sample: Default::default() }
    }

    /// What the model was made from.
    pub fn file(&self) -> &ModelFile {
        &self.file
    }

    /// Values per row.
    pub fn in_features(&self) -> usize {
        self.file.model.in_features()
    }

    /// Classes.
    pub fn classes(&self) -> usize {
        self.file.model.classes()
    }

    /// The probabilities of raw rows.
    ///
    /// **Shapes**: `rows` `[n, in_features]`; returns `[n, classes]`. A row's result depends on
    /// nothing but the row.
    ///
    /// **Panics** unless `rows` holds whole rows.
    pub fn rows(&mut self, rows: &[f32]) -> Vec<f32> {
        let width = self.in_features();
        assert_eq!(rows.len() % width, 0, "whole rows of {width} values");
        let rows: Vec<&[f32]> = rows.chunks_exact(width).collect();
        let is_few = rows.len() == 1 || rows.len() * self.executor.threads() <= FEW;
        if is_few && self.file.model.takes_samples() {
            return rows.iter().flat_map(|row| self.row(row)).collect();
        }
        let Predictor { executor, file, tiles, scaling: [scale, shift], .. } = self;
        let isa = executor.isa();
        probabilities(executor, &file.model, tiles, rows.len(), |indices, tile| {
            // Indices ascend from tile to tile.
            let first = indices[0] as usize;
            let rows = &rows[first..first + indices.len()];
            standardize_tile(isa, rows, scale, shift, &mut tile.input);
            tile.samples = rows.len();
        })
    }

    /// The probabilities of one row, which waits for no tile.
    fn row(&mut self, row: &[f32]) -> Vec<f32> {
        let Predictor { executor, file, tiles, scaling: [scale, shift], sample: [x, y] } = self;
        let isa = executor.isa();
        x.resize(row.len(), 0.0);
        standardize_sample(isa, row, scale, shift, x);
        file.model.forward_sample(isa, x, y);
        let logits = &mut tiles[0].layers.last_mut().expect("a network has a layer").z;
        for (row, &logit) in logits.iter_mut().zip(&*x) {
            row.0 = [logit; TILE];
        }
        softmax(isa, logits);
        logits.iter().map(|row| row.0[0]).collect()
    }

    /// The probabilities of samples, `[n, classes]`.
    pub fn samples(&mut self, samples: &Samples) -> Vec<f32> {
        let Predictor { executor, file, tiles, .. } = self;
        let isa = executor.isa();
        probabilities(executor, &file.model, tiles, samples.len(), |indices, tile| {
            samples.load_tile(isa, &file.scaling, indices, tile);
        })
    }
}

/// The probabilities `[count, classes]` of samples that `load` lays into tiles by their indices.
pub(super) fn probabilities(
    executor: &Executor,
    model: &Mlp,
    tiles: &mut [Tile],
    count: usize,
    load: impl Fn(&[u32], &mut Tile) + Sync,
) -> Vec<f32> {
    let order: Vec<u32> = (0..count as u32).collect();
    let cut_rows = count.div_ceil(TILE) < executor.threads();
    let mut probabilities = Vec::with_capacity(count * model.classes());
    executor.install(|| {
        for group in order.chunks(tiles.len() * TILE) {
            let tiles = &mut tiles[..group.len().div_ceil(TILE)];
            parallel::for_each(tiles, |index, tile| {
                let first = index * TILE;
                load(&group[first..group.len().min(first + TILE)], tile);
                model.forward(executor, cut_rows, tile);
                let logits = &mut tile.layers.last_mut().expect("a network has a layer").z;
                softmax(executor.isa(), logits);
            });
            for tile in tiles {
                let output = &tile.layers[tile.layers.len() - 1].z;
                for sample in 0..tile.samples {
                    probabilities.extend(output.iter().map(|row| row.0[sample]));
                }
            }
        }
    });
    probabilities
}

/// The class of the largest probability, the lowest of equals.
pub fn most_probable(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (class, &p) in probabilities.iter().enumerate() {
        if p > probabilities[best] {
            best = class;
        }
    }
    best
}
