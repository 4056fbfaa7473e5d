//! A run from its settings to its result: its trainings one after the other, their epochs, their
//! evaluation and their files, until done or told to stop.

use super::judgement::{Judgement, in_units, judge};
use super::record::{
    Change, FINISHED, RunRecord, RunResult, ccvs, hidden_ccv, peak_rss_bytes, program,
};
use super::statistics::{mean, median};
use super::{Error, Observer, RunFolder};
use crate::dataset::Dataset;
use crate::model::{Classification, Regression};
use crate::train::{
    Changed, EpochMetrics, Evaluation, NetworkSummary, Phase, Position, RunConfig, TrainConfig,
    Trainer, Values,
};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A run with its data and, if it is kept, its folder.
pub struct Run {
    config: RunConfig,
    trainer: Trainer,
    folder: Option<RunFolder>,
    is_resumed: bool,
    /// Settings that were others when the run was last here.
    changed: Vec<Changed>,
}

/// What a run came to.
pub struct Outcome {
    /// The result, as `run.json` has it.
    pub result: RunResult,
    /// The network that is kept on the test samples, class by class, if they have classes.
    pub classification: Option<Classification>,
    /// The same target by target, if they have numbers that the data set knows.
    pub regression: Option<Regression>,
    /// Whether nothing was left to train.
    pub was_finished: bool,
}

impl Run {
    /// A new run; with `out` it is kept in that folder, and `force` replaces a run that is there;
    /// `suit` may change what is trained once the number of training samples is known.
    ///
    /// **Errors**: [`Error`] for settings, data, a network that cannot be built, and the folder: in
    /// this order, so that nothing is written for a run that cannot begin.
    pub fn new(
        mut config: RunConfig,
        out: Option<&Path>,
        force: bool,
        suit: impl FnOnce(&mut TrainConfig, usize),
    ) -> Result<Run, Error> {
        config.data.validate()?;
        config.train.validate()?;
        let data = Arc::new(config.data.load()?);
        suit(&mut config.train, data.train.len());
        let trainer = Trainer::new(config.train.clone(), data)?;
        config.data.data_digest = Some(trainer.data_digest().to_string());
        let folder = out.map(|path| RunFolder::create(path, &config, force)).transpose()?;
        Ok(Run { config, trainer, folder, is_resumed: false, changed: Vec::new() })
    }

    /// The run in a folder, to go on where it stood; `change` may change what the result does not
    /// depend on, and the number of epochs.
    ///
    /// **Errors**: as [`Run::new`], and what `change` says.
    pub fn resume<E: From<Error>>(
        path: &Path,
        change: impl FnOnce(RunConfig) -> Result<RunConfig, E>,
    ) -> Result<Run, E> {
        let (folder, before) = RunFolder::open(path)?;
        let config = change(before.clone())?;
        let begin = || -> Result<Trainer, Error> {
            config.data.validate()?;
            config.train.validate()?;
            let data = Arc::new(config.data.load()?);
            let other_epochs = config.train.epochs != before.train.epochs;
            let is_scheduled = before.train.lr_schedule.name() != "constant";
            if other_epochs && (before.train.has_method() || is_scheduled) {
                return Err(Error::CannotExtend);
            }
            Ok(Trainer::new(config.train.clone(), data)?)
        };
        let trainer = begin()?;
        let changed = config.changes_since(&before);
        Ok(Run { config, trainer, folder: Some(folder), is_resumed: true, changed })
    }

    /// The settings, as they are by now.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The data.
    pub fn data(&self) -> &Arc<Dataset> {
        self.trainer.data()
    }

    /// The folder, if the run is kept.
    pub fn folder(&self) -> Option<&RunFolder> {
        self.folder.as_ref()
    }

    /// The last training as it stands.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// Runs all trainings to their ends. Once `stop` is set, the step at hand is finished, the
    /// checkpoint written, and [`Error::Interrupted`] returned.
    ///
    /// **Errors**: [`Error`]; the last checkpoint stays.
    pub fn execute(
        &mut self,
        stop: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Error> {
        let phases = self.config.train.phases();
        let (last, before) = phases.split_last().expect("a run has a training");
        let mut settled = 0.0;
        for phase in before {
            settled = self.run_before(phase, settled, stop, observer)?;
        }
        if !before.is_empty() {
            self.config.train = last.start.config(&self.config.train, settled);
            let data = Arc::clone(self.trainer.data());
            self.trainer = Trainer::new(self.config.train.clone(), data)?;
        }
        if let Some(folder) = &self.folder {
            self.changed.extend(folder.resume(&mut self.trainer, &self.config)?);
            self.changed.sort_unstable();
            self.changed.dedup();
            let at = self.trainer.position();
            let done = at.epochs + usize::from(at.samples > 0);
            if self.trainer.epochs() < done {
                return Err(Error::CannotUndo { done });
            }
            folder.write_config(&self.config)?;
            folder.write_rows(self.trainer.data())?;
        }
        let changes = self.changes();
        observer.training_begins(last, &self.trainer);
        let recorded = self.folder.as_ref().and_then(RunFolder::record);
        if self.is_resumed && self.trainer.is_finished() {
            let result = recorded.filter(|record| record.status == FINISHED).and_then(|r| r.result);
            if let Some(result) = result {
                let (classification, regression) = judge(&mut self.trainer);
                return Ok(Outcome { result, classification, regression, was_finished: true });
            }
        }
        let was_finished = self.is_resumed && self.trainer.is_finished();
        let Run { config, trainer, folder, .. } = self;
        let mut training = Training { config, folder: folder.as_ref(), trainer, changes };
        let (result, (classification, regression)) = training.run(stop, observer)?;
        Ok(Outcome { result, classification, regression, was_finished })
    }

    /// What was changed where the run was resumed, so far and this time.
    fn changes(&self) -> Vec<Change> {
        let recorded = self.folder.as_ref().and_then(RunFolder::record);
        Change::all(recorded, &self.changed, self.trainer.position().epochs)
    }

    /// Runs a training that comes before the last, and says what CCV it settled to.
    fn run_before(
        &self,
        phase: &Phase,
        settled: f64,
        stop: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<f64, Error> {
        let train = phase.start.config(&self.config.train, settled);
        let config = RunConfig { train, ..self.config.clone() };
        let mut trainer = Trainer::new(config.train.clone(), Arc::clone(self.trainer.data()))?;
        let folder = match (&self.folder, phase.folder) {
            (Some(outer), Some(name)) => Some(open_or_create(&outer.path().join(name), &config)?),
            _ => None,
        };
        if let Some(folder) = &folder {
            folder.resume(&mut trainer, &config)?;
        }
        observer.training_begins(phase, &trainer);
        let changes = self.changes();
        let mut training =
            Training { config: &config, folder: folder.as_ref(), trainer: &mut trainer, changes };
        let outer = || self.folder.as_ref().map(|folder| folder.path().to_path_buf());
        training.run(stop, observer).map_err(|error| match error {
            // It is the outer run that is to be continued.
            Error::Interrupted { epoch, step, .. } => {
                Error::Interrupted { epoch, step, run_dir: outer() }
            }
            other => other,
        })?;
        Ok(trainer.rewired_ccv())
    }
}

fn open_or_create(path: &Path, config: &RunConfig) -> Result<RunFolder, Error> {
    match RunFolder::open(path) {
        Err(Error::NoRun(_)) => RunFolder::create(path, config, false),
        opened => Ok(opened?.0),
    }
}

/// One training and the folder it writes to.
struct Training<'a> {
    config: &'a RunConfig,
    folder: Option<&'a RunFolder>,
    trainer: &'a mut Trainer,
    changes: Vec<Change>,
}

impl Training<'_> {
    /// Trains to the end, evaluates, and keeps the record.
    fn run(
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
        let started = folder.record().map(|record| record.started);
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
            // The initial network: a run of no epochs has a model too.
            folder.save(self.trainer, self.config)?;
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
            peak_rss_bytes: peak_rss_bytes(),
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
