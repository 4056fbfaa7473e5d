//! Stochastic gradient descent with momentum.

use super::{MAX_SLOTS, Rule};
use crate::grammar::{Entry, Parameter};
use crate::nn::Tensor;
use fanin_kernels::{Isa, SgdStep, decay, sgd};

/// Descent with momentum in the list of optimisers.
pub(super) const ENTRY: Entry<Box<dyn Rule>> = Entry {
    name: "sgd",
    about: "stochastic gradient descent with momentum",
    parameters: PARAMETERS,
    make: |given| {
        let momentum = given.below_one("momentum")? as f32;
        let step = SgdStep { lr: 0.0, momentum, nesterov: given.flag("nesterov")? };
        Ok(Box::new(Sgd { step, decay: given.not_negative("decay")? as f32 }))
    },
};

/// `v = μ·v + g`, `w −= lr·v`, as PyTorch has it; with decoupled weight decay if asked.
#[derive(Clone, Debug)]
struct Sgd {
    step: SgdStep,
    decay: f32,
}

const PARAMETERS: &[Parameter] = &[
    Parameter { key: "momentum", default: Some("0.9"), about: "how much of the velocity stays" },
    Parameter { key: "nesterov", default: Some("false"), about: "look ahead by the momentum" },
    Parameter { key: "decay", default: Some("0"), about: "decoupled decay of the weights" },
];

impl Rule for Sgd {
    fn slots(&self) -> &[&'static str] {
        &["velocity"]
    }

    fn begin(&mut self, lr: f32) {
        self.step.lr = lr;
    }

    fn resume(&mut self, _updates: u64) {}

    fn apply(
        &self,
        isa: Isa,
        tensor: Tensor,
        w: &mut [f32],
        [velocity, ..]: [&mut [f32]; MAX_SLOTS],
        dw: &[f32],
    ) {
        if self.decay > 0.0 && tensor == Tensor::Weight {
            decay(isa, 1.0 - self.step.lr * self.decay, w);
        }
        sgd(isa, &self.step, w, velocity, dw);
    }

    fn boxed(&self) -> Box<dyn Rule> {
        Box::new(self.clone())
    }
}
