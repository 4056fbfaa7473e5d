//! Huber's loss, for numbers with outliers.

use super::interface::{Loss, METRICS, TileLoss};
use super::numbers::{NUMBER_METRICS, number_values};
use super::targets::{Targets, TileTargets};
use crate::grammar::{Entry, Parameter};
use fanin_kernels::naive::{NumberError, number_loss};
use fanin_kernels::{Isa, Row, huber};

/// Huber's loss in the list of losses.
pub(super) const ENTRY: Entry<Box<dyn Loss>> = Entry {
    name: "huber",
    about: "for numbers with outliers: a square up to delta, then a line",
    parameters: &[Parameter {
        key: "delta",
        default: Some("1"),
        about: "where the square becomes a line",
    }],
    make: |given| Ok(Box::new(Huber { delta: given.positive("delta")? as f32 })),
};

/// The mean over a sample's outputs of ½r² for |r| ≤ δ, else δ·(|r| − δ/2) (Huber 1964).
#[derive(Clone, Copy, Debug)]
struct Huber {
    /// Where the square becomes a line.
    delta: f32,
}

impl Loss for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }

    fn text(&self) -> String {
        format!("huber:delta={}", self.delta)
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
        let weights = &targets.weights[..samples];
        TileLoss::of_numbers(huber(isa, self.delta, outputs, &targets.numbers, weights, scale))
    }

    fn answer(&self, _isa: Isa, _outputs: &mut [Row]) {}

    fn metrics(&self) -> &'static [&'static str] {
        NUMBER_METRICS
    }

    fn values(&self, sums: [f64; METRICS], samples: f64) -> [f64; METRICS] {
        number_values(sums, samples)
    }

    fn twin(&self, outputs: &[f64], targets: &Targets) -> (f64, Vec<f64>) {
        let Targets::Numbers { values, .. } = targets else { panic!("numbers have no class") };
        let values: Vec<f64> = values.iter().map(|&t| f64::from(t)).collect();
        let error = NumberError::Huber(f64::from(self.delta));
        number_loss(error, outputs, &values, &vec![1.0; targets.len()])
    }
}
