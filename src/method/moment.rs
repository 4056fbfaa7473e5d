//! When a method may act, and in how long a run.

/// A point of a run at which a method may act. Steps count from 1 over the whole run, epochs too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// Before the first step.
    Start,
    /// In this step, the batch's gradients are there, and the optimiser has not used them.
    Gradient(u64),
    /// After this step, its batch's gradients still there.
    Step(u64),
    /// After this epoch's last step, its batch's gradients still there.
    EpochEnd(u64),
    /// Between this training of the run, counted from 1, and the next, once its last epoch has been
    /// evaluated: before the next one's first step, without a batch.
    PhaseEnd(u64),
}

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLength {
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Epochs of a training.
    pub epochs: u64,
}

impl RunLength {
    /// Steps of a training.
    pub fn steps(self) -> u64 {
        self.steps_per_epoch * self.epochs
    }
}
