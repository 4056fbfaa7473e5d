//! When connections change, and how many of them.

use super::moment::{Moment, RunLength};
use super::plan::StepIs;
use crate::grammar::{Arguments, Error, Parameter, named};

named! {
    /// The decay of the drop fraction towards the last update.
    pub enum Decay as "decay" {
        /// α/2·(1 + cos(π·t/T_end)).
        Cosine = "cosine",
        /// α.
        Constant = "constant",
        /// α·(1 − t/T_end).
        Linear = "linear",
    }
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

/// A schedule as it is configured, for runs of any length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduleSettings {
    /// 0 for an epoch.
    every: u64,
    drop_fraction: f64,
    /// T_end as a fraction of all steps.
    end: f64,
    decay: Decay,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        ScheduleSettings { every: 100, drop_fraction: 0.3, end: 0.75, decay: Decay::Cosine }
    }
}

impl ScheduleSettings {
    /// The parameters that [`ScheduleSettings::from_arguments`] reads.
    pub const PARAMETERS: [Parameter; 4] = [
        Parameter { key: "drop", default: Some("0.3"), about: "fraction dropped at first (α)" },
        Parameter { key: "every", default: Some("100"), about: "steps between updates (ΔT)" },
        Parameter {
            key: "end",
            default: Some("0.75"),
            about: "fraction of all steps after which connections stay (T_end)",
        },
        Parameter {
            key: "decay",
            default: Some("cosine"),
            about: "how the fraction falls until then: cosine, constant, linear",
        },
    ];

    /// The settings that a text gives.
    ///
    /// **Errors**: [`Error::Value`].
    pub fn from_arguments(arguments: &Arguments<'_>) -> Result<ScheduleSettings, Error> {
        ScheduleSettings::with_least(arguments, 1)
    }

    /// As [`ScheduleSettings::from_arguments`], where `every` of 0 is an epoch.
    ///
    /// **Errors**: [`Error::Value`].
    pub fn by_epoch(arguments: &Arguments<'_>) -> Result<ScheduleSettings, Error> {
        ScheduleSettings::with_least(arguments, 0)
    }

    fn with_least(arguments: &Arguments<'_>, every: u64) -> Result<ScheduleSettings, Error> {
        Ok(ScheduleSettings {
            every: arguments.whole("every", every)?,
            drop_fraction: arguments.fraction("drop")?,
            end: arguments.fraction("end")?,
            decay: arguments.one_of("decay")?,
        })
    }

    /// The schedule of a run of this length.
    pub fn of(&self, run: RunLength) -> Schedule {
        let ScheduleSettings { every, drop_fraction, end, decay } = *self;
        let end = (end * run.steps() as f64).round() as u64;
        let every = if every == 0 { run.steps_per_epoch } else { every };
        Schedule { every, drop_fraction, end, decay }
    }
}

impl Schedule {
    /// Whether step `step`, counted from 1, has an update.
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

/// When a method on such a schedule acts, once it knows its run.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    settings: ScheduleSettings,
    schedule: Option<Schedule>,
    /// Whether an update follows an optimiser step, rather than replacing it.
    after_step: bool,
}

impl Turns {
    pub(super) const STEP: Parameter = Parameter {
        key: "step",
        default: Some("false"),
        about: "take the optimiser's step and then update, instead of updating in its place",
    };

    pub(super) fn new(settings: ScheduleSettings, after_step: bool) -> Turns {
        Turns { settings, schedule: None, after_step }
    }

    pub(super) fn begin(&mut self, run: RunLength) {
        self.schedule = Some(self.settings.of(run));
    }

    /// As [`Turns::begin`] of a method that must act: the run has an update, however short it is.
    pub(super) fn begin_with_an_update(&mut self, run: RunLength) {
        let schedule = self.settings.of(run);
        let end = schedule.end.max(2);
        let every = schedule.every.min(end - 1);
        self.schedule = Some(Schedule { every, end, ..schedule });
    }

    pub(super) fn due(&self, moment: Moment) -> bool {
        let step = match moment {
            Moment::Gradient(step) if !self.after_step => step,
            Moment::Step(step) if self.after_step => step,
            _ => return false,
        };
        self.schedule.is_some_and(|schedule| schedule.is_update(step))
    }

    /// **Panics** before the run has begun.
    pub(super) fn schedule(&self) -> Schedule {
        self.schedule.expect("a run begins before it acts")
    }

    /// What becomes of the optimiser's step in a step of its own.
    pub(super) fn step(&self) -> StepIs {
        if self.after_step { StepIs::Taken } else { StepIs::Skipped }
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
    fn a_method_that_must_act_does_so_in_the_shortest_run() {
        let settings = ScheduleSettings { every: 0, ..ScheduleSettings::default() };
        for (steps_per_epoch, epochs) in [(1, 1), (5, 1), (1, 2), (469, 1), (469, 20)] {
            let mut turns = Turns::new(settings, false);
            turns.begin_with_an_update(RunLength { steps_per_epoch, epochs });
            let steps = steps_per_epoch * epochs;
            assert!((1..=steps).any(|step| turns.due(Moment::Gradient(step))), "{steps}");
        }
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
