//! A trained network at work: rows of values to answers.

use super::{Error, ModelFile};
use crate::dataset::{Samples, Scaling, Target};
use crate::nn::{Mlp, Tile, each_tile};
use crate::parallel::{Crew, Executor};
use fanin_kernels::{TILE, standardize_sample, standardize_tile};
use std::path::Path;

/// With one thread, up to this many rows are computed one by one: at 80 to 99 % sparsity a tile of
/// 64 takes as long as five or six. With several threads, which share a tile's work, only a single
/// row is.
const FEW: usize = 4;

/// A model with the memory to run it.
#[derive(Debug)]
pub struct Predictor {
    executor: Executor,
    file: ModelFile,
    tiles: Vec<Tile>,
    /// Scale and shift of each input in single precision.
    scaling: [Vec<f32>; 2],
    /// Of a sample that goes alone.
    sample: [Vec<f32>; 2],
}

impl Predictor {
    /// Opens a model file, with one thread.
    ///
    /// **Errors**: as [`ModelFile::read`].
    pub fn open(path: impl AsRef<Path>) -> Result<Predictor, Error> {
        let file = ModelFile::read(path.as_ref())?;
        let alone = Executor::new(fanin_kernels::Isa::detect(), 1);
        Ok(Predictor::new(alone.expect("one thread needs no pool"), file))
    }

    /// A predictor that runs one tile per thread at a time.
    pub fn new(executor: Executor, file: ModelFile) -> Predictor {
        let tiles = Tile::several(&file.model, executor.threads());
        let features = file.model.in_features();
        let (scale, shift) = match &file.meaning.scaling {
            Scaling::Uniform { scale, shift } => (vec![*scale; features], vec![*shift; features]),
            Scaling::PerFeature { scale, shift } => (scale.clone(), shift.clone()),
            Scaling::Columns { .. } => (vec![1.0; features], vec![0.0; features]),
        };
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

    /// Numbers per answer: probabilities of classes, or the numbers themselves.
    pub fn outputs(&self) -> usize {
        self.file.model.outputs()
    }

    /// The answers to raw rows, of single or double precision. Those of a model of numbers are as
    /// it learned them: [`Predictor::values`] makes values of them.
    ///
    /// **Shapes**: `rows` `[n, in_features]`; returns `[n, outputs]`. A row's answer depends on
    /// nothing but the row.
    ///
    /// **Panics** unless `rows` holds whole rows.
    pub fn rows<T: Copy + Into<f64>>(&mut self, rows: &[T]) -> Vec<f32> {
        let width = self.in_features();
        assert_eq!(rows.len() % width, 0, "whole rows of {width} values");
        let scaling = &self.file.meaning.scaling;
        // What is scaled in single precision is scaled as it is laid into tiles.
        let is_scaled = matches!(scaling, Scaling::Columns { .. });
        let (mut row, mut values) = (Vec::with_capacity(width), Vec::with_capacity(rows.len()));
        for raw in rows.chunks_exact(width) {
            row.clear();
            row.extend(raw.iter().map(|&value| value.into()));
            match is_scaled {
                true => scaling.apply(&row, &mut values),
                false => values.extend(row.iter().map(|&value| value as f32)),
            }
        }
        self.answer(&values)
    }

    /// The answers to rows that only the scaling of single precision is left to.
    fn answer(&mut self, rows: &[f32]) -> Vec<f32> {
        let width = self.in_features();
        let rows: Vec<&[f32]> = rows.chunks_exact(width).collect();
        let is_few = rows.len() == 1 || rows.len() * self.executor.threads() <= FEW;
        if is_few && self.file.model.takes_samples() {
            return rows.iter().flat_map(|row| self.row(row)).collect();
        }
        let Predictor { executor, file, tiles, scaling: [scale, shift], .. } = self;
        answers(executor, &file.model, tiles, rows.len(), |crew, indices, tile| {
            // Indices ascend from tile to tile.
            let first = indices[0] as usize;
            let rows = &rows[first..first + indices.len()];
            standardize_tile(crew.isa(), rows, scale, shift, &mut tile.input);
            tile.samples = rows.len();
        })
    }

    /// The answer to one row, which waits for no tile.
    fn row(&mut self, row: &[f32]) -> Vec<f32> {
        let Predictor { executor, file, tiles, scaling: [scale, shift], sample: [x, y] } = self;
        let isa = executor.isa();
        x.resize(row.len(), 0.0);
        standardize_sample(isa, row, scale, shift, x);
        file.model.forward_sample(isa, x, y);
        let outputs = tiles[0].outputs_mut();
        for (row, &output) in outputs.iter_mut().zip(&*x) {
            row.0 = [output; TILE];
        }
        file.model.loss().answer(isa, outputs);
        outputs.iter().map(|row| row.0[0]).collect()
    }

    /// The values that a model of numbers means by its answers.
    ///
    /// **Shapes**: `answers` and the values `[n, outputs]`.
    pub fn values(&self, answers: &[f32]) -> Vec<f64> {
        let targets = self.file.targets();
        let value = |(target, &answer): (&Target, &f32)| target.value(answer.into());
        targets.iter().cycle().zip(answers).map(value).collect()
    }

    /// The answers to samples, `[n, outputs]`.
    pub fn samples(&mut self, samples: &Samples) -> Vec<f32> {
        let Predictor { executor, file, tiles, .. } = self;
        let scaling = &file.meaning.scaling;
        answers(executor, &file.model, tiles, samples.len(), |crew, indices, tile| {
            samples.load_tile(crew.isa(), scaling, indices, tile);
        })
    }
}

/// The answers `[count, outputs]` to samples that `load` lays into tiles by their indices.
pub fn answers(
    executor: &Executor,
    model: &Mlp,
    tiles: &mut [Tile],
    count: usize,
    load: impl Fn(Crew<'_>, &[u32], &mut Tile) + Sync,
) -> Vec<f32> {
    let order: Vec<u32> = (0..count as u32).collect();
    let mut answers = Vec::with_capacity(count * model.outputs());
    executor.enter(|| {
        for group in order.chunks(tiles.len() * TILE) {
            each_tile(executor, tiles, group, |crew, _, indices, tile| {
                load(crew, indices, tile);
                model.forward(crew, tile);
                model.loss().answer(crew.isa(), tile.outputs_mut());
            });
            for tile in &tiles[..group.len().div_ceil(TILE)] {
                for sample in 0..tile.samples {
                    answers.extend(tile.outputs().iter().map(|row| row.0[sample]));
                }
            }
        }
    });
    answers
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
