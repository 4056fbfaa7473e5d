//! LayerNorm with the ReLU behind it, forward and backward, one tile at a time.
//!
//! The norm is over the features of one sample, so a tile's 64 samples are 64 independent norms
//! side by side: every statistic is a [`Row`]. Rows pass through registers 16 samples at a time;
//! the ReLU costs no pass of its own.

use crate::isa::{Isa, Kernel};
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

/// `h = max(0, gamma·(z − mean)·rstd + beta)`, per sample over its features.
///
/// Equation: LayerNorm (Ba et al. 2016, eq 3) with affine γ, β, then ReLU; a NaN stays NaN.
///
/// **Shapes**: `z`, `h`, `gamma`, `beta` `[features]`; returns the statistics of the 64 samples.
///
/// **Order**: mean, then Σ(z − mean)², each ascending over features, one accumulator per sample.
///
/// **Panics** if the shapes disagree or there is no feature.
pub fn layer_norm_relu_forward(
    isa: Isa,
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
    isa.run(Forward { z, gamma, beta, eps, h })
}

struct Forward<'a> {
    z: &'a [Row],
    gamma: &'a [f32],
    beta: &'a [f32],
    eps: f32,
    h: &'a mut [Row],
}

impl Kernel for Forward<'_> {
    type Output = NormStats;

    #[inline(always)]
    fn run<L: Lanes>(self) -> NormStats {
        let count = L::splat(self.z.len() as f32);
        let zero = [L::splat(0.0); TILE / LANES];
        let mut sum = zero;
        for z in self.z {
            for (sum, z) in sum.iter_mut().zip(z.groups()) {
                *sum = L::add(*sum, L::load(z));
            }
        }
        let mut mean = zero;
        for (mean, sum) in mean.iter_mut().zip(sum) {
            *mean = L::div(sum, count);
        }
        let mut squares = zero;
        for z in self.z {
            for ((squares, &mean), z) in squares.iter_mut().zip(&mean).zip(z.groups()) {
                let centred = L::sub(L::load(z), mean);
                *squares = L::mul_add(centred, centred, *squares);
            }
        }
        let mut rstd = zero;
        for (rstd, squares) in rstd.iter_mut().zip(squares) {
            let variance = L::div(squares, count);
            *rstd = L::div(L::splat(1.0), L::sqrt(L::add(variance, L::splat(self.eps))));
        }
        for (((z, h), &gamma), &beta) in self.z.iter().zip(self.h).zip(self.gamma).zip(self.beta) {
            let (gamma, beta) = (L::splat(gamma), L::splat(beta));
            for (((z, h), &mean), &rstd) in
                z.groups().iter().zip(h.groups_mut()).zip(&mean).zip(&rstd)
            {
                let x_hat = L::mul(L::sub(L::load(z), mean), rstd);
                L::store(L::relu(L::mul_add(gamma, x_hat, beta)), h);
            }
        }
        let mut stats = NormStats::default();
        for (mean, out) in mean.into_iter().zip(stats.mean.groups_mut()) {
            L::store(mean, out);
        }
        for (rstd, out) in rstd.into_iter().zip(stats.rstd.groups_mut()) {
            L::store(rstd, out);
        }
        stats
    }
}

/// The gradients of [`layer_norm_relu_forward`], one tile's part of those over samples.
///
/// With x̂ = (z − mean)·rstd, dy = dh where h > 0 and else 0, and means over the features:
/// `dz = rstd·(γ·dy − mean(γ·dy) − x̂·mean(γ·dy·x̂))`, `dγ = Σ_s dy·x̂`, `dβ = Σ_s dy`.
///
/// **Shapes**: `dh`, `h`, `gamma`, `dgamma`, `dbeta`, `z` `[features]`. `z` holds the forward's
/// input and receives dz; `dgamma` and `dbeta` are overwritten with this tile's sums.
///
/// **Order**: over features ascending, one accumulator per sample; over samples 16 lanes and the
/// fixed tree.
///
/// **Panics** if the shapes disagree.
pub fn layer_norm_relu_backward(
    isa: Isa,
    dh: &[Row],
    h: &[Row],
    gamma: &[f32],
    stats: &NormStats,
    z: &mut [Row],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) {
    assert_eq!(h.len(), dh.len(), "one output row per gradient row");
    assert_eq!(z.len(), dh.len(), "one input row per gradient row");
    assert_eq!(gamma.len(), dh.len(), "one gamma per feature");
    assert_eq!(dgamma.len(), dh.len(), "one dgamma per feature");
    assert_eq!(dbeta.len(), dh.len(), "one dbeta per feature");
    isa.run(Backward { dh, h, gamma, stats, z, dgamma, dbeta });
}

struct Backward<'a> {
    dh: &'a [Row],
    h: &'a [Row],
    gamma: &'a [f32],
    stats: &'a NormStats,
    z: &'a mut [Row],
    dgamma: &'a mut [f32],
    dbeta: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mean = self.stats.mean.groups().map_lanes::<L>();
        let rstd = self.stats.rstd.groups().map_lanes::<L>();
        let zero = [L::splat(0.0); TILE / LANES];
        // Per sample: Σ γ·dy and Σ γ·dy·x̂ over the features.
        let (mut sum_dx, mut sum_dx_x) = (zero, zero);
        // Per feature: eight features' 16-lane sums wait until they can be added together.
        let (mut lanes_gamma, mut lanes_beta) = ([zero[0]; 8], [zero[0]; 8]);
        let features = self.dh.len();
        for first in (0..features).step_by(8) {
            let block = first..features.min(first + 8);
            for (feature, slot) in block.clone().zip(0..8) {
                let gamma = L::splat(self.gamma[feature]);
                let (dh, h) = (self.dh[feature].groups(), self.h[feature].groups());
                let z = self.z[feature].groups();
                let (mut dgamma, mut dbeta) = (zero[0], zero[0]);
                for group in 0..TILE / LANES {
                    let dy = L::gate(L::load(&dh[group]), L::load(&h[group]));
                    let x_hat = L::mul(L::sub(L::load(&z[group]), mean[group]), rstd[group]);
                    dgamma = L::mul_add(dy, x_hat, dgamma);
                    dbeta = L::add(dbeta, dy);
                    let dx = L::mul(gamma, dy);
                    sum_dx[group] = L::add(sum_dx[group], dx);
                    sum_dx_x[group] = L::mul_add(dx, x_hat, sum_dx_x[group]);
                }
                (lanes_gamma[slot], lanes_beta[slot]) = (dgamma, dbeta);
            }
            let dgamma = L::sums(&lanes_gamma);
            let dbeta = L::sums(&lanes_beta);
            self.dgamma[block.clone()].copy_from_slice(&dgamma[..block.len()]);
            self.dbeta[block.clone()].copy_from_slice(&dbeta[..block.len()]);
        }
        let count = L::splat(features as f32);
        for (sum_dx, sum_dx_x) in sum_dx.iter_mut().zip(&mut sum_dx_x) {
            *sum_dx = L::div(*sum_dx, count);
            *sum_dx_x = L::div(*sum_dx_x, count);
        }
        for (((z, dh), h), &gamma) in self.z.iter_mut().zip(self.dh).zip(self.h).zip(self.gamma) {
            let gamma = L::splat(gamma);
            for group in 0..TILE / LANES {
                let z = &mut z.groups_mut()[group];
                let dy = L::gate(L::load(&dh.groups()[group]), L::load(&h.groups()[group]));
                let x_hat = L::mul(L::sub(L::load(z), mean[group]), rstd[group]);
                let dx = L::sub(L::mul(gamma, dy), sum_dx[group]);
                let dx = L::sub(dx, L::mul(x_hat, sum_dx_x[group]));
                L::store(L::mul(rstd[group], dx), z);
            }
        }
    }
}

/// Loads the four groups of a row.
trait MapLanes {
    fn map_lanes<L: Lanes>(&self) -> [L::V; TILE / LANES];
}

impl MapLanes for [[f32; LANES]; TILE / LANES] {
    #[inline(always)]
    fn map_lanes<L: Lanes>(&self) -> [L::V; TILE / LANES] {
        [L::load(&self[0]), L::load(&self[1]), L::load(&self[2]), L::load(&self[3])]
    }
}
