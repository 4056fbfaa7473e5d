//! What keeps a network from learning by heart: off by default, the same bits on any threads, and
//! resumed as if never interrupted.

use fanin::dataset::{Dataset, Normalize, Samples, Values};
use fanin::nn::{LayerTensors, Mlp};
use fanin::optim::AVERAGE;
use fanin::parallel::Executor;
use fanin::train::{OwnParts, Regularization, TrainConfig, Trainer, checkpoint};
use fanin_kernels::{Isa, Level};
use std::sync::Arc;
use tempfile::TempDir;

/// Two classes that overlap, in 150 samples.
fn data() -> Arc<Dataset> {
    let value = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32;
    let samples = |first: usize, count: usize| {
        let x: Vec<f32> = (0..count * 6).map(|i| value(first + i) - 0.5).collect();
        let labels = x.chunks_exact(6).map(|x| u16::from(x[0] + x[1] + 0.7 * x[2] > 0.0));
        let labels = labels.collect();
        Samples::with_values(6, 2, Values::Floats(x), labels).unwrap()
    };
    Arc::new(Dataset::new(samples(0, 150), samples(1000, 70), Normalize::Standard))
}

fn config(regularization: Regularization) -> TrainConfig {
    TrainConfig {
        hidden: vec![20, 14],
        sparsity: 0.5,
        epochs: 6,
        batch: 70,
        lr: 0.01,
        regularization,
        ..TrainConfig::default()
    }
}

fn each() -> Vec<(&'static str, Regularization)> {
    let off = Regularization::default();
    vec![
        ("dropout", Regularization { dropout: 0.3, ..off }),
        ("label smoothing", Regularization { label_smoothing: 0.2, ..off }),
        ("input noise", Regularization { input_noise: 0.5, ..off }),
        ("clipping", Regularization { clip_norm: 0.05, ..off }),
        ("averages", Regularization { weight_average: 0.9, ..off }),
        (
            "all",
            Regularization {
                dropout: 0.3,
                label_smoothing: 0.2,
                input_noise: 0.5,
                clip_norm: 0.05,
                weight_average: 0.9,
            },
        ),
    ]
}

fn trainer(config: TrainConfig, isa: Isa, threads: usize) -> Trainer {
    let executor = Some(Executor::new(isa, threads).unwrap());
    Trainer::from_parts(config, data(), OwnParts { executor, ..OwnParts::default() }).unwrap()
}

fn weights(model: &Mlp) -> Vec<LayerTensors> {
    model.layers().iter().map(|layer| layer.to_portable(&layer.tensors())).collect()
}

#[test]
fn every_setting_changes_the_network_and_none_depends_on_threads_or_levels() {
    let train = |regularization, isa, threads| {
        let mut trainer = trainer(config(regularization), isa, threads);
        let losses: Vec<f64> = (0..3).map(|_| trainer.run_epoch(|_| {}).unwrap().loss).collect();
        (losses, weights(trainer.kept_model()))
    };
    // Without FMA (the slowest level) the bits are others.
    let best = Isa::detect();
    let plain = train(Regularization::default(), best, 1);
    for (name, regularization) in each() {
        let one = train(regularization, best, 1);
        assert!(one.1 != plain.1, "{name} changes nothing");
        let fused = Isa::available().into_iter().filter(|isa| isa.level() != Level::ScalarNoFma);
        for isa in fused {
            for threads in [1, 3] {
                let other = train(regularization, isa, threads);
                assert!(one == other, "{name}: {}, {threads} threads", isa.level());
            }
        }
    }
}

#[test]
fn a_run_goes_on_from_its_checkpoint_to_the_same_bits() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    for method in ["static", "rigl:every=2,drop=0.4"] {
        for (name, regularization) in each() {
            let method = method.parse().unwrap();
            let config = TrainConfig { method, ..config(regularization) };
            let new = || trainer(config.clone(), Isa::detect(), 2);
            let mut whole = new();
            (0..6).for_each(|_| drop(whole.run_epoch(|_| {}).unwrap()));
            let mut part = new();
            (0..2).for_each(|_| drop(part.run_epoch(|_| {}).unwrap()));
            part.step().unwrap();
            checkpoint::write(&path, &part).unwrap();
            let mut resumed = new();
            checkpoint::restore(&path, &mut resumed).unwrap();
            (2..6).for_each(|_| drop(resumed.run_epoch(|_| {}).unwrap()));
            let kept = |trainer: &Trainer| weights(trainer.kept_model());
            assert!(kept(&whole) == kept(&resumed), "{name}, {}", config.method);
        }
    }
}

#[test]
fn the_mean_of_the_parameters_is_what_is_evaluated_and_kept() {
    let off = Regularization::default();
    let averaged = Regularization { weight_average: 0.9, ..off };
    let mut plain = trainer(config(off), Isa::detect(), 1);
    let mut mean = trainer(config(averaged), Isa::detect(), 1);
    // The mean of the first three steps is that of their networks.
    let mut sums: Vec<f64> = Vec::new();
    for _ in 0..3 {
        plain.step().unwrap();
        let weights: Vec<f32> = weights(plain.model()).swap_remove(1).weight;
        sums.resize(weights.len(), 0.0);
        sums.iter_mut().zip(weights).for_each(|(sum, w)| *sum += f64::from(w) / 3.0);
    }
    mean.run_epoch(|_| {}).unwrap();
    assert_eq!(weights(plain.model()), weights(mean.model()), "training goes on as without");
    let kept = weights(mean.kept_model()).swap_remove(1).weight;
    for (kept, expected) in kept.iter().zip(sums) {
        assert!((f64::from(*kept) - expected).abs() < 1e-6, "{kept}, {expected}");
    }
    assert_eq!(mean.optimizer().slot(AVERAGE).unwrap()[1].weight, kept);
    let data = data();
    let of_mean = mean.evaluate(&data.test).unwrap();
    assert_ne!(of_mean, plain.evaluate(&data.test).unwrap());
    assert_eq!(of_mean, mean.evaluate_kept(&data.test).unwrap());
}

#[test]
fn a_clipped_gradient_has_the_norm_and_a_small_one_its_own() {
    let norm = |gradients: &[LayerTensors]| {
        let all = gradients.iter().flat_map(|gradient| gradient.each()).flatten();
        all.map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
    };
    let gradients = |clip_norm| {
        let regularization = Regularization { clip_norm, ..Regularization::default() };
        let mut trainer = trainer(config(regularization), Isa::detect(), 2);
        trainer.step().unwrap();
        trainer.gradients().to_vec()
    };
    let whole = gradients(0.0);
    assert!(norm(&whole) > 0.2, "{}", norm(&whole));
    assert_eq!(gradients(1e9), whole);
    let clipped = gradients(0.1);
    assert!((norm(&clipped) - 0.1).abs() < 1e-6, "{}", norm(&clipped));
    let factor = 0.1 / norm(&whole);
    for (clipped, whole) in clipped[0].weight.iter().zip(&whole[0].weight) {
        assert!((f64::from(*clipped) - factor * f64::from(*whole)).abs() < 1e-7);
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let off = Regularization::default();
    for (wrong, message) in [
        (Regularization { dropout: 1.0, ..off }, "`dropout` 1"),
        (Regularization { label_smoothing: -0.1, ..off }, "`label-smoothing` -0.1"),
        (Regularization { weight_average: f64::NAN, ..off }, "`weight-average` NaN"),
        (Regularization { input_noise: f64::INFINITY, ..off }, "`input-noise` inf"),
        (Regularization { clip_norm: -1.0, ..off }, "`clip-norm` -1"),
    ] {
        let refused = config(wrong).validate().unwrap_err().to_string();
        assert!(refused.contains(message), "{refused}");
    }
    let numbers = Regularization { label_smoothing: 0.1, ..off };
    let config = TrainConfig { loss: "mse".parse().unwrap(), ..config(numbers) };
    let refused = config.validate().unwrap_err().to_string();
    assert!(refused.contains("is for classes"), "{refused}");
}
