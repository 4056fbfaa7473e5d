//! A running mean of the parameters beside any rule: another slot, which checkpoints and rewiring
//! treat as every other.

use super::{MAX_SLOTS, Rule};
use crate::nn::Tensor;
use fanin_kernels::{Isa, average};

/// The name of the slot that holds the mean.
pub const AVERAGE: &str = "average";

/// A rule whose parameters' running mean is kept: after each step a ← a + (1 − d)·(w − a), d the
/// decay (Polyak & Juditsky 1992; exponential as in Kingma & Ba 2015, section 7.2). While fewer
/// steps are done than such a mean looks back on, it is that of all so far.
#[derive(Clone, Debug)]
pub struct Averaged {
    inner: Box<dyn Rule>,
    decay: f64,
    names: Vec<&'static str>,
    steps: u64,
    rate: f32,
}

impl Averaged {
    /// The mean beside `inner`, of about the last 1 / (1 − `decay`) steps.
    ///
    /// **Panics** unless 0 < `decay` < 1, or if the rule leaves no slot.
    pub fn new(inner: Box<dyn Rule>, decay: f64) -> Averaged {
        assert!(0.0 < decay && decay < 1.0, "a decay between 0 and 1, not {decay}");
        let names: Vec<&'static str> = inner.slots().iter().copied().chain([AVERAGE]).collect();
        assert!(names.len() <= MAX_SLOTS, "a slot for the mean");
        Averaged { inner, decay, names, steps: 0, rate: 1.0 }
    }

    fn place(&self) -> usize {
        self.names.len() - 1
    }
}

impl Rule for Averaged {
    fn slots(&self) -> &[&'static str] {
        &self.names
    }

    fn begin(&mut self, lr: f32) {
        self.inner.begin(lr);
        self.steps += 1;
        let of_all = 1.0 / self.steps as f64;
        self.rate = of_all.max(1.0 - self.decay) as f32;
    }

    fn resume(&mut self, steps: u64) {
        self.inner.resume(steps);
        self.steps = steps;
    }

    fn apply(
        &self,
        isa: Isa,
        tensor: Tensor,
        w: &mut [f32],
        mut slots: [&mut [f32]; MAX_SLOTS],
        dw: &[f32],
    ) {
        let mean = std::mem::take(&mut slots[self.place()]);
        self.inner.apply(isa, tensor, w, slots, dw);
        average(isa, self.rate, w, mean);
    }

    fn rest(&self, isa: Isa, w: &[f32], mut slots: [&mut [f32]; MAX_SLOTS]) {
        let mean = std::mem::take(&mut slots[self.place()]);
        self.inner.rest(isa, w, slots);
        average(isa, self.rate, w, mean);
    }

    fn fresh(&self, slot: usize, gradient: f32) -> f32 {
        if slot == self.place() { 0.0 } else { self.inner.fresh(slot, gradient) }
    }

    fn may_hold(&self, slot: usize, values: &[f32]) -> bool {
        slot == self.place() || self.inner.may_hold(slot, values)
    }

    fn boxed(&self) -> Box<dyn Rule> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_of_all_steps_and_then_of_the_last() {
        let inner: Box<dyn Rule> = crate::grammar::make("sgd:momentum=0").unwrap();
        let mut rule = Averaged::new(inner, 0.75);
        assert_eq!(rule.slots(), ["velocity", AVERAGE]);
        let (mut w, mut v, mut mean) = ([8.0f32], [0.0], [123.0]);
        let mut parameters = Vec::new();
        for step in 1..=6 {
            rule.begin(1.0);
            let slots: [&mut [f32]; MAX_SLOTS] = [&mut v, &mut mean, &mut [], &mut []];
            rule.apply(Isa::detect(), Tensor::Weight, &mut w, slots, &[1.0]);
            parameters.push(w[0]);
            if step <= 4 {
                let of_all = parameters.iter().sum::<f32>() / step as f32;
                assert!((mean[0] - of_all).abs() < 1e-6, "{mean:?}");
            }
        }
        // w is 7, 6, 5, 4, 3, 2: 5.5, and then a quarter of the way to 3, and to 2.
        assert_eq!(parameters, [7.0, 6.0, 5.0, 4.0, 3.0, 2.0]);
        assert!((mean[0] - 4.15625).abs() < 1e-6, "{mean:?}");
        let mut resumed = Averaged::new(crate::grammar::make("sgd:momentum=0").unwrap(), 0.75);
        resumed.resume(6);
        rule.begin(1.0);
        resumed.begin(1.0);
        assert_eq!(rule.rate, resumed.rate);
    }
}
