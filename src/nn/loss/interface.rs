//! What a loss is.

use super::targets::{Targets, TileTargets};
use fanin_kernels::{Isa, Row};
use std::fmt::Debug;

/// Most named values that a loss reports.
pub const METRICS: usize = 2;

/// What the outputs are compared with, and what becomes of them.
///
/// A tile's first samples are real, the rest is padding whose gradient is 0.
pub trait Loss: Debug + Send + Sync {
    /// Its name in the list of losses.
    fn name(&self) -> &'static str;

    /// The text that the list makes it from: the name, and parameters if it has any.
    fn text(&self) -> String {
        self.name().to_string()
    }

    /// Whether targets are numbers rather than classes.
    fn takes_numbers(&self) -> bool;

    /// The loss of a tile's outputs, and its gradient in their place.
    ///
    /// **Shapes**: `outputs` one row per output; `scale` is 1 / batch for the batch's mean.
    fn differentiate(
        &self,
        isa: Isa,
        outputs: &mut [Row],
        targets: &TileTargets,
        samples: usize,
        scale: f32,
    ) -> TileLoss;

    /// A tile's outputs become answers: probabilities of classes, or numbers.
    fn answer(&self, isa: Isa, outputs: &mut [Row]);

    /// The names of what [`Loss::values`] gives, at most [`METRICS`].
    fn metrics(&self) -> &'static [&'static str];

    /// The named values of `samples` samples whose tiles' sums add up to `sums`.
    fn values(&self, sums: [f64; METRICS], samples: f64) -> [f64; METRICS];

    /// The specification in f64: the mean loss, and its gradient.
    ///
    /// **Shapes**: `outputs` and the gradient `[samples, outputs]`; `smoothing` as in
    /// [`TileTargets`].
    fn twin(&self, outputs: &[f64], targets: &Targets, smoothing: f64) -> (f64, Vec<f64>);
}

/// A tile's part of a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TileLoss {
    /// Σ over the tile's samples of their losses.
    pub loss_sum: f32,
    /// Sums that the loss's named values are made of.
    pub sums: [f64; METRICS],
}
