//! What sparsity is worth on this machine: the time of a training step, sparse beside dense, over widths,
//! batches, sparsities and threads; and how near the sparse product comes to the core's peak.

use crate::Error;
use crate::dataset::{Dataset, Normalize, Samples};
use crate::nn::{Engine, Linear, SparseLinear};
use crate::parallel::Executor;
use crate::random::{Purpose, normal, stream};
use crate::sparse::CsrPattern;
use crate::topology::Spread;
use crate::train::{TrainConfig, Trainer};
use fanin_kernels::{Row, TILE, fma_peak_pass};
use serde::Serialize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is to be measured: every combination.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Inputs, and neurons of both hidden layers.
    pub widths: Vec<usize>,
    /// Samples per step.
    pub batches: Vec<usize>,
    /// Sparsities of the hidden layers.
    pub sparsities: Vec<f64>,
    /// Threads.
    pub threads: Vec<usize>,
    /// How long a point is measured, once it has warmed up; three steps at least.
    pub seconds: f64,
}

/// One step's time.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Inputs, and neurons of both hidden layers.
    pub width: usize,
    /// Samples per step.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
    /// Sparsity of the hidden layers; none of the dense engine.
    pub sparsity: Option<f64>,
    /// Median milliseconds of a step.
    pub step_ms_median: f64,
    /// The dense engine's median / this one's.
    pub speed_up: f64,
}

/// A row of the map: the density below which sparse beats dense.
#[derive(Clone, Debug, Serialize)]
pub struct BreakEven {
    /// Inputs, and neurons of both hidden layers.
    pub width: usize,
    /// Samples per step.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
    /// By straight lines between the densities measured; none if sparse wins or loses at all of them.
    pub density: Option<f64>,
}

/// How near the sparse product comes to the core.
#[derive(Clone, Debug, Serialize)]
pub struct Roofline {
    /// Flops per second of fused multiply-adds from registers, one core.
    pub peak_gflops: f64,
    /// Sparsity and flops per second of SpMM on 1024 × 1024.
    pub spmm_gflops: Vec<(f64, f64)>,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Benchmark {
    /// The instruction set.
    pub isa: &'static str,
    /// Dense points first in each combination of width, batch and threads.
    pub points: Vec<Point>,
    /// One per combination.
    pub break_even: Vec<BreakEven>,
    /// One core's.
    pub roofline: Roofline,
}

impl Grid {
    /// How many points there are.
    pub fn points(&self) -> usize {
        let combinations = self.widths.len() * self.batches.len() * self.threads.len();
        combinations * (1 + self.sparsities.len())
    }
}

/// Measures the grid; `done` hears of every point.
///
/// **Errors**: [`Error::Topology`] for a sparsity that a width cannot have; [`Error::Isa`],
/// [`Error::Threads`].
pub fn measure(grid: &Grid, mut done: impl FnMut(&Point)) -> Result<Benchmark, Error> {
    let (mut points, mut break_even) = (Vec::new(), Vec::new());
    for &width in &grid.widths {
        for &batch in &grid.batches {
            let data = made_up(width, batch);
            for &threads in &grid.threads {
                let dense = step_ms(&data, width, batch, threads, None, grid.seconds)?;
                let mut of_sparsity = Vec::new();
                for sparsity in [None].into_iter().chain(grid.sparsities.iter().map(|&s| Some(s))) {
                    let ms = match sparsity {
                        None => dense,
                        some => step_ms(&data, width, batch, threads, some, grid.seconds)?,
                    };
                    let speed_up = dense / ms;
                    let step_ms_median = ms;
                    let point = Point { width, batch, threads, sparsity, step_ms_median, speed_up };
                    done(&point);
                    of_sparsity.extend(sparsity.map(|sparsity| (1.0 - sparsity, speed_up)));
                    points.push(point);
                }
                let density = break_even_density(of_sparsity);
                break_even.push(BreakEven { width, batch, threads, density });
            }
        }
    }
    let executor = Executor::from_environment(1)?;
    let (isa, roofline) = (executor.isa().level().name(), roofline(&executor, grid));
    Ok(Benchmark { isa, points, break_even, roofline })
}

/// Random samples: what is in them does not change how long a step takes.
fn made_up(width: usize, batch: usize) -> Dataset {
    let count = 4 * batch.max(TILE);
    let byte = |i: usize| (i.wrapping_mul(2_654_435_761) >> 11) as u8;
    let labels = (0..count).map(|i| (i % 10) as u16).collect();
    let values = (0..count * width).map(byte).collect();
    let samples = Samples::new(width, 10, values, labels).expect("labels are below 10");
    Dataset::new(samples.clone(), samples, Normalize::Standard)
}

/// Median milliseconds of a training step of width-width-width-10.
fn step_ms(
    data: &Dataset,
    width: usize,
    batch: usize,
    threads: usize,
    sparsity: Option<f64>,
    seconds: f64,
) -> Result<f64, Error> {
    const WARM_UP: usize = 2;
    let engine = if sparsity.is_some() { Engine::Sparse } else { Engine::Dense };
    let sparsity = sparsity.unwrap_or(0.0);
    let hidden = vec![width, width];
    let config = TrainConfig { hidden, sparsity, engine, batch, threads, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config, data)?;
    let budget = Duration::from_secs_f64(seconds);
    let (mut times, mut started, mut last) = (Vec::new(), Instant::now(), Instant::now());
    let mut step = 0;
    while times.len() < 3 || started.elapsed() < budget {
        trainer.run_epoch_while(|_| {
            step += 1;
            if step > WARM_UP {
                times.push(last.elapsed().as_secs_f64());
            } else {
                started = Instant::now();
            }
            last = Instant::now();
            match times.len() < 3 || started.elapsed() < budget {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        // The order of the next epoch is no part of a step.
        last = Instant::now();
    }
    times.sort_by(f64::total_cmp);
    Ok(1e3 * times[times.len() / 2])
}

/// Where the speed-up crosses 1, going from sparse to dense.
fn break_even_density(mut of_density: Vec<(f64, f64)>) -> Option<f64> {
    of_density.sort_by(|a, b| a.0.total_cmp(&b.0));
    let crossing = of_density.windows(2).find(|pair| pair[0].1 >= 1.0 && pair[1].1 < 1.0)?;
    let [(sparse, above), (dense, below)] = [crossing[0], crossing[1]];
    Some(sparse + (dense - sparse) * (above - 1.0) / (above - below))
}

fn roofline(executor: &Executor, grid: &Grid) -> Roofline {
    const SIZE: usize = 1024;
    let best_of = |f: &mut dyn FnMut() -> f64| {
        let rates = (0..15).map(|_| {
            let started = Instant::now();
            let flops = f();
            flops / started.elapsed().as_secs_f64() / 1e9
        });
        rates.fold(0.0, f64::max)
    };
    let peak_gflops = best_of(&mut || fma_peak_pass(executor.isa(), 50_000));
    let rng = &mut stream(1, Purpose::Init, 0);
    let row = |_| Row(normal(rng, 1.0, TILE).try_into().expect("a row has a tile's samples"));
    let x: Vec<Row> = (0..SIZE).map(row).collect();
    let mut y = vec![Row::ZERO; SIZE];
    let mut rate = |sparsity: f64| {
        let fan_in = (((1.0 - sparsity) * SIZE as f64).round() as usize).max(1);
        let pattern: CsrPattern = Spread::Random.pattern(SIZE, &[fan_in; SIZE], 1, 0);
        let (weight, bias) = (vec![0.5; pattern.nnz()], [0.0; SIZE]);
        let layer = Linear::Sparse(SparseLinear::new(Arc::new(pattern), false));
        let flops = (2 * layer.nnz() * TILE * 8) as f64;
        best_of(&mut || {
            (0..8).for_each(|_| layer.forward(executor, false, &weight, &bias, &x, &mut y));
            flops
        })
    };
    let spmm_gflops = grid.sparsities.iter().map(|&sparsity| (sparsity, rate(sparsity))).collect();
    Roofline { peak_gflops, spmm_gflops }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_break_even_lies_between_the_last_win_and_the_first_loss() {
        let density = break_even_density(vec![(0.5, 0.5), (0.1, 4.0), (0.2, 2.0)]);
        assert!((density.unwrap() - 0.4).abs() < 1e-12, "{density:?}");
        assert_eq!(break_even_density(vec![(0.5, 1.2), (0.1, 4.0)]), None);
        assert_eq!(break_even_density(vec![(0.5, 0.2), (0.1, 0.4)]), None);
    }

    #[test]
    fn every_combination_is_a_point_and_dense_is_once_as_fast_as_itself() {
        let grid = Grid {
            widths: vec![32, 48],
            batches: vec![16],
            sparsities: vec![0.5, 0.9],
            threads: vec![1, 2],
            seconds: 0.0,
        };
        let mut heard = 0;
        let measured = measure(&grid, |_| heard += 1).unwrap();
        assert_eq!((measured.points.len(), heard, grid.points()), (12, 12, 12));
        assert_eq!(measured.break_even.len(), 4);
        for point in &measured.points {
            assert!(point.step_ms_median > 0.0 && point.speed_up > 0.0);
            assert!(point.sparsity.is_some() || point.speed_up == 1.0);
        }
        let rates = &measured.roofline.spmm_gflops;
        assert!(rates.len() == 2 && rates.iter().all(|(_, rate)| *rate > 0.0));
    }
}
