//! What keeps a network from learning its samples by heart: each off unless it is asked for, and no
//! part of the network that training leaves. (Weight decay is the optimiser's: `adam:decay=0.01`.)

use crate::nn::{Dropout, Tile};
use crate::random::{Purpose, normal, seed_of, stream};
use fanin_kernels::TILE;
use serde::{Deserialize, Serialize};

/// The settings; 0 is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Regularization {
    /// Share of the hidden layers' values that are lost in each step (Srivastava et al. 2014).
    pub dropout: f64,
    /// Share of a class's target that all classes have alike (Szegedy et al. 2016).
    pub label_smoothing: f64,
    /// Standard deviation of the noise that is added to the inputs as they enter the network
    /// (Bishop 1995).
    pub input_noise: f64,
    /// The norm that the gradient of a step is scaled down to where it is larger (Pascanu et al.
    /// 2013); that of all parameters together.
    pub clip_norm: f64,
    /// Decay of the running mean of the parameters, which is then the network that is evaluated and
    /// kept; .99 looks back on about a hundred steps.
    pub weight_average: f64,
}

impl Regularization {
    /// Disturbs a tile that was just loaded, in step `step` of the run with this seed: a function
    /// of these and of the tile's place in the batch.
    pub(super) fn disturb(&self, seed: u64, step: u64, index: usize, tile: &mut Tile) {
        let place = step << 20 | index as u64;
        tile.targets.smoothing = self.label_smoothing as f32;
        tile.dropout = Dropout::new(self.dropout, seed_of(seed, Purpose::Dropout, place));
        if self.input_noise > 0.0 {
            let rng = &mut stream(seed, Purpose::InputNoise, place);
            let samples = tile.samples;
            let rows = tile.input.rows_mut();
            let noise = normal(rng, self.input_noise, rows.len() * TILE);
            for (row, noise) in rows.iter_mut().zip(noise.chunks_exact(TILE)) {
                row.0.iter_mut().zip(noise).take(samples).for_each(|(x, noise)| *x += noise);
            }
        }
    }
}
