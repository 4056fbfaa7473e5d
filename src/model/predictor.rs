//! A trained network at work: rows of values to answers.

use super::{Error, Meaning, ModelFile};
use crate::dataset::{
    self, DataProblem, Row, RowSource, Samples, Scaling, SparseRows, Target, is_far,
};
use crate::nn::{Mlp, Tile, forward_batch};
use crate::parallel::{Crew, Executor};
use fanin_kernels::{TILE, standardize_sample, standardize_tile};
use std::borrow::Cow;
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

    /// A predictor that runs one tile per thread at a time, of a mixture larger groups.
    pub fn new(executor: Executor, file: ModelFile) -> Predictor {
        let tiles = Tile::for_answers(&file.model, executor.threads());
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

    /// The answers to raw rows of any numbers. Those of a model of numbers are as it learned them:
    /// [`Predictor::values`] makes values of them.
    ///
    /// **Shapes**: `rows` `[n, in_features]`; returns `[n, outputs]`. A row's answer depends on
    /// nothing but the row.
    ///
    /// **Panics** unless `rows` holds whole rows.
    pub fn rows<T: Number>(&mut self, rows: &[T]) -> Vec<f32> {
        let width = self.in_features();
        assert_eq!(rows.len() % width, 0, "whole rows of {width} values");
        let Meaning { scaling, schema, .. } = &self.file.meaning;
        if !schema.is_sparse && !matches!(scaling, Scaling::Columns { .. }) {
            return self.inputs(&T::singles(rows));
        }
        let mut batch = self.batch();
        let mut row = Vec::with_capacity(width);
        for raw in rows.chunks_exact(width) {
            row.clear();
            row.extend(raw.iter().map(|&value| value.into()));
            batch.push(&self.file.meaning.scaling, &row);
        }
        self.answer(&batch)
    }

    /// No rows yet of those that this model takes.
    pub fn batch(&self) -> Batch {
        let sparse = self.file.meaning.schema.is_sparse;
        let sparse = sparse.then(|| SparseRows::new(self.in_features()));
        Batch { width: self.in_features(), inputs: Vec::new(), sparse, row: Vec::new() }
    }

    /// Reads the next row into a batch, scaled, and says its line. None at the end; else what is
    /// wrong with the row, which is then left out.
    ///
    /// **Errors**: what makes the rest unreadable.
    pub fn read(
        &self,
        source: &mut dyn RowSource,
        batch: &mut Batch,
    ) -> Result<Option<Result<u64, DataProblem>>, dataset::Error> {
        let Meaning { scaling, schema, .. } = &self.file.meaning;
        let Some((Row { line, label }, far)) = batch.read(scaling, source)? else {
            return Ok(None);
        };
        Ok(Some(match (label, far) {
            (Err(problem), _) => Err(problem),
            (Ok(_), None) => Ok(line),
            (Ok(_), Some(input)) => {
                Err(DataProblem::TooFar { line, column: schema.input_name(input) })
            }
        }))
    }

    /// The answers to a batch, as those of [`Predictor::rows`].
    pub fn answer(&mut self, batch: &Batch) -> Vec<f32> {
        let Some(sparse) = &batch.sparse else { return self.inputs(&batch.inputs) };
        let Predictor { executor, file, tiles, .. } = self;
        answers(executor, &file.model, tiles, sparse.rows(), |_, indices, tile| {
            tile.input.set_sparse(indices.iter().map(|&row| sparse.row(row as usize)));
            (tile.samples, tile.dropout) = (indices.len(), None);
        })
    }

    /// The answers to rows that are scaled, but for the scaling of single precision.
    fn inputs(&mut self, inputs: &[f32]) -> Vec<f32> {
        let Predictor { executor, file, tiles, scaling: [scale, shift], .. } = self;
        let rows: Vec<&[f32]> = inputs.chunks_exact(file.model.in_features()).collect();
        let is_few = rows.len() == 1 || rows.len() * executor.threads() <= FEW;
        if is_few && file.model.takes_samples() {
            return rows.iter().flat_map(|row| self.row(row)).collect();
        }
        answers(executor, &file.model, tiles, rows.len(), |crew, indices, tile| {
            let rows: Vec<&[f32]> = indices.iter().map(|&index| rows[index as usize]).collect();
            standardize_tile(crew.isa(), &rows, scale, shift, tile.input.rows_mut());
            (tile.samples, tile.dropout) = (rows.len(), None);
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

/// A number as it may come in: one that double precision holds.
pub trait Number: Copy + Into<f64> {
    /// The numbers in single precision; as they are, if they have it.
    fn singles(numbers: &[Self]) -> Cow<'_, [f32]> {
        numbers.iter().map(|&number| number.into() as f32).collect()
    }
}

impl Number for f32 {
    fn singles(numbers: &[f32]) -> Cow<'_, [f32]> {
        Cow::Borrowed(numbers)
    }
}

impl Number for f64 {}
impl Number for u8 {}
impl Number for u16 {}
impl Number for u32 {}
impl Number for i8 {}
impl Number for i16 {}
impl Number for i32 {}

/// Rows on their way into a network: scaled, but for the scaling of single precision, which is done
/// as they are laid into tiles.
#[derive(Clone, Debug)]
pub struct Batch {
    width: usize,
    inputs: Vec<f32>,
    /// Instead of the inputs, where rows are kept by their values that are not 0.
    sparse: Option<SparseRows<f32>>,
    /// Of a row while it is read.
    row: Vec<f64>,
}

impl Batch {
    /// Leaves all rows out.
    pub fn clear(&mut self) {
        self.inputs.clear();
        self.sparse = self.sparse.take().map(|_| SparseRows::new(self.width));
    }

    /// Adds a row; returns the input that is too far out, if there is one.
    fn push(&mut self, scaling: &Scaling, row: &[f64]) -> Option<usize> {
        if let Some(sparse) = &mut self.sparse {
            let entries: Vec<(u32, f64)> =
                (0..).zip(row.iter().copied()).filter(|(_, x)| *x != 0.0).collect();
            return scaling.apply_sparse(&entries, sparse);
        }
        let first = self.inputs.len();
        match scaling {
            Scaling::Columns { .. } => {
                scaling.apply(row, &mut self.inputs);
                self.inputs[first..].iter().position(|&input| is_far(input))
            }
            single => {
                self.inputs.extend(row.iter().map(|&value| value as f32));
                single.too_far(row)
            }
        }
    }

    /// Reads a row, unless there is none; one with a problem is left out. With it the input that is
    /// too far out.
    fn read(
        &mut self,
        scaling: &Scaling,
        source: &mut dyn RowSource,
    ) -> Result<Option<(Row, Option<usize>)>, dataset::Error> {
        let (rows, inputs) = (self.sparse.as_ref().map(SparseRows::rows), self.inputs.len());
        let (row, far) = match &mut self.sparse {
            Some(sparse) => {
                let mut entries = Vec::new();
                let Some(row) = source.next_entries(&mut entries)? else { return Ok(None) };
                let is_read = row.label.is_ok();
                (row, is_read.then(|| scaling.apply_sparse(&entries, sparse)).flatten())
            }
            None => {
                let mut values = std::mem::take(&mut self.row);
                values.clear();
                let Some(row) = source.next_row(&mut values)? else { return Ok(None) };
                let is_read = row.label.is_ok();
                let far = is_read.then(|| self.push(scaling, &values)).flatten();
                self.row = values;
                (row, far)
            }
        };
        if far.is_some() {
            self.inputs.truncate(inputs);
            self.sparse.iter_mut().zip(rows).for_each(|(sparse, rows)| sparse.truncate(rows));
        }
        Ok(Some((row, far)))
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
        let load = |crew: Crew<'_>, _: usize, indices: &[u32], tile: &mut Tile| {
            load(crew, indices, tile);
        };
        for group in order.chunks(Tile::batch(model, tiles.len())) {
            forward_batch(executor, model, tiles, group, load, |crew, tile| {
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
