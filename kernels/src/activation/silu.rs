//! y·σ(y) with σ(y) = 1/(1 + exp(−y)) (Elfwing et al. 2017; "swish" of Ramachandran et al. 2017).

use super::Function;
use crate::exp::exp;
use crate::lanes::Lanes;

#[derive(Clone, Copy)]
pub(super) struct Silu;

impl Function for Silu {
    fn value(self, y: f64) -> f64 {
        y / (1.0 + (-y).exp())
    }

    /// σ(y)·(1 + y·σ(−y)).
    fn slope(self, y: f64) -> f64 {
        let sigmoid = |y: f64| 1.0 / (1.0 + (-y).exp());
        sigmoid(y) * (1.0 + y * sigmoid(-y))
    }

    #[inline(always)]
    fn forward<L: Lanes>(self, lanes: L, y: f32) -> f32 {
        let [sigmoid, _] = sigmoids(lanes, y);
        y * sigmoid
    }

    #[inline(always)]
    fn backward<L: Lanes>(self, lanes: L, dh: f32, y: f32) -> f32 {
        let [sigmoid, opposite] = sigmoids(lanes, y);
        dh * (sigmoid * lanes.scalar_mul_add(y, opposite, 1.0))
    }
}

/// σ(y) and σ(−y) = 1 − σ(y), from exp(−|y|), so that nothing overflows and nothing cancels.
#[inline(always)]
fn sigmoids<L: Lanes>(lanes: L, y: f32) -> [f32; 2] {
    let e = exp(lanes, -y.abs());
    let large = 1.0 / (1.0 + e);
    let small = e * large;
    if y > 0.0 { [large, small] } else { [small, large] }
}
