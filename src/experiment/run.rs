//! A run from its settings to its result: its trainings one after the other, until done or told to
//! stop.

use super::judgement::{in_units, judge};
use super::record::{Change, FINISHED, RunResult};
use super::training::Training;
use super::{Datasets, Error, Observer, RunFolder};
use crate::dataset::Dataset;
use crate::model::{Classification, Regression};
use crate::train::{Changed, Phase, RunConfig, TrainConfig, Trainer};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A run with its data and, if it is kept, its folder.
pub struct Run {
    config: RunConfig,
    trainer: Trainer,
    folder: Option<RunFolder>,
    is_resumed: bool,
    /// Settings that were others when the run was last here.
    changed: Vec<Changed>,
    /// Whether the process does nothing but this run.
    is_alone: bool,
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
    /// A new run on one of the `datasets`; with `out` it is kept in that folder, and `force`
    /// replaces a run that is there; `suit` may change what is trained once the number of training
    /// samples is known.
    ///
    /// **Errors**: [`Error`] for settings, data, a network that cannot be built, and the folder: in
    /// this order, so that nothing is written for a run that cannot begin.
    pub fn new(
        mut config: RunConfig,
        out: Option<&Path>,
        force: bool,
        datasets: &Datasets,
        suit: impl FnOnce(&mut TrainConfig, usize),
    ) -> Result<Run, Error> {
        config.data.validate()?;
        config.train.validate()?;
        let data = datasets.load(&config.data)?;
        suit(&mut config.train, data.train.len());
        let trainer = Trainer::new(config.train.clone(), data)?;
        config.data.data_digest = Some(trainer.data_digest().to_string());
        let folder = out.map(|path| RunFolder::create(path, &config, force)).transpose()?;
        Ok(Run { config, trainer, folder, is_resumed: false, changed: Vec::new(), is_alone: true })
    }

    /// The run in a folder, to go on where it stood; `change` may change what the result does not
    /// depend on, and the number of epochs.
    ///
    /// **Errors**: as [`Run::new`], and what `change` says.
    pub fn resume<E: From<Error>>(
        path: &Path,
        datasets: &Datasets,
        change: impl FnOnce(RunConfig) -> Result<RunConfig, E>,
    ) -> Result<Run, E> {
        let (folder, before) = RunFolder::open(path)?;
        let config = change(before.clone())?;
        let begin = || -> Result<Trainer, Error> {
            config.data.validate()?;
            config.train.validate()?;
            let data = datasets.load(&config.data)?;
            let other_epochs = config.train.epochs != before.train.epochs;
            let is_scheduled = before.train.lr_schedule.name() != "constant";
            if other_epochs && (before.train.has_method() || is_scheduled) {
                return Err(Error::CannotExtend);
            }
            Ok(Trainer::new(config.train.clone(), data)?)
        };
        let trainer = begin()?;
        let changed = config.changes_since(&before);
        Ok(Run { config, trainer, folder: Some(folder), is_resumed: true, changed, is_alone: true })
    }

    /// Says that the process has other runs too: its memory is not this run's.
    pub fn share_process(&mut self) {
        self.is_alone = false;
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
        let changes = self.changes()?;
        observer.training_begins(last, &self.trainer);
        if self.is_resumed
            && self.trainer.is_finished()
            && let Some(result) = self.finished()?
        {
            let (classification, regression) = judge(&mut self.trainer);
            return Ok(Outcome { result, classification, regression, was_finished: true });
        }
        let was_finished = self.is_resumed && self.trainer.is_finished();
        let Run { config, trainer, folder, is_alone, .. } = self;
        let (folder, is_alone) = (folder.as_ref(), *is_alone);
        let mut training = Training { config, folder, trainer, changes, is_alone };
        let (result, (classification, regression)) = training.run(stop, observer)?;
        Ok(Outcome { result, classification, regression, was_finished })
    }

    /// The recorded result, if the run was finished: the one that its network gives.
    fn finished(&mut self) -> Result<Option<RunResult>, Error> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let record = folder.record()?.filter(|record| record.status == FINISHED);
        let Some(result) = record.and_then(|record| record.result) else { return Ok(None) };
        let data = Arc::clone(self.trainer.data());
        let given = in_units(self.trainer.evaluate_kept(&data.test)?, &data).named("test");
        // The same bits, but for processors without FMA.
        let near = |(name, value): (&String, &f64)| {
            let known = result.values.get(name);
            known.is_some_and(|known| (known - value).abs() <= 1e-3 * known.abs().max(1e-3))
        };
        if !given.iter().all(near) {
            return Err(Error::NotItsResult(folder.path().to_path_buf()));
        }
        folder.restore_model(&self.trainer, &self.config)?;
        Ok(Some(result))
    }

    /// What was changed where the run was resumed, so far and this time.
    fn changes(&self) -> Result<Vec<Change>, Error> {
        let recorded = self.folder.as_ref().map(RunFolder::record).transpose()?.flatten();
        Ok(Change::all(recorded, &self.changed, self.trainer.position().epochs))
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
        let changes = self.changes()?;
        let (folder, is_alone) = (folder.as_ref(), self.is_alone);
        let mut training =
            Training { config: &config, folder, trainer: &mut trainer, changes, is_alone };
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
