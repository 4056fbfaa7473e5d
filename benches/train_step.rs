//! A whole training step of the MNIST network by phase, sparse beside dense and masked.
//!
//! `cargo bench --bench train_step`; batch 128, the default level (or `FANIN_ISA`).

mod common;
#[path = "common/timing.rs"]
mod timing;

use common::print_machine;
use fanin::Error;
use fanin::dataset::{self, Dataset, Normalize};
use fanin::nn::{Engine, Layer, LayerTensors, Tile};
use fanin::optim::{Adam, AdamSettings};
use fanin::train::{TrainConfig, Trainer, step};
use fanin_kernels::TILE;
use std::cell::RefCell;
use timing::time_in_turn;

const BATCH: usize = 128;

fn main() -> Result<(), Error> {
    print_machine("1 and 2");
    let data = dataset::load("mnist", None, Normalize::Standard)?;
    println!(
        "784-1024-1024-10, batch {BATCH}; milliseconds, medians of {} samples; \
         rest: what the whole step spends outside the phases",
        timing::SAMPLES
    );
    for threads in [1, 2] {
        println!("\nthreads {threads}");
        let dense = measure(&data, Engine::Dense, 0.0, threads, None)?;
        measure(&data, Engine::Masked, 0.9, threads, Some(dense))?;
        for sparsity in [0.8, 0.9, 0.95, 0.98, 0.99] {
            measure(&data, Engine::Sparse, sparsity, threads, Some(dense))?;
        }
    }
    Ok(())
}

/// Prints one row; returns the whole step's milliseconds.
fn measure(
    data: &Dataset,
    engine: Engine,
    sparsity: f64,
    threads: usize,
    dense: Option<f64>,
) -> Result<f64, Error> {
    let config = TrainConfig { engine, sparsity, threads, batch: BATCH, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config.clone(), data)?;
    // The phases run on a second copy of the network, so that both train on.
    let other = Trainer::new(config, data)?;
    let executor = other.executor();
    let cut_rows = TILE * threads > BATCH;
    let model = RefCell::new(other.model().clone());
    let optimizer = RefCell::new(Adam::new(AdamSettings::default(), other.model(), false));
    let tiles = RefCell::new(vec![Tile::new(other.model()); BATCH / TILE]);
    let zeros = |layer: &Layer| LayerTensors::zeros_like(&layer.params);
    let mut gradients: Vec<LayerTensors> = other.model().layers().iter().map(zeros).collect();
    let indices: Vec<u32> = (0..BATCH as u32).collect();
    let each_tile = |f: &(dyn Fn(usize, &mut Tile) + Sync)| {
        let tiles = &mut *tiles.borrow_mut();
        executor.install(|| fanin::parallel::for_each(tiles, f));
    };
    let timings = time_in_turn(&mut [
        &mut || {
            trainer.step().expect("the loss stays finite");
        },
        &mut || {
            each_tile(&|i, tile| {
                let indices = &indices[i * TILE..(i + 1) * TILE];
                data.train.load_tile(executor.isa(), &data.scaling, indices, tile);
            });
        },
        &mut || {
            let model = &*model.borrow();
            each_tile(&|_, tile| model.forward(executor, cut_rows, tile));
        },
        &mut || {
            let model = &*model.borrow();
            each_tile(&|_, tile| {
                model.loss(executor, BATCH, tile);
                model.backward(executor, cut_rows, tile);
            });
        },
        &mut || {
            let (model, optimizer) = (&mut *model.borrow_mut(), &mut *optimizer.borrow_mut());
            let tiles = &*tiles.borrow();
            let gradients = &mut gradients[..];
            executor.install(|| step::update(executor, model, optimizer, gradients, tiles));
        },
    ]);
    let ms: Vec<f64> = timings.iter().map(|timing| 1e3 * timing.median).collect();
    let phases = &ms[1..];
    print!(
        "{:<6} {:>4}  step {:>7.3} ({:.3}–{:.3})",
        engine.to_string(),
        if engine == Engine::Dense { String::new() } else { format!("{:.0} %", 100.0 * sparsity) },
        ms[0],
        1e3 * timings[0].min,
        1e3 * timings[0].max,
    );
    for (name, ms) in ["load", "forward", "loss+dX", "dW+Adam"].iter().zip(phases) {
        print!("  {name} {ms:.3}");
    }
    print!("  rest {:.3}", ms[0] - phases.iter().sum::<f64>());
    match dense {
        Some(dense) => println!("  dense/this {:.1}×", dense / ms[0]),
        None => println!(),
    }
    Ok(ms[0])
}
