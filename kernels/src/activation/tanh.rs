//! The hyperbolic tangent.

use super::Function;
use crate::exp::{exp, exp_m1};
use crate::lanes::Lanes;

#[derive(Clone, Copy)]
pub(super) struct Tanh;

impl Function for Tanh {
    fn value(self, y: f64) -> f64 {
        y.tanh()
    }

    /// 1 − tanh² y = 1/cosh² y.
    fn slope(self, y: f64) -> f64 {
        y.cosh().powi(-2)
    }

    /// With t = exp(−2|y|) − 1: tanh |y| = −t/(t + 2), where nothing cancels, near 0 neither.
    #[inline(always)]
    fn forward<L: Lanes>(self, lanes: L, y: f32) -> f32 {
        let t = exp_m1(lanes, -2.0 * y.abs());
        (-t / (t + 2.0)).copysign(y)
    }

    /// With e = exp(−2|y|): 1/cosh² y = 4e/(1 + e)².
    #[inline(always)]
    fn backward<L: Lanes>(self, lanes: L, dh: f32, y: f32) -> f32 {
        let e = exp(lanes, -2.0 * y.abs());
        let sum = 1.0 + e;
        dh * (4.0 * e / (sum * sum))
    }
}
