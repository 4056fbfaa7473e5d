//! A trained network at work: rows of values to class probabilities.

use super::ModelFile;
use crate::dataset::Samples;
use crate::nn::{Mlp, Tile};
use crate::parallel::{self, Executor};
use fanin_kernels::{TILE, softmax};

/// A model with the memory to run it.
#[derive(Debug)]
pub struct Predictor {
    executor: Executor,
    file: ModelFile,
    tiles: Vec<Tile>,
}

impl Predictor {
    /// A predictor that runs one tile per thread at a time.
    pub fn new(executor: Executor, file: ModelFile) -> Predictor {
        let tiles = Tile::several(&file.model, executor.threads());
        Predictor { executor, file, tiles }
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
        let scaling = self.file.scaling.clone();
        self.run(rows.len() / width, |indices, tile| {
            for row in tile.input.iter_mut() {
                row.0 = [0.0; TILE];
            }
            for (sample, &index) in indices.iter().enumerate() {
                let values = &rows[index as usize * width..][..width];
                for (feature, (row, &value)) in tile.input.iter_mut().zip(values).enumerate() {
                    let (scale, shift) = scaling.of(feature);
                    row.0[sample] = value.mul_add(scale, shift);
                }
            }
            tile.samples = indices.len();
        })
    }

    /// The probabilities of samples, `[n, classes]`.
    pub fn samples(&mut self, samples: &Samples) -> Vec<f32> {
        let (isa, scaling) = (self.executor.isa(), self.file.scaling.clone());
        self.run(samples.len(), |indices, tile| samples.load_tile(isa, &scaling, indices, tile))
    }

    /// Runs `count` samples, which `load` lays into tiles by their indices.
    fn run(&mut self, count: usize, load: impl Fn(&[u32], &mut Tile) + Sync) -> Vec<f32> {
        let Predictor { executor, file, tiles } = self;
        probabilities(executor, &file.model, tiles, count, load)
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
