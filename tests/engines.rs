//! Sparse and masked train the same network: on a static mask the true-sparse engine and dense Adam
//! on masked weights are equivalent, but for rounding.

mod common;

use fanin::nn::storage::Sparse;
use fanin::nn::{Head, LayerStart, LayerTensors, Mlp, Place};
use fanin::optim::{Adam, GrownState, Optimizer};
use fanin::sparse::CsrPattern;
use fanin::train::{Error, TrainConfig, Trainer};
use fanin_kernels::Isa;

/// The numbers of every connection, at their places among all positions.
fn scatter(layer: &fanin::nn::Layer, tensors: &LayerTensors) -> LayerTensors {
    let storage = layer.storage();
    let pattern = storage.pattern().expect("the sparse engine has patterns");
    LayerTensors { weight: pattern.scatter(&storage.to_csr(&tensors.weight)), ..tensors.clone() }
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

fn config(engine: &str) -> TrainConfig {
    let engine = engine.parse().unwrap();
    TrainConfig { hidden: vec![256, 256], engine, threads: 2, ..TrainConfig::default() }
}

#[test]
fn sparse_and_masked_gradients_agree_at_each_of_fifty_adam_steps() {
    let data = common::mnist(50 * 128, 64);
    let mut sparse = Trainer::new(config("sparse"), data.clone()).unwrap();
    let mut masked = Trainer::new(config("masked"), data.clone()).unwrap();
    for step in 1..=50 {
        // From identical weights and moments …
        let mut model = masked.model().clone();
        for (from, to) in sparse.model().layers().iter().zip(model.layers_mut()) {
            let weights = scatter(from, &from.tensors()).weight;
            to.change(masked.executor(), |_, params| params.weight.copy_from_slice(&weights));
            to.set_head(Head::clone(from.head()));
        }
        let scattered = |name: &str| {
            let slot = sparse.optimizer().slot(name).unwrap();
            sparse.model().layers().iter().zip(slot).map(|(layer, t)| scatter(layer, t)).collect()
        };
        let slots = vec![scattered("m"), scattered("v")];
        let (rule, steps) = (Box::new(Adam::new(GrownState::Zero)), sparse.optimizer().steps());
        masked.set_state(model, Optimizer::restore(rule, steps, slots)).unwrap();
        // … one step each.
        sparse.step().unwrap();
        masked.step().unwrap();
        for l in 0..sparse.model().layers().len() {
            let (ours, theirs) = (&sparse.gradients()[l], &masked.gradients()[l]);
            let masked = masked.model().layers()[l].storage();
            let sparse = sparse.model().layers()[l].storage();
            let (a, b) = (sparse.to_csr(&ours.weight), masked.to_csr(&theirs.weight));
            let tensors = [&b[..], &theirs.bias, &theirs.gamma, &theirs.beta];
            let [_, bias, gamma, beta] = ours.each();
            for (kind, (a, b)) in [&a[..], bias, gamma, beta].into_iter().zip(tensors).enumerate() {
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
    let mut sparse = Trainer::new(config("sparse"), data.clone()).unwrap();
    let mut masked = Trainer::new(config("masked"), data.clone()).unwrap();
    for step in 1..=50 {
        let (a, b) = (sparse.step().unwrap().loss, masked.step().unwrap().loss);
        assert!((a - b).abs() <= 1e-3 * a, "step {step}: {a} against {b}");
    }
}

#[test]
fn masked_weights_outside_the_mask_stay_zero() {
    let data = common::mnist(256, 64);
    let mut masked = Trainer::new(config("masked"), data.clone()).unwrap();
    masked.run_epoch(|_| {}).unwrap();
    for layer in &masked.model().layers()[..2] {
        let pattern = layer.storage().pattern().expect("the mask is a pattern");
        let mut outside = layer.storage().weights().to_vec();
        assert_eq!(outside.len(), pattern.rows() * pattern.cols());
        assert!(outside.iter().any(|&w| w != 0.0));
        pattern.positions().for_each(|at| outside[at] = 0.0);
        assert!(outside.iter().all(|&w| w == 0.0));
    }
}

#[test]
fn a_run_that_diverges_names_the_layer_that_overflowed_first() {
    let data = common::mnist(256, 64);
    let layer = |rows, cols, weight: f32| LayerStart {
        pattern: CsrPattern::full(rows, cols),
        weights: Some((0..rows * cols).map(|i| if i % 11 == 0 { weight } else { -0.5 }).collect()),
    };
    // Only the output layer's products are beyond f32.
    let layers = vec![layer(30, 784, 0.5), layer(20, 30, 0.5), layer(10, 20, 3e38)];
    let model = Mlp::new(&Sparse, Place::first(Isa::detect()), layers, 1);
    let mut trainer = Trainer::from_model(model, config("sparse"), data).unwrap();
    let error = trainer.step().unwrap_err();
    assert!(
        matches!(&error, Error::Diverged { layer, step: 1, .. } if layer == "layer 3"),
        "{error}"
    );
}

#[test]
fn a_state_of_another_network_is_refused() {
    let data = common::mnist(256, 64);
    let mut sparse = Trainer::new(config("sparse"), data.clone()).unwrap();
    let other = TrainConfig { seed: 43, ..config("sparse") };
    for other in [other, config("masked"), TrainConfig { hidden: vec![256], ..config("sparse") }] {
        let other = Trainer::new(other, data.clone()).unwrap();
        let state = (other.model().clone(), other.optimizer().clone());
        assert!(matches!(sparse.set_state(state.0, state.1), Err(Error::OtherNetwork)));
    }
    let (model, optimizer) = (sparse.model().clone(), sparse.optimizer().clone());
    sparse.set_state(model, optimizer).unwrap();
}

#[test]
fn a_sparse_network_learns_mnist() {
    let data = common::mnist(6000, 1000);
    let mut trainer = Trainer::new(config("sparse"), data.clone()).unwrap();
    for _ in 0..3 {
        trainer.run_epoch(|_| {}).unwrap();
    }
    // Chance is 0.1; a tenth of the samples and three epochs are enough to leave it far behind.
    let accuracy = trainer.evaluate(&data.test).unwrap().value("accuracy");
    assert!(accuracy > 0.8, "{accuracy}");
}
