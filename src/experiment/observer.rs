//! Who hears of a run's progress.

use crate::train::{EpochMetrics, Phase, StepReport, Trainer};

/// Who hears of a run's progress.
pub trait Observer: Send {
    /// A training begins, or goes on.
    fn training_begins(&mut self, phase: &Phase, trainer: &Trainer);
    /// An epoch begins, counted from 1.
    fn epoch_begins(&mut self, epoch: usize);
    /// A step is done.
    fn step_done(&mut self, step: &StepReport);
    /// An epoch is done and evaluated.
    fn epoch_done(&mut self, metrics: &EpochMetrics);
}
