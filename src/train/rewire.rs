//! A rewiring step: connections of every hidden layer that lacks some change.

use super::TrainConfig;
use super::metrics::{LayerUpdate, UpdateMetrics};
use crate::nn::{DenseLinear, Layer, LayerTensors, Linear, Mlp, Tile};
use crate::optim::Adam;
use crate::parallel::Executor;
use crate::rewire::{Change, Decay, Grown, LayerView, Method, Reading, Rewiring, Schedule, Update};
use crate::sparse::CsrPattern;
use crate::topology::{TopologyStats, gradient_ratio, histogram};
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

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
    /// After every epoch but the last, drop the weights nearest to 0 on either side, grow at random
    /// with fresh weights (Mocanu et al. 2018).
    Set,
}

/// The moments of a grown connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrownState {
    /// m = v = 0, as RigL's authors have it. With Adam's global step its first updates are about
    /// 3 and up to 7 times the learning rate, because nothing corrects its bias any more.
    Zero,
    /// m = v = 0, and a count of updates of its own, by which its bias is corrected: its first
    /// updates are about the learning rate. Every connection keeps such a count.
    OwnStep,
    /// m = (1 − β1^t)·g, v = (1 − β2^t)·g² of this update's gradient g: as if it had been there all
    /// along. At random growth g is unknown, and this is `Zero`.
    Warm,
}

/// When and how a run rewires, and what its connections have been.
#[derive(Clone, Debug)]
pub(super) struct Rewirer {
    method: Method,
    schedule: Schedule,
    grown_state: GrownState,
    /// Whether an update follows an optimiser step, rather than replacing it.
    pub(super) takes_step: bool,
    seed: u64,
    /// Of each layer that is rewired.
    pub(super) histories: Vec<History>,
}

/// What a layer's connections have been.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// Which layer of the network, counted from 0.
    pub(super) layer: usize,
    first: Arc<CsrPattern>,
    /// Every position that ever was a connection, by its index in the dense matrix.
    pub(super) ever: RoaringTreemap,
}

impl Rewirer {
    /// For a run at its beginning, if it rewires at all.
    pub(super) fn new(
        config: &TrainConfig,
        model: &Mlp,
        steps_per_epoch: usize,
    ) -> Option<Rewirer> {
        let (steps_per_epoch, epochs) = (steps_per_epoch as u64, config.epochs as u64);
        let steps = epochs * steps_per_epoch;
        let reading = config.reading();
        let method = match config.rewire {
            RewireMethod::Static => return None,
            RewireMethod::Rigl => Method::Rigl(reading),
            RewireMethod::SetRigl => Method::SetRigl(reading),
            RewireMethod::Set => Method::Set,
        };
        let is_set = config.rewire == RewireMethod::Set;
        let schedule = Schedule {
            every: if is_set { steps_per_epoch } else { config.rewire_every },
            drop_fraction: config.drop_fraction,
            end: if is_set { steps } else { (config.rewire_end * steps as f64).round() as u64 },
            decay: if is_set { Decay::Constant } else { config.drop_decay },
        };
        let hidden = &model.layers()[..model.layers().len() - 1];
        let sparse = hidden.iter().enumerate().filter_map(|(layer, of)| {
            let first = of.linear.pattern().filter(|pattern| pattern.density() < 1.0)?;
            let ever = first.positions().map(|at| at as u64).collect();
            Some(History { layer, first: Arc::clone(first), ever })
        });
        Some(Rewirer {
            method,
            schedule,
            grown_state: config.grown_state,
            takes_step: is_set || config.step_on_update,
            seed: config.seed,
            histories: sparse.collect(),
        })
    }

    /// Whether this step, counted from 1 over the whole run, is an update.
    pub(super) fn is_update(&self, step: u64) -> bool {
        self.schedule.is_update(step)
    }

    /// Flops of an update's own products for one sample: the gradient at every position where the
    /// method wants it, and at the connections for the gradient ratio.
    pub(super) fn flops_per_sample(&self, model: &Mlp) -> u64 {
        let of_layer = |history: &History| {
            let linear = &model.layers()[history.layer].linear;
            let all = linear.in_features() * linear.out_features();
            let searched = if matches!(self.method, Method::Rigl(_)) { all } else { 0 };
            2 * (searched + linear.nnz()) as u64
        };
        self.histories.iter().map(of_layer).sum()
    }

    /// Rewires the layers, from the tiles of this step's batch, and says what happened.
    pub(super) fn update(
        &mut self,
        config: &TrainConfig,
        executor: &Executor,
        model: &mut Mlp,
        optimizer: &mut Adam,
        gradients: &mut [LayerTensors],
        tiles: &[Tile],
        step: u64,
    ) -> UpdateMetrics {
        let started = Instant::now();
        let fraction = self.schedule.fraction(step);
        let (isa, threads) = (executor.isa(), executor.threads());
        let update = Update { isa, seed: self.seed, step, fraction, threads };
        let changes = self.changes(&update, model, tiles);
        let mut layers = Vec::new();
        for (history, change) in self.histories.iter_mut().zip(changes) {
            let index = history.layer;
            model.layer_gradient(executor, index, tiles, &mut gradients[index]);
            let before = &model.layers()[index];
            let pattern = Arc::clone(before.linear.pattern().expect("a layer that lacks some"));
            let ratio = gradient_ratio(&pattern, &in_order(&pattern, &gradients[index].weight));
            let rewiring = Rewiring::new(&pattern, &change);
            drop(change);
            let mut of_layer = history.record(&pattern, &rewiring);
            of_layer.gradient_ratio = ratio;
            layers.push(of_layer);
            carry_out(rewiring, config, self.grown_state, pattern, model, optimizer, index);
            gradients[index].weight.resize(model.layers()[index].params.weight.len(), 0.0);
        }
        let ccv = layers.iter().map(|layer| layer.ccv).sum::<f64>() / layers.len() as f64;
        let seconds = started.elapsed().as_secs_f64();
        UpdateMetrics { update: step, drop_fraction: fraction, ccv, layers, seconds }
    }

    fn changes(&self, update: &Update, model: &Mlp, tiles: &[Tile]) -> Vec<Change> {
        let layers = model.layers();
        let parts = |history: &History| {
            let pairs: Vec<_> =
                tiles.iter().map(|tile| tile.input_and_gradient(history.layer)).collect();
            let layer = &layers[history.layer];
            let pattern = layer.linear.pattern().expect("a layer that lacks some");
            (pattern, in_order(pattern, &layer.params.weight), pairs)
        };
        let parts: Vec<_> = self.histories.iter().map(parts).collect();
        let views: Vec<LayerView<'_>> = parts
            .iter()
            .zip(&self.histories)
            .map(|((pattern, weights, tiles), history)| LayerView {
                index: history.layer,
                pattern,
                weights,
                tiles,
            })
            .collect();
        self.method.changes(update, &views)
    }
}

/// Values in the pattern's order, whether there is one per connection or one per position.
fn in_order<'a>(pattern: &CsrPattern, values: &'a [f32]) -> Cow<'a, [f32]> {
    match values.len() == pattern.nnz() {
        true => Cow::Borrowed(values),
        false => Cow::Owned(pattern.gather(values)),
    }
}

/// Moves a layer, its moments and its ages to the new connections.
fn carry_out(
    rewiring: Rewiring,
    config: &TrainConfig,
    grown_state: GrownState,
    old: Arc<CsrPattern>,
    model: &mut Mlp,
    optimizer: &mut Adam,
    index: usize,
) {
    let [correction1, correction2] = optimizer.corrections();
    let is_warm = grown_state == GrownState::Warm;
    let carry = |values: &mut Vec<f32>, warm: &dyn Fn(f32) -> f32| {
        let fresh = |grown: &Grown| if is_warm { warm(grown.gradient) } else { 0.0 };
        let carried = rewiring.carry(&in_order(&old, values), fresh);
        // A masked layer holds its moments at every position.
        let is_csr = values.len() == old.nnz();
        *values = if is_csr { carried } else { rewiring.pattern.scatter(&carried) };
    };
    carry(&mut optimizer.m[index].weight, &|g| correction1 * g);
    carry(&mut optimizer.v[index].weight, &|g| correction2 * g * g);
    if let Some(ages) = &mut optimizer.ages {
        carry(&mut ages.counts[index].weight, &|_| 0.0);
    }
    let layer = &mut model.layers_mut()[index];
    let mut params = std::mem::take(&mut layer.params);
    params.weight = rewiring.carry(&in_order(&old, &params.weight), |grown| grown.weight);
    let Rewiring { pattern, .. } = rewiring;
    // The old structure goes before the new one comes: they are the largest things here.
    drop(old);
    layer.linear = Linear::Dense(DenseLinear::new(0, 0, None));
    *layer = Layer::from_parts(config.engine, pattern, index, params);
}

impl History {
    /// Takes note of a change, and describes it; the gradient ratio is left out.
    fn record(&mut self, before: &CsrPattern, rewiring: &Rewiring) -> LayerUpdate {
        let Rewiring { pattern, dropped, returned, .. } = rewiring;
        let cols = pattern.cols() as u64;
        self.ever.extend(rewiring.new.iter().map(|g| u64::from(g.row) * cols + u64::from(g.col)));
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let stats = TopologyStats::of(pattern);
        let positions = pattern.rows() * pattern.cols();
        LayerUpdate {
            layer: self.layer + 1,
            nnz: pattern.nnz(),
            ccv: stats.fan_in.ccv,
            fan_in_histogram: histogram(&pattern.fan_in().collect::<Vec<_>>()),
            dropped: *dropped,
            grown: pattern.nnz() + dropped - before.nnz(),
            returned: *returned,
            overlap_previous: share(before.nnz() - (dropped - returned), before.nnz()),
            overlap_first: share(self.first.common(pattern), self.first.nnz()),
            ever_active: share(self.ever.len() as usize, positions),
            dead_neurons: stats.dead_neurons,
            dead_inputs: stats.dead_inputs,
            gradient_ratio: None,
        }
    }
}

impl TrainConfig {
    /// How the method's text is read.
    pub fn reading(&self) -> Reading {
        Reading {
            scope: self.rewire_scope,
            fan_in_min: self.rewire_fan_in_min,
            candidates: self.grow_from,
            score: self.grow_score,
            ties: self.tie,
        }
    }
}
