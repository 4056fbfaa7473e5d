//! Mixtures of experts: their gradients, their bits, their files.

mod common;

use fanin::dataset::Dataset;
use fanin::format::safetensors::TensorFile;
use fanin::model::{Meaning, ModelFile, Predictor};
use fanin::nn::{Gates, LayerTensors, Mixture, Mlp, NORM_EPS, Passed, Tile, run_mixture};
use fanin::parallel::Executor;
use fanin::random::{Purpose, normal, stream};
use fanin::train::{OwnParts, TrainConfig, Trainer, checkpoint};
use fanin_kernels::{Isa, Level, naive};
use std::sync::Arc;
use tempfile::tempdir;

const TEXT: &str = "noisy-top-k:experts=4,top=2";

fn config(mixture: &str, batch: usize) -> TrainConfig {
    let mixture = Some(mixture.parse().unwrap());
    TrainConfig { hidden: vec![24, 16], sparsity: 0.5, mixture, batch, ..TrainConfig::default() }
}

fn trainer(config: TrainConfig, data: &Arc<Dataset>, isa: Isa, threads: usize) -> Trainer {
    let executor = Some(Executor::new(isa, threads).unwrap());
    let own = OwnParts { executor, ..OwnParts::default() };
    Trainer::from_parts(config, Arc::clone(data), own).unwrap()
}

fn tensors(trainer: &Trainer) -> Vec<LayerTensors> {
    trainer.model().layers().iter().map(|layer| layer.to_portable(&layer.tensors())).collect()
}

/// The parameters of a mixture in f64, dense: of each layer weight, bias, γ and β.
type Parameters = Vec<[Vec<f64>; 4]>;

fn parameters(model: &Mlp) -> Parameters {
    let widen = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let of = |layer: &fanin::nn::Layer| {
        let (pattern, weights) = layer.connections();
        let mut tensors = layer.tensors().each().map(widen);
        tensors[0] = widen(&pattern.scatter(&weights));
        tensors
    };
    model.layers().iter().map(of).collect()
}

/// The mean cross-entropy of a mixture and what uneven work adds to it, by the formulas.
fn loss(
    parameters: &Parameters,
    mixture: Mixture,
    x: &[f64],
    labels: &[u16],
    noise: &[f64],
) -> f64 {
    let (experts, samples) = (mixture.experts, labels.len());
    let depth = (parameters.len() - 1) / experts;
    let inputs = x.len() / samples;
    let [w, b, ..] = &parameters[parameters.len() - 1];
    let gate = naive::linear_forward(x, w, b, inputs);
    let half = |which: usize| -> Vec<f64> {
        gate.chunks(2 * experts)
            .flat_map(|row| row[which * experts..][..experts].to_vec())
            .collect()
    };
    let gates = Gates::of(mixture, half(0), Some((half(1), noise.to_vec())));
    let classes = parameters[depth - 1][1].len();
    let mut outputs = vec![0.0; samples * classes];
    for expert in 0..experts {
        let mut h = x.to_vec();
        let mut width = inputs;
        for [w, b, gamma, beta] in &parameters[expert * depth..(expert + 1) * depth] {
            h = naive::linear_forward(&h, w, b, width);
            width = b.len();
            if !gamma.is_empty() {
                let (eps, relu) = (NORM_EPS.into(), Default::default());
                h = naive::layer_norm_forward(&h, gamma, beta, eps, relu);
            }
        }
        for (at, answer) in h.into_iter().enumerate() {
            outputs[at] += gates.gate(at / classes, expert) * answer;
        }
    }
    let weights = vec![1.0; samples];
    let (loss, _) = naive::softmax_cross_entropy(&outputs, labels, &weights, classes, 0.0);
    loss + gates.balance_loss()
}

#[test]
fn gradients_are_those_of_finite_differences() {
    const SAMPLES: usize = 150;
    for (text, seed) in [
        ("noisy-top-k:experts=5,top=1,importance=0.3,load=0.4", 1),
        ("noisy-top-k:experts=4,top=2,importance=0.3,load=0.4", 2),
        ("noisy-top-k:experts=3,top=3", 3),
    ] {
        let data = common::mnist(SAMPLES, 10);
        let mut config = config(text, SAMPLES);
        (config.hidden, config.seed) = (vec![7, 5], seed);
        let mut trainer = trainer(config, &data, Isa::detect(), 2);
        // Off the beginning, where the gate says nothing.
        (0..20).for_each(|_| drop(trainer.step().unwrap()));
        let model = trainer.model();
        let mixture = model.mixture().unwrap();
        let order: Vec<u32> = (0..SAMPLES as u32).collect();
        let rng = &mut stream(seed, Purpose::GradientCheck, 0);
        let noise: Vec<f64> =
            normal(rng, 1.0, SAMPLES * mixture.experts).into_iter().map(f64::from).collect();
        let mut tiles = Tile::of_batch(model, SAMPLES);
        let routes = run_mixture(
            trainer.executor(),
            model,
            &mut tiles,
            &order,
            SAMPLES as f32,
            Some(noise.clone()),
            |crew, _, ids, tile| data.train.load_tile(crew.isa(), &data.scaling, ids, tile),
        );
        let gradients = model.gradients(trainer.executor(), Passed::routed(&tiles, &routes));
        let mut x = vec![0.0; SAMPLES * 784];
        for (tile, samples) in tiles[..3].iter().zip(order.chunks(64)) {
            for (lane, &sample) in samples.iter().enumerate() {
                for (feature, row) in tile.input.rows().iter().enumerate() {
                    x[sample as usize * 784 + feature] = f64::from(row.0[lane]);
                }
            }
        }
        let labels = &data.train.targets().labels()[..SAMPLES];
        let of = parameters(model);
        let mut compared = 0;
        for (index, (layer, gradient)) in model.layers().iter().zip(&gradients).enumerate() {
            let (pattern, _) = layer.connections();
            let weights = pattern.scatter(&layer.storage().to_csr(&gradient.weight));
            let [_, bias, gamma, beta] = gradient.each();
            for (kind, found) in [&weights[..], bias, gamma, beta].into_iter().enumerate() {
                let scale = found.iter().fold(0.0f32, |most, g| most.max(g.abs()));
                // The largest, and some others that exist.
                let stored = |at: &usize| kind > 0 || pattern.positions().any(|p| p == *at);
                let largest = found.iter().position(|g| g.abs() == scale);
                let some = (0..found.len()).step_by(found.len() / 6 + 1).filter(stored);
                for at in some.chain(largest.filter(|_| !found.is_empty())) {
                    let moved = |by: f64| {
                        let mut moved = of.clone();
                        moved[index][kind][at] += by;
                        loss(&moved, mixture, &x, labels, &noise)
                    };
                    let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                    let error = (f64::from(found[at]) - expected).abs();
                    let bound = 2e-4 * f64::from(scale).max(1e-3);
                    assert!(
                        error < bound,
                        "{text}, layer {index}, {kind}, {at}: {} {expected}",
                        found[at]
                    );
                    compared += 1;
                }
            }
        }
        assert!(compared > 100, "{compared}");
    }
}

#[test]
fn bits_depend_on_neither_threads_nor_level() {
    let data = common::mnist(500, 70);
    for (text, batch) in [(TEXT, 128), ("noisy-top-k:experts=7,top=1", 150)] {
        let train = |isa, threads| {
            let mut trainer = trainer(config(text, batch), &data, isa, threads);
            let of_epoch = trainer.run_epoch(|_| {}).unwrap();
            let loss = [of_epoch.loss, trainer.evaluate(&data.test).unwrap().loss];
            (tensors(&trainer), loss.map(f64::to_bits))
        };
        let expected = train(Isa::detect(), 1);
        for threads in [2, 3, 5] {
            assert!(train(Isa::detect(), threads) == expected, "{text}, {threads} threads");
        }
        for isa in Isa::available().into_iter().filter(|isa| isa.level() != Level::ScalarNoFma) {
            assert!(train(isa, 2) == expected, "{text}, {}", isa.level());
        }
    }
}

#[test]
fn a_resumed_run_has_the_bits_of_one_that_went_through() {
    let (data, dir) = (common::mnist(500, 70), tempdir().unwrap());
    let path = dir.path().join("checkpoint.safetensors");
    let begin = || trainer(config(TEXT, 128), &data, Isa::detect(), 1);
    let mut straight = begin();
    (0..6).for_each(|_| drop(straight.step().unwrap()));
    checkpoint::write(&path, &straight).unwrap();
    let mut resumed = begin();
    checkpoint::restore(&path, &mut resumed).unwrap();
    for trainer in [&mut straight, &mut resumed] {
        (0..7).for_each(|_| drop(trainer.step().unwrap()));
    }
    assert!(tensors(&straight) == tensors(&resumed));
    assert_eq!(straight.position(), resumed.position());
}

#[test]
fn without_noise_training_and_answering_are_the_same_network() {
    let data = common::mnist(200, 130);
    for text in [TEXT, "noisy-top-k:experts=7,top=1"] {
        let mut trainer = trainer(config(text, 128), &data, Isa::detect(), 1);
        (0..4).for_each(|_| drop(trainer.step().unwrap()));
        let (model, executor) = (trainer.model(), trainer.executor());
        let order: Vec<u32> = (0..130).collect();
        let mut tiles = Tile::of_batch(model, 130);
        run_mixture(executor, model, &mut tiles, &order, 130.0, None, |crew, _, ids, tile| {
            data.test.load_tile(crew.isa(), &data.scaling, ids, tile);
        });
        let routed: f64 = tiles[..3].iter().map(|tile| f64::from(tile.loss.loss_sum)).sum();
        let evaluated = trainer.evaluate(&data.test).unwrap();
        assert_eq!((routed / 130.0).to_bits(), evaluated.loss.to_bits(), "{text}");
    }
}

#[test]
fn an_expert_that_answers_no_sample_stays_as_it_is_and_so_does_its_optimiser() {
    let data = common::mnist(64, 10);
    let mut trainer = trainer(config("noisy-top-k:experts=4", 1), &data, Isa::detect(), 1);
    let before = tensors(&trainer);
    trainer.step().unwrap();
    let after = tensors(&trainer);
    let changed = |expert: usize| (3 * expert..3 * expert + 3).any(|l| before[l] != after[l]);
    let moments = |expert: usize| {
        let of = |(_, slot): (&str, &[LayerTensors])| {
            slot[3 * expert..3 * expert + 3].iter().any(|t| t.weight.iter().any(|m| *m != 0.0))
        };
        trainer.optimizer().slots().any(of)
    };
    assert_eq!((0..4).filter(|&e| changed(e)).count(), 1);
    assert!((0..4).all(|expert| changed(expert) == moments(expert)));
    // The gate learns from load and from the answer.
    assert!(before[12].weight != after[12].weight && before[12].bias != after[12].bias);
}

#[test]
fn flops_are_those_of_the_experts_that_answer() {
    let data = common::mnist(64, 10);
    let count = |text: &str| {
        let model = trainer(config(text, 64), &data, Isa::detect(), 1);
        let model = model.model();
        let products = |layers: &[fanin::nn::Layer]| -> u64 {
            layers.iter().map(|layer| layer.storage().products() as u64).sum()
        };
        let (gate, expert) = (products(&model.layers()[12..]), products(&model.layers()[..3]));
        let first = products(&model.layers()[..1]);
        (model.flops_per_answer(), model.flops_per_sample(true), [gate, expert, first])
    };
    for top in [1, 2, 4] {
        let (answer, sample, [gate, expert, first]) =
            count(&format!("noisy-top-k:experts=4,top={top}"));
        assert_eq!(answer, 2 * (gate + top * expert));
        assert_eq!(sample, 4 * gate + top * (6 * expert - 2 * first));
    }
}

#[test]
fn a_model_file_gives_the_network_back_and_rows_one_by_one_have_its_bits() {
    let (data, dir) = (common::mnist(500, 70), tempdir().unwrap());
    let path = dir.path().join("model.safetensors");
    for text in [TEXT, "noisy-top-k:experts=7,top=1,importance=0.25"] {
        let mut trainer = trainer(config(text, 128), &data, Isa::detect(), 1);
        trainer.run_epoch(|_| {}).unwrap();
        let expected = trainer.answer_kept(&data.test);
        let meaning = Meaning::of(&data, String::new());
        ModelFile::write(&path, trainer.model(), &meaning).unwrap();
        let mut predictor = Predictor::open(&path).unwrap();
        let mixture = predictor.file().model.mixture().unwrap();
        assert_eq!(mixture, trainer.model().mixture().unwrap());
        assert!(predictor.samples(&data.test) == expected, "{text}");
        let mut other = TensorFile::read(&path).unwrap();
        other.metadata.insert("mixture".into(), "noisy-top-k:experts=5".into());
        other.write(&path).unwrap();
        let error = ModelFile::read(&path).unwrap_err().to_string();
        assert!(error.contains("are not those of the mixture's experts"), "{error}");
        for sample in 0..70 {
            let row = data.test.sample(sample).to_vec();
            let answer = predictor.rows(&row);
            assert!(answer == expected[sample * 10..][..10], "{text}, sample {sample}");
        }
    }
}

#[test]
fn the_mean_of_an_experts_parameters_follows_them_where_they_rest() {
    // A sample a step: of four experts three rest.
    let data = common::mnist(64, 10);
    let mut config = config("noisy-top-k:experts=4", 1);
    config.regularization.weight_average = 0.99;
    config.lr = 1e-30;
    let mut trainer = trainer(config, &data, Isa::detect(), 1);
    (0..40).for_each(|_| drop(trainer.step().unwrap()));
    let mean = trainer.optimizer().slot("average").unwrap();
    for (layer, mean) in trainer.model().layers().iter().zip(mean) {
        let tensors = layer.tensors();
        for (w, mean) in tensors.each().into_iter().zip(mean.each()) {
            // Nothing has moved, so the mean is where all are.
            let is_near = |(w, mean): (&f32, &f32)| (w - mean).abs() <= 1e-6 * w.abs() + 1e-12;
            assert!(w.iter().zip(mean).all(is_near));
        }
    }
}

#[test]
fn every_expert_begins_with_what_the_samples_say() {
    let data = common::mnist(400, 10);
    let mut config = config("noisy-top-k:experts=3", 64);
    config.generator = Some("csti".parse().unwrap());
    let trainer = trainer(config, &data, Isa::detect(), 1);
    let pattern = |layer: usize| trainer.model().layers()[layer].connections().0;
    assert!(pattern(0) == pattern(3) && pattern(0) == pattern(6));
    assert!(pattern(1) != pattern(4));
}

#[test]
fn a_gate_that_is_not_finite_gives_no_answer() {
    let (data, dir) = (common::mnist(64, 10), tempdir().unwrap());
    let path = dir.path().join("model.safetensors");
    let trainer = trainer(config(TEXT, 64), &data, Isa::detect(), 1);
    ModelFile::write(&path, trainer.model(), &Meaning::of(&data, String::new())).unwrap();
    let mut file = TensorFile::read(&path).unwrap();
    // Weights are finite in every model that is read; what comes of them need not be.
    let shape = file.shape("layers.12.weight").unwrap().to_vec();
    let large = vec![f32::MAX; shape.iter().product()];
    file.take_f32("layers.12.weight", &shape).unwrap();
    file.add_f32("layers.12.weight".into(), shape, &large);
    file.write(&path).unwrap();
    let mut predictor = Predictor::open(&path).unwrap();
    let row = data.test.sample(0).to_vec();
    assert!(predictor.rows(&row).iter().all(|p| p.is_nan()));
    assert!(predictor.samples(&data.test).iter().all(|p| p.is_nan()));
}
