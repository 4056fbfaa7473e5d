//! Mean absolute error, for numbers with outliers.

use super::interface::{Loss, METRICS, TileLoss};
use super::numbers::{NUMBER_METRICS, number_values};
use super::targets::{Targets, TileTargets};
use crate::grammar::Entry;
use fanin_kernels::naive::{NumberError, number_loss};
use fanin_kernels::{Isa, Row, absolute_error};

/// The mean absolute error in the list of losses.
pub(super) const ENTRY: Entry<Box<dyn Loss>> = Entry {
    name: "mae",
    about: "for numbers with outliers: the mean of |y − t|",
    parameters: &[],
    make: |_| Ok(Box::new(AbsoluteError)),
};

/// The mean over a sample's outputs of |y − t|.
#[derive(Clone, Copy, Debug)]
struct AbsoluteError;

impl Loss for AbsoluteError {
    fn name(&self) -> &'static str {
        "mae"
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
        TileLoss::of_numbers(absolute_error(isa, outputs, &targets.numbers, weights, scale))
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
        let error = NumberError::Absolute;
        number_loss(error, outputs, &values, &vec![1.0; targets.len()])
    }
}
