//! The epoch loop.

mod kept;
mod position;
mod steps;
mod trainings;

pub use position::{BestEpoch, Position};

use super::build::TrainInputs;
use super::rewire::History;
use super::{Error, Regularization, TrainConfig};
use crate::dataset::{Dataset, Values};
use crate::method::{Method, RunLength};
use crate::nn::{Layer, LayerInput, LayerStart, LayerTensors, Mlp, Place, Routes, Tile};
use crate::optim::{Averaged, LrSchedule, Optimizer, Rule};
use crate::parallel::Executor;
use crate::topology::Distribution;
use roaring::RoaringTreemap;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// A run in progress: the network, its optimiser and method, and the memory they work in.
pub struct Trainer {
    config: TrainConfig,
    data: Arc<Dataset>,
    executor: Arc<Executor>,
    model: Mlp,
    optimizer: Optimizer,
    schedule: LrSchedule,
    method: Box<dyn Method>,
    tiles: Vec<Tile>,
    gradients: Vec<LayerTensors>,
    /// Of a mixture which tiles of the last batch passed which expert.
    routes: Option<Routes>,
    /// The samples in the order of epoch `order_epoch`.
    order: Vec<u32>,
    order_epoch: Option<usize>,
    position: Position,
    /// The loss of the last step.
    last_loss: Option<f64>,
    warnings: Vec<String>,
    /// Hidden layers that lacked connections at the beginning.
    sparse: Vec<usize>,
    /// How many connections each layer is to have.
    budgets: Vec<usize>,
    histories: Vec<History>,
    /// What the layers began with, if the method wants to know.
    initial: Option<Vec<LayerStart>>,
    /// The mean of the network's parameters as they have been, where that is kept; as of the end of
    /// the last epoch.
    averaged: Option<Mlp>,
    /// The network of the best epoch, where that is watched.
    best_model: Option<Mlp>,
    /// The data's, once it was asked for.
    data_digest: OnceLock<String>,
}

/// Parts that replace those the configuration would make.
#[derive(Default)]
pub struct OwnParts {
    /// The network.
    pub model: Option<Mlp>,
    /// The method of sparse training.
    pub method: Option<Box<dyn Method>>,
    /// The optimiser.
    pub rule: Option<Box<dyn Rule>>,
    /// Threads and instruction set.
    pub executor: Option<Executor>,
}

/// What a checkpoint brings back.
pub(super) struct Restored {
    pub(super) model: Mlp,
    pub(super) optimizer: Optimizer,
    pub(super) position: Position,
    /// Positions that ever were connections, of each layer that has a history.
    pub(super) ever: Vec<(usize, RoaringTreemap)>,
    pub(super) method: BTreeMap<String, Vec<f32>>,
}

impl Trainer {
    /// A run at its beginning, on the best instruction set or the one `FANIN_ISA` names.
    ///
    /// **Errors**: [`Error`] for what cannot be configured, built, or run.
    pub fn new(config: TrainConfig, data: impl Into<Arc<Dataset>>) -> Result<Trainer, Error> {
        Trainer::from_parts(config, data, OwnParts::default())
    }

    /// As [`Trainer::new`] with a network of one's own: of the configuration only what concerns
    /// training counts.
    ///
    /// **Errors**: as [`Trainer::new`]; [`Error::OtherNetwork`] if it does not fit the data.
    pub fn from_model(
        model: Mlp,
        config: TrainConfig,
        data: impl Into<Arc<Dataset>>,
    ) -> Result<Trainer, Error> {
        Trainer::from_parts(config, data, OwnParts { model: Some(model), ..OwnParts::default() })
    }

    /// As [`Trainer::new`] with any parts of one's own.
    ///
    /// **Errors**: as [`Trainer::from_model`].
    pub fn from_parts(
        config: TrainConfig,
        data: impl Into<Arc<Dataset>>,
        own: OwnParts,
    ) -> Result<Trainer, Error> {
        let data: Arc<Dataset> = data.into();
        config.validate()?;
        if data.train.is_empty() {
            return Err(Error::NoSamples);
        }
        if config.patience > 0 && data.validation.is_none() {
            return Err(Error::NothingToWatch);
        }
        let executor = match own.executor {
            Some(executor) => executor,
            None => Executor::from_environment(config.threads)?,
        };
        let (features, targets) = (data.train.features(), data.train.targets());
        let own_method = own.method.is_some();
        let mut method = own.method.unwrap_or_else(|| config.method.make());
        config.suits_method(&*method)?;
        let starting = method.starting_sparsity();
        let (model, warnings) = match own.model {
            Some(model) => (model, Vec::new()),
            None => {
                let input = match data.train.is_sparse() {
                    true => LayerInput::SparseSamples,
                    false => LayerInput::Samples,
                };
                let first = Place { isa: executor.isa(), input };
                let start = config.starting_at(starting);
                start.build(first, features, targets.outputs(), Some(&TrainInputs(&data)))?
            }
        };
        let (loss, takes_numbers) = (model.loss().name(), model.loss().takes_numbers());
        if takes_numbers != targets.are_numbers() {
            return Err(Error::OtherTargets { loss, takes_numbers });
        }
        if [model.in_features(), model.outputs()] != [features, targets.outputs()] {
            return Err(Error::OtherNetwork);
        }
        let budgets = match starting {
            Some(_) => config.budgets(&model.shapes())?,
            None => model.layers().iter().map(Layer::nnz).collect(),
        };
        let run = RunLength {
            steps_per_epoch: data.train.len().div_ceil(config.batch) as u64,
            epochs: config.epochs as u64,
        };
        method.begin(run);
        let histories = histories(&model, &budgets);
        if method.needs_sparse_layers() && histories.is_empty() {
            return Err(Error::NothingToRewire);
        }
        let start = |layer: &Layer| {
            let (pattern, weights) = layer.connections();
            LayerStart { pattern: (*pattern).clone(), weights: Some(weights) }
        };
        let initial = method.needs_initial_weights();
        let initial = initial.then(|| model.layers().iter().map(start).collect());
        if method.goes_back_to() > 0 && method.goes_back_to() >= run.steps() {
            return Err(Error::BackTo { step: method.goes_back_to(), steps: run.steps() });
        }
        if config.patience > 0 && method.phases() > 1 {
            return Err(Error::PatienceAndPhases);
        }
        let hidden = &model.layers()[..model.layers().len() - 1];
        let is_static = !own_method && !config.has_method();
        if !is_static && hidden.iter().any(|layer| layer.storage().pattern().is_none()) {
            return Err(Error::DenseEngine);
        }
        let Regularization { input_noise, weight_average, .. } = config.regularization;
        if model.mixture().is_some() {
            config.suits_mixture(!is_static)?;
        }
        if input_noise > 0.0 && matches!(data.train.values(), Values::Sparse(_)) {
            return Err(Error::SparseNoise);
        }
        let mut rule = own.rule.unwrap_or_else(|| config.optimizer.make());
        if weight_average > 0.0 {
            rule = Box::new(Averaged::new(rule, weight_average));
        }
        let batch = config.batch.min(data.train.len());
        Ok(Trainer {
            optimizer: Optimizer::new(rule, &model),
            schedule: config.lr_schedule.make(),
            tiles: Tile::of_batch(&model, batch),
            routes: None,
            gradients: model.layers().iter().map(Layer::zeros).collect(),
            order: (0..data.train.len() as u32).collect(),
            order_epoch: None,
            executor: Arc::new(executor),
            position: Position::default(),
            last_loss: None,
            averaged: None,
            best_model: None,
            data_digest: OnceLock::new(),
            budgets,
            sparse: histories.iter().map(|history| history.layer).collect(),
            histories,
            initial,
            method,
            warnings,
            config,
            data,
            model,
        })
    }

    /// What of the configured topology could not be met.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Has something else to say.
    pub fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// The configuration.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The data.
    pub fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    /// The digest of the data: [`Dataset::digest`].
    pub fn data_digest(&self) -> &str {
        self.data_digest.get_or_init(|| self.data.digest())
    }

    /// The network as it stands.
    pub fn model(&self) -> &Mlp {
        &self.model
    }

    /// The optimiser as it stands.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// The method as it stands.
    pub fn method(&self) -> &dyn Method {
        &*self.method
    }

    /// The gradients of the last step that the optimiser took, or that a layer was rewired in: one
    /// set of tensors per layer, on the connections as they are now: those that came in this step
    /// have the gradient they were chosen by.
    pub fn gradients(&self) -> &[LayerTensors] {
        &self.gradients
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

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.order.len().div_ceil(self.config.batch)
    }

    /// Steps of the whole run done; updates in place of an optimiser step count as steps.
    pub fn steps(&self) -> u64 {
        let in_epoch = self.position.samples / self.config.batch;
        (self.position.epochs * self.steps_per_epoch() + in_epoch) as u64
    }

    /// Epochs of all the run's trainings.
    pub fn epochs(&self) -> usize {
        self.trainings().all_epochs()
    }

    /// Mean CCV of the layers that a method may rewire; 0 if there is none.
    pub fn rewired_ccv(&self) -> f64 {
        let ccv = |layer: &usize| {
            let pattern = self.model.layers()[*layer].storage().pattern();
            pattern.map_or(0.0, |pattern| Distribution::of(pattern.fan_in()).ccv)
        };
        self.sparse.iter().map(ccv).sum::<f64>() / self.sparse.len().max(1) as f64
    }

    /// Whether training has come to its end: all epochs done, or none better for too long.
    pub fn is_finished(&self) -> bool {
        let Position { epochs, best, .. } = self.position;
        let patience = self.config.patience;
        // As long as no validation loss is finite, none is better.
        let best_epoch = best.map_or(0, |best| best.epoch);
        let is_late = patience > 0 && epochs - best_epoch >= patience;
        epochs >= self.epochs() || (is_late && self.position.samples == 0)
    }

    /// Goes on from another network and optimiser of the same shapes.
    ///
    /// **Errors**: [`Error::OtherNetwork`] if layers, connections or slots are others.
    pub fn set_state(&mut self, model: Mlp, optimizer: Optimizer) -> Result<(), Error> {
        let shapes = |optimizer: &Optimizer| -> Vec<Vec<[usize; 4]>> {
            let of_slot = |tensors: &[LayerTensors]| {
                tensors.iter().map(|t| t.each().map(<[f32]>::len)).collect()
            };
            optimizer.slots().map(|(_, tensors)| of_slot(tensors)).collect()
        };
        let patterns = |model: &Mlp| -> Vec<_> {
            model.layers().iter().map(|layer| layer.storage().pattern().cloned()).collect()
        };
        let lens = |model: &Mlp| -> Vec<[usize; 4]> {
            model.layers().iter().map(|layer| layer.zeros().each().map(<[f32]>::len)).collect()
        };
        if lens(&model) != lens(&self.model)
            || patterns(&model) != patterns(&self.model)
            || shapes(&optimizer) != shapes(&self.optimizer)
            || model.loss().takes_numbers() != self.model.loss().takes_numbers()
            || model.mixture() != self.model.mixture()
        {
            return Err(Error::OtherNetwork);
        }
        (self.model, self.optimizer) = (model, optimizer);
        self.averaged = self.average();
        Ok(())
    }

    /// Says what a resumed run's method took before.
    pub(crate) fn set_rewire_seconds(&mut self, seconds: f64) {
        self.position.rewire_seconds = seconds;
    }

    /// Positions that ever were connections, of the layers whose connections are followed.
    pub(super) fn ever_active(&self) -> impl Iterator<Item = (usize, &RoaringTreemap)> {
        self.histories.iter().map(|history| (history.layer, &history.ever))
    }

    /// Continues where a checkpoint stood; false, and nothing changed, if the method refuses its
    /// state.
    ///
    /// **Panics** if the state's shapes are not this network's.
    pub(super) fn restore(&mut self, state: Restored) -> bool {
        assert_eq!(state.model.shapes(), self.model.shapes(), "the checkpoint is of this network");
        if !self.method.restore(state.method, &state.model) {
            return false;
        }
        for (layer, ever) in state.ever {
            let known = self.histories.iter().position(|history| history.layer == layer);
            let at = known.unwrap_or_else(|| {
                // One that began when a method took the first connections of a full layer.
                let first = self.model.layers()[layer].storage().connections();
                self.histories.push(History::new(layer, &first));
                self.histories.len() - 1
            });
            self.histories[at].ever = ever;
        }
        self.gradients = state.model.layers().iter().map(Layer::zeros).collect();
        (self.model, self.optimizer, self.position) =
            (state.model, state.optimizer, state.position);
        self.averaged = self.average();
        true
    }
}

/// Histories of the hidden layers that are to lack connections.
fn histories(model: &Mlp, budgets: &[usize]) -> Vec<History> {
    let hidden = &model.layers()[..model.layers().len() - 1];
    let sparse = hidden.iter().zip(budgets).enumerate().filter_map(|(layer, (of, &budget))| {
        let first = of.storage().pattern()?;
        let is_sparse = budget < first.rows() * first.cols();
        is_sparse.then(|| History::new(layer, first))
    });
    sparse.collect()
}
