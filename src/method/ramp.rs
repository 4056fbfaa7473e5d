//! A sparsity that rises while a network trains.

use crate::grammar::named;

named! {
    /// How a sparsity rises between two steps.
    pub enum Shape as "shape" {
        /// s_f + (s_i − s_f)·(1 − x)³ (Zhu & Gupta 2017): fast at first.
        Cubic = "cubic",
        /// A sigmoid over ±6, cut and stretched to reach both ends (Zhang et al. 2025): slow at
        /// first and at last.
        Sigmoid = "sigmoid",
    }
}

/// What the sigmoid's argument runs from −k to k.
const STEEPNESS: f64 = 6.0;

/// A sparsity from step `begin` to step `end`, updated every so many steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// The step of the first update.
    pub begin: u64,
    /// The step of the last.
    pub end: u64,
    /// Steps between updates.
    pub every: u64,
    /// How it rises.
    pub shape: Shape,
}

impl Ramp {
    /// Whether this step has an update: every so many from the first on, and the last one, so that
    /// the final sparsity is reached whatever the steps between them are.
    pub fn is_update(&self, step: u64) -> bool {
        let from_first = step.checked_sub(self.begin);
        let is_due = from_first.is_some_and(|steps| steps.is_multiple_of(self.every));
        step == self.end || (is_due && step < self.end)
    }

    /// The sparsity at a step: `first` until the ramp begins, `last` from its end on.
    pub fn sparsity(&self, step: u64, first: f64, last: f64) -> f64 {
        if step >= self.end {
            return last;
        }
        let steps = (self.end - self.begin).max(1) as f64;
        let x = step.saturating_sub(self.begin) as f64 / steps;
        first + (last - first) * self.shape.at(x)
    }
}

impl Shape {
    /// How far it has risen at `x` of the way.
    fn at(self, x: f64) -> f64 {
        match self {
            Shape::Cubic => 1.0 - (1.0 - x).powi(3),
            Shape::Sigmoid => sigmoid_at(STEEPNESS, x),
        }
    }
}

fn sigmoid_at(steepness: f64, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let height = sigmoid(steepness) - sigmoid(-steepness);
    (sigmoid(steepness * (2.0 * x - 1.0)) - 0.5) / height + 0.5
}

/// Connections of a layer of so many positions at this sparsity, at least one.
pub fn connections(positions: usize, sparsity: f64) -> usize {
    (((1.0 - sparsity) * positions as f64 + 0.5).floor() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::oracle::Oracle;

    #[test]
    fn cubic_ramps_are_the_oracles() {
        let mut oracle = Oracle::open("gmp");
        let cases = oracle.numbers("cases");
        for (case, settings) in cases.chunks(5).enumerate() {
            let [first, last, begin, end, every] = settings else { panic!("five numbers") };
            let [begin, end, every] = [begin, end, every].map(|&step| step as u64);
            let ramp = Ramp { begin, end, every, shape: Shape::Cubic };
            let steps = oracle.whole(&format!("step{case}"));
            let mut updates: Vec<usize> = (0..=end + every)
                .filter(|&step| ramp.is_update(step))
                .map(|step| step as usize)
                .collect();
            if !(end - begin).is_multiple_of(every) {
                // Theirs never comes to its end.
                assert_eq!(updates.pop(), Some(end as usize));
                assert_eq!(ramp.sparsity(end, *first, *last), *last);
            }
            assert_eq!(updates, steps, "case {case}");
            let sparsities = oracle.numbers(&format!("sparsity{case}"));
            let of_80 = oracle.whole(&format!("kept{case}_of_80"));
            let of_3072 = oracle.whole(&format!("kept{case}_of_3072"));
            for (at, &step) in steps.iter().enumerate() {
                let sparsity = ramp.sparsity(step as u64, *first, *last);
                assert!((sparsity - sparsities[at]).abs() < 1e-12, "case {case}, step {step}");
                let kept = [80, 3072].map(|positions| connections(positions, sparsity));
                assert_eq!(kept, [of_80[at], of_3072[at]], "case {case}, step {step}");
            }
            assert_eq!(ramp.sparsity(end + 100, *first, *last), *last);
        }
    }

    #[test]
    fn sigmoid_ramps_are_the_oracles() {
        let mut oracle = Oracle::open("chts");
        for case in 0..4 {
            let settings = oracle.numbers(&format!("chtss{case}_params"));
            let [first, last, steepness, end, _] = settings[..] else { panic!("five numbers") };
            let steps = oracle.numbers(&format!("chtss{case}_step"));
            let densities = oracle.numbers(&format!("chtss{case}_density"));
            let kept = oracle.whole(&format!("chtss{case}_keep_round_of_1228800"));
            for ((&step, density), kept) in steps.iter().zip(densities).zip(kept) {
                let x = step / end;
                let sparsity = first + (last - first) * sigmoid_at(steepness, x);
                assert!((1.0 - sparsity - density).abs() < 1e-14, "case {case}, step {step}");
                assert_eq!(connections(1_228_800, sparsity), kept, "case {case}, step {step}");
                if steepness == STEEPNESS {
                    let ramp = Ramp { begin: 0, end: end as u64, every: 50, shape: Shape::Sigmoid };
                    let found = ramp.sparsity(step as u64, first, last);
                    assert!((found - sparsity).abs() < 1e-15, "case {case}, step {step}");
                }
            }
        }
    }
}
