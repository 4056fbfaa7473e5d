//! Losses of outputs that are numbers: squared and absolute error and Huber's, 64 samples at a
//! time.
//!
//! Loops over a tile's samples, which LLVM vectorises at each level, inside the loop over outputs.

use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::{Row, TILE};

/// A tile's part of a loss of numbers, and of the measures that are reported beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NumberLoss {
    /// Σ over the tile's samples of w·loss.
    pub loss_sum: f32,
    /// Σ over the tile's samples of (1/K)·Σ_k |y − t|, unweighted.
    pub absolute_sum: f32,
    /// Σ over the tile's samples of (1/K)·Σ_k (y − t)², unweighted.
    pub square_sum: f32,
}

/// The squared error, and its gradient in place of the outputs.
///
/// Equation: loss_s = (1/K)·Σ_k (y_k − t_k)² over the sample's K outputs;
/// `dy_k = (2/K)·(y_k − t_k) · w_s · scale`, 0 for the padding samples.
///
/// **Shapes**: `outputs` and `targets` `[K]` of one tile; `weights` one w_s per real sample, at
/// most 64; `scale` is 1 / batch for the mean loss.
///
/// **Order**: over outputs ascending, one accumulator per sample; over samples by 16 lanes and the
/// fixed tree.
///
/// **Panics** if the shapes disagree, there is no output, or there are more weights than samples in
/// a tile.
pub fn squared_error(
    isa: Isa,
    outputs: &mut [Row],
    targets: &[Row],
    weights: &[f32],
    scale: f32,
) -> NumberLoss {
    check(outputs, targets, weights);
    isa.run(NumberErrors { error: Squared, outputs, targets, weights, scale })
}

/// Huber's loss, and its gradient in place of the outputs.
///
/// Equation (Huber 1964): as [`squared_error`] with ½r² for |r| ≤ δ, else δ·(|r| − ½δ), in place of
/// r² = (y − t)²; its derivative is r, but no further from 0 than δ.
///
/// **Shapes** and **Order** as [`squared_error`].
///
/// **Panics** as [`squared_error`], or unless `delta` is above 0.
pub fn huber(
    isa: Isa,
    delta: f32,
    outputs: &mut [Row],
    targets: &[Row],
    weights: &[f32],
    scale: f32,
) -> NumberLoss {
    check(outputs, targets, weights);
    assert!(delta > 0.0, "delta {delta} is not above 0");
    isa.run(NumberErrors { error: Huber { delta }, outputs, targets, weights, scale })
}

/// The absolute error, and its gradient in place of the outputs.
///
/// Equation: as [`squared_error`] with |r| in place of r² = (y − t)²; its derivative is the sign of
/// r, 0 at 0.
///
/// **Shapes** and **Order** as [`squared_error`].
///
/// **Panics** as [`squared_error`].
pub fn absolute_error(
    isa: Isa,
    outputs: &mut [Row],
    targets: &[Row],
    weights: &[f32],
    scale: f32,
) -> NumberLoss {
    check(outputs, targets, weights);
    isa.run(NumberErrors { error: Absolute, outputs, targets, weights, scale })
}

fn check(outputs: &[Row], targets: &[Row], weights: &[f32]) {
    assert!(!outputs.is_empty(), "a loss of no output");
    assert_eq!(targets.len(), outputs.len(), "one target row per output row");
    assert!(weights.len() <= TILE, "{} weights for a tile of {TILE} samples", weights.len());
}

/// The error of one output as a function of r = y − t.
trait Error: Copy {
    /// Its value and its derivative; a NaN stays NaN.
    fn value_and_slope(self, r: f32) -> [f32; 2];
}

#[derive(Clone, Copy)]
struct Squared;

impl Error for Squared {
    #[inline(always)]
    fn value_and_slope(self, r: f32) -> [f32; 2] {
        [r * r, 2.0 * r]
    }
}

#[derive(Clone, Copy)]
struct Absolute;

impl Error for Absolute {
    #[inline(always)]
    fn value_and_slope(self, r: f32) -> [f32; 2] {
        let above = if r > 0.0 { 1.0 } else { r };
        [r.abs(), if r < 0.0 { -1.0 } else { above }]
    }
}

#[derive(Clone, Copy)]
struct Huber {
    delta: f32,
}

impl Error for Huber {
    /// With c = r cut to −δ..=δ both branches are c·(r − ½c), and the derivative is c.
    #[inline(always)]
    fn value_and_slope(self, r: f32) -> [f32; 2] {
        let cut = if r > self.delta { self.delta } else { r };
        let cut = if cut < -self.delta { -self.delta } else { cut };
        [cut * (r - 0.5 * cut), cut]
    }
}

struct NumberErrors<'a, E> {
    error: E,
    outputs: &'a mut [Row],
    targets: &'a [Row],
    weights: &'a [f32],
    scale: f32,
}

impl<E: Error> Kernel for NumberErrors<'_, E> {
    type Output = NumberLoss;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> NumberLoss {
        let samples = self.weights.len();
        let share = 1.0 / self.outputs.len() as f32;
        let mut weights = [0.0; TILE];
        weights[..samples].copy_from_slice(self.weights);
        let factors = weights.map(|weight| weight * self.scale * share);
        let [mut loss, mut absolute, mut square] = [[0.0; TILE]; 3];
        for (y, t) in self.outputs.iter_mut().zip(self.targets) {
            for sample in 0..TILE {
                let r = y.0[sample] - t.0[sample];
                let [value, slope] = self.error.value_and_slope(r);
                loss[sample] += value;
                absolute[sample] += r.abs();
                square[sample] = lanes.scalar_mul_add(r, r, square[sample]);
                y.0[sample] = slope * factors[sample];
            }
            // Whatever a padding sample held, be it NaN.
            y.0[samples..].fill(0.0);
        }
        for sample in 0..TILE {
            loss[sample] *= weights[sample] * share;
            absolute[sample] *= share;
            square[sample] *= share;
        }
        let [loss_sum, absolute_sum, square_sum] = [loss, absolute, square].map(|mut values| {
            values[samples..].fill(0.0);
            lanes.sum_samples(&values)
        });
        NumberLoss { loss_sum, absolute_sum, square_sum }
    }
}
