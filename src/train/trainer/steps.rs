//! The steps of an epoch: the batch through the network, the optimiser's turn, the method's turn.

use super::trainings::Trainings;
use super::{Position, Trainer};
use crate::dataset::Dataset;
use crate::method::{self, Moment, Network, StepIs};
use crate::nn::{METRICS, Mixture, Passed, Tile, of_tile, run_mixture};
use crate::parallel::Crew;
use crate::random::{Purpose, normal, stream};
use crate::train::metrics::{Evaluation, StepReport, UpdateMetrics};
use crate::train::rewire::{self, State};
use crate::train::{Error, step};
use fanin_kernels::TILE;
use rand::seq::SliceRandom;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

impl Trainer {
    /// Runs to the end of the epoch; `on_step` hears of every step.
    ///
    /// **Errors**: as [`Trainer::step`].
    pub fn run_epoch(
        &mut self,
        mut on_step: impl FnMut(StepReport) + Send,
    ) -> Result<Evaluation, Error> {
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
    ) -> Result<Option<Evaluation>, Error> {
        let executor = Arc::clone(&self.executor);
        executor.enter(|| {
            loop {
                let mut report = self.step_inside()?;
                let epoch = report.epoch.take();
                if let Some(epoch) = epoch {
                    on_step(report).is_break();
                    return Ok(Some(epoch));
                }
                if on_step(report).is_break() {
                    return Ok(None);
                }
            }
        })
    }

    /// One step on the next batch.
    ///
    /// **Errors**: [`Error::Diverged`] if the batch's loss is not finite; the optimiser has then
    /// not stepped.
    pub fn step(&mut self) -> Result<StepReport, Error> {
        let executor = Arc::clone(&self.executor);
        executor.enter(|| self.step_inside())
    }

    fn step_inside(&mut self) -> Result<StepReport, Error> {
        let mut updates = Vec::new();
        if self.position == Position::default() {
            self.act(Moment::Start, 0, 0, &mut updates);
        } else if let Some(over) = self.training_that_begins() {
            // Only now: what the training before came to has been evaluated and kept.
            self.act(Moment::PhaseEnd(over), self.steps(), 0, &mut updates);
            self.position.samples = self.trainings().skipped_steps() * self.config.batch;
        }
        let first = self.position.samples;
        self.shuffle();
        let step = self.steps() + 1;
        let (count, tile_by_tile) = (self.next_batch(), self.goes_tile_by_tile(step));
        let lr = self.learning_rate(step);
        let Trainer {
            config,
            data,
            executor,
            model,
            tiles,
            order,
            optimizer,
            gradients,
            routes,
            ..
        } = self;
        let (seed, regularization) = (config.seed, config.regularization);
        let (batch, later) = order[first..].split_at(count);
        let next = &later[..later.len().min(count)];
        // Samples that count nothing have no mean.
        let weight = match data.train.weight(batch) {
            0.0 => 1.0,
            weight => weight,
        };
        let load = |crew: Crew<'_>, index: usize, indices: &[u32], tile: &mut Tile| {
            data.train.load_tile(crew.isa(), &data.scaling, indices, tile);
            regularization.disturb(seed, step, index, tile);
            data.train.prefetch(of_tile(next, index));
        };
        let sum = weight as f32;
        let mut loss_sum = f64::NAN;
        if tile_by_tile {
            loss_sum = step::step_tile_by_tile(
                executor, model, optimizer, lr, gradients, tiles, batch, sum, load,
            );
        }
        // A loss that is not finite is looked into: for that, too, all tiles must be there.
        if let Some(Mixture { experts, .. }) = model.mixture() {
            let rng = &mut stream(seed, Purpose::GateNoise, step);
            let noise = normal(rng, 1.0, count * experts).into_iter().map(f64::from).collect();
            *routes = Some(run_mixture(executor, model, tiles, batch, sum, Some(noise), load));
            loss_sum = loss_of(&tiles[..count.div_ceil(TILE)]);
        } else if !loss_sum.is_finite() {
            step::forward_backward_weighted(executor, model, tiles, batch, sum, load);
            loss_sum = loss_of(&tiles[..count.div_ceil(TILE)]);
        }
        let tiles = count.div_ceil(TILE);
        let step_of_epoch = first / self.config.batch + 1;
        if !loss_sum.is_finite() {
            let epoch = self.position.epochs + 1;
            return Err(self.diverged(epoch, step_of_epoch, self.last_loss));
        }
        let step_is = self.act(Moment::Gradient(step), step, tiles, &mut updates);
        let takes_step = step_is.is_none_or(|step| step == StepIs::Taken);
        self.position.flops += self.model.flops_per_sample(takes_step) * count as u64;
        if takes_step && !tile_by_tile {
            self.optimizer_step(lr, tiles);
        }
        self.act(Moment::Step(step), step, tiles, &mut updates);
        let epoch = self.advance([loss_sum, weight], count, tiles, step, &mut updates);
        let loss = loss_sum / weight;
        self.last_loss = Some(loss);
        let samples = first + count;
        Ok(StepReport { step: step_of_epoch, samples, loss, epoch, updates })
    }

    /// The trainings of the run.
    pub(super) fn trainings(&self) -> Trainings {
        let (count, back_to) = (self.method.phases(), self.method.goes_back_to());
        let (epochs, steps_per_epoch) = (self.config.epochs, self.steps_per_epoch());
        Trainings { count, epochs, steps_per_epoch, back_to }
    }

    /// The training after the first that begins with the next step, if one does.
    fn training_that_begins(&self) -> Option<u64> {
        let Position { epochs, samples, .. } = self.position;
        self.trainings().begins(epochs).filter(|_| samples == 0)
    }

    /// Samples of the next batch.
    fn next_batch(&self) -> usize {
        self.config.batch.min(self.order.len() - self.position.samples)
    }

    /// Whether nobody needs all tiles of this step at once: no other thread, no method that is due,
    /// no norm of the whole gradient.
    fn goes_tile_by_tile(&self, step: u64) -> bool {
        let ends_epoch = self.position.samples + self.next_batch() == self.order.len();
        let epoch_end = Moment::EpochEnd(self.position.epochs as u64 + 1);
        self.executor.threads() == 1
            && self.model.mixture().is_none()
            && self.config.regularization.clip_norm == 0.0
            && !self.method.due(Moment::Gradient(step))
            && !self.method.due(Moment::Step(step))
            && !(ends_epoch && self.method.due(epoch_end))
    }

    fn learning_rate(&self, step: u64) -> f32 {
        let steps = (self.config.epochs * self.steps_per_epoch()) as u64;
        // Each training has the whole schedule; steps beyond the last one stay at its end.
        let of_training = self.trainings().step_of_training(step, self.position.epochs);
        let of_training = of_training.clamp(1, steps.max(1));
        self.schedule.rate(self.config.lr, of_training, steps)
    }

    /// The optimiser's step.
    fn optimizer_step(&mut self, lr: f32, tiles: usize) {
        let Trainer { config, executor, model, optimizer, gradients, tiles: all, routes, .. } =
            self;
        let tiles = match routes {
            None => Passed::from(&all[..tiles]),
            Some(routes) => Passed::routed(all, routes),
        };
        match config.regularization.clip_norm {
            0.0 => step::apply_gradients(executor, model, optimizer, lr, gradients, tiles),
            norm => step::apply_clipped_gradients(
                executor, model, optimizer, lr, norm, gradients, tiles,
            ),
        }
    }

    /// Adds a finished batch to the position. At the end of an epoch, lets the method act and
    /// begins the next.
    fn advance(
        &mut self,
        [loss_sum, weight]: [f64; 2],
        count: usize,
        tiles: usize,
        step: u64,
        updates: &mut Vec<UpdateMetrics>,
    ) -> Option<Evaluation> {
        let position = &mut self.position;
        position.samples += count;
        position.loss_sum += loss_sum;
        position.weight += weight;
        for tile in &self.tiles[..tiles] {
            position.sums.iter_mut().zip(tile.loss.sums).for_each(|(sum, part)| *sum += part);
        }
        if position.samples < self.order.len() {
            return None;
        }
        let Position { epochs, samples, loss_sum, weight, sums, .. } = *position;
        let skipped = match self.trainings().begins(epochs) {
            Some(_) => self.trainings().skipped_steps() * self.config.batch,
            None => 0,
        };
        let (loss, samples) = (&**self.model.loss(), samples - skipped);
        let evaluation = Evaluation::of(loss, loss_sum / weight, sums, samples);
        let epoch = epochs as u64 + 1;
        self.act(Moment::EpochEnd(epoch), step, tiles, updates);
        self.averaged = self.average();
        self.position = Position {
            epochs: epochs + 1,
            samples: 0,
            loss_sum: 0.0,
            weight: 0.0,
            sums: [0.0; METRICS],
            ..self.position
        };
        Some(evaluation)
    }

    /// Lets the method act if it is due in this step; says what becomes of the optimiser's step.
    fn act(
        &mut self,
        moment: Moment,
        step: u64,
        tiles: usize,
        updates: &mut Vec<UpdateMetrics>,
    ) -> Option<StepIs> {
        if !self.method.due(moment) {
            return None;
        }
        let started = Instant::now();
        let tiles = &self.tiles[..tiles];
        let samples = TrainingSamples { data: &self.data };
        let network = Network {
            executor: &self.executor,
            model: &self.model,
            tiles,
            samples: &samples,
            share: self.config.share,
            sparse: &self.sparse,
            budgets: &self.budgets,
            initial: self.initial.as_deref(),
            seed: self.config.seed,
            step,
        };
        let batch: u64 = tiles.iter().map(|tile| tile.samples as u64).sum();
        self.position.flops += self.method.flops_per_sample(&network) * batch;
        let plan = self.method.act(moment, &network);
        let step_is = plan.step;
        let mut state = State {
            executor: &self.executor,
            model: &mut self.model,
            optimizer: &mut self.optimizer,
            gradients: &mut self.gradients,
            histories: &mut self.histories,
        };
        let update = rewire::carry_out(plan, &mut state, tiles, step, started);
        self.position.rewire_seconds += update.seconds;
        updates.push(update);
        Some(step_is)
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

    /// The error of a loss that is not finite, with the first layer that overflows on the samples
    /// last loaded.
    pub(crate) fn diverged(&mut self, epoch: usize, step: usize, last_loss: Option<f64>) -> Error {
        let (model, crew) = (&self.model, self.executor.crew());
        // Tiles beyond the first batch, if it was a smaller one, have never held a sample.
        let mut tiles = self.tiles.iter_mut().filter(|tile| tile.samples > 0);
        let layer = tiles.find_map(|tile| model.first_non_finite(crew, tile));
        let layer = model.layer_name(layer.unwrap_or(model.layers().len() - 1));
        Error::Diverged { epoch, step, layer, last_loss }
    }
}

/// The sum of the losses of a batch's tiles.
fn loss_of(tiles: &[Tile]) -> f64 {
    tiles.iter().map(|tile| f64::from(tile.loss.loss_sum)).sum()
}

/// The training samples as a method asks for them.
struct TrainingSamples<'a> {
    data: &'a Dataset,
}

impl method::Samples for TrainingSamples<'_> {
    fn count(&self) -> usize {
        self.data.train.len()
    }

    fn weight(&self, samples: &[u32]) -> f32 {
        self.data.train.weight(samples) as f32
    }

    fn class(&self, sample: u32) -> Option<u16> {
        self.data.train.targets().labels().get(sample as usize).copied()
    }

    fn load(&self, crew: Crew<'_>, samples: &[u32], tile: &mut Tile) {
        self.data.train.load_tile(crew.isa(), &self.data.scaling, samples, tile);
    }
}
