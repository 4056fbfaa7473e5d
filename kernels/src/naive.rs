//! The f64 specification of every operation: dense, sample-major, one loop per index.
//!
//! Nothing here is fast. Finite differences prove these functions, and these functions prove the
//! kernels. Matrices are row-major: `x` `[batch, in]`, `w` `[out, in]` with zeros where a sparse
//! layer stores no entry.

use crate::Activation;

/// `y = x·Wᵀ + b`, `[batch, out]`.
pub fn linear_forward(x: &[f64], w: &[f64], b: &[f64], in_features: usize) -> Vec<f64> {
    let mut y = Vec::new();
    for x in x.chunks_exact(in_features) {
        for (w, b) in w.chunks_exact(in_features).zip(b) {
            y.push(b + w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>());
        }
    }
    y
}

/// The gradients of [`linear_forward`].
#[derive(Clone, Debug)]
pub struct LinearGradient {
    /// `[batch, in]`
    pub dx: Vec<f64>,
    /// `[out, in]`, all positions, stored or not.
    pub dw: Vec<f64>,
    /// `[out]`
    pub db: Vec<f64>,
}

/// `dx = dy·W`, `dW = dyᵀ·x`, `db = Σ_s dy`, with `dy` `[batch, out]`.
pub fn linear_backward(x: &[f64], w: &[f64], dy: &[f64], in_features: usize) -> LinearGradient {
    let out_features = w.len() / in_features;
    let mut dx = vec![0.0; x.len()];
    let (mut dw, mut db) = (vec![0.0; w.len()], vec![0.0; out_features]);
    for (sample, dy) in dy.chunks_exact(out_features).enumerate() {
        for (row, dy) in dy.iter().enumerate() {
            db[row] += dy;
            for col in 0..in_features {
                dx[sample * in_features + col] += dy * w[row * in_features + col];
                dw[row * in_features + col] += dy * x[sample * in_features + col];
            }
        }
    }
    LinearGradient { dx, dw, db }
}

/// x̂ and rstd of one sample's features.
fn normalized(z: &[f64], eps: f64) -> (Vec<f64>, f64) {
    let count = z.len() as f64;
    let mean = z.iter().sum::<f64>() / count;
    let variance = z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / count;
    let rstd = 1.0 / (variance + eps).sqrt();
    (z.iter().map(|z| (z - mean) * rstd).collect(), rstd)
}

/// `h = f(γ·x̂ + β)` per sample, `[batch, features]`, f the activation.
pub fn layer_norm_forward(
    z: &[f64],
    gamma: &[f64],
    beta: &[f64],
    eps: f64,
    activation: Activation,
) -> Vec<f64> {
    let mut h = Vec::new();
    for z in z.chunks_exact(gamma.len()) {
        let (x_hat, _) = normalized(z, eps);
        for ((x_hat, gamma), beta) in x_hat.iter().zip(gamma).zip(beta) {
            h.push(activation.value(gamma * x_hat + beta));
        }
    }
    h
}

/// The gradients of [`layer_norm_forward`].
#[derive(Clone, Debug)]
pub struct NormGradient {
    /// `[batch, features]`
    pub dz: Vec<f64>,
    /// `[features]`
    pub dgamma: Vec<f64>,
    /// `[features]`
    pub dbeta: Vec<f64>,
}

/// `dz = rstd·(γ·dy − mean(γ·dy) − x̂·mean(γ·dy·x̂))` with `dy = dh·f′(γ·x̂ + β)`.
pub fn layer_norm_backward(
    z: &[f64],
    gamma: &[f64],
    beta: &[f64],
    eps: f64,
    activation: Activation,
    dh: &[f64],
) -> NormGradient {
    let features = gamma.len();
    let (mut dz, mut dgamma, mut dbeta) = (vec![], vec![0.0; features], vec![0.0; features]);
    for (z, dh) in z.chunks_exact(features).zip(dh.chunks_exact(features)) {
        let (x_hat, rstd) = normalized(z, eps);
        let slope = |f: usize| activation.slope(gamma[f] * x_hat[f] + beta[f]);
        let dy: Vec<f64> = (0..features).map(|f| dh[f] * slope(f)).collect();
        let dx: Vec<f64> = dy.iter().zip(gamma).map(|(dy, gamma)| dy * gamma).collect();
        let mean = dx.iter().sum::<f64>() / features as f64;
        let mean_x = dx.iter().zip(&x_hat).map(|(d, x)| d * x).sum::<f64>() / features as f64;
        for f in 0..features {
            dgamma[f] += dy[f] * x_hat[f];
            dbeta[f] += dy[f];
            dz.push(rstd * (dx[f] - mean - x_hat[f] * mean_x));
        }
    }
    NormGradient { dz, dgamma, dbeta }
}

/// Mean over the batch of `−w·Σ_c t_c·ln softmax(z)_c`, and its gradient with respect to the
/// logits; one weight w per sample. The target t is 1 at the label, and smoothed by ε.
pub fn softmax_cross_entropy(
    logits: &[f64],
    labels: &[u16],
    weights: &[f64],
    classes: usize,
    smoothing: f64,
) -> (f64, Vec<f64>) {
    let batch = labels.len() as f64;
    let (mut loss, mut gradient) = (0.0, Vec::new());
    for ((z, &label), weight) in logits.chunks_exact(classes).zip(labels).zip(weights) {
        let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = z.iter().map(|z| (z - max).exp()).sum();
        for (class, z) in z.iter().enumerate() {
            let is_label = f64::from(u8::from(class == label as usize));
            let target = (1.0 - smoothing) * is_label + smoothing / classes as f64;
            loss += weight * target * (sum.ln() - (z - max)) / batch;
            gradient.push(weight * ((z - max).exp() / sum - target) / batch);
        }
    }
    (loss, gradient)
}

/// How far an output that is a number lies from its target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NumberError {
    /// `r²`.
    Squared,
    /// `|r|`.
    Absolute,
    /// `½r²` for |r| ≤ δ, else `δ·(|r| − ½δ)` (Huber 1964).
    Huber(f64),
}

impl NumberError {
    /// The error of r = y − t.
    fn value(self, r: f64) -> f64 {
        match self {
            NumberError::Squared => r * r,
            NumberError::Absolute => r.abs(),
            NumberError::Huber(delta) if r.abs() <= delta => 0.5 * r * r,
            NumberError::Huber(delta) => delta * (r.abs() - 0.5 * delta),
        }
    }

    /// Its derivative with respect to r.
    fn slope(self, r: f64) -> f64 {
        match self {
            NumberError::Squared => 2.0 * r,
            NumberError::Absolute if r == 0.0 => 0.0,
            NumberError::Absolute => r.signum(),
            NumberError::Huber(delta) if r.abs() <= delta => r,
            NumberError::Huber(delta) => delta * r.signum(),
        }
    }
}

/// Mean over the batch of w·(1/K)·Σ_k error(y_k − t_k), K outputs and one weight w per sample, and
/// its gradient with respect to the outputs; `outputs` and `targets` `[batch, K]`.
pub fn number_loss(
    error: NumberError,
    outputs: &[f64],
    targets: &[f64],
    weights: &[f64],
) -> (f64, Vec<f64>) {
    let (batch, count) = (weights.len() as f64, outputs.len() / weights.len());
    let (mut loss, mut gradient) = (0.0, Vec::new());
    for (i, (y, t)) in outputs.iter().zip(targets).enumerate() {
        let share = weights[i / count] / count as f64 / batch;
        loss += share * error.value(y - t);
        gradient.push(share * error.slope(y - t));
    }
    (loss, gradient)
}

/// One Adam update, `step` counting from 1.
pub fn adam(
    [lr, beta1, beta2, eps]: [f64; 4],
    step: i32,
    w: &mut [f64],
    m: &mut [f64],
    v: &mut [f64],
    dw: &[f64],
) {
    for (((w, m), v), dw) in w.iter_mut().zip(m).zip(v).zip(dw) {
        *m = beta1 * *m + (1.0 - beta1) * dw;
        *v = beta2 * *v + (1.0 - beta2) * dw * dw;
        let m_hat = *m / (1.0 - beta1.powi(step));
        let v_hat = *v / (1.0 - beta2.powi(step));
        *w -= lr * m_hat / (v_hat.sqrt() + eps);
    }
}

/// One update by stochastic gradient descent with momentum.
pub fn sgd(
    [lr, momentum]: [f64; 2],
    nesterov: bool,
    w: &mut [f64],
    velocity: &mut [f64],
    dw: &[f64],
) {
    for ((w, v), dw) in w.iter_mut().zip(velocity).zip(dw) {
        *v = momentum * *v + dw;
        *w -= lr * if nesterov { dw + momentum * *v } else { *v };
    }
}

/// `average ← average + rate·(w − average)`.
pub fn average(rate: f64, w: &[f64], average: &mut [f64]) {
    for (average, w) in average.iter_mut().zip(w) {
        *average += rate * (w - *average);
    }
}

/// `w ← factor·w`.
pub fn decay(factor: f64, w: &mut [f64]) {
    w.iter_mut().for_each(|w| *w *= factor);
}
