//! Cross-entropy of the softmax, for classes.

use super::interface::{Loss, METRICS, TileLoss};
use super::targets::{Targets, TileTargets};
use crate::grammar::Entry;
use fanin_kernels::{Isa, Row, naive, softmax, softmax_cross_entropy};

/// Cross-entropy in the list of losses.
pub(super) const ENTRY: Entry<Box<dyn Loss>> = Entry {
    name: "cross-entropy",
    about: "for classes: −ln of the right class's probability",
    parameters: &[],
    make: |_| Ok(Box::new(CrossEntropy)),
};

/// −ln p of the right class; its named value is the accuracy.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy;

impl Loss for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn takes_numbers(&self) -> bool {
        false
    }

    fn differentiate(
        &self,
        isa: Isa,
        outputs: &mut [Row],
        targets: &TileTargets,
        samples: usize,
        scale: f32,
    ) -> TileLoss {
        let (labels, weights) = (&targets.classes[..samples], &targets.weights[..samples]);
        let loss = softmax_cross_entropy(isa, outputs, labels, weights, targets.smoothing, scale);
        TileLoss { loss_sum: loss.loss_sum, sums: [f64::from(loss.correct), 0.0] }
    }

    fn answer(&self, isa: Isa, outputs: &mut [Row]) {
        softmax(isa, outputs);
    }

    fn metrics(&self) -> &'static [&'static str] {
        &["accuracy"]
    }

    fn values(&self, [correct, none]: [f64; METRICS], samples: f64) -> [f64; METRICS] {
        [correct / samples, none]
    }

    fn twin(&self, outputs: &[f64], targets: &Targets, smoothing: f64) -> (f64, Vec<f64>) {
        let (labels, classes) = (targets.labels(), targets.outputs());
        let weights = vec![1.0; labels.len()];
        naive::softmax_cross_entropy(outputs, labels, &weights, classes, smoothing)
    }
}
