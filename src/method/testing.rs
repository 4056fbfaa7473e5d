//! What the tests of methods have in common.

use super::{Grown, LayerView, Scope, TieOrder, Ties, keep_largest};
use crate::nn::{Batch, Curvature};
use crate::sparse::CsrPattern;
use crate::sparse::oracle::Oracle;
use fanin_kernels::{Row, TILE};
use std::borrow::Cow;
use std::sync::Arc;

/// Ties of no particular run.
pub(super) const TIES: Ties = Ties { order: TieOrder::Noise, seed: 1, step: 100, layer: 0 };

/// Tiles whose gradient dY·Xᵀ is a given matrix to the bit: each input is 1 in a sample of its own.
pub(super) struct DenseGradient(Vec<(Vec<Row>, Vec<Row>)>);

impl DenseGradient {
    pub(super) fn new(rows: usize, cols: usize, gradient: &[f64]) -> DenseGradient {
        let tile = |first: usize| {
            let sample = |at: usize, col: usize| f32::from(first + at == col);
            let x = (0..cols).map(|col| Row(std::array::from_fn(|at| sample(at, col))));
            let value = |row: usize, at: usize| match first + at < cols {
                true => gradient[row * cols + first + at] as f32,
                false => 0.0,
            };
            let dy = (0..rows).map(|row| Row(std::array::from_fn(|at| value(row, at))));
            (x.collect(), dy.collect())
        };
        DenseGradient((0..cols).step_by(TILE).map(tile).collect())
    }

    /// A layer whose batch has this gradient.
    pub(super) fn layer(&self, pattern: &CsrPattern, weights: &[f32]) -> LayerView<'_> {
        LayerView {
            index: 0,
            share: 1,
            budget: pattern.nnz(),
            pattern: Arc::new(pattern.clone()),
            weights: Cow::Owned(weights.to_vec()),
            tiles: self.0.iter().map(|(x, dy)| (Cow::Borrowed(&x[..]), &dy[..])).collect(),
        }
    }
}

/// Grown positions in a dense matrix, ascending.
pub(super) fn positions_of(grown: &[Grown], cols: usize) -> Vec<usize> {
    let mut positions: Vec<usize> =
        grown.iter().map(|grown| grown.row as usize * cols + grown.col as usize).collect();
    positions.sort_unstable();
    positions
}

/// A network of three layers with its batch, and what an oracle has of it.
pub(super) struct OracleNet {
    oracle: Oracle,
    name: String,
    pub(super) curvature: Curvature,
    pub(super) batch: Batch,
}

impl OracleNet {
    pub(super) fn open(file: &str, name: &str, temperature: f64) -> OracleNet {
        let mut oracle = Oracle::open(file);
        let (curvature, batch) = Curvature::of_oracle(&mut oracle, name, temperature);
        OracleNet { oracle, name: name.to_string(), curvature, batch }
    }

    pub(super) fn numbers(&mut self, array: &str) -> Vec<f64> {
        self.oracle.numbers(&format!("{}_{array}", self.name))
    }

    /// Holds the masks of the largest scores at every density against the oracle's: of all layers
    /// together, of the hidden ones together, and of each hidden one.
    pub(super) fn expect_masks(&mut self, scores: &[Vec<f64>], prefix: &str) {
        let hidden = &scores[..2];
        self.expect_mask(scores, &format!("{prefix}_all"), Scope::Network);
        self.expect_mask(hidden, &format!("{prefix}_hidden"), Scope::Network);
        self.expect_mask(hidden, &format!("{prefix}_layer"), Scope::Layer);
    }

    /// Holds the masks of the largest scores at every density against one array of the oracle's.
    pub(super) fn expect_mask(&mut self, scores: &[Vec<f64>], array: &str, scope: Scope) {
        let positions: usize = scores.iter().map(Vec::len).sum();
        let densities = self.oracle.numbers("densities");
        let masks = self.numbers(array);
        assert_eq!(masks.len(), densities.len() * positions, "{array}");
        for (density, mask) in densities.iter().zip(masks.chunks(positions)) {
            let count = |positions: usize| (density * positions as f64 + 0.5).floor() as usize;
            let counts: Vec<usize> = match scope {
                Scope::Layer => scores.iter().map(|scores| count(scores.len())).collect(),
                // All of them from the first: only the sum counts.
                Scope::Network => {
                    let none = scores[1..].iter().map(|_| 0);
                    [count(positions)].into_iter().chain(none).collect()
                }
            };
            let scored: Vec<(&[f64], Ties)> = scores.iter().map(|of| (&of[..], TIES)).collect();
            let kept = keep_largest(&scored, &counts, scope).concat();
            let expected: Vec<bool> = mask.iter().map(|x| *x != 0.0).collect();
            assert!(kept == expected, "{} {array} at {density}", self.name);
        }
    }
}

/// An oracle's numbers in single precision.
pub(super) fn single(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|x| x as f32).collect()
}
