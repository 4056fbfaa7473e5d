//! A sweep at work: the open runs, the long ones first, as many at once as are asked for.

use super::work::work;
use super::{Shard, Sweep, SweepRun};
use crate::dataset::Task;
use crate::experiment::folder::{FAILURE, Keep, RunFolder};
use crate::experiment::{Datasets, Error, Observer, Run, RunResult};
use crate::format::{self, replace_file};
use crate::parallel::side_by_side;
use crate::train::{EpochMetrics, Phase, StepReport, TrainConfig, Trainer};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How a sweep is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Runs at once; 0 is one per core.
    pub jobs: usize,
    /// The part that is done here.
    pub shard: Shard,
    /// What stays of a run that is finished.
    pub keep: Keep,
}

/// How a run of a sweep ended.
#[derive(Debug)]
pub enum Ended {
    /// It came to its end, now or before.
    Finished(Box<RunResult>),
    /// It went wrong; the others go on.
    Failed(String),
    /// Another process has it.
    Elsewhere,
    /// The sweep was asked to stop.
    Interrupted,
}

/// Who hears of a sweep's progress, from several threads.
pub trait SweepObserver: Sync {
    /// These runs are still to be done, each with how much work it is, in one unit for all; so many
    /// of this part are finished.
    fn begins(&self, open: &[(&SweepRun, f64)], finished: usize, jobs: usize);
    /// A share of the work of an open run is done.
    fn progress(&self, open: usize, share: f64);
    /// An open run ended; its folder, if it is finished.
    ///
    /// **Errors**: what else went wrong: it counts as the run's.
    fn run_ends(&self, open: usize, ended: &Ended, folder: Option<&RunFolder>)
    -> Result<(), Error>;
}

/// What became of the runs of a sweep, or of the part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub runs: usize,
    /// Those that are finished, now or before.
    pub finished: usize,
    /// Those that failed, each with what went wrong.
    pub failed: Vec<(String, String)>,
    /// Those that another process has.
    pub elsewhere: usize,
}

impl Sweep {
    /// Does all runs of the part that are not finished, each in a folder below `out`. Once `stop`
    /// is set, every run at hand finishes its step and writes its checkpoint.
    ///
    /// **Errors**: [`Error::SweepInterrupted`]; [`Error::Format`] where `out` cannot be written. A
    /// run that fails is in the [`Tally`].
    pub fn execute(
        &self,
        out: &Path,
        options: &Options,
        stop: &AtomicBool,
        observer: &dyn SweepObserver,
    ) -> Result<Tally, Error> {
        fs::create_dir_all(out).map_err(format::Error::io(out))?;
        let part = options.shard.runs(self);
        let is_open =
            |run: &&SweepRun| !matches!(RunFolder::result_in(&out.join(&run.key)), Ok(Some(_)));
        let open: Vec<&SweepRun> =
            part.iter().map(|&run| &self.runs[run]).filter(is_open).collect();
        let datasets = Datasets::default();
        // The data first, each set once: what a run costs depends on it. One that cannot be loaded
        // is the failure of its runs.
        let work_of =
            |run: &SweepRun| work(&run.config, datasets.load(&run.config.data).ok().as_deref());
        let mut open: Vec<(&SweepRun, f64)> =
            open.into_iter().map(|run| (run, work_of(run))).collect();
        open.sort_by(|a, b| b.1.total_cmp(&a.1));
        let jobs = jobs(options.jobs, &open);
        let before = part.len() - open.len();
        observer.begins(&open, before, jobs);
        let next = AtomicUsize::new(0);
        let tally = Mutex::new(Tally { runs: part.len(), finished: before, ..Tally::default() });
        side_by_side(jobs, || {
            while !stop.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some((run, _)) = open.get(index) else { break };
                let watch = Watch::new(observer, index, run.config.train.phases().len());
                let path = out.join(&run.key);
                let mut ended = run.execute(&path, options.keep, &datasets, stop, watch);
                if let Err(problem) = ended.tell(observer, index) {
                    ended = End { ended: Ended::Failed(problem.to_string()), run: None };
                }
                let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                match ended.ended {
                    Ended::Finished(_) => tally.finished += 1,
                    Ended::Failed(problem) => {
                        // If this cannot be written either, the tally has it.
                        let _ = note_failure(&path, &problem);
                        tally.failed.push((run.label.clone(), problem));
                    }
                    Ended::Elsewhere => tally.elsewhere += 1,
                    Ended::Interrupted => {}
                }
            }
        });
        let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        let told = tally.finished + tally.failed.len() + tally.elsewhere;
        match told < tally.runs {
            true => Err(Error::SweepInterrupted { done: tally.finished, of: tally.runs }),
            false => Ok(tally),
        }
    }
}

/// As many runs at once as cores, each run's threads counted, and no more than there are.
fn jobs(asked: usize, open: &[(&SweepRun, f64)]) -> usize {
    let threads = open.iter().map(|(run, _)| run.config.train.threads).max().unwrap_or(1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = if asked > 0 { asked } else { cores / threads };
    jobs.clamp(1, open.len().max(1))
}

fn note_failure(path: &Path, problem: &str) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(format::Error::io(path))?;
    Ok(replace_file(&path.join(FAILURE), format!("{problem}\n").as_bytes())?)
}

/// How a run ended, and the run itself, whose folder it holds, if it is finished.
struct End {
    ended: Ended,
    run: Option<Run>,
}

impl End {
    fn tell(&self, observer: &dyn SweepObserver, open: usize) -> Result<(), Error> {
        let folder = self.run.as_ref().and_then(Run::folder);
        observer.run_ends(open, &self.ended, folder)
    }
}

impl SweepRun {
    fn execute(
        &self,
        path: &Path,
        keep: Keep,
        datasets: &Datasets,
        stop: &AtomicBool,
        mut watch: Watch<'_>,
    ) -> End {
        let mut attempt = || -> Result<(RunResult, Option<Run>), Error> {
            let mut run = self.open(path, datasets)?;
            // The folder is ours; before it was, another process may have finished the run.
            if let Some(result) = RunFolder::result_in(path)? {
                return Ok((result, None));
            }
            run.share_process();
            let failure = path.join(FAILURE);
            if failure.exists() {
                fs::remove_file(&failure).map_err(format::Error::io(&failure))?;
            }
            let outcome = run.execute(stop, &mut watch)?;
            if let Some(folder) = run.folder() {
                folder.thin(keep)?;
            }
            Ok((outcome.result, Some(run)))
        };
        match attempt() {
            Ok((result, run)) => End { ended: Ended::Finished(result.into()), run },
            Err(Error::RunLocked(_)) => End { ended: Ended::Elsewhere, run: None },
            Err(error) if error.is_interruption() => End { ended: Ended::Interrupted, run: None },
            Err(error) => End { ended: Ended::Failed(error.to_string()), run: None },
        }
    }

    /// The run, from its checkpoint if it has one.
    fn open(&self, path: &Path, datasets: &Datasets) -> Result<Run, Error> {
        let resume = || Run::resume(path, datasets, Ok::<_, Error>);
        match resume() {
            Err(Error::NoRun(_)) => {}
            run => return run,
        }
        let suit = |train: &mut TrainConfig, samples| {
            if self.given.contains("train") {
                let has_numbers = self.config.data.task == Task::Regression;
                train.suit_own_table(samples, has_numbers, |name| self.given.contains(name));
            }
        };
        match Run::new(self.config.clone(), Some(path), false, datasets, suit) {
            // Another process began it meanwhile, and left it.
            Err(Error::RunExists(_)) => resume(),
            run => run,
        }
    }
}

/// Turns what a run tells into a share of it.
struct Watch<'a> {
    observer: &'a dyn SweepObserver,
    open: usize,
    /// The training at hand, from 0, and how many there are.
    phase: usize,
    phases: usize,
    /// Epochs of the training at hand, those of them that are done, and samples of one.
    epochs: usize,
    done: usize,
    samples: usize,
}

impl<'a> Watch<'a> {
    fn new(observer: &'a dyn SweepObserver, open: usize, phases: usize) -> Watch<'a> {
        Watch { observer, open, phase: 0, phases, epochs: 1, done: 0, samples: 1 }
    }

    fn tell(&self, samples: usize) {
        let epochs = self.done as f64 + samples as f64 / self.samples.max(1) as f64;
        let share = epochs / self.epochs.max(1) as f64;
        self.observer.progress(self.open, (self.phase as f64 + share) / self.phases as f64);
    }
}

impl Observer for Watch<'_> {
    fn training_begins(&mut self, phase: &Phase, trainer: &Trainer) {
        // A training before the last has a folder of its own.
        self.phase = if phase.folder.is_some() { 0 } else { self.phases - 1 };
        (self.epochs, self.samples) = (trainer.epochs(), trainer.data().train.len());
        self.done = trainer.position().epochs;
        self.tell(0);
    }

    fn epoch_begins(&mut self, epoch: usize) {
        self.done = epoch - 1;
    }

    fn step_done(&mut self, step: &StepReport) {
        self.tell(step.samples);
    }

    fn epoch_done(&mut self, metrics: &EpochMetrics) {
        self.done = metrics.epoch;
        self.tell(0);
    }
}
