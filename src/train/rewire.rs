//! A rewiring step: in place of an optimiser step, connections of every sparse hidden layer change.

use super::TrainConfig;
use crate::nn::{Layer, LayerTensors, Mlp, Tile};
use crate::optim::Adam;
use crate::random::{Purpose, stream};
use crate::rewire::{
    Decay, Grown, Rewiring, Schedule, Ties, drop_smallest, grow_at_random, grow_by_gradient,
};
use serde::{Deserialize, Serialize};

/// How a network's connections change while it trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RewireMethod {
    /// Not at all.
    Static,
    /// Drop the smallest weights, grow where the gradient is largest (Evci et al. 2020).
    Rigl,
    /// Drop the smallest weights, grow at random, on RigL's schedule: only the growth differs.
    SetRigl,
}

/// The moments of a grown connection, whose weight is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrownState {
    /// m = v = 0, as RigL's authors have it. With Adam's global step its first updates are about
    /// 3 and up to 7 times the learning rate, because nothing corrects its bias any more.
    Zero,
    /// m = (1 − β1^t)·g, v = (1 − β2^t)·g² of this update's gradient g: as if it had been there all
    /// along. At random growth g is unknown, and this is `Zero`.
    Warm,
}

/// When and how a run rewires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RewirePlan {
    method: RewireMethod,
    schedule: Schedule,
    grown_state: GrownState,
    seed: u64,
}

impl RewirePlan {
    /// The plan of a configuration, if it rewires at all.
    pub(super) fn new(config: &TrainConfig, steps_per_epoch: usize) -> Option<RewirePlan> {
        if config.rewire == RewireMethod::Static {
            return None;
        }
        let steps = (config.epochs * steps_per_epoch) as f64;
        let schedule = Schedule {
            every: config.rewire_every,
            drop_fraction: config.drop_fraction,
            end: (config.rewire_end * steps).round() as u64,
            decay: Decay::Cosine,
        };
        let (method, grown_state, seed) = (config.rewire, config.grown_state, config.seed);
        Some(RewirePlan { method, schedule, grown_state, seed })
    }

    /// Whether this step, counted from 1 over the whole run, is an update.
    pub(super) fn is_update(&self, step: u64) -> bool {
        self.schedule.is_update(step)
    }

    /// Rewires every hidden layer that lacks connections, from the tiles of this step's batch.
    ///
    /// Per layer k = ⌊f·nnz⌋ connections are dropped and as many grown; the gradient is that of
    /// the batch at all positions. What returns at once keeps weight and moments.
    pub(super) fn update(
        &self,
        config: &TrainConfig,
        threads: usize,
        model: &mut Mlp,
        optimizer: &mut Adam,
        gradients: &mut [LayerTensors],
        tiles: &[Tile],
        step: u64,
    ) {
        let fraction = self.schedule.fraction(step);
        let corrections = optimizer.corrections();
        let last = model.layers().len() - 1;
        for (index, layer) in model.layers_mut()[..last].iter_mut().enumerate() {
            let (pattern, weights) = layer.connections();
            if pattern.density() == 1.0 {
                continue;
            }
            let count = (fraction * pattern.nnz() as f64).floor() as usize;
            let ties = Ties { seed: self.seed, step, layer: index as u64 };
            let survives = drop_smallest(&weights, count, ties);
            let mut grown = match self.method {
                RewireMethod::Static => Vec::new(),
                RewireMethod::Rigl => {
                    let pairs: Vec<_> =
                        tiles.iter().map(|tile| tile.input_and_gradient(index)).collect();
                    grow_by_gradient(&pattern, &survives, &pairs, count, ties, threads)
                }
                RewireMethod::SetRigl => {
                    let rng = &mut stream(self.seed, Purpose::Grow, (index as u64) << 40 | step);
                    grow_at_random(&pattern, &survives, count, rng)
                }
            };
            grown.sort_unstable_by_key(|grown| (grown.row, grown.col));
            let positions: Vec<(u32, u32)> = grown.iter().map(|g| (g.row, g.col)).collect();
            let rewiring = Rewiring::new(&pattern, &survives, &positions);
            let fresh = self.fresh_moments(&rewiring, &grown, corrections);
            for (moment, fresh) in [&mut optimizer.m[index].weight, &mut optimizer.v[index].weight]
                .into_iter()
                .zip(fresh)
            {
                // A masked layer holds its moments at every position.
                let is_csr = moment.len() == pattern.nnz();
                let stored = if is_csr { moment.clone() } else { pattern.gather(moment) };
                let mut fresh = fresh.into_iter();
                let carried =
                    rewiring.carry(&stored, |_| fresh.next().expect("one per new connection"));
                *moment = if is_csr { carried } else { rewiring.pattern.scatter(&carried) };
            }
            let mut params = std::mem::take(&mut layer.params);
            params.weight = rewiring.carry(&weights, |_| 0.0);
            *layer = Layer::from_parts(config.engine, rewiring.pattern, index, params);
            gradients[index] = LayerTensors::zeros_like(&layer.params);
        }
    }

    /// First and second moments of the new connections, in the new pattern's order.
    fn fresh_moments(
        &self,
        rewiring: &Rewiring,
        grown: &[Grown],
        [correction1, correction2]: [f32; 2],
    ) -> [Vec<f32>; 2] {
        // Both lists ascend by row and column; a grown position with an origin has returned.
        let mut grown = grown.iter().peekable();
        let mut new = Vec::new();
        for row in 0..rewiring.pattern.rows() {
            for entry in rewiring.pattern.entries(row) {
                let at = (row as u32, rewiring.pattern.col_idx()[entry]);
                let here = grown.next_if(|grown| (grown.row, grown.col) == at);
                if let (Some(grown), None) = (here, rewiring.origin[entry]) {
                    new.push(grown.gradient);
                }
            }
        }
        match self.grown_state {
            GrownState::Zero => [vec![0.0; new.len()], vec![0.0; new.len()]],
            GrownState::Warm => [
                new.iter().map(|g| correction1 * g).collect(),
                new.iter().map(|g| correction2 * g * g).collect(),
            ],
        }
    }
}
