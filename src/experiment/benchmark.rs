//! What sparsity is worth on this machine: the time of a training step, sparse beside dense, over
//! widths, batches, sparsities and threads; whether many runs finish sooner side by side or one
//! after another; and how near the sparse product comes to the core's peak.

mod network;

use super::Error;
use super::statistics::Timing;
use crate::nn::storage::Csr;
use crate::nn::{Place, Storage};
use crate::parallel::{Crew, Executor};
use crate::random::{Purpose, normal, stream};
use crate::sparse::CsrPattern;
use crate::topology::Spread;
use crate::train;
use fanin_kernels::{Row, TILE, fma_peak_pass, gemm};
use network::{CLASSES, LEAST, Network, WARM_UP, made_up};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

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
    /// Neighbouring neurons of the hidden layers that share their inputs.
    pub shares: Vec<usize>,
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
    /// Neighbouring neurons that share their inputs.
    pub share: usize,
    /// Sparsity of the hidden layers; none of the dense engine.
    pub sparsity: Option<f64>,
    /// Median milliseconds of a step.
    pub step_ms_median: f64,
    /// The dense engine's median / this one's.
    pub speed_up: f64,
    /// The median of [`Combination::products_ms_median`] / this one's.
    pub speed_up_over_matrixmultiply: f64,
    /// Median milliseconds of a step while as many runs as there are threads go side by side, on
    /// one thread each.
    pub side_by_side_step_ms_median: f64,
    /// How much sooner those runs are done side by side than one after another on all threads.
    pub side_by_side_speed_up: f64,
}

/// What one width, batch, number of threads and share comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Combination {
    /// Inputs, and neurons of both hidden layers.
    pub width: usize,
    /// Samples per step.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
    /// Neighbouring neurons that share their inputs.
    pub share: usize,
    /// Median milliseconds of the dense products of a step (y, dX, dW) by the crate matrixmultiply:
    /// no norm, no loss, no optimiser, and not a line of ours.
    pub products_ms_median: f64,
    /// The density below which sparse beats our dense engine, by straight lines between the
    /// densities measured; none if sparse wins or loses at all of them.
    pub break_even_density: Option<f64>,
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
    /// Dense points first in each combination.
    pub points: Vec<Point>,
    /// One per width, batch, number of threads and share.
    pub combinations: Vec<Combination>,
    /// One core's.
    pub roofline: Roofline,
}

impl Grid {
    /// How many points there are.
    pub fn points(&self) -> usize {
        let combinations = self.widths.len() * self.batches.len() * self.threads.len();
        combinations * self.shares.len() * (1 + self.sparsities.len())
    }
}

/// Measures the grid; `done` hears of every point.
///
/// **Errors**: [`Error::Train`] for a sparsity that a width cannot have, or threads that cannot be
/// had.
pub fn measure(grid: &Grid, mut done: impl FnMut(&Point)) -> Result<Benchmark, Error> {
    let (mut points, mut combinations) = (Vec::new(), Vec::new());
    let budget = Duration::from_secs_f64(grid.seconds);
    for &width in &grid.widths {
        for &batch in &grid.batches {
            let data = Arc::new(made_up(width, batch));
            for &threads in &grid.threads {
                let executor = Executor::from_environment(threads).map_err(train::Error::from)?;
                let products = products_ms(&executor, width, batch, budget);
                let network = Network { width, batch, threads, share: 1, sparsity: None };
                let dense = network.step_ms(&data, budget)?;
                let dense_side_by_side = network.side_by_side_step_ms(&data, dense, budget)?;
                for &share in &grid.shares {
                    let mut of_density = Vec::new();
                    let sparsities = grid.sparsities.iter().map(|&sparsity| Some(sparsity));
                    for sparsity in [None].into_iter().chain(sparsities) {
                        let (step_ms_median, side_by_side_step_ms_median) = match sparsity {
                            None => (dense, dense_side_by_side),
                            _ => {
                                let network = Network { share, sparsity, ..network };
                                let alone = network.step_ms(&data, budget)?;
                                (alone, network.side_by_side_step_ms(&data, alone, budget)?)
                            }
                        };
                        let point = Point {
                            width,
                            batch,
                            threads,
                            share,
                            sparsity,
                            step_ms_median,
                            speed_up: dense / step_ms_median,
                            speed_up_over_matrixmultiply: products / step_ms_median,
                            side_by_side_step_ms_median,
                            side_by_side_speed_up: threads as f64 * step_ms_median
                                / side_by_side_step_ms_median,
                        };
                        done(&point);
                        let density = sparsity.map(|sparsity| (1.0 - sparsity, point.speed_up));
                        of_density.extend(density);
                        points.push(point);
                    }
                    combinations.push(Combination {
                        width,
                        batch,
                        threads,
                        share,
                        products_ms_median: products,
                        break_even_density: break_even_density(of_density),
                    });
                }
            }
        }
    }
    let executor = Executor::from_environment(1).map_err(train::Error::from)?;
    let (isa, roofline) = (executor.isa().level().name(), roofline(&executor, grid));
    Ok(Benchmark { isa, points, combinations, roofline })
}

/// Median milliseconds of a step's dense products by matrixmultiply, each cut by rows among the
/// threads.
fn products_ms(executor: &Executor, width: usize, batch: usize, budget: Duration) -> f64 {
    // [rows, inner, columns]: y = W·x, dX = Wᵀ·dy but for the first layer, dW = dy·xᵀ.
    let layer = |[inputs, neurons]: [usize; 2], computes_dx: bool| {
        let dx = computes_dx.then_some([inputs, neurons, batch]);
        [Some([neurons, inputs, batch]), dx, Some([neurons, batch, inputs])]
    };
    let layers =
        [layer([width, width], false), layer([width, width], true), layer([width, CLASSES], true)];
    let products: Vec<[usize; 3]> = layers.into_iter().flatten().flatten().collect();
    let longest = |of: fn(&[usize; 3]) -> usize| products.iter().map(of).max().unwrap_or(0);
    let a = vec![0.5; longest(|[m, k, _]| m * k)];
    let b = vec![0.5; longest(|[_, k, n]| k * n)];
    let mut c = vec![0.0; longest(|[m, _, n]| m * n)];
    let mut all = || {
        for &[m, k, n] in &products {
            let rows = m.div_ceil(executor.threads());
            executor.for_each_chunk(&mut c[..m * n], rows * n, |first, c| {
                let rows = c.len() / n;
                gemm(rows, k, n, &a[first / n * k..][..rows * k], &b[..k * n], 0.0, c);
            });
        }
    };
    1e3 * Timing::measure(WARM_UP, LEAST, budget, &mut all).median
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
    // The best of several: a ceiling is what was reached once.
    let gflops = |flops: f64, f: &mut dyn FnMut()| {
        flops / Timing::measure(0, 15, Duration::ZERO, f).min / 1e9
    };
    let isa = executor.isa();
    let flops = fma_peak_pass(isa, 50_000);
    let peak_gflops = gflops(flops, &mut || {
        std::hint::black_box(fma_peak_pass(isa, 50_000));
    });
    let rng = &mut stream(1, Purpose::Init, 0);
    let row = |_| Row(normal(rng, 1.0, TILE).try_into().expect("a row has a tile's samples"));
    let x: Vec<Row> = (0..SIZE).map(row).collect();
    let mut y = vec![Row::ZERO; SIZE];
    let mut rate = |sparsity: f64| {
        let fan_in = (((1.0 - sparsity) * SIZE as f64).round() as usize).max(1);
        let pattern: CsrPattern = Spread::Random.pattern(SIZE, &[fan_in; SIZE], 1, 0);
        let (weights, bias) = (vec![0.5; pattern.nnz()], [0.0; SIZE]);
        let flops = (2 * pattern.nnz() * TILE * 8) as f64;
        let layer = Csr::new(Arc::new(pattern), weights, Place::first(isa));
        gflops(flops, &mut || {
            (0..8).for_each(|_| layer.forward(Crew::alone(isa), &bias, &x, &mut y));
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
            shares: vec![1, 4],
            seconds: 0.0,
        };
        let mut heard = 0;
        let measured = measure(&grid, |_| heard += 1).unwrap();
        assert_eq!((measured.points.len(), heard, grid.points()), (24, 24, 24));
        assert_eq!(measured.combinations.len(), 8);
        let shared = measured.points.iter().filter(|point| point.share == 4);
        assert_eq!(shared.count(), 12);
        assert!(measured.combinations.iter().all(|of| of.products_ms_median > 0.0));
        for point in &measured.points {
            assert!(point.step_ms_median > 0.0 && point.speed_up > 0.0);
            assert!(point.sparsity.is_some() || point.speed_up == 1.0);
            // One run beside none is that run.
            assert!(point.side_by_side_speed_up > 0.0);
            assert!(point.threads > 1 || point.side_by_side_speed_up == 1.0);
        }
        let rates = &measured.roofline.spmm_gflops;
        assert!(rates.len() == 2 && rates.iter().all(|(_, rate)| *rate > 0.0));
    }
}
