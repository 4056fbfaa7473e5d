//! A whole run: epochs, their evaluation and their files, until done or told to stop.

use super::{EpochMetrics, Evaluation, Position, RunConfig, RunFolder, StepReport, Trainer};
use crate::Error;
use crate::dataset::Dataset;
use crate::nn::Mlp;
use crate::topology::TopologyStats;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Who hears of a run's progress.
pub trait Observer: Send {
    /// An epoch begins, counted from 1.
    fn epoch_begins(&mut self, epoch: usize);
    /// A step is done.
    fn step_done(&mut self, step: &StepReport);
    /// An epoch is done and evaluated.
    fn epoch_done(&mut self, metrics: &EpochMetrics);
}

/// Trains to the configured number of epochs, and returns the metrics of this call's epochs.
///
/// With a folder, every epoch ends with its metrics, model and checkpoint on disk. Once `stop` is
/// set, the step at hand is finished, the checkpoint written, and [`Error::Interrupted`] returned.
///
/// **Errors**: [`Error::Diverged`], [`Error::Io`], [`Error::Interrupted`]; the last checkpoint stays.
pub fn run(
    trainer: &mut Trainer<'_>,
    data: &Dataset,
    config: &RunConfig,
    folder: Option<&RunFolder>,
    stop: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Vec<EpochMetrics>, Error> {
    let mut epochs = Vec::new();
    if let Some(folder) = folder.filter(|_| trainer.position() == Position::default()) {
        // The initial network: a run of no epochs has a model too.
        folder.save(trainer, data, config)?;
    }
    while !trainer.is_finished() {
        let epoch = trainer.position().epochs + 1;
        observer.epoch_begins(epoch);
        let started = Instant::now();
        let mut written = Ok(());
        let report = trainer.run_epoch_while(|step| {
            observer.step_done(&step);
            if let (Some(folder), Some(update)) = (folder, &step.update) {
                written = folder.append_update(update);
            }
            if written.is_err() || stop.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        written?;
        let seconds = started.elapsed().as_secs_f64();
        let Some(report) = report else {
            return Err(interrupt(trainer, config, folder)?);
        };
        let started = Instant::now();
        let Evaluation { accuracy, loss } = trainer.evaluate(&data.test)?;
        if !loss.is_finite() {
            // The last update ruined the parameters; what stands on disk is from before it.
            let layer = trainer.first_non_finite_layer();
            let (step, last_loss) = (trainer.steps_per_epoch(), Some(report.loss));
            return Err(Error::Diverged { epoch, step, layer, last_loss });
        }
        let validation = match &data.validation {
            Some(samples) => Some(trainer.evaluate(samples)?),
            None => None,
        };
        if let Some(validation) = validation {
            trainer.watch(validation.loss);
        }
        let metrics = EpochMetrics {
            epoch,
            step: trainer.optimizer().steps(),
            train_loss: report.loss,
            train_accuracy: report.accuracy,
            test_loss: loss,
            test_accuracy: accuracy,
            validation_loss: validation.map(|validation| validation.loss),
            validation_accuracy: validation.map(|validation| validation.accuracy),
            fan_in_ccv: fan_in_ccv(trainer.model()),
            seconds,
            eval_seconds: started.elapsed().as_secs_f64(),
        };
        if let Some(folder) = folder {
            folder.end_epoch(&metrics, trainer, data, config)?;
        }
        observer.epoch_done(&metrics);
        epochs.push(metrics);
        if stop.load(Ordering::Relaxed) && !trainer.is_finished() {
            return Err(interrupt(trainer, config, folder)?);
        }
    }
    Ok(epochs)
}

/// The CCV of each layer that lacks connections.
pub fn fan_in_ccv(model: &Mlp) -> Vec<f64> {
    let patterns = model.layers().iter().filter_map(|layer| layer.linear.pattern());
    let sparse = patterns.filter(|pattern| pattern.density() < 1.0);
    sparse.map(|pattern| TopologyStats::of(pattern).fan_in.ccv).collect()
}

/// Writes the checkpoint, and gives the error that says how to go on.
fn interrupt(
    trainer: &Trainer<'_>,
    config: &RunConfig,
    folder: Option<&RunFolder>,
) -> Result<Error, Error> {
    let position = trainer.position();
    if let Some(folder) = folder {
        folder.checkpoint(trainer)?;
        folder.write_record("interrupted", trainer, config, None::<&()>)?;
    }
    Ok(Error::Interrupted {
        epoch: position.epochs + 1,
        step: position.samples.div_ceil(config.train.batch),
        run_dir: folder.map(|folder| folder.path().to_path_buf()),
    })
}
