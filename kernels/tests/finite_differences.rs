//! The first link of the chain of trust: central differences in f64 prove the specification.

use fanin_kernels::naive::NumberError;
use fanin_kernels::{Activation, naive};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

const STEP: f64 = 1e-5;
const BOUND: f64 = 1e-7;

fn random(rng: &mut Pcg64, n: usize) -> Vec<f64> {
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Asserts max|analytic − numeric| / max|numeric| ≤ 1e-7 for the scalar `f` of one tensor.
fn assert_gradient(name: &str, at: &[f64], analytic: &[f64], f: impl Fn(&[f64]) -> f64) {
    let numeric: Vec<f64> = (0..at.len())
        .map(|i| {
            let mut moved = at.to_vec();
            moved[i] = at[i] + STEP;
            let above = f(&moved);
            moved[i] = at[i] - STEP;
            (above - f(&moved)) / (2.0 * STEP)
        })
        .collect();
    let scale = numeric.iter().fold(0.0f64, |max, g| max.max(g.abs()));
    let worst = analytic.iter().zip(&numeric).fold(0.0f64, |max, (a, n)| max.max((a - n).abs()));
    assert!(scale > 1e-3, "{name}: the numeric gradient is zero, nothing was tested");
    assert!(worst / scale <= BOUND, "{name}: error {:.2e}", worst / scale);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn linear_gradients_match_central_differences() {
    let rng = &mut Pcg64::seed_from_u64(1);
    let (batch, n, m) = (5, 7, 4);
    let (x, w, b) = (random(rng, batch * n), random(rng, m * n), random(rng, m));
    let dy = random(rng, batch * m);
    let gradient = naive::linear_backward(&x, &w, &dy, n);
    let loss = |x: &[f64], w: &[f64], b: &[f64]| dot(&naive::linear_forward(x, w, b, n), &dy);
    assert_gradient("x", &x, &gradient.dx, |x| loss(x, &w, &b));
    assert_gradient("w", &w, &gradient.dw, |w| loss(&x, w, &b));
    assert_gradient("b", &b, &gradient.db, |b| loss(&x, &w, b));
}

#[test]
fn layer_norm_gradients_match_central_differences_with_every_activation() {
    let rng = &mut Pcg64::seed_from_u64(2);
    let (batch, features, eps) = (4, 9, 1e-5);
    for &f in Activation::ALL {
        let z = random(rng, batch * features);
        let (gamma, beta) = (random(rng, features), random(rng, features));
        let dh = random(rng, batch * features);
        let gradient = naive::layer_norm_backward(&z, &gamma, &beta, eps, f, &dh);
        let loss = |z: &[f64], gamma: &[f64], beta: &[f64]| {
            dot(&naive::layer_norm_forward(z, gamma, beta, eps, f), &dh)
        };
        let name = |tensor: &str| format!("{tensor} with {}", f.name());
        assert_gradient(&name("z"), &z, &gradient.dz, |z| loss(z, &gamma, &beta));
        assert_gradient(&name("gamma"), &gamma, &gradient.dgamma, |gamma| loss(&z, gamma, &beta));
        assert_gradient(&name("beta"), &beta, &gradient.dbeta, |beta| loss(&z, &gamma, beta));
    }
}

#[test]
fn slopes_match_central_differences() {
    for &activation in Activation::ALL {
        // No multiple of 0.037 lies within a step of 0, where ReLU and its kin have no slope.
        let at: Vec<f64> = (-300..=300).filter(|&i| i != 0).map(|i| f64::from(i) * 0.037).collect();
        let slopes: Vec<f64> = at.iter().map(|&y| activation.slope(y)).collect();
        assert_gradient(activation.name(), &at, &slopes, |y| {
            y.iter().map(|&y| activation.value(y)).sum()
        });
    }
}

#[test]
fn cross_entropy_gradient_matches_central_differences() {
    let rng = &mut Pcg64::seed_from_u64(3);
    let classes = 6;
    let labels = [0, 5, 3, 3, 1];
    let weights = [1.0, 0.25, 3.0, 0.0, 1.5];
    let logits = random(rng, labels.len() * classes);
    for smoothing in [0.0, 0.2] {
        let loss =
            |z: &[f64]| naive::softmax_cross_entropy(z, &labels, &weights, classes, smoothing);
        let (_, gradient) = loss(&logits);
        assert_gradient("logits", &logits, &gradient, |z| loss(z).0);
    }
}

#[test]
fn losses_of_numbers_match_central_differences() {
    let rng = &mut Pcg64::seed_from_u64(4);
    let weights = [1.0, 0.25, 3.0, 0.0, 1.5];
    for error in [NumberError::Squared, NumberError::Huber(0.5), NumberError::Huber(1.25)] {
        let outputs = random(rng, 3 * weights.len());
        let targets = random(rng, outputs.len());
        // At |r| = δ Huber's second derivative jumps, but not its first.
        let (_, gradient) = naive::number_loss(error, &outputs, &targets, &weights);
        assert_gradient("outputs", &outputs, &gradient, |y| {
            naive::number_loss(error, y, &targets, &weights).0
        });
    }
}

#[test]
fn cross_entropy_of_equal_logits_is_the_log_of_the_classes() {
    let (loss, _) = naive::softmax_cross_entropy(&[0.5; 12], &[0, 3, 2], &[1.0; 3], 4, 0.0);
    assert!((loss - 4f64.ln()).abs() < 1e-15, "{loss}");
}

#[test]
fn adam_moves_the_first_step_by_the_learning_rate() {
    let (mut w, mut m, mut v) = ([1.0, 1.0], [0.0; 2], [0.0; 2]);
    naive::adam([1e-3, 0.9, 0.999, 0.0], 1, &mut w, &mut m, &mut v, &[5.0, -1e-4]);
    assert!((w[0] - 0.999).abs() < 1e-12 && (w[1] - 1.001).abs() < 1e-12, "{w:?}");
}
