//! A run as a list of trainings, one after the other.
//!
//! Here are those that begin anew: each builds its own network from the configuration and what the
//! training before it found. Those that go on with the same network (prune and retrain, rewind) are
//! a method's: it says how many there are ([`Method::phases`](crate::method::Method::phases)) and
//! what happens between them ([`Moment::PhaseEnd`](crate::method::Moment::PhaseEnd)).

use super::{InitCcv, TrainConfig};
use crate::topology::Profile;

/// One training of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// The folder below the run's that it is kept in; the run's own if there is none.
    pub folder: Option<&'static str>,
    /// What it is for, in a line.
    pub about: &'static str,
    /// Where it starts from.
    pub start: Start,
}

/// Where a training starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// The configuration alone.
    Fresh,
    /// A lognormal at the CCV that the connections of the training before settled to (paper §2.7).
    Equilibrium,
}

/// The folder of a first run whose end is the start of the next.
pub const EQUILIBRIUM: &str = "equilibrium";

impl TrainConfig {
    /// The trainings that this configuration asks for.
    pub fn phases(&self) -> Vec<Phase> {
        let last = |about, start| Phase { folder: None, about, start };
        match self.init_ccv {
            InitCcv::Profile => vec![last("training", Start::Fresh)],
            InitCcv::Equilibrium => {
                let about = "first run, to find the fan-in that rewiring settles to";
                let first = Phase { folder: Some(EQUILIBRIUM), about, start: Start::Fresh };
                vec![first, last("second run, from that fan-in", Start::Equilibrium)]
            }
        }
    }
}

impl Start {
    /// The configuration of a training that starts here; `settled` is the CCV at the end of the one
    /// before.
    pub fn config(self, config: &TrainConfig, settled: f64) -> TrainConfig {
        let mut config = TrainConfig { init_ccv: InitCcv::Profile, ..config.clone() };
        if self == Start::Equilibrium {
            config.profile = Profile::Lognormal { ccv: settled, sampled: false };
        }
        config
    }
}
