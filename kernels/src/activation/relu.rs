//! max(0, y).

use super::Function;
use crate::lanes::Lanes;

#[derive(Clone, Copy)]
pub(super) struct Relu;

impl Function for Relu {
    fn value(self, y: f64) -> f64 {
        if 0.0 > y { 0.0 } else { y }
    }

    fn slope(self, y: f64) -> f64 {
        if y > 0.0 { 1.0 } else { 0.0 }
    }

    #[inline(always)]
    fn forward<L: Lanes>(self, _: L, y: f32) -> f32 {
        if 0.0 > y { 0.0 } else { y }
    }

    #[inline(always)]
    fn backward<L: Lanes>(self, _: L, dh: f32, y: f32) -> f32 {
        if y > 0.0 { dh } else { 0.0 }
    }

    #[inline(always)]
    fn forward_lanes<L: Lanes>(self, lanes: L, y: L::V) -> L::V {
        lanes.relu(y)
    }

    #[inline(always)]
    fn backward_lanes<L: Lanes>(self, lanes: L, dh: L::V, y: L::V) -> L::V {
        lanes.gate(dh, y)
    }
}
