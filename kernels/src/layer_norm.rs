//! LayerNorm with the activation behind it, forward and backward, one tile at a time.
//!
//! The norm is over the features of one sample, so a tile's 64 samples are 64 independent norms
//! side by side: every statistic is a [`Row`]. Rows pass through registers 16 samples at a time.
//!
//! What was done for speed, and why each step is allowed. What counts is how often the 256 KB of
//! 1024 features' rows come from L2.
//! 1. The activation has no pass of its own, and y = γ·x̂ + β is not stored: the backward pass
//!    computes it again from z, by the same operations and so to the same bits.
//! 2. Mean and variance come from one pass, by sums of z − K and (z − K)², K the mean of the first
//!    sixteenth of the features. By Cauchy–Schwarz (mean − K)² ≤ 16·var whatever the features are,
//!    so the subtraction cancels at most 5 of a float's 24 bits, unless the variance is as small
//!    as the rounding of K.
//! 3. The backward pass also sums what it writes over the samples: the bias's gradient.

use crate::activation::{Activation, ActivationKernel, Function};
use crate::isa::Isa;
use crate::lanes::Lanes;
use crate::{LANES, Row, TILE};

/// What the backward pass needs of the forward pass, per sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NormStats {
    /// Mean over the features.
    pub mean: Row,
    /// 1/√(var + eps), var the biased variance over the features.
    pub rstd: Row,
}

/// `h = f(gamma·(z − mean)·rstd + beta)`, per sample over its features.
///
/// Equation: LayerNorm (Ba et al. 2016, eq 3) with affine γ, β, then the activation f; a NaN stays
/// NaN.
///
/// **Shapes**: `z`, `h`, `gamma`, `beta` `[features]`; returns the statistics of the 64 samples.
///
/// **Order**: K, then Σ(z − K) and Σ(z − K)², each ascending over features, one accumulator per
/// sample.
///
/// **Panics** if the shapes disagree or there is no feature.
pub fn layer_norm_forward(
    isa: Isa,
    activation: Activation,
    z: &[Row],
    gamma: &[f32],
    beta: &[f32],
    eps: f32,
    h: &mut [Row],
) -> NormStats {
    assert!(!z.is_empty(), "LayerNorm over no features");
    assert_eq!(h.len(), z.len(), "one output row per feature");
    assert_eq!(gamma.len(), z.len(), "one gamma per feature");
    assert_eq!(beta.len(), z.len(), "one beta per feature");
    activation.run(isa, Forward { z, gamma, beta, eps, h })
}

struct Forward<'a> {
    z: &'a [Row],
    gamma: &'a [f32],
    beta: &'a [f32],
    eps: f32,
    h: &'a mut [Row],
}

impl ActivationKernel for Forward<'_> {
    type Output = NormStats;

    #[inline(always)]
    fn run<L: Lanes, A: Function>(self, lanes: L, activation: A) -> NormStats {
        let zero = [lanes.splat(0.0); TILE / LANES];
        let first = &self.z[..self.z.len().div_ceil(16)];
        let mut near = zero;
        for z in first {
            for (near, z) in near.iter_mut().zip(z.groups()) {
                *near = lanes.add(*near, lanes.load(z));
            }
        }
        for near in &mut near {
            *near = lanes.div(*near, lanes.splat(first.len() as f32));
        }
        let (mut sum, mut squares) = (zero, zero);
        for z in self.z {
            let sums = sum.iter_mut().zip(&mut squares);
            for (((sum, squares), &near), z) in sums.zip(&near).zip(z.groups()) {
                let apart = lanes.sub(lanes.load(z), near);
                *sum = lanes.add(*sum, apart);
                *squares = lanes.mul_add(apart, apart, *squares);
            }
        }
        let count = lanes.splat(self.z.len() as f32);
        let (mut mean, mut rstd) = (zero, zero);
        for group in 0..TILE / LANES {
            let apart = lanes.div(sum[group], count);
            mean[group] = lanes.add(near[group], apart);
            let square = lanes.div(squares[group], count);
            // Rounding can leave less than nothing of features that are all equal, and large.
            let variance = lanes.relu(lanes.sub(square, lanes.mul(apart, apart)));
            let deviation = lanes.sqrt(lanes.add(variance, lanes.splat(self.eps)));
            rstd[group] = lanes.div(lanes.splat(1.0), deviation);
        }
        for (((z, h), &gamma), &beta) in self.z.iter().zip(self.h).zip(self.gamma).zip(self.beta) {
            let (gamma, beta) = (lanes.splat(gamma), lanes.splat(beta));
            for (((z, h), &mean), &rstd) in
                z.groups().iter().zip(h.groups_mut()).zip(&mean).zip(&rstd)
            {
                let x_hat = lanes.mul(lanes.sub(lanes.load(z), mean), rstd);
                let y = lanes.mul_add(gamma, x_hat, beta);
                lanes.store(activation.forward_lanes(lanes, y), h);
            }
        }
        let mut stats = NormStats::default();
        for (mean, out) in mean.into_iter().zip(stats.mean.groups_mut()) {
            lanes.store(mean, out);
        }
        for (rstd, out) in rstd.into_iter().zip(stats.rstd.groups_mut()) {
            lanes.store(rstd, out);
        }
        stats
    }
}

/// The gradients of [`layer_norm_forward`], one tile's part of those over samples.
///
/// With x̂ = (z − mean)·rstd, dy = dh·f′(γ·x̂ + β), and means over the features:
/// `dz = rstd·(γ·dy − mean(γ·dy) − x̂·mean(γ·dy·x̂))`, `dγ = Σ_s dy·x̂`, `dβ = Σ_s dy`, and
/// `db = Σ_s dz`, the gradient of the bias that made z.
///
/// **Shapes**: `dh`, `gamma`, `beta`, `z` `[features]`, and each of `sums`: dγ, dβ and db,
/// overwritten with this tile's. `z` holds the forward's input and receives dz.
///
/// **Order**: over features ascending, one accumulator per sample; over samples 16 lanes and the
/// fixed tree.
///
/// **Panics** if the shapes disagree.
pub fn layer_norm_backward(
    isa: Isa,
    activation: Activation,
    dh: &[Row],
    gamma: &[f32],
    beta: &[f32],
    stats: &NormStats,
    z: &mut [Row],
    sums: [&mut [f32]; 3],
) {
    assert_eq!(z.len(), dh.len(), "one input row per gradient row");
    assert_eq!(gamma.len(), dh.len(), "one gamma per feature");
    assert_eq!(beta.len(), dh.len(), "one beta per feature");
    for sums in &sums {
        assert_eq!(sums.len(), dh.len(), "one dgamma, dbeta and db per feature");
    }
    let [dgamma, dbeta, db] = sums;
    activation.run(isa, Backward { dh, gamma, beta, stats, z, dgamma, dbeta, db });
}

struct Backward<'a> {
    dh: &'a [Row],
    gamma: &'a [f32],
    beta: &'a [f32],
    stats: &'a NormStats,
    z: &'a mut [Row],
    dgamma: &'a mut [f32],
    dbeta: &'a mut [f32],
    db: &'a mut [f32],
}

impl ActivationKernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes, A: Function>(self, lanes: L, activation: A) {
        let mean = lanes.load_row(&self.stats.mean);
        let rstd = lanes.load_row(&self.stats.rstd);
        let zero = [lanes.splat(0.0); TILE / LANES];
        // Per sample: Σ γ·dy and Σ γ·dy·x̂ over the features.
        let (mut sum_dx, mut sum_dx_x) = (zero, zero);
        // Per feature: eight features' 16-lane sums wait until they can be added together.
        let (mut lanes_gamma, mut lanes_beta) = ([zero[0]; 8], [zero[0]; 8]);
        let features = self.dh.len();
        for first in (0..features).step_by(8) {
            let block = first..features.min(first + 8);
            for (feature, slot) in block.clone().zip(0..8) {
                let (gamma, beta) =
                    (lanes.splat(self.gamma[feature]), lanes.splat(self.beta[feature]));
                let (dh, z) = (self.dh[feature].groups(), self.z[feature].groups());
                let (mut dgamma, mut dbeta) = (zero[0], zero[0]);
                for group in 0..TILE / LANES {
                    let x_hat =
                        lanes.mul(lanes.sub(lanes.load(&z[group]), mean[group]), rstd[group]);
                    let y = lanes.mul_add(gamma, x_hat, beta);
                    let dy = activation.backward_lanes(lanes, lanes.load(&dh[group]), y);
                    dgamma = lanes.mul_add(dy, x_hat, dgamma);
                    dbeta = lanes.add(dbeta, dy);
                    let dx = lanes.mul(gamma, dy);
                    sum_dx[group] = lanes.add(sum_dx[group], dx);
                    sum_dx_x[group] = lanes.mul_add(dx, x_hat, sum_dx_x[group]);
                }
                (lanes_gamma[slot], lanes_beta[slot]) = (dgamma, dbeta);
            }
            let dgamma = lanes.sums(&lanes_gamma);
            let dbeta = lanes.sums(&lanes_beta);
            self.dgamma[block.clone()].copy_from_slice(&dgamma[..block.len()]);
            self.dbeta[block.clone()].copy_from_slice(&dbeta[..block.len()]);
        }
        let count = lanes.splat(features as f32);
        for (sum_dx, sum_dx_x) in sum_dx.iter_mut().zip(&mut sum_dx_x) {
            *sum_dx = lanes.div(*sum_dx, count);
            *sum_dx_x = lanes.div(*sum_dx_x, count);
        }
        let mut lanes_bias = [zero[0]; 8];
        for first in (0..features).step_by(8) {
            let block = first..features.min(first + 8);
            for (feature, slot) in block.clone().zip(0..8) {
                let (gamma, beta) =
                    (lanes.splat(self.gamma[feature]), lanes.splat(self.beta[feature]));
                let (dh, z) = (self.dh[feature].groups(), self.z[feature].groups_mut());
                let mut db = zero[0];
                for group in 0..TILE / LANES {
                    let z = &mut z[group];
                    let x_hat = lanes.mul(lanes.sub(lanes.load(z), mean[group]), rstd[group]);
                    let y = lanes.mul_add(gamma, x_hat, beta);
                    let dy = activation.backward_lanes(lanes, lanes.load(&dh[group]), y);
                    let dx = lanes.sub(lanes.mul(gamma, dy), sum_dx[group]);
                    let dx = lanes.sub(dx, lanes.mul(x_hat, sum_dx_x[group]));
                    let dz = lanes.mul(rstd[group], dx);
                    db = lanes.add(db, dz);
                    lanes.store(dz, z);
                }
                lanes_bias[slot] = db;
            }
            let db = lanes.sums(&lanes_bias);
            self.db[block.clone()].copy_from_slice(&db[..block.len()]);
        }
    }
}
