//! What losses of numbers have in common.

use super::interface::{METRICS, TileLoss};
use fanin_kernels::NumberLoss;

impl TileLoss {
    /// Of a loss of numbers: Σ of squares and of absolute differences.
    pub(super) fn of_numbers(loss: NumberLoss) -> TileLoss {
        let NumberLoss { loss_sum, absolute_sum, square_sum } = loss;
        TileLoss { loss_sum, sums: [square_sum, absolute_sum].map(f64::from) }
    }
}

/// The names of the values that losses of numbers report.
pub(super) const NUMBER_METRICS: &[&str] = &["rmse", "mae"];

/// Root mean square and mean absolute difference, from the sums of [`TileLoss::of_numbers`].
pub(super) fn number_values([squares, absolute]: [f64; METRICS], samples: f64) -> [f64; METRICS] {
    [(squares / samples).sqrt(), absolute / samples]
}
