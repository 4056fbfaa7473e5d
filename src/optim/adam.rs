//! Adam (Kingma & Ba 2015), with decoupled weight decay (AdamW, Loshchilov & Hutter 2019) if asked.

use super::{MAX_SLOTS, Rule};
use crate::grammar::{Entry, Parameter, named};
use crate::nn::Tensor;
use fanin_kernels::{AdamStep, Isa, adam, adam_aged, decay};

/// Adam in the list of optimisers.
pub(super) const ENTRY: Entry<Box<dyn Rule>> = Entry {
    name: "adam",
    about: "Kingma & Ba 2015; with decay it is AdamW",
    parameters: PARAMETERS,
    make: |given| {
        Ok(Box::new(Adam {
            beta1: given.below_one("beta1")? as f32,
            beta2: given.below_one("beta2")? as f32,
            eps: given.positive("eps")? as f32,
            decay: given.not_negative("decay")? as f32,
            ..Adam::new(given.one_of("grown")?)
        }))
    },
};

named! {
    /// The moments of a grown connection.
    pub enum GrownState as "state of grown connections" {
        /// m = v = 0, as RigL's authors have it. With Adam's global step its first steps are
        /// about 3 and up to 7 times the learning rate, because nothing corrects its bias any more.
        Zero = "zero",
        /// m = v = 0, and a count of steps of its own, by which its bias is corrected: its first
        /// steps are about the learning rate. Every connection keeps such a count.
        OwnStep = "own-step",
        /// m = (1 − β1^t)·g, v = (1 − β2^t)·g² of this update's gradient g: as if the gradient had
        /// been g all along. Where growth is random g is unknown, and this is `zero`.
        Warm = "warm",
    }
}

/// Adam's settings and the scalars of its update.
#[derive(Clone, Debug)]
pub struct Adam {
    beta1: f32,
    beta2: f32,
    eps: f32,
    /// Decoupled weight decay of the weights, per update and learning rate.
    decay: f32,
    grown: GrownState,
    /// β1^steps and β2^steps, as running products.
    powers: [f64; 2],
    lr: f32,
    /// [`AdamStep::rate_and_eps`] of a parameter's first update, its second, …, until both
    /// corrections are 1; at the learning rate `lr`. Empty where all parameters are as old as the
    /// run.
    rates: Vec<[f32; 2]>,
}

const PARAMETERS: &[Parameter] = &[
    Parameter { key: "beta1", default: Some("0.9"), about: "decay of the first moment" },
    Parameter { key: "beta2", default: Some("0.999"), about: "decay of the second moment" },
    Parameter { key: "eps", default: Some("1e-8"), about: "added to the second moment's root" },
    Parameter { key: "decay", default: Some("0"), about: "decoupled decay of the weights (AdamW)" },
    Parameter {
        key: "grown",
        default: Some("zero"),
        about: "moments of a grown connection: zero, own-step, warm",
    },
];

impl Adam {
    /// PyTorch's defaults, which the paper uses.
    pub fn new(grown: GrownState) -> Adam {
        Adam {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            decay: 0.0,
            grown,
            powers: [1.0; 2],
            lr: 0.0,
            rates: Vec::new(),
        }
    }

    /// 1 − β1^steps and 1 − β2^steps.
    fn corrections(&self) -> [f32; 2] {
        self.powers.map(|power| (1.0 - power) as f32)
    }

    fn advance(&mut self) {
        self.powers[0] *= f64::from(self.beta1);
        self.powers[1] *= f64::from(self.beta2);
    }

    fn step(&self) -> AdamStep {
        let [correction1, correction2] = self.corrections();
        let Adam { lr, beta1, beta2, eps, .. } = *self;
        AdamStep { lr, beta1, beta2, eps, correction1, correction2 }
    }

    /// The scalars by age at this learning rate, until the corrections round to 1 (or, for decays
    /// that never do, [`OLDEST`]).
    fn rates(&self, lr: f32) -> Vec<[f32; 2]> {
        let mut young = Adam { powers: [1.0; 2], rates: Vec::new(), lr, ..*self };
        let mut rates = Vec::new();
        while young.corrections() != [1.0; 2] && rates.len() < OLDEST {
            young.advance();
            rates.push(young.step().rate_and_eps());
        }
        rates
    }
}

/// The last age that `f32` counts.
const OLDEST: usize = 1 << 24;
/// The slot of ages.
const AGE: usize = 2;

impl Rule for Adam {
    fn slots(&self) -> &[&'static str] {
        if self.grown == GrownState::OwnStep { &["m", "v", "age"] } else { &["m", "v"] }
    }

    fn begin(&mut self, lr: f32) {
        self.advance();
        if self.grown == GrownState::OwnStep && (lr != self.lr || self.rates.is_empty()) {
            self.rates = self.rates(lr);
        }
        self.lr = lr;
    }

    fn resume(&mut self, steps: u64) {
        // The running products again, factor by factor: the same bits.
        self.powers = [1.0; 2];
        for _ in 0..steps {
            let before = self.powers;
            self.advance();
            if self.powers == before {
                // They are 0, or the decays are: so they stay.
                break;
            }
        }
    }

    fn apply(
        &self,
        isa: Isa,
        tensor: Tensor,
        w: &mut [f32],
        [m, v, age, ..]: [&mut [f32]; MAX_SLOTS],
        dw: &[f32],
    ) {
        if self.decay > 0.0 && tensor == Tensor::Weight {
            decay(isa, 1.0 - self.lr * self.decay, w);
        }
        match self.grown {
            GrownState::OwnStep => adam_aged(isa, &self.step(), &self.rates, w, m, v, age, dw),
            GrownState::Zero | GrownState::Warm => adam(isa, &self.step(), w, m, v, dw),
        }
    }

    fn may_hold(&self, slot: usize, values: &[f32]) -> bool {
        slot != AGE || values.iter().all(|age| (0.0..=OLDEST as f32).contains(age))
    }

    fn fresh(&self, slot: usize, gradient: f32) -> f32 {
        let [correction1, correction2] = self.corrections();
        match (self.grown, slot) {
            (GrownState::Warm, 0) => correction1 * gradient,
            (GrownState::Warm, 1) => correction2 * gradient * gradient,
            _ => 0.0,
        }
    }

    fn boxed(&self) -> Box<dyn Rule> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_by_age_are_those_of_the_steps_and_end_at_the_learning_rate() {
        let mut adam = Adam::new(GrownState::OwnStep);
        adam.begin(1e-3);
        let (rates, lr, eps) = (adam.rates.clone(), 1e-3, adam.eps);
        adam.resume(0);
        for rate in &rates {
            adam.begin(lr);
            assert_eq!(*rate, adam.step().rate_and_eps());
        }
        // 0.999^n is below half a unit in the last place of 1.
        assert!((17_000..18_000).contains(&rates.len()), "{}", rates.len());
        assert_eq!(rates[rates.len() - 1], [lr, eps]);
        // What comes after the table is what its end says.
        adam.begin(lr);
        assert_eq!(adam.step().rate_and_eps(), [lr, eps]);
        // Another learning rate has another table.
        adam.begin(2e-3);
        assert_eq!(adam.rates[rates.len() - 1], [2e-3, eps]);
    }

    #[test]
    fn the_lists_defaults_are_pytorchs() {
        let listed: Box<dyn Rule> = crate::grammar::make("adam").unwrap();
        let direct: Box<dyn Rule> = Box::new(Adam::new(GrownState::Zero));
        assert_eq!(format!("{listed:?}"), format!("{direct:?}"));
    }

    #[test]
    fn decay_shrinks_weights_alone_before_the_update() {
        let mut rule: Box<dyn Rule> = crate::grammar::make("adam:decay=0.1").unwrap();
        rule.begin(0.5);
        for (tensor, kept) in [(Tensor::Weight, 0.95), (Tensor::Bias, 1.0)] {
            let (mut w, mut m, mut v) = ([2.0], [0.0], [0.0]);
            let slots: [&mut [f32]; MAX_SLOTS] = [&mut m, &mut v, &mut [], &mut []];
            rule.apply(Isa::detect(), tensor, &mut w, slots, &[0.0]);
            assert_eq!(w, [2.0 * kept]);
        }
    }
}
