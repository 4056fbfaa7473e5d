//! Softmax and cross-entropy over the classes of one sample, 64 samples at a time.

use crate::exp::{exp, ln};
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::{Row, TILE};

/// A tile's part of the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TileLoss {
    /// Σ over the tile's samples of `−w·ln p[label]`.
    pub loss_sum: f32,
    /// Samples whose largest logit is the label's; a tie goes to the lower class.
    pub correct: u32,
}

/// Cross-entropy of the softmax, and its gradient in place of the logits.
///
/// Equation: loss = Σ_s w_s·(ln Σ_c exp(z_c − max z) − Σ_c t_c·(z_c − max z));
/// `dz_c = (softmax(z)_c − t_c) · w_s · scale`, 0 for the padding samples. The target t is 1 at the
/// label and else 0; smoothed by ε (Szegedy et al. 2016, section 7) it is (1 − ε)·t + ε / classes.
///
/// **Shapes**: `logits` `[classes]` of one tile; `labels` one class per real sample, at most 64;
/// `weights` one w_s per real sample. `scale` is 1 / batch for the mean loss, `smoothing` is ε.
///
/// **Order**: over classes ascending, one accumulator per sample; the loss over samples by 16 lanes
/// and the fixed tree.
///
/// **Panics** if there are more labels than samples in a tile, or a label is not below classes.
pub fn softmax_cross_entropy(
    isa: Isa,
    logits: &mut [Row],
    labels: &[u16],
    weights: &[f32],
    smoothing: f32,
    scale: f32,
) -> TileLoss {
    assert_eq!(weights.len(), labels.len(), "one weight per label");
    assert!(labels.len() <= TILE, "{} labels for a tile of {TILE} samples", labels.len());
    for &label in labels {
        assert!((label as usize) < logits.len(), "label {label} of {} classes", logits.len());
    }
    isa.run(SoftmaxCrossEntropy { logits, labels, weights, smoothing, scale })
}

struct SoftmaxCrossEntropy<'a> {
    logits: &'a mut [Row],
    labels: &'a [u16],
    weights: &'a [f32],
    smoothing: f32,
    scale: f32,
}

impl Kernel for SoftmaxCrossEntropy<'_> {
    type Output = TileLoss;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> TileLoss {
        let (samples, logits) = (self.labels.len(), self.logits);
        let mut result = TileLoss::default();
        for (sample, &label) in self.labels.iter().enumerate() {
            result.correct += u32::from(argmax(logits, sample) == label as usize);
        }
        // The label's logit, less the maximum, is gathered before the logits become exp.
        let max = maximum(logits);
        let mut chosen = [0.0; TILE];
        for (sample, &label) in self.labels.iter().enumerate() {
            chosen[sample] = logits[label as usize].0[sample] - max.0[sample];
        }
        if self.smoothing > 0.0 {
            smooth(lanes, logits, &max, self.smoothing, &mut chosen);
        }
        let sum = exponentials(lanes, logits, &max);
        let mut loss = [0.0; TILE];
        let mut weights = [0.0; TILE];
        weights[..samples].copy_from_slice(self.weights);
        for sample in 0..TILE {
            let of_sample = weights[sample] * (ln(lanes, sum.0[sample]) - chosen[sample]);
            loss[sample] = if sample < samples { of_sample } else { 0.0 };
        }
        let mut factor = [0.0; TILE];
        for ((factor, sum), weight) in factor.iter_mut().zip(sum.0).zip(weights).take(samples) {
            *factor = self.scale * weight / sum;
        }
        for row in logits.iter_mut() {
            for (z, factor) in row.0.iter_mut().zip(factor) {
                *z *= factor;
            }
        }
        for (sample, &label) in self.labels.iter().enumerate() {
            logits[label as usize].0[sample] -=
                self.scale * weights[sample] * (1.0 - self.smoothing);
        }
        if self.smoothing > 0.0 {
            let share = self.scale * self.smoothing / logits.len() as f32;
            for row in logits.iter_mut() {
                for (z, weight) in row.0.iter_mut().zip(weights).take(samples) {
                    *z -= share * weight;
                }
            }
        }
        result.loss_sum = lanes.sum_samples(&loss);
        result
    }
}

/// Logits to probabilities, in place.
///
/// **Shapes**: `logits` `[classes]` of one tile.
///
/// **Order**: over classes ascending, one accumulator per sample.
pub fn softmax(isa: Isa, logits: &mut [Row]) {
    struct Softmax<'a>(&'a mut [Row]);

    impl Kernel for Softmax<'_> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            let max = maximum(self.0);
            let sum = exponentials(lanes, self.0, &max);
            for row in self.0 {
                for (z, sum) in row.0.iter_mut().zip(sum.0) {
                    *z /= sum;
                }
            }
        }
    }
    isa.run(Softmax(logits));
}

/// Mixes the chosen logits, less the maximum, with the mean of all classes'.
#[inline(always)]
fn smooth<L: Lanes>(lanes: L, logits: &[Row], max: &Row, smoothing: f32, chosen: &mut [f32; TILE]) {
    let mut sum = [0.0; TILE];
    for row in logits {
        for ((sum, z), max) in sum.iter_mut().zip(row.0).zip(max.0) {
            *sum += z - max;
        }
    }
    let share = smoothing / logits.len() as f32;
    for (chosen, sum) in chosen.iter_mut().zip(sum) {
        *chosen = lanes.scalar_mul_add(share, sum, (1.0 - smoothing) * *chosen);
    }
}

/// The class with the largest logit of one sample, the lowest of equals.
#[inline(always)]
fn argmax(logits: &[Row], sample: usize) -> usize {
    let mut best = 0;
    for (class, row) in logits.iter().enumerate() {
        if row.0[sample] > logits[best].0[sample] {
            best = class;
        }
    }
    best
}

/// The largest logit of each sample.
#[inline(always)]
fn maximum(logits: &[Row]) -> Row {
    let mut max = [f32::NEG_INFINITY; TILE];
    for row in logits {
        for (max, &z) in max.iter_mut().zip(&row.0) {
            *max = if z > *max { z } else { *max };
        }
    }
    Row(max)
}

/// Replaces z by exp(z − max), and returns their sum over classes.
#[inline(always)]
fn exponentials<L: Lanes>(lanes: L, logits: &mut [Row], max: &Row) -> Row {
    let mut sum = [0.0; TILE];
    for row in logits {
        for ((z, max), sum) in row.0.iter_mut().zip(max.0).zip(&mut sum) {
            *z = exp(lanes, *z - max);
            *sum += *z;
        }
    }
    Row(sum)
}
