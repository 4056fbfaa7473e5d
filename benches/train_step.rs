//! A whole training step of the MNIST network by phase, sparse, and with neurons that share their
//! inputs by fours, beside dense and masked.
//!
//! `cargo bench --bench train_step`; batch 128, the default level (or `FANIN_ISA`).

use fanin::Error;
use fanin::dataset::{self, Dataset, Normalize};
use fanin::experiment::Machine;
use fanin::experiment::canary::{Canary, Samples, State};
use fanin::experiment::statistics::Timing;
use fanin::nn::{Layer, LayerBlock, LayerTensors, Tensor, Tile};
use fanin::random::{Purpose, stream};
use fanin::train::{TrainConfig, Trainer, step};
use fanin_kernels::{Row, SHARED, TILE};
use rand::seq::SliceRandom;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

const BATCH: usize = 128;
/// Steps measured, after the caches and clocks have settled.
const STEPS: usize = 150;
const WARM_UP: usize = 20;

fn main() -> Result<(), Error> {
    println!("{}", Machine::describe("1 and 2"));
    let data = Arc::new(dataset::load("mnist", None, Normalize::Standard)?);
    println!(
        "784-1024-1024-10, batch {BATCH}; milliseconds, medians of the quiet of {STEPS} steps in a \
         row, of one thread, (least–most), and of the phases run apart with their share; hidden: \
         products and Adam of the hidden layers' weights, run apart, and what the step takes beyond"
    );
    for threads in [1, 2] {
        println!("\nthreads {threads}");
        let dense = measure(&data, "dense", 0.0, 1, threads, None)?;
        measure(&data, "masked", 0.9, 1, threads, Some(dense))?;
        for sparsity in [0.8, 0.9, 0.95, 0.98, 0.99] {
            measure(&data, "sparse", sparsity, 1, threads, Some(dense))?;
            measure(&data, "sparse", sparsity, SHARED, threads, Some(dense))?;
        }
    }
    Ok(())
}

/// Prints one row; returns the whole step's milliseconds.
fn measure(
    data: &Arc<Dataset>,
    engine: &str,
    sparsity: f64,
    share: usize,
    threads: usize,
    dense: Option<f64>,
) -> Result<f64, Error> {
    let config = TrainConfig {
        engine: engine.parse().expect("the engines are in their list"),
        sparsity,
        share,
        threads,
        batch: BATCH,
        ..TrainConfig::default()
    };
    let samples = whole_steps(&config, data)?;
    let (whole, quiet) = (samples.timing(), samples.count(State::Quiet));
    let phases = phases(&config, data)?;
    print!(
        "{:<6} {:>4}  quiet {quiet:>3}  step {:>7.3} ({:.3}–{:.3})",
        if share > 1 { "shared" } else { engine },
        if engine == "dense" { String::new() } else { format!("{:.0} %", 100.0 * sparsity) },
        1e3 * whole.median,
        1e3 * whole.min,
        1e3 * whole.max,
    );
    let all: f64 = phases.iter().map(|phase| phase.median).sum();
    for (name, phase) in ["load", "forward", "loss+dX", "dW+Adam"].iter().zip(&phases) {
        let (ms, share) = (1e3 * phase.median, 100.0 * phase.median / all);
        print!("  {name} {ms:.3} ({share:.0} %)");
    }
    if threads == 1 && engine == "sparse" {
        let hidden = hidden(&config, data)?.median;
        print!("  hidden {:.3}, all else {:.3}", 1e3 * hidden, 1e3 * (whole.median - hidden));
    }
    match dense {
        Some(dense) => println!("  dense/this {:.1}×", dense / (1e3 * whole.median)),
        None => println!(),
    }
    Ok(1e3 * whole.median)
}

/// Steps of a training run, as it runs them, the canary between them.
fn whole_steps(config: &TrainConfig, data: &Arc<Dataset>) -> Result<Samples, Error> {
    let mut trainer = Trainer::new(config.clone(), data.clone())?;
    let mut canary = Canary::new(trainer.executor().isa());
    let (mut samples, mut step) = (Samples::default(), 0);
    let mut last = Instant::now();
    trainer.run_epoch_while(|_| {
        let seconds = last.elapsed().as_secs_f64();
        // Of several threads the others would fall asleep meanwhile.
        let state = if config.threads == 1 { canary.state() } else { State::Between };
        step += 1;
        if step > WARM_UP {
            samples.push(seconds, state);
        }
        last = Instant::now();
        if step < WARM_UP + STEPS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(samples)
}

/// The phases of the same steps one after the other, with a barrier between them that the run
/// itself has not: a tile there goes from load to dX without one.
fn phases(config: &TrainConfig, data: &Arc<Dataset>) -> Result<[Timing; 4], Error> {
    let trainer = Trainer::new(config.clone(), data.clone())?;
    let (executor, lr) = (trainer.executor(), config.lr as f32);
    let (mut model, mut optimizer) = (trainer.model().clone(), trainer.optimizer().clone());
    let mut tiles = Tile::several(&model, BATCH / TILE);
    let mut gradients: Vec<LayerTensors> = model.layers().iter().map(Layer::zeros).collect();
    let mut order: Vec<u32> = (0..data.train.len() as u32).collect();
    order.shuffle(&mut stream(1, Purpose::Shuffle, 0));
    let mut seconds: [Vec<f64>; 4] = Default::default();
    executor.enter(|| {
        let batches = order.chunks_exact(BATCH);
        let pairs = batches.clone().zip(batches.skip(1)).take(WARM_UP + STEPS);
        for (step, (batch, next)) in pairs.enumerate() {
            let mut at = vec![Instant::now()];
            executor.for_each(&mut tiles, |crew, i, tile| {
                let indices = i * TILE..(i + 1) * TILE;
                let samples = &batch[indices.clone()];
                data.train.load_tile(crew.isa(), &data.scaling, samples, tile);
                data.train.prefetch(&next[indices]);
            });
            at.push(Instant::now());
            executor.for_each(&mut tiles, |crew, _, tile| model.forward(crew, tile));
            at.push(Instant::now());
            executor.for_each(&mut tiles, |crew, _, tile| {
                model.differentiate(crew.isa(), BATCH as f32, tile);
                model.backward(crew, tile);
            });
            at.push(Instant::now());
            step::apply_gradients(executor, &mut model, &mut optimizer, lr, &mut gradients, &tiles);
            at.push(Instant::now());
            for (seconds, pair) in seconds.iter_mut().zip(at.windows(2)).filter(|_| step >= WARM_UP)
            {
                seconds.push((pair[1] - pair[0]).as_secs_f64());
            }
        }
    });
    Ok(seconds.map(|seconds| Timing::of(&seconds)))
}

/// The hidden layers' products and their weights' share of the optimiser's step, in the order of a
/// step of one thread and in one tile's memory, and nothing else: what a step takes beyond it is
/// its fixed part.
fn hidden(config: &TrainConfig, data: &Arc<Dataset>) -> Result<Timing, Error> {
    let trainer = Trainer::new(config.clone(), data.clone())?;
    let executor = trainer.executor();
    let (mut model, mut optimizer) = (trainer.model().clone(), trainer.optimizer().clone());
    let mut gradients: Vec<LayerTensors> = model.layers().iter().map(Layer::zeros).collect();
    let [mut tile] = <[Tile; 1]>::try_from(Tile::several(&model, 1)).expect("one tile");
    let samples: Vec<u32> = (0..TILE as u32).collect();
    data.train.load_tile(executor.isa(), &data.scaling, &samples, &mut tile);
    model.run(executor.crew(), TILE as f32, &mut tile);
    let of_hidden = model.layers().len() - 1;
    let mut dx = vec![Row::ZERO; model.layers()[of_hidden - 1].in_features()];
    Ok(Timing::measure(WARM_UP, STEPS, Duration::ZERO, &mut || {
        for index in 0..BATCH / TILE {
            for (at, layer) in model.layers()[..of_hidden].iter().enumerate() {
                let (before, after) = tile.layers.split_at_mut(at);
                let x = before.last().map_or_else(|| tile.input.rows(), |layer| &layer.h);
                layer.storage().forward(executor.crew(), &layer.head().bias, x, &mut after[0].z);
            }
            // At a learning rate of 0 the weights stay finite, whatever the gradients add up to.
            let (rule, mut slots) = optimizer.begin(0.0);
            for at in (0..of_hidden).rev() {
                if at > 0 {
                    let storage = model.layers()[at].storage();
                    storage.backward_input(executor.crew(), &tile.layers[at].z, &mut dx);
                }
                let slots = slots
                    .each_mut()
                    .map(|slot| slot.get_mut(at).map(LayerTensors::slices).unwrap_or_default());
                let gradient = gradients[at].slices();
                model.layers_mut()[at].change(executor, |storage, params| {
                    let [m, v, ..] = slots;
                    let work = LayerBlock::new(storage.row_ptr(), [params, gradient, m, v]);
                    executor.by_rows(storage.blocks(), work, &|rows, block| {
                        let [params, gradient, m, v] = block.sets;
                        let (x, dy) = tile.input_and_gradient(at);
                        storage.add_gradient_rows(executor.isa(), rows, &x, dy, gradient.weight);
                        if index + 1 == BATCH / TILE {
                            let slots = [m.weight, v.weight, &mut [], &mut []];
                            let (w, dw) = (params.weight, &*gradient.weight);
                            rule.apply(executor.isa(), Tensor::Weight, w, slots, dw);
                        }
                    });
                });
            }
        }
    }))
}
