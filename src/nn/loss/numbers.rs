//! Losses of numbers: the mean over a sample's outputs of an error of their differences.

use super::interface::{Loss, METRICS, TileLoss};
use super::targets::{Targets, TileTargets};
use fanin_kernels::naive::{NumberError, number_loss};
use fanin_kernels::{Isa, NumberLoss, Row, absolute_error, huber, squared_error};

/// A loss by its error.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfNumbers {
    /// Its name in the list of losses.
    pub(super) name: &'static str,
    /// The error of one output.
    pub(super) error: NumberError,
}

impl Loss for OfNumbers {
    fn name(&self) -> &'static str {
        self.name
    }

    fn text(&self) -> String {
        match self.error {
            NumberError::Huber(delta) => format!("{}:delta={}", self.name, delta as f32),
            _ => self.name.to_string(),
        }
    }

    fn takes_numbers(&self) -> bool {
        true
    }

    fn differentiate(
        &self,
        isa: Isa,
        outputs: &mut [Row],
        targets: &TileTargets,
        samples: usize,
        scale: f32,
    ) -> TileLoss {
        let (targets, weights) = (&targets.numbers, &targets.weights[..samples]);
        let NumberLoss { loss_sum, absolute_sum, square_sum } = match self.error {
            NumberError::Squared => squared_error(isa, outputs, targets, weights, scale),
            NumberError::Absolute => absolute_error(isa, outputs, targets, weights, scale),
            NumberError::Huber(delta) => huber(isa, delta as f32, outputs, targets, weights, scale),
        };
        TileLoss { loss_sum, sums: [square_sum, absolute_sum].map(f64::from) }
    }

    fn answer(&self, _isa: Isa, _outputs: &mut [Row]) {}

    fn metrics(&self) -> &'static [&'static str] {
        &["rmse", "mae"]
    }

    /// Root mean square and mean absolute difference.
    fn values(&self, [squares, absolute]: [f64; METRICS], samples: f64) -> [f64; METRICS] {
        [(squares / samples).sqrt(), absolute / samples]
    }

    fn twin(&self, outputs: &[f64], targets: &Targets, _smoothing: f64) -> (f64, Vec<f64>) {
        let Targets::Numbers { values, .. } = targets else { panic!("numbers have no class") };
        let values: Vec<f64> = values.iter().map(|&t| f64::from(t)).collect();
        number_loss(self.error, outputs, &values, &vec![1.0; targets.len()])
    }
}
