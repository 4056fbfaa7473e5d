//! One training of a run: its epochs, their evaluation and their files, and what it came to.

use super::judgement::{Judgement, in_units, judge};
use super::record::{
    Change, FINISHED, RunRecord, RunResult, ccvs, hidden_ccv, peak_rss_bytes, program,
};
use super::statistics::{mean, median};
use super::{Error, Observer, RunFolder};
use crate::model::Regression;
use crate::train::{
    EpochMetrics, Evaluation, NetworkSummary, Position, RunConfig, Trainer, Values,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// One training and the folder it writes to.
pub(super) struct Training<'a> {
    pub(super) config: &'a RunConfig,
    pub(super) folder: Option<&'a RunFolder>,
    pub(super) trainer: &'a mut Trainer,
    /// What was changed where it was resumed.
    pub(super) changes: Vec<Change>,
    /// Whether the process does nothing else.
    pub(super) is_alone: bool,
}

impl Training<'_> {
    /// Trains to the end, evaluates, and keeps the record.
    ///
    /// **Errors**: [`Error`]; [`Error::Interrupted`] once `stop` is set.
    pub(super) fn run(
        &mut self,
        stop: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<(RunResult, Judgement), Error> {
        self.record("running", None)?;
        let epochs = self.train(stop, observer);
        if let Err(error) = &epochs
            && !error.is_interruption()
        {
            // The error itself is what the user must see.
            let _ = self.record(&error.to_string(), None);
        }
        let (result, judgement) = self.result(&epochs?)?;
        self.record(FINISHED, Some(result.clone()))?;
        Ok((result, judgement))
    }

    fn record(&self, status: &str, result: Option<RunResult>) -> Result<(), Error> {
        let Some(folder) = self.folder else { return Ok(()) };
        let started = folder.record()?.map(|record| record.started);
        folder.write_record(&RunRecord::now(status, self.trainer, started, &self.changes, result))
    }

    /// Trains to the configured number of epochs; returns the metrics of this call's epochs. With a
    /// folder, every epoch ends with its metrics, model and checkpoint on disk.
    fn train(
        &mut self,
        stop: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Vec<EpochMetrics>, Error> {
        let mut epochs = Vec::new();
        if let Some(folder) = self.folder
            && self.trainer.position() == Position::default()
        {
            // A run of no epochs has a model too; else there is none before something is trained.
            match self.trainer.is_finished() {
                true => folder.save(self.trainer, self.config)?,
                false => folder.checkpoint(self.trainer, self.config)?,
            }
        }
        while !self.trainer.is_finished() {
            let epoch = self.trainer.position().epochs + 1;
            observer.epoch_begins(epoch);
            let (folder, mut written) = (self.folder, Ok(()));
            let started = Instant::now();
            let report = self.trainer.run_epoch_while(|step| {
                observer.step_done(&step);
                if let Some(folder) = folder {
                    written = step.updates.iter().try_for_each(|u| folder.append_update(u));
                }
                match written.is_err() || stop.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })?;
            let seconds = started.elapsed().as_secs_f64();
            written?;
            let Some(report) = report else { return Err(self.interrupt()?) };
            let metrics = self.end_epoch(epoch, &report, seconds)?;
            observer.epoch_done(&metrics);
            epochs.push(metrics);
            if stop.load(Ordering::Relaxed) && !self.trainer.is_finished() {
                return Err(self.interrupt()?);
            }
        }
        Ok(epochs)
    }

    /// Evaluates an epoch's network, and writes what it came to.
    fn end_epoch(
        &mut self,
        epoch: usize,
        report: &Evaluation,
        seconds: f64,
    ) -> Result<EpochMetrics, Error> {
        let data = Arc::clone(self.trainer.data());
        let started = Instant::now();
        let test = self.trainer.evaluate(&data.test)?;
        let validation = data.validation.as_ref();
        let validation = validation.map(|samples| self.trainer.evaluate(samples)).transpose()?;
        let is_finite = |evaluation: &Evaluation| evaluation.loss.is_finite();
        if !is_finite(&test) || !validation.as_ref().is_none_or(is_finite) {
            // If the last update ruined the parameters, what stands on disk is from before it. A
            // held-out sample that is beyond the network's numbers ends no training.
            self.trainer.expect_sound()?;
        }
        let mut metrics = EpochMetrics {
            epoch,
            step: self.trainer.optimizer().steps(),
            fan_in_ccv: ccvs(self.trainer.model()),
            seconds,
            eval_seconds: 0.0,
            values: Values::new(),
        };
        metrics.add("train", &in_units(report.clone(), &data));
        metrics.add("test", &in_units(test, &data));
        if let Some(validation) = validation {
            self.trainer.watch(validation.loss);
            metrics.add("validation", &in_units(validation, &data));
        }
        metrics.eval_seconds = started.elapsed().as_secs_f64();
        if let Some(folder) = self.folder {
            folder.end_epoch(&metrics, self.trainer, self.config)?;
        }
        Ok(metrics)
    }

    /// Writes the checkpoint, and gives the error that says how to go on.
    fn interrupt(&mut self) -> Result<Error, Error> {
        let position = self.trainer.position();
        if let Some(folder) = self.folder {
            self.trainer.expect_sound()?;
            folder.checkpoint(self.trainer, self.config)?;
            self.record("interrupted", None)?;
        }
        Ok(Error::Interrupted {
            epoch: position.epochs + 1,
            step: position.samples.div_ceil(self.config.train.batch),
            run_dir: self.folder.map(|folder| folder.path().to_path_buf()),
        })
    }

    /// What the training came to; `epochs` are those of this call.
    fn result(&mut self, epochs: &[EpochMetrics]) -> Result<(RunResult, Judgement), Error> {
        let data = Arc::clone(self.trainer.data());
        let started = Instant::now();
        let kept = in_units(self.trainer.evaluate_kept(&data.test)?, &data);
        let eval_seconds = started.elapsed().as_secs_f64();
        let (classification, regression) = judge(self.trainer);
        let mut values = kept.named("test");
        if let Some(Regression { r2, .. }) = &regression
            && r2.is_finite()
        {
            values.insert("test_r2".to_string(), *r2);
        }
        // A run that was killed after its last epoch has none in this call.
        let of_folder = self.folder.filter(|_| epochs.is_empty()).map(RunFolder::epochs);
        let of_folder = of_folder.transpose()?.unwrap_or_default();
        let epochs = if epochs.is_empty() { &of_folder } else { epochs };
        let of_training = epochs.last().into_iter().flat_map(|epoch| &epoch.values);
        let of_training = of_training.filter(|(name, _)| name.starts_with("train_"));
        values.extend(of_training.map(|(name, value)| (name.clone(), *value)));
        let Training { config: RunConfig { train, .. }, trainer, folder, .. } = self;
        let (network, position) = (NetworkSummary::of(trainer.kept_model()), trainer.position());
        let seconds: Vec<f64> = epochs.iter().map(|epoch| epoch.seconds).collect();
        let [version, commit, _] = program();
        let expert_shares = trainer.expert_shares(&data.test);
        let result = RunResult {
            data: data.name.clone(),
            values,
            macro_f1: classification.as_ref().map(|result| result.macro_f1),
            epochs: position.epochs,
            best_epoch: position.best.map(|best| best.epoch),
            seconds_per_epoch: median(&seconds),
            eval_seconds,
            version,
            commit,
            parameters: network.parameters,
            nnz: network.nnz,
            sparsity_target: train.sparsity_target(),
            sparsity_of_sparse_layers: network.sparsity_of_sparse_layers,
            sparsity_of_hidden_layers: network.sparsity_of_hidden_layers,
            ccv_of_sparse_layers: mean(&ccvs(trainer.kept_model())),
            ccv_of_hidden_layers: hidden_ccv(trainer.kept_model()),
            train_flops_per_sample: network.train_flops_per_sample,
            inference_flops_per_sample: network.inference_flops_per_sample,
            inference_flops_per_sample_dense: network.inference_flops_per_sample_dense,
            train_flops: position.flops,
            rewired_ccv: train.has_method().then(|| trainer.rewired_ccv()),
            expert_shares,
            rewire_seconds: train.has_method().then_some(position.rewire_seconds),
            peak_rss_bytes: peak_rss_bytes().filter(|_| self.is_alone),
            threads: trainer.executor().threads(),
            isa: trainer.executor().isa().level().name().to_string(),
            engine: train.engine.to_string(),
            share: train.share,
            mixture: train.mixture.as_ref().map(ToString::to_string),
            method: train.method.to_string(),
            seed: train.seed,
            run_dir: folder.map(|folder| folder.path().display().to_string()),
        };
        Ok((result, (classification, regression)))
    }
}
