//! The trainings that a method makes a run of, one after the other with the same network.

/// How many there are, and where they begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trainings {
    /// How many.
    pub(super) count: u64,
    /// Epochs of a whole training.
    pub(super) epochs: usize,
    pub(super) steps_per_epoch: usize,
    /// The step of a training that those after the first go back to: below its last.
    pub(super) back_to: u64,
}

impl Trainings {
    /// Whole epochs that a training after the first does not have.
    fn skipped_epochs(&self) -> usize {
        self.back_to as usize / self.steps_per_epoch.max(1)
    }

    /// Steps of its first epoch that it does not have.
    pub(super) fn skipped_steps(&self) -> usize {
        self.back_to as usize % self.steps_per_epoch.max(1)
    }

    /// Epochs of a training after the first.
    fn later(&self) -> usize {
        self.epochs - self.skipped_epochs()
    }

    /// Epochs of all trainings.
    pub(super) fn all_epochs(&self) -> usize {
        self.epochs + (self.count - 1) as usize * self.later()
    }

    /// The epochs before a training, the first one 0.
    fn begin(&self, training: u64) -> usize {
        match training {
            0 => 0,
            later => self.epochs + (later - 1) as usize * self.later(),
        }
    }

    /// How many are over after so many epochs, the last one never.
    pub(super) fn over(&self, epochs: usize) -> u64 {
        match epochs.checked_sub(self.epochs) {
            None => 0,
            Some(epochs) => (1 + (epochs / self.later().max(1)) as u64).min(self.count - 1),
        }
    }

    /// The training after the first that begins after so many epochs, if one does.
    pub(super) fn begins(&self, epochs: usize) -> Option<u64> {
        Some(self.over(epochs)).filter(|&over| over > 0 && self.begin(over) == epochs)
    }

    /// Which step of its training a step of the run is, both counted from 1; more than a training
    /// has beyond the run's end.
    pub(super) fn step_of_training(&self, step: u64, epochs: usize) -> u64 {
        let over = self.over(epochs);
        let before = self.begin(over) - if over > 0 { self.skipped_epochs() } else { 0 };
        step - (before * self.steps_per_epoch) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_trainings_begin_where_they_go_back_to() {
        // 4 epochs of 10 steps, and twice from step 13 on: the last 7 steps of epoch 2, and two.
        let trainings = Trainings { count: 3, epochs: 4, steps_per_epoch: 10, back_to: 13 };
        assert_eq!((trainings.all_epochs(), trainings.skipped_steps()), (10, 3));
        let over: Vec<u64> = (0..=10).map(|epochs| trainings.over(epochs)).collect();
        assert_eq!(over, [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2]);
        let begins: Vec<_> = (0..10).filter_map(|epochs| trainings.begins(epochs)).collect();
        assert_eq!((begins, trainings.begins(7)), (vec![1, 2], Some(2)));
        // After 4 epochs and the 3 steps passed over comes step 44 of the run.
        assert_eq!(trainings.step_of_training(44, 4), 14);
        assert_eq!(trainings.step_of_training(100, 9), 40);
        assert_eq!(trainings.step_of_training(40, 3), 40);
    }

    #[test]
    fn without_going_back_all_are_whole() {
        let trainings = Trainings { count: 2, epochs: 3, steps_per_epoch: 5, back_to: 0 };
        assert_eq!((trainings.all_epochs(), trainings.skipped_steps()), (6, 0));
        assert_eq!((trainings.begins(3), trainings.step_of_training(16, 3)), (Some(1), 1));
        let one = Trainings { count: 1, ..trainings };
        assert_eq!((one.all_epochs(), one.over(3), one.begins(3)), (3, 0, None));
    }
}
