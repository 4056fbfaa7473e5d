//! The steps that are measured: one run's, and those of several runs side by side.

use crate::dataset::{Dataset, Normalize, Samples};
use crate::experiment::statistics::Timing;
use crate::train::{self, TrainConfig, Trainer};
use fanin_kernels::TILE;
use std::ops::ControlFlow;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// Calls, or steps, before the first that counts.
pub(super) const WARM_UP: usize = 2;
/// The fewest calls, or steps, that count.
pub(super) const LEAST: usize = 3;
/// Outputs of the networks that are measured.
pub(super) const CLASSES: usize = 10;

/// Random samples: what is in them does not change how long a step takes.
pub(super) fn made_up(width: usize, batch: usize) -> Dataset {
    let count = 4 * batch.max(TILE);
    let byte = |i: usize| (i.wrapping_mul(2_654_435_761) >> 11) as u8;
    let labels = (0..count).map(|i| (i % CLASSES) as u16).collect();
    let values = (0..count * width).map(byte).collect();
    let samples = Samples::new(width, CLASSES, values, labels).expect("labels are below CLASSES");
    Dataset::new(samples.clone(), samples, Normalize::Standard)
}

/// A network width-width-width-10, of the dense engine without a sparsity.
#[derive(Clone, Copy)]
pub(super) struct Network {
    pub(super) width: usize,
    pub(super) batch: usize,
    pub(super) threads: usize,
    pub(super) share: usize,
    pub(super) sparsity: Option<f64>,
}

impl Network {
    /// Median milliseconds of a training step.
    pub(super) fn step_ms(
        self,
        data: &Arc<Dataset>,
        budget: Duration,
    ) -> Result<f64, train::Error> {
        let seconds = seconds_of_steps(&mut self.trainer(data)?, budget)?;
        Ok(1e3 * Timing::of(&seconds).median)
    }

    /// Median milliseconds of a step while as many runs as this network has threads go side by
    /// side, on one thread each. One run goes beside none: it took `alone`.
    pub(super) fn side_by_side_step_ms(
        self,
        data: &Arc<Dataset>,
        alone: f64,
        budget: Duration,
    ) -> Result<f64, train::Error> {
        if self.threads == 1 {
            return Ok(alone);
        }
        let of_one = Network { threads: 1, ..self };
        let trainers: Result<Vec<_>, _> = (0..self.threads).map(|_| of_one.trainer(data)).collect();
        let start = Barrier::new(self.threads);
        let seconds = std::thread::scope(|scope| {
            let run = |mut trainer: Trainer| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    seconds_of_steps(&mut trainer, budget)
                })
            };
            let runs: Vec<_> = trainers?.into_iter().map(run).collect();
            let joined = runs.into_iter().map(|run| run.join().expect("a run does not panic"));
            joined.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(1e3 * Timing::of(&seconds.concat()).median)
    }

    fn trainer(self, data: &Arc<Dataset>) -> Result<Trainer, train::Error> {
        let Network { width, batch, threads, share, sparsity } = self;
        let engine = if sparsity.is_some() { "sparse" } else { "dense" };
        let config = TrainConfig {
            hidden: vec![width, width],
            sparsity: sparsity.unwrap_or(0.0),
            share,
            engine: engine.parse().expect("these engines are listed"),
            batch,
            threads,
            ..TrainConfig::default()
        };
        Trainer::new(config, Arc::clone(data))
    }
}

/// Seconds of every step after the first few, for as long as `budget` says.
fn seconds_of_steps(trainer: &mut Trainer, budget: Duration) -> Result<Vec<f64>, train::Error> {
    // An epoch is a few steps: its end and the next one's order are no part of them.
    let (mut seconds, mut step, mut started) = (Vec::new(), 0, Instant::now());
    while seconds.len() < LEAST || started.elapsed() < budget {
        let mut last = Instant::now();
        trainer.run_epoch_while(|_| {
            step += 1;
            if step > WARM_UP {
                seconds.push(last.elapsed().as_secs_f64());
            } else {
                started = Instant::now();
            }
            last = Instant::now();
            match seconds.len() < LEAST || started.elapsed() < budget {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
    }
    Ok(seconds)
}
