//! Adam, its moments shaped like the parameters they follow.

use crate::nn::{LayerTensors, Mlp};
use fanin_kernels::AdamStep;

/// Adam's four numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
}

impl Default for AdamSettings {
    /// PyTorch's defaults, which the paper uses.
    fn default() -> Self {
        AdamSettings { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

/// The state of Adam over all layers (Kingma & Ba 2015, algorithm 1).
#[derive(Clone, Debug)]
pub struct Adam {
    settings: AdamSettings,
    /// Updates begun.
    steps: u64,
    /// β1^steps and β2^steps, as running products.
    powers: [f64; 2],
    /// First moments, per layer.
    pub m: Vec<LayerTensors>,
    /// Second moments, per layer.
    pub v: Vec<LayerTensors>,
    /// Each parameter's own count of updates, where not all are as old as the run.
    pub ages: Option<Ages>,
}

/// The updates that each parameter has had, for bias corrections of its own.
#[derive(Clone, Debug)]
pub struct Ages {
    /// Whole numbers, per layer; past the last rate they stand still.
    pub counts: Vec<LayerTensors>,
    /// [`AdamStep::rate_and_eps`] of a parameter's first update, its second, …, until both
    /// corrections are 1.
    rates: Vec<[f32; 2]>,
}

impl Ages {
    /// The counts, to be changed, with the scalars by age.
    pub fn counts_and_rates(&mut self) -> (&mut [LayerTensors], &[[f32; 2]]) {
        (&mut self.counts, &self.rates)
    }
}

impl Adam {
    /// Moments of zero for every parameter of `model`; `aged` if parameters are to count their own
    /// updates.
    pub fn new(settings: AdamSettings, model: &Mlp, aged: bool) -> Adam {
        let zeros =
            || model.layers().iter().map(|layer| LayerTensors::zeros_like(&layer.params)).collect();
        Adam::restore(settings, 0, zeros(), zeros(), aged.then(zeros))
    }

    /// The state after `steps` updates that left these moments and, if parameters count their own,
    /// these ages.
    pub fn restore(
        settings: AdamSettings,
        steps: u64,
        m: Vec<LayerTensors>,
        v: Vec<LayerTensors>,
        ages: Option<Vec<LayerTensors>>,
    ) -> Adam {
        let ages = ages.map(|counts| Ages { counts, rates: rates(settings) });
        let mut adam = Adam { settings, steps: 0, powers: [1.0; 2], m, v, ages };
        // The running products again, factor by factor: the same bits.
        for _ in 0..steps {
            adam.begin_step();
        }
        adam
    }

    /// Updates begun so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// 1 − β1^steps and 1 − β2^steps.
    pub fn corrections(&self) -> [f32; 2] {
        self.powers.map(|power| (1.0 - power) as f32)
    }

    /// Begins the next update and returns its scalars.
    pub fn begin_step(&mut self) -> AdamStep {
        let AdamSettings { lr, beta1, beta2, eps } = self.settings;
        self.steps += 1;
        self.powers[0] *= f64::from(beta1);
        self.powers[1] *= f64::from(beta2);
        let [correction1, correction2] = self.corrections();
        AdamStep { lr, beta1, beta2, eps, correction1, correction2 }
    }
}

/// The scalars of the first, the second, … update, until the corrections round to 1 (or, for decays
/// that never do, the last age that `f32` counts).
fn rates(settings: AdamSettings) -> Vec<[f32; 2]> {
    let mut adam = Adam::restore(settings, 0, Vec::new(), Vec::new(), None);
    let mut rates = Vec::new();
    while adam.corrections() != [1.0; 2] && rates.len() < 1 << 24 {
        rates.push(adam.begin_step().rate_and_eps());
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_by_age_are_those_of_the_steps_and_end_at_the_learning_rate() {
        let settings = AdamSettings::default();
        let rates = rates(settings);
        let mut adam = Adam::restore(settings, 0, Vec::new(), Vec::new(), None);
        for rate in &rates {
            assert_eq!(*rate, adam.begin_step().rate_and_eps());
        }
        // 0.999^n is below half a unit in the last place of 1.
        assert!((17_000..18_000).contains(&rates.len()), "{}", rates.len());
        assert_eq!(rates[rates.len() - 1], [settings.lr, settings.eps]);
        // What comes after the table is what its end says.
        assert_eq!(adam.begin_step().rate_and_eps(), [settings.lr, settings.eps]);
    }
}
