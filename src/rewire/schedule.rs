//! When connections change, and how many of them.

use serde::{Deserialize, Serialize};

/// The decay of the drop fraction towards the last update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// α/2·(1 + cos(π·t/T_end)).
    Cosine,
    /// α.
    Constant,
    /// α·(1 − t/T_end).
    Linear,
}

/// RigL's schedule (Evci et al. 2020, §3): every ΔT steps until T_end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// ΔT: steps between updates.
    pub every: u64,
    /// α: the fraction dropped at the beginning.
    pub drop_fraction: f64,
    /// T_end: updates happen before this step.
    pub end: u64,
    /// How the fraction decays.
    pub decay: Decay,
}

impl Schedule {
    /// Whether step `step`, counted from 1, is an update instead of an optimiser step.
    pub fn is_update(&self, step: u64) -> bool {
        self.every > 0 && step.is_multiple_of(self.every) && step < self.end
    }

    /// The fraction of a layer's connections dropped at step `step`.
    pub fn fraction(&self, step: u64) -> f64 {
        let progress = step as f64 / self.end as f64;
        self.drop_fraction
            * match self.decay {
                Decay::Cosine => (1.0 + libm::cos(std::f64::consts::PI * progress)) / 2.0,
                Decay::Constant => 1.0,
                Decay::Linear => 1.0 - progress,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_schedule_has_seventy_updates_in_twenty_epochs() {
        // ΔT = 100, T_end = .75 of 9380 steps.
        let schedule = Schedule { every: 100, drop_fraction: 0.3, end: 7035, decay: Decay::Cosine };
        let updates: Vec<u64> = (1..=9380).filter(|&step| schedule.is_update(step)).collect();
        assert_eq!((updates.len(), updates[0], updates[69]), (70, 100, 7000));
    }

    #[test]
    fn fractions_decay_as_named() {
        let at = |decay| {
            let schedule = Schedule { every: 1, drop_fraction: 0.4, end: 100, decay };
            [0, 50, 100].map(|step| schedule.fraction(step))
        };
        assert_eq!(at(Decay::Constant), [0.4; 3]);
        assert_eq!(at(Decay::Linear), [0.4, 0.2, 0.0]);
        let cosine = at(Decay::Cosine);
        assert_eq!((cosine[0], cosine[2]), (0.4, 0.0));
        assert!((cosine[1] - 0.2).abs() < 1e-15);
    }
}
