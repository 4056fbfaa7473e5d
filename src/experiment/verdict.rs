//! What a number of the paper is worth here. The rule for means was written before the runs; what
//! is said of several numbers, `too uncertain` and what printed means contradict were put into
//! words when the runs of Table 6 and of RigL at 90 % were there.
//!
//! - reproduced: the paper's mean lies in our 95 % interval, widened by the paper's own standard
//!   error (its sd/√n; where it prints no deviation, that of its dense network on the same data);
//!   of a single seed, the two are at most 1.96·√2 of these deviations apart;
//! - direction only: not that, and the difference to the baseline's row has the paper's sign;
//! - not reproduced: neither;
//! - too uncertain: of what is said of several numbers, our interval holds it and says nothing;
//! - cannot hold: it follows from the paper's definitions or its printed means alone, and they give
//!   another number;
//! - not run: not all of the paper's seeds are finished, or its data are not here.
//!
//! What is said of several numbers together is judged in `claims.rs`.

use super::comparison::{At, scale, value};
use super::finished::FinishedRun;
use crate::grammar::named;

named! {
    /// What a number of the paper is worth here.
    pub enum Verdict as "verdict" {
        /// It is ours, too.
        Reproduced = "reproduced",
        /// Another number, which says the same of the row.
        DirectionOnly = "direction only",
        /// Neither.
        NotReproduced = "not reproduced",
        /// It may be, and our interval is too wide to say.
        TooUncertain = "too uncertain",
        /// It contradicts the paper's own definitions, or the means that it prints.
        CannotHold = "cannot hold",
        /// There are not all of its runs.
        NotRun = "not run",
    }
}

/// The runs behind a number.
pub(super) struct Cell<'a> {
    /// Those that are finished.
    pub(super) runs: Vec<&'a FinishedRun>,
    /// How many there are to be.
    pub(super) wanted: usize,
    /// The mean that the paper prints.
    pub(super) printed: Option<f64>,
}

impl Cell<'_> {
    pub(super) fn is_whole(&self) -> bool {
        self.runs.len() == self.wanted && self.wanted > 0
    }

    pub(super) fn values(&self, metric: &str, at: At) -> Option<Vec<f64>> {
        let values = self.runs.iter().map(|run| Some(scale(metric) * value(run, metric, at).ok()?));
        values.collect::<Option<Vec<f64>>>().filter(|values| !values.is_empty())
    }
}
