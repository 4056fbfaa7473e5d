//! y where y > 0, else a hundredth of it (Maas et al. 2013; the slope is PyTorch's default).

use super::Function;
use crate::lanes::Lanes;

/// The slope below zero.
const LEAK: f32 = 0.01;

#[derive(Clone, Copy)]
pub(super) struct LeakyRelu;

impl Function for LeakyRelu {
    fn value(self, y: f64) -> f64 {
        y * self.slope(y)
    }

    fn slope(self, y: f64) -> f64 {
        if y > 0.0 { 1.0 } else { f64::from(LEAK) }
    }

    #[inline(always)]
    fn forward<L: Lanes>(self, lanes: L, y: f32) -> f32 {
        self.backward(lanes, y, y)
    }

    #[inline(always)]
    fn backward<L: Lanes>(self, _: L, dh: f32, y: f32) -> f32 {
        dh * if y > 0.0 { 1.0 } else { LEAK }
    }
}
