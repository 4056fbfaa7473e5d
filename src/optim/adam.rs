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
}

impl Adam {
    /// Moments of zero for every parameter of `model`.
    pub fn new(settings: AdamSettings, model: &Mlp) -> Adam {
        let zeros =
            || model.layers().iter().map(|layer| LayerTensors::zeros_like(&layer.params)).collect();
        Adam { settings, steps: 0, powers: [1.0; 2], m: zeros(), v: zeros() }
    }

    /// The state after `steps` updates that left these moments.
    pub fn restore(
        settings: AdamSettings,
        steps: u64,
        m: Vec<LayerTensors>,
        v: Vec<LayerTensors>,
    ) -> Adam {
        let mut adam = Adam { settings, steps: 0, powers: [1.0; 2], m, v };
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
