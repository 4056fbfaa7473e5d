//! Sparse and masked train the same network: on a static mask the true-sparse engine and dense Adam
//! on masked weights are equivalent, but for rounding.

mod common;

use fanin::nn::{Engine, Layer, LayerTensors, Linear};
use fanin::train::{TrainConfig, Trainer};

/// For each stored entry in CSR order its place among all positions.
fn positions(layer: &Layer) -> Vec<usize> {
    layer.linear.pattern().expect("the sparse engine has patterns").positions().collect()
}

/// Copies a sparse layer's tensors into a dense one's.
fn scatter(sparse: &LayerTensors, positions: &[usize], dense: &mut LayerTensors) {
    for (&at, &value) in positions.iter().zip(&sparse.weight) {
        dense.weight[at] = value;
    }
    dense.bias.clone_from(&sparse.bias);
    dense.gamma.clone_from(&sparse.gamma);
    dense.beta.clone_from(&sparse.beta);
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

fn config(engine: Engine) -> TrainConfig {
    TrainConfig { hidden: vec![256, 256], engine, threads: 2, ..TrainConfig::default() }
}

#[test]
fn sparse_and_masked_gradients_agree_at_each_of_fifty_adam_steps() {
    let data = common::mnist(50 * 128, 64);
    let mut sparse = Trainer::new(config(Engine::Sparse), &data).unwrap();
    let mut masked = Trainer::new(config(Engine::Masked), &data).unwrap();
    for step in 1..=50 {
        // From identical weights and moments …
        let (model, adam) = masked.state_mut();
        for (l, (from, to)) in sparse.model().layers().iter().zip(model.layers_mut()).enumerate() {
            let positions = positions(from);
            scatter(&from.params, &positions, &mut to.params);
            scatter(&sparse.optimizer().m[l], &positions, &mut adam.m[l]);
            scatter(&sparse.optimizer().v[l], &positions, &mut adam.v[l]);
        }
        // … one step each.
        sparse.step().unwrap();
        masked.step().unwrap();
        for (l, layer) in sparse.model().layers().iter().enumerate() {
            let (ours, theirs) = (&sparse.gradients()[l], &masked.gradients()[l]);
            let mut on_pattern = LayerTensors::zeros_like(ours);
            for (value, &at) in on_pattern.weight.iter_mut().zip(&positions(layer)) {
                *value = theirs.weight[at];
            }
            let tensors = [&on_pattern.weight, &theirs.bias, &theirs.gamma, &theirs.beta];
            for (kind, (a, b)) in ours.each().into_iter().zip(tensors).enumerate() {
                let difference = norm(a.iter().zip(b).map(|(a, b)| f64::from(a - b)));
                let scale = norm(a.iter().map(|&a| f64::from(a)));
                assert!(
                    difference <= 1e-5 * scale,
                    "step {step}, layer {l}, tensor {kind}: {:.1e}",
                    difference / scale
                );
            }
        }
    }
}

#[test]
fn sparse_and_masked_losses_stay_together_when_run_freely() {
    let data = common::mnist(50 * 128, 64);
    let mut sparse = Trainer::new(config(Engine::Sparse), &data).unwrap();
    let mut masked = Trainer::new(config(Engine::Masked), &data).unwrap();
    for step in 1..=50 {
        let (a, b) = (sparse.step().unwrap().loss, masked.step().unwrap().loss);
        assert!((a - b).abs() <= 1e-3 * a, "step {step}: {a} against {b}");
    }
}

#[test]
fn masked_weights_outside_the_mask_stay_zero() {
    let data = common::mnist(256, 64);
    let mut masked = Trainer::new(config(Engine::Masked), &data).unwrap();
    masked.run_epoch(|_| {}).unwrap();
    for layer in &masked.model().layers()[..2] {
        assert!(matches!(layer.linear, Linear::Dense(_)));
        let mut outside = layer.params.weight.clone();
        positions(layer).into_iter().for_each(|at| outside[at] = 0.0);
        assert!(outside.iter().all(|&w| w == 0.0));
        assert!(layer.params.weight.iter().any(|&w| w != 0.0));
    }
}

#[test]
fn a_sparse_network_learns_mnist() {
    let data = common::mnist(6000, 1000);
    let mut trainer = Trainer::new(config(Engine::Sparse), &data).unwrap();
    for _ in 0..3 {
        trainer.run_epoch(|_| {}).unwrap();
    }
    // Chance is 0.1; a tenth of the samples and three epochs are enough to leave it far behind.
    let accuracy = trainer.evaluate(&data.test).unwrap().accuracy;
    assert!(accuracy > 0.8, "{accuracy}");
}
