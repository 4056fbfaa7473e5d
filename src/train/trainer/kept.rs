//! Which network is evaluated and kept: as it stands, the mean of its parameters, that of the best
//! epoch.

use super::{BestEpoch, Trainer};
use crate::dataset::Samples;
use crate::model::answers;
use crate::nn::{Head, LayerTensors, Mlp, Tile};
use crate::optim::AVERAGE;
use crate::parallel::Crew;
use crate::train::evaluate::expert_shares;
use crate::train::metrics::Evaluation;
use crate::train::{Error, evaluate};
use fanin_kernels::TILE;

impl Trainer {
    /// The network to be kept: that of the best epoch where it is watched, else the mean of its
    /// parameters where that is kept, else as it stands.
    pub fn kept_model(&self) -> &Mlp {
        self.best_model.as_ref().unwrap_or(self.shown_model())
    }

    /// The network that is evaluated.
    fn shown_model(&self) -> &Mlp {
        self.averaged.as_ref().unwrap_or(&self.model)
    }

    /// The network with the means of its parameters in their places, where they are kept.
    pub(super) fn average(&self) -> Option<Mlp> {
        let means = self.optimizer.slot(AVERAGE).filter(|_| self.optimizer.steps() > 0)?;
        let mut model = self.model.clone();
        for (layer, means) in model.layers_mut().iter_mut().zip(means) {
            let (pattern, _) = layer.connections();
            let weights = layer.storage().to_csr(&means.weight).into_owned();
            let LayerTensors { bias, gamma, beta, .. } = means.clone();
            layer.set_head(Head { bias, gamma, beta });
            let (engine, place) = (layer.storage().engine(), layer.storage().place());
            layer.store(engine, place, (*pattern).clone(), weights);
        }
        Some(model)
    }

    /// Takes note of an epoch's validation loss. One that is not finite is none that is better.
    pub(crate) fn watch(&mut self, loss: f64) {
        let is_better = loss < self.position.best.map_or(f64::INFINITY, |best| best.loss);
        if self.config.patience > 0 && is_better {
            self.position.best = Some(BestEpoch { epoch: self.position.epochs, loss });
            self.best_model = Some(self.shown_model().clone());
        }
    }

    /// Gives back the network of the best epoch after a resume, stored as the network in training.
    ///
    /// **Errors**: [`Error::OtherNetwork`] if it has other shapes.
    pub(crate) fn restore_best(&mut self, mut best: Mlp) -> Result<(), Error> {
        if (best.shapes(), best.mixture()) != (self.model.shapes(), self.model.mixture()) {
            return Err(Error::OtherNetwork);
        }
        for (layer, trained) in best.layers_mut().iter_mut().zip(self.model.layers()) {
            let (pattern, weights) = layer.connections();
            let (engine, place) = (trained.storage().engine(), trained.storage().place());
            layer.store(engine, place, (*pattern).clone(), weights);
        }
        self.best_model = Some(best);
        Ok(())
    }

    /// How the network does on `samples`: with the means of its parameters, where they are kept, as
    /// of the last epoch's end.
    ///
    /// **Errors**: [`Error::NoSamples`].
    pub fn evaluate(&mut self, samples: &Samples) -> Result<Evaluation, Error> {
        let model = self.averaged.as_ref().unwrap_or(&self.model);
        evaluate(&self.executor, model, samples, &self.data.scaling, &mut self.tiles)
    }

    /// Whether the network still gives the first training samples a finite loss: after an epoch
    /// whose held-out samples have none, and before a checkpoint that would take the place of a
    /// good one.
    ///
    /// **Errors**: [`Error::Diverged`] if not.
    pub(crate) fn expect_sound(&mut self) -> Result<(), Error> {
        let first = self.data.train.first(self.data.train.len().min(TILE));
        // As it stands: the mean of its parameters is that of the last epoch's end.
        let Trainer { executor, model, data, tiles, .. } = self;
        if evaluate(executor, model, &first, &data.scaling, tiles)?.loss.is_finite() {
            return Ok(());
        }
        let (epochs, samples) = (self.position.epochs, self.position.samples);
        let (epoch, step) = match samples.div_ceil(self.config.batch) {
            0 => (epochs, self.steps_per_epoch()),
            step => (epochs + 1, step),
        };
        Err(self.diverged(epoch, step, self.last_loss))
    }

    /// How the network that is kept does on `samples`.
    ///
    /// **Errors**: [`Error::NoSamples`].
    pub fn evaluate_kept(&mut self, samples: &Samples) -> Result<Evaluation, Error> {
        let model = self.best_model.as_ref().or(self.averaged.as_ref()).unwrap_or(&self.model);
        evaluate(&self.executor, model, samples, &self.data.scaling, &mut self.tiles)
    }

    /// Of a mixture that is kept the share of `samples` that each expert answers; none of another
    /// network.
    pub fn expert_shares(&mut self, samples: &Samples) -> Option<Vec<f64>> {
        let model = self.best_model.as_ref().or(self.averaged.as_ref()).unwrap_or(&self.model);
        let (scaling, tile) = (&self.data.scaling, &mut self.tiles[0]);
        expert_shares(&self.executor, model, samples, scaling, tile)
    }

    /// The answers of the network that is kept to `samples`, `[samples, outputs]`.
    pub fn answer_kept(&mut self, samples: &Samples) -> Vec<f32> {
        let model = self.best_model.as_ref().or(self.averaged.as_ref()).unwrap_or(&self.model);
        let scaling = &self.data.scaling;
        let load = |crew: Crew<'_>, indices: &[u32], tile: &mut Tile| {
            samples.load_tile(crew.isa(), scaling, indices, tile);
        };
        answers(&self.executor, model, &mut self.tiles, samples.len(), load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Normalize};
    use crate::train::TrainConfig;

    #[test]
    fn a_step_that_ruins_the_network_is_noticed_before_it_is_written() {
        let pixels: Vec<u8> = (0..8 * 100u32).map(|n| (n * 37 % 251) as u8).collect();
        let labels = (0..100).map(|n| n % 2).collect();
        let samples = Samples::new(8, 2, pixels, labels).unwrap();
        let data = Dataset::new(samples.clone(), samples, Normalize::Standard);
        for (lr, is_sound) in [(1e-3, true), (1e38, false)] {
            let base = TrainConfig { hidden: vec![6], sparsity: 0.0, ..TrainConfig::default() };
            let config = TrainConfig { lr, batch: 30, threads: 1, ..base };
            let mut trainer = Trainer::new(config, data.clone()).unwrap();
            // The mean of an epoch's end says nothing of the step.
            trainer.averaged = Some(trainer.model.clone());
            trainer.step().unwrap();
            match trainer.expect_sound() {
                Ok(()) => assert!(is_sound),
                Err(Error::Diverged { epoch: 1, step: 1, last_loss: Some(_), .. }) => {
                    assert!(!is_sound);
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}
