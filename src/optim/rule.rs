//! What an optimiser does to parameters.

use crate::nn::Tensor;
use fanin_kernels::Isa;
use std::fmt::Debug;

/// Most slots that a rule has.
pub const MAX_SLOTS: usize = 4;

/// How parameters follow from gradients.
pub trait Rule: Debug + Send + Sync {
    /// What it keeps beside each parameter, by name; at most [`MAX_SLOTS`], all 0 at first.
    fn slots(&self) -> &[&'static str];

    /// Begins a step at this learning rate: the scalars that all parameters share.
    fn begin(&mut self, lr: f32);

    /// Brings the scalars to where `steps` steps have left them.
    fn resume(&mut self, steps: u64);

    /// Updates some parameters of a tensor.
    ///
    /// **Shapes**: `w`, `dw` and the first [`Rule::slots`] of `slots` `[n]`; the others are empty.
    fn apply(
        &self,
        isa: Isa,
        tensor: Tensor,
        w: &mut [f32],
        slots: [&mut [f32]; MAX_SLOTS],
        dw: &[f32],
    );

    /// A step passes by parameters that no sample has touched: they stay, and so does what the rule
    /// keeps of their gradients.
    ///
    /// **Shapes**: as [`Rule::apply`].
    fn rest(&self, _isa: Isa, _w: &[f32], _slots: [&mut [f32]; MAX_SLOTS]) {}

    /// What a slot of a new connection holds, whose gradient is `gradient` (0 if it is not known).
    fn fresh(&self, _slot: usize, _gradient: f32) -> f32 {
        0.0
    }

    /// Whether a slot may hold these numbers, which a file has.
    fn may_hold(&self, _slot: usize, _values: &[f32]) -> bool {
        true
    }

    /// A copy.
    fn boxed(&self) -> Box<dyn Rule>;
}

impl Clone for Box<dyn Rule> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}
