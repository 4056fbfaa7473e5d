//! How good the network is that a training leaves, in the units of the data.

use crate::dataset::Dataset;
use crate::model::{Classification, Regression};
use crate::nn::Targets;
use crate::train::{Evaluation, Trainer};
use std::sync::Arc;

/// How a network does, class by class, or target by target.
pub(super) type Judgement = (Option<Classification>, Option<Regression>);

/// How the network that is kept does on the test samples.
pub(super) fn judge(trainer: &mut Trainer) -> Judgement {
    let data = Arc::clone(trainer.data());
    let answers = trainer.answer_kept(&data.test);
    match data.test.targets() {
        Targets::Numbers { values, .. } => {
            let targets = &data.schema.targets;
            let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
            let in_units = |learned: &[f32]| -> Vec<f64> {
                let targets = targets.iter().cycle();
                targets.zip(learned).map(|(target, &x)| target.value(x.into())).collect()
            };
            let regression = || Regression::of(&in_units(&answers), &in_units(values), &names);
            (None, (!targets.is_empty()).then(regression))
        }
        classes => {
            let outputs = classes.outputs();
            (Some(Classification::of(&answers, classes.labels(), outputs)), None)
        }
    }
}

/// The differences of a target as its column has them, not as it is learned; of several targets,
/// whose units differ, as they are learned.
pub(super) fn in_units(mut evaluation: Evaluation, data: &Dataset) -> Evaluation {
    if let [target] = &data.schema.targets[..] {
        for (name, value) in &mut evaluation.values {
            if name == "rmse" || name == "mae" {
                *value /= target.factor;
            }
        }
    }
    evaluation
}
