//! The same bits for any number of threads, and for any instruction set with FMA.

mod common;

use fanin::dataset::Dataset;
use fanin::nn::{Layer, LayerTensors, Tile};
use fanin::optim::{Adam, GrownState, Optimizer};
use fanin::parallel::Executor;
use fanin::train::{OwnParts, TrainConfig, Trainer, step};
use fanin_kernels::{Isa, Level};
use std::sync::Arc;

/// All parameters, and the losses on the way, after an epoch with a partial last batch.
fn train(
    config: &TrainConfig,
    data: &Arc<Dataset>,
    isa: Isa,
    threads: usize,
) -> (Vec<LayerTensors>, Vec<f64>) {
    let executor = Some(Executor::new(isa, threads).unwrap());
    let own = OwnParts { executor, ..OwnParts::default() };
    let mut trainer = Trainer::from_parts(config.clone(), data.clone(), own).unwrap();
    let mut losses = Vec::new();
    trainer.run_epoch(|step| losses.push(step.loss)).unwrap();
    losses.push(trainer.evaluate(&data.test).unwrap().loss);
    let layers = trainer.model().layers().iter();
    let params = layers.map(|layer| layer.to_portable(&layer.tensors())).collect();
    (params, losses)
}

fn config(engine: &str, batch: usize) -> TrainConfig {
    let engine = engine.parse().unwrap();
    TrainConfig { hidden: vec![150, 90], engine, batch, ..TrainConfig::default() }
}

#[test]
fn sparse_training_has_the_same_bits_on_any_threads() {
    let data = common::mnist(700, 130);
    // Two tiles, three with a partial one, a single one whose rows are cut, also those of full
    // layers, and more tiles than a group.
    for (batch, sparsity) in [(128, 0.9), (150, 0.9), (40, 0.9), (40, 0.0), (640, 0.9)] {
        let config = TrainConfig { sparsity, ..config("sparse", batch) };
        let expected = train(&config, &data, Isa::detect(), 1);
        for threads in [2, 3, 4, 7] {
            let got = train(&config, &data, Isa::detect(), threads);
            assert!(got == expected, "batch {batch}, sparsity {sparsity}, {threads} threads");
        }
    }
}

#[test]
fn training_has_the_same_bits_on_any_level_with_fma() {
    let data = common::mnist(500, 70);
    for engine in ["sparse", "dense", "masked"] {
        let config = config(engine, 128);
        let levels = Isa::available().into_iter().filter(|isa| isa.level() != Level::ScalarNoFma);
        let results: Vec<_> = levels.map(|isa| (isa, train(&config, &data, isa, 2))).collect();
        for pair in results.windows(2) {
            let names = (pair[0].0.level(), pair[1].0.level());
            assert!(pair[0].1 == pair[1].1, "{engine}, {names:?}");
        }
        if results.len() < 2 {
            println!("skipped: training_has_the_same_bits_on_any_level_with_fma");
        }
    }
}

#[test]
fn a_batch_of_several_groups_of_tiles_has_the_gradient_of_all_tiles_at_once() {
    const TILES: usize = 40;
    let data = common::mnist(64 * TILES, 10);
    let trainer = Trainer::new(config("sparse", 64 * TILES), data.clone()).unwrap();
    let (executor, mut model) = (trainer.executor(), trainer.model().clone());
    let mut tiles = Tile::several(&model, TILES);
    let order: Vec<u32> = (0..64 * TILES as u32).collect();
    step::forward_backward(executor, &model, &mut tiles, &order, |crew, _, indices, tile| {
        data.train.load_tile(crew.isa(), &data.scaling, indices, tile);
    });
    let expected = model.gradients(executor, &tiles);
    let mut gradients: Vec<LayerTensors> = model.layers().iter().map(Layer::zeros).collect();
    let mut optimizer = Optimizer::new(Box::new(Adam::new(GrownState::Zero)), &model);
    step::apply_gradients(executor, &mut model, &mut optimizer, 1e-3, &mut gradients, &tiles);
    assert!(gradients == expected);
}

#[test]
fn dense_and_masked_training_have_the_same_bits_on_any_threads() {
    let data = common::mnist(300, 70);
    for engine in ["dense", "masked"] {
        for batch in [128, 40] {
            // Wide enough for two blocks of rows, and of columns, per layer.
            let config = TrainConfig { hidden: vec![520, 520], ..config(engine, batch) };
            let expected = train(&config, &data, Isa::detect(), 1);
            for threads in [2, 3, 7] {
                let got = train(&config, &data, Isa::detect(), threads);
                assert!(got == expected, "{engine}, batch {batch}, {threads} threads");
            }
        }
    }
}

#[test]
fn block_sparse_training_has_the_same_bits_on_any_threads_and_level() {
    let data = common::mnist(300, 70);
    // The last rows and columns of blocks are cut.
    let generator = Some("blocks:size=16".parse().unwrap());
    let config = TrainConfig { generator, ..config("sparse", 128) };
    let expected = train(&config, &data, Isa::detect(), 1);
    for isa in Isa::available().into_iter().filter(|isa| isa.level() != Level::ScalarNoFma) {
        for threads in [1, 2, 3, 7] {
            let got = train(&config, &data, isa, threads);
            assert!(got == expected, "{}, {threads} threads", isa.level());
        }
    }
}

#[test]
fn another_seed_gives_other_bits() {
    let data = common::mnist(130, 64);
    let first = train(&config("sparse", 128), &data, Isa::detect(), 1);
    let other = TrainConfig { seed: 43, ..config("sparse", 128) };
    assert!(train(&other, &data, Isa::detect(), 1) != first);
}
