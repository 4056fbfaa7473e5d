//! The learning rate over a run's steps.

use crate::grammar::{Arguments, Entry, Error, Listed, Parameter};

/// How the learning rate changes from a run's first step to its last.
///
/// With t of T steps, counted after the warm-up, the configured rate is multiplied by a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrSchedule {
    shape: Shape,
    /// Steps over which the factor rises from 1/n to 1.
    warmup: u64,
    /// The factor at the end.
    end: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    /// 1.
    Constant,
    /// 1 − (1 − end)·t/T.
    Linear,
    /// end + (1 − end)·(1 + cos(π·t/T))/2.
    Cosine,
    /// gamma^⌊t/every⌋.
    Step { every: u64, gamma: f64 },
}

const WARMUP: Parameter =
    Parameter { key: "warmup", default: Some("0"), about: "steps over which it rises at first" };
const END: Parameter =
    Parameter { key: "end", default: Some("0"), about: "the factor of the last step" };

impl Listed for LrSchedule {
    const WHAT: &'static str = "schedule";

    fn list() -> Vec<Entry<Self>> {
        const ENDING: &[Parameter] = &[WARMUP, END];
        const STEP: &[Parameter] = &[
            WARMUP,
            Parameter { key: "every", default: None, about: "steps between two falls" },
            Parameter { key: "gamma", default: Some("0.1"), about: "the factor of each fall" },
        ];
        fn of(arguments: &Arguments<'_>, shape: Shape, end: f64) -> Result<LrSchedule, Error> {
            Ok(LrSchedule { shape, warmup: arguments.whole("warmup", 0)?, end })
        }
        vec![
            Entry {
                name: "constant",
                about: "the same at every step",
                parameters: &[WARMUP],
                make: |arguments| of(arguments, Shape::Constant, 1.0),
            },
            Entry {
                name: "linear",
                about: "a line to the end",
                parameters: ENDING,
                make: |arguments| of(arguments, Shape::Linear, arguments.fraction("end")?),
            },
            Entry {
                name: "cosine",
                about: "half a cosine to the end",
                parameters: ENDING,
                make: |arguments| of(arguments, Shape::Cosine, arguments.fraction("end")?),
            },
            Entry {
                name: "step",
                about: "falls by a factor every so many steps",
                parameters: STEP,
                make: |arguments| {
                    let every = arguments.whole("every", 1)?;
                    let gamma = arguments.fraction("gamma")?;
                    of(arguments, Shape::Step { every, gamma }, 1.0)
                },
            },
        ]
    }
}

impl LrSchedule {
    /// The factor of step `step`, counted from 1, of `steps`.
    ///
    /// **Panics** if `step` is 0.
    pub fn factor(&self, step: u64, steps: u64) -> f64 {
        assert!(step > 0, "steps count from 1");
        let LrSchedule { shape, warmup, end } = *self;
        if step <= warmup {
            return step as f64 / warmup as f64;
        }
        let (after, all) = (step - warmup - 1, steps.saturating_sub(warmup));
        // The first step after the warm-up has the full rate, the run's last one the end's.
        let progress = after as f64 / all.saturating_sub(1).max(1) as f64;
        match shape {
            Shape::Constant => 1.0,
            Shape::Linear => 1.0 - (1.0 - end) * progress,
            Shape::Cosine => {
                end + (1.0 - end) * (1.0 + libm::cos(std::f64::consts::PI * progress)) / 2.0
            }
            Shape::Step { every, gamma } => libm::pow(gamma, (after / every) as f64),
        }
    }

    /// The learning rate of a step, from the configured one.
    ///
    /// **Panics** as [`LrSchedule::factor`].
    pub fn rate(&self, lr: f64, step: u64, steps: u64) -> f32 {
        (lr * self.factor(step, steps)) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar;

    fn factors(text: &str, steps: u64) -> Vec<f64> {
        let schedule: LrSchedule = grammar::make(text).unwrap();
        (1..=steps).map(|step| schedule.factor(step, steps)).collect()
    }

    #[test]
    fn factors_run_from_one_to_the_end() {
        assert_eq!(factors("constant", 3), [1.0; 3]);
        assert_eq!(factors("linear", 5), [1.0, 0.75, 0.5, 0.25, 0.0]);
        assert_eq!(factors("linear:end=0.5", 3), [1.0, 0.75, 0.5]);
        let cosine = factors("cosine:end=0.2", 3);
        assert!((cosine[1] - 0.6).abs() < 1e-15);
        assert_eq!((cosine[0], cosine[2]), (1.0, 0.2));
        assert_eq!(factors("step:every=2,gamma=0.5", 5), [1.0, 1.0, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn a_warm_up_comes_first() {
        assert_eq!(factors("constant:warmup=4", 6), [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
        assert_eq!(factors("linear:warmup=2", 5), [0.5, 1.0, 1.0, 0.5, 0.0]);
        // A run that ends in its warm-up.
        assert_eq!(factors("cosine:warmup=4", 2), [0.25, 0.5]);
    }

    #[test]
    fn a_constant_schedule_keeps_the_bits_of_the_rate() {
        let constant: LrSchedule = grammar::make("constant").unwrap();
        assert_eq!(constant.rate(0.003, 7, 9), 0.003f64 as f32);
    }
}
