//! The epoch loop.

use super::metrics::{EpochReport, Evaluation, StepReport};
use super::predict::probabilities;
use super::rewire::{History, Rewirer};
use super::{Classification, GrownState, RewireMethod, TrainConfig, step};
use crate::Error;
use crate::dataset::{Dataset, Samples, Scaling};
use crate::nn::{Layer, LayerTensors, Mlp, Tile};
use crate::optim::{Adam, AdamSettings};
use crate::parallel::{self, Executor};
use crate::random::{Purpose, stream};
use crate::topology::Distribution;
use fanin_kernels::TILE;
use rand::seq::SliceRandom;
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A run in progress: the network, its optimiser, and the memory both work in.
pub struct Trainer<'a> {
    config: TrainConfig,
    data: &'a Dataset,
    executor: Arc<Executor>,
    model: Mlp,
    optimizer: Adam,
    tiles: Vec<Tile>,
    gradients: Vec<LayerTensors>,
    /// The samples in the order of epoch `order_epoch`.
    order: Vec<u32>,
    order_epoch: Option<usize>,
    position: Position,
    /// The loss of the last step.
    last_loss: Option<f64>,
    warnings: Vec<String>,
    rewirer: Option<Rewirer>,
    /// The network of the best epoch, where that is watched.
    best_model: Option<Mlp>,
}

/// Where a run is: what a checkpoint must hold beside the model and the moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Whole epochs done.
    pub epochs: usize,
    /// Samples of the epoch at hand done.
    pub samples: usize,
    /// Σ of their losses, each before its step's update.
    pub loss_sum: f64,
    /// How many of them were right.
    pub correct: usize,
    /// Flops of the whole run's products so far, updates of the connections included.
    #[serde(default)]
    pub flops: u64,
    /// Seconds that updates of the connections took so far.
    #[serde(default)]
    pub rewire_seconds: f64,
    /// The epoch of the smallest validation loss so far, if it is watched.
    #[serde(default)]
    pub best: Option<BestEpoch>,
}

/// The best epoch so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestEpoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Its validation loss.
    pub loss: f64,
}

impl Position {
    /// Steps of the whole run done; updates of the connections count as steps.
    pub(super) fn steps(&self, samples_per_epoch: usize, batch: usize) -> u64 {
        (self.epochs * samples_per_epoch.div_ceil(batch) + self.samples / batch) as u64
    }
}

impl<'a> Trainer<'a> {
    /// A run at its beginning, on the best instruction set or the one `FANIN_ISA` names.
    ///
    /// **Errors**: [`Error::Config`], [`Error::Topology`], [`Error::Isa`], [`Error::Threads`].
    pub fn new(config: TrainConfig, data: &'a Dataset) -> Result<Trainer<'a>, Error> {
        let executor = Executor::from_environment(config.threads)?;
        Trainer::with_executor(config, data, executor)
    }

    /// As [`Trainer::new`] on a given pool and instruction set.
    ///
    /// **Errors**: [`Error::Config`], [`Error::Topology`].
    pub fn with_executor(
        config: TrainConfig,
        data: &'a Dataset,
        executor: Executor,
    ) -> Result<Trainer<'a>, Error> {
        if data.train.is_empty() {
            return Err(Error::Config("there are no training samples".into()));
        }
        if config.patience > 0 && data.validation.is_none() {
            let problem = "--patience watches validation samples: hold some out with \
                           --validation-fraction";
            return Err(Error::Config(problem.to_string()));
        }
        let (model, warnings) = config.build(data.train.features(), data.train.classes())?;
        let settings = AdamSettings { lr: config.lr as f32, ..AdamSettings::default() };
        let rewires = config.rewire != RewireMethod::Static;
        let aged = rewires && config.grown_state == GrownState::OwnStep;
        let optimizer = Adam::new(settings, &model, aged);
        let zeros = |layer: &Layer| LayerTensors::zeros_like(&layer.params);
        let batch = config.batch.min(data.train.len());
        let steps_per_epoch = data.train.len().div_ceil(config.batch);
        let rewirer = Rewirer::new(&config, &model, steps_per_epoch);
        if rewirer.as_ref().is_some_and(|rewirer| rewirer.histories.is_empty()) {
            let problem = "no hidden layer lacks connections: --rewire has nothing to change";
            return Err(Error::Config(problem.to_string()));
        }
        Ok(Trainer {
            rewirer,
            best_model: None,
            tiles: Tile::several(&model, batch.div_ceil(TILE)),
            gradients: model.layers().iter().map(zeros).collect(),
            order: (0..data.train.len() as u32).collect(),
            order_epoch: None,
            executor: Arc::new(executor),
            position: Position::default(),
            last_loss: None,
            warnings,
            config,
            data,
            model,
            optimizer,
        })
    }

    /// What of the configured topology could not be met.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The network to be kept: that of the best epoch where it is watched, else as it stands.
    pub fn kept_model(&self) -> &Mlp {
        self.best_model.as_ref().unwrap_or(&self.model)
    }

    /// Takes note of an epoch's validation loss.
    pub(super) fn watch(&mut self, loss: f64) {
        let is_better = self.position.best.is_none_or(|best| loss < best.loss);
        if self.config.patience > 0 && is_better {
            self.position.best = Some(BestEpoch { epoch: self.position.epochs, loss });
            self.best_model = Some(self.model.clone());
        }
    }

    /// Gives back the network of the best epoch after a resume.
    pub(super) fn restore_best(&mut self, model: Mlp) {
        self.best_model = Some(model);
    }

    /// Whether training has come to its end: all epochs done, or none better for too long.
    pub fn is_finished(&self) -> bool {
        let Position { epochs, best, .. } = self.position;
        let patience = self.config.patience;
        let is_late = best.is_some_and(|best| patience > 0 && epochs - best.epoch >= patience);
        epochs >= self.config.epochs || (is_late && self.position.samples == 0)
    }

    /// The network as it stands.
    pub fn model(&self) -> &Mlp {
        &self.model
    }

    /// The optimiser as it stands.
    pub fn optimizer(&self) -> &Adam {
        &self.optimizer
    }

    /// Mean CCV of the rewired layers; 0 if none is.
    pub(super) fn rewired_ccv(&self) -> f64 {
        let histories = self.histories();
        let ccv = |history: &History| {
            let pattern = self.model.layers()[history.layer].linear.pattern();
            pattern.map_or(0.0, |pattern| Distribution::of(pattern.fan_in()).ccv)
        };
        histories.iter().map(ccv).sum::<f64>() / histories.len().max(1) as f64
    }

    /// What the connections of rewired layers have been; empty if none is rewired.
    pub(super) fn histories(&self) -> &[History] {
        self.rewirer.as_ref().map_or(&[], |rewirer| &rewirer.histories)
    }

    /// Continues where a checkpoint stood; `ever` are the positions that ever were connections, of
    /// each rewired layer.
    ///
    /// **Panics** if the state's shapes are not this network's.
    pub(super) fn restore(
        &mut self,
        model: Mlp,
        optimizer: Adam,
        position: Position,
        ever: Vec<RoaringTreemap>,
    ) {
        let shapes = |model: &Mlp| -> Vec<_> {
            model
                .layers()
                .iter()
                .map(|l| (l.linear.in_features(), l.linear.out_features()))
                .collect()
        };
        assert_eq!(shapes(&model), shapes(&self.model), "the checkpoint is of this network");
        let zeros = |layer: &Layer| LayerTensors::zeros_like(&layer.params);
        self.gradients = model.layers().iter().map(zeros).collect();
        (self.model, self.optimizer, self.position) = (model, optimizer, position);
        if let Some(rewirer) = &mut self.rewirer {
            assert_eq!(ever.len(), rewirer.histories.len(), "a history per rewired layer");
            rewirer.histories.iter_mut().zip(ever).for_each(|(history, ever)| history.ever = ever);
        }
    }

    /// The gradients of the last step, one set of tensors per layer.
    pub fn gradients(&self) -> &[LayerTensors] {
        &self.gradients
    }

    /// The network and the optimiser, to be changed together; then call
    /// [`Linear::weights_changed`](crate::nn::Linear::weights_changed).
    pub fn state_mut(&mut self) -> (&mut Mlp, &mut Adam) {
        (&mut self.model, &mut self.optimizer)
    }

    /// Where it runs.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// How far it is.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Training samples.
    pub fn samples_per_epoch(&self) -> usize {
        self.order.len()
    }

    /// Steps of the whole run done; updates of the connections count as steps.
    pub fn steps(&self) -> u64 {
        self.position.steps(self.order.len(), self.config.batch)
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.order.len().div_ceil(self.config.batch)
    }

    /// Runs to the end of the epoch; `on_step` hears of every step.
    ///
    /// **Errors**: as [`Trainer::step`].
    pub fn run_epoch(
        &mut self,
        mut on_step: impl FnMut(StepReport) + Send,
    ) -> Result<EpochReport, Error> {
        let report = self.run_epoch_while(|step| {
            on_step(step);
            ControlFlow::Continue(())
        })?;
        Ok(report.expect("nobody stops it"))
    }

    /// Runs to the end of the epoch, or to the step after which `on_step` breaks off: then none.
    ///
    /// **Errors**: as [`Trainer::step`].
    pub fn run_epoch_while(
        &mut self,
        mut on_step: impl FnMut(StepReport) -> ControlFlow<()> + Send,
    ) -> Result<Option<EpochReport>, Error> {
        let executor = Arc::clone(&self.executor);
        executor.install(|| {
            loop {
                let report = self.step_in_pool()?;
                let epoch = report.epoch;
                let flow = on_step(report);
                if epoch.is_some() || flow.is_break() {
                    return Ok(epoch);
                }
            }
        })
    }

    /// One optimiser step on the next batch.
    ///
    /// **Errors**: [`Error::Diverged`] if the batch's loss is not finite; the parameters are then as
    /// they were before.
    pub fn step(&mut self) -> Result<StepReport, Error> {
        let executor = Arc::clone(&self.executor);
        executor.install(|| self.step_in_pool())
    }

    fn step_in_pool(&mut self) -> Result<StepReport, Error> {
        self.shuffle();
        let Trainer { data, executor, model, optimizer, tiles, gradients, order, .. } = self;
        let first = self.position.samples;
        let (batch, later) = order[first..].split_at(self.config.batch.min(order.len() - first));
        let next = &later[..later.len().min(batch.len())];
        let tiles = &mut tiles[..batch.len().div_ceil(TILE)];
        step::forward_backward(executor, model, tiles, batch.len(), |index, tile| {
            let indices = tile_indices(batch, index);
            data.train.load_tile(executor.isa(), &data.scaling, indices, tile);
            data.train.prefetch(tile_indices(next, index));
        });
        let loss_sum: f64 = tiles.iter().map(|tile| f64::from(tile.loss.loss_sum)).sum();
        if !loss_sum.is_finite() {
            return Err(Error::Diverged {
                epoch: self.position.epochs + 1,
                step: first / self.config.batch + 1,
                layer: self.first_non_finite_layer(),
                last_loss: self.last_loss,
            });
        }
        let step = self.position.steps(order.len(), self.config.batch) + 1;
        let rewirer = self.rewirer.as_mut().filter(|rewirer| rewirer.is_update(step));
        let takes_step = rewirer.as_ref().is_none_or(|rewirer| rewirer.takes_step);
        let mut flops = model.flops_per_sample(takes_step);
        if takes_step {
            step::update(executor, model, optimizer, gradients, tiles);
        }
        let update = rewirer.map(|rewirer| {
            flops += rewirer.flops_per_sample(model);
            rewirer.update(&self.config, executor, model, optimizer, gradients, tiles, step)
        });
        self.last_loss = Some(loss_sum / batch.len() as f64);
        let position = &mut self.position;
        position.samples += batch.len();
        position.flops += flops * batch.len() as u64;
        position.rewire_seconds += update.as_ref().map_or(0.0, |update| update.seconds);
        position.loss_sum += loss_sum;
        position.correct += tiles.iter().map(|tile| tile.loss.correct as usize).sum::<usize>();
        let mut report = StepReport {
            step: first / self.config.batch + 1,
            samples: position.samples,
            loss: loss_sum / batch.len() as f64,
            epoch: None,
            update,
        };
        if position.samples == order.len() {
            let count = position.samples as f64;
            let (loss, accuracy) = (position.loss_sum / count, position.correct as f64 / count);
            report.epoch = Some(EpochReport { loss, accuracy });
            *position = Position {
                epochs: position.epochs + 1,
                samples: 0,
                loss_sum: 0.0,
                correct: 0,
                ..*position
            };
        }
        Ok(report)
    }

    /// Puts the samples into the order of the epoch at hand, a function of (seed, epoch) alone.
    fn shuffle(&mut self) {
        let epoch = self.position.epochs;
        if self.order_epoch != Some(epoch) {
            self.order.iter_mut().zip(0..).for_each(|(slot, index)| *slot = index);
            self.order.shuffle(&mut stream(self.config.seed, Purpose::Shuffle, epoch as u64));
            self.order_epoch = Some(epoch);
        }
    }

    /// The first layer with a non-finite output on the tiles last run, counted from 1; the last
    /// layer if all are finite.
    pub fn first_non_finite_layer(&self) -> usize {
        let layer = self.tiles.iter().find_map(|tile| self.model.first_non_finite(tile));
        layer.map_or(self.model.layers().len(), |layer| layer + 1)
    }

    /// How the network does on `samples`.
    ///
    /// **Errors**: [`Error::Config`] if there is no sample.
    pub fn evaluate(&mut self, samples: &Samples) -> Result<Evaluation, Error> {
        evaluate(&self.executor, &self.model, samples, &self.data.scaling, &mut self.tiles)
    }

    /// What the network that is kept makes of `samples`, class by class.
    ///
    /// **Panics** if there is no sample.
    pub fn classify_kept(&mut self, samples: &Samples) -> Classification {
        let model = self.best_model.as_ref().unwrap_or(&self.model);
        let (executor, tiles) = (&self.executor, &mut self.tiles);
        let load = |indices: &[u32], tile: &mut Tile| {
            samples.load_tile(executor.isa(), &self.data.scaling, indices, tile);
        };
        let p = probabilities(executor, model, tiles, samples.len(), load);
        Classification::of(&p, samples.labels(), samples.classes())
    }

    /// How the network that is kept does on `samples`.
    ///
    /// **Errors**: [`Error::Config`] if there is no sample.
    pub fn evaluate_kept(&mut self, samples: &Samples) -> Result<Evaluation, Error> {
        let model = self.best_model.as_ref().unwrap_or(&self.model);
        evaluate(&self.executor, model, samples, &self.data.scaling, &mut self.tiles)
    }
}

/// How a network does on `samples`, a group of tiles at a time.
///
/// **Errors**: [`Error::Config`] if there is no sample.
pub fn evaluate(
    executor: &Executor,
    model: &Mlp,
    samples: &Samples,
    scaling: &Scaling,
    tiles: &mut [Tile],
) -> Result<Evaluation, Error> {
    if samples.is_empty() {
        return Err(Error::Config("there are no samples to evaluate on".into()));
    }
    let order: Vec<u32> = (0..samples.len() as u32).collect();
    let (mut loss_sum, mut correct) = (0.0, 0);
    let cut_rows = tiles.len() < executor.threads();
    executor.install(|| {
        for group in order.chunks(tiles.len() * TILE) {
            let tiles = &mut tiles[..group.len().div_ceil(TILE)];
            parallel::for_each(tiles, |index, tile| {
                let indices = tile_indices(group, index);
                samples.load_tile(executor.isa(), scaling, indices, tile);
                model.forward(executor, cut_rows, tile);
                model.loss(executor, group.len(), tile);
            });
            for tile in tiles {
                loss_sum += f64::from(tile.loss.loss_sum);
                correct += tile.loss.correct as usize;
            }
        }
    });
    let count = samples.len() as f64;
    Ok(Evaluation { accuracy: correct as f64 / count, loss: loss_sum / count })
}

/// The samples of a batch that belong to its tile `index`.
fn tile_indices(batch: &[u32], index: usize) -> &[u32] {
    let end = batch.len().min((index + 1) * TILE);
    &batch[end.min(index * TILE)..end]
}
