//! First and second derivatives of a network's loss in double precision, fast enough for networks
//! that are trained: the gradient, the Hessian times a vector (Pearlmutter 1994's R-operator), and
//! the Hessian's diagonal.
//!
//! All are with respect to the weights alone, every position of them; biases, γ and β stand still.
//! Matrices are feature-major, `[features, samples]`. Work is parallel over rows, and each sum has
//! one order, so that results are the same on any number of threads.

mod diagonal;
mod matrix;
mod times;

use super::{Activation, Loss, Mlp, NORM_EPS, Targets};
use crate::parallel::Executor;
use matrix::{mean_over_features, outer, product, transposed, transposed_product};
use std::sync::Arc;

/// A network in double precision, every weight there: what is no connection is 0.
#[derive(Clone, Debug)]
pub struct Curvature {
    layers: Vec<DenseLayer>,
    activation: Activation,
    loss: Arc<dyn Loss>,
    /// What the outputs are divided by before the loss.
    temperature: f64,
}

/// Weights `[out, in]`, bias, and γ and β, empty without a norm.
#[derive(Clone, Debug)]
pub struct DenseLayer {
    /// `[out, in]`.
    pub weight: Vec<f64>,
    /// `[out]`.
    pub bias: Vec<f64>,
    /// `[out]`, or empty.
    pub gamma: Vec<f64>,
    /// As `gamma`.
    pub beta: Vec<f64>,
}

/// Samples `[features, samples]` and what they should give.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The samples' values, feature by feature.
    pub x: Vec<f64>,
    /// What they should give.
    pub targets: Targets,
}

/// What the forward pass leaves behind, `[features, samples]` each.
struct Trace {
    /// The input of each layer.
    x: Vec<Vec<f64>>,
    /// Of each normed layer: x̂, and 1/σ per sample; without a norm z and 1s.
    x_hat: Vec<(Vec<f64>, Vec<f64>)>,
    /// The network's outputs, divided by the temperature.
    outputs: Vec<f64>,
}

impl Curvature {
    /// Of a network as it stands, whose outputs are divided by `temperature`.
    pub fn of(model: &Mlp, temperature: f64) -> Curvature {
        let widen = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let layer = |layer: &super::Layer| {
            let (pattern, values) = layer.connections();
            let head = layer.head();
            DenseLayer {
                weight: widen(&pattern.scatter(&values)),
                bias: widen(&head.bias),
                gamma: widen(&head.gamma),
                beta: widen(&head.beta),
            }
        };
        let layers = model.layers().iter().map(layer).collect();
        Curvature::new(layers, model.activation(), Arc::clone(model.loss()), temperature)
    }

    /// Of these layers.
    pub fn new(
        layers: Vec<DenseLayer>,
        activation: Activation,
        loss: Arc<dyn Loss>,
        temperature: f64,
    ) -> Curvature {
        Curvature { layers, activation, loss, temperature }
    }

    /// A layer's weights, `[out, in]`.
    pub fn weight(&self, layer: usize) -> &[f64] {
        &self.layers[layer].weight
    }

    /// The gradient of the mean loss with respect to the weights, `[out, in]` per layer.
    pub fn gradient(&self, executor: &Executor, batch: &Batch) -> Vec<Vec<f64>> {
        let trace = self.forward(executor, batch);
        let mut dz = self.output_gradient(&trace.outputs, &batch.targets);
        let samples = batch.targets.len();
        let mut gradients = Vec::new();
        for l in (0..self.layers.len()).rev() {
            gradients.push(outer(executor, &dz, &trace.x[l], samples));
            if l > 0 {
                let dh = transposed_product(executor, &self.layers[l].weight, &dz, samples);
                dz = self.norm_backward(l - 1, &trace, &dh, samples);
            }
        }
        gradients.reverse();
        gradients
    }

    fn forward(&self, executor: &Executor, batch: &Batch) -> Trace {
        let samples = batch.targets.len();
        let mut trace = Trace { x: vec![batch.x.clone()], x_hat: vec![], outputs: vec![] };
        for (l, layer) in self.layers.iter().enumerate() {
            let mut z = product(executor, &layer.weight, &trace.x[l], samples);
            for (z, bias) in z.chunks_mut(samples).zip(&layer.bias) {
                z.iter_mut().for_each(|z| *z += bias);
            }
            if l + 1 == self.layers.len() {
                z.iter_mut().for_each(|z| *z /= self.temperature);
                trace.outputs = z;
                break;
            }
            let x_hat =
                if layer.gamma.is_empty() { (z, vec![1.0; samples]) } else { normed(z, samples) };
            let h = self.activated(layer, &x_hat.0, samples, |f, a| f.value(a));
            trace.x_hat.push(x_hat);
            trace.x.push(h);
        }
        trace
    }

    /// A function of a = γ·x̂ + β at every value.
    fn activated(
        &self,
        layer: &DenseLayer,
        x_hat: &[f64],
        samples: usize,
        f: impl Fn(Activation, f64) -> f64,
    ) -> Vec<f64> {
        let mut values = Vec::with_capacity(x_hat.len());
        for (row, x_hat) in x_hat.chunks(samples).enumerate() {
            let (gamma, beta) = layer.affine(row);
            values.extend(x_hat.iter().map(|x| f(self.activation, gamma * x + beta)));
        }
        values
    }

    /// dz of dh.
    fn norm_backward(&self, l: usize, trace: &Trace, dh: &[f64], samples: usize) -> Vec<f64> {
        let layer = &self.layers[l];
        let (x_hat, rstd) = &trace.x_hat[l];
        let mut dx = self.dx_hat(layer, x_hat, dh, samples);
        if layer.gamma.is_empty() {
            return dx;
        }
        let mean = mean_over_features(&dx, None, samples);
        let mean_x = mean_over_features(&dx, Some(x_hat), samples);
        for (dx, x_hat) in dx.chunks_mut(samples).zip(x_hat.chunks(samples)) {
            for s in 0..samples {
                dx[s] = rstd[s] * (dx[s] - mean[s] - x_hat[s] * mean_x[s]);
            }
        }
        dx
    }

    /// γ·f′·dh.
    fn dx_hat(&self, layer: &DenseLayer, x_hat: &[f64], dh: &[f64], samples: usize) -> Vec<f64> {
        let mut dx = self.activated(layer, x_hat, samples, |f, a| f.slope(a));
        for (row, dx) in dx.chunks_mut(samples).enumerate() {
            let (gamma, _) = layer.affine(row);
            let dh = &dh[row * samples..][..samples];
            dx.iter_mut().zip(dh).for_each(|(dx, dh)| *dx *= gamma * dh);
        }
        dx
    }

    /// The gradient of the mean loss with respect to the outputs before the temperature.
    fn output_gradient(&self, outputs: &[f64], targets: &Targets) -> Vec<f64> {
        let samples = targets.len();
        let by_sample = transposed(outputs, samples);
        let gradient =
            transposed(&self.loss.twin(&by_sample, targets, 0.0).1, outputs.len() / samples);
        gradient.into_iter().map(|x| x / self.temperature).collect()
    }
}

impl DenseLayer {
    /// γ and β of a neuron; 1 and 0 without a norm.
    fn affine(&self, row: usize) -> (f64, f64) {
        match self.gamma.is_empty() {
            true => (1.0, 0.0),
            false => (self.gamma[row], self.beta[row]),
        }
    }
}

/// f″, by differences of f′; 0 where f′ has jumped in between.
fn bend(f: Activation, a: f64) -> f64 {
    const STEP: f64 = 1e-5;
    let (before, after) = (f.slope(a - STEP), f.slope(a + STEP));
    if (after - before).abs() > 0.5 { 0.0 } else { (after - before) / (2.0 * STEP) }
}

/// x̂ and 1/σ of each sample's features.
fn normed(mut z: Vec<f64>, samples: usize) -> (Vec<f64>, Vec<f64>) {
    let mean = mean_over_features(&z, None, samples);
    for z in z.chunks_mut(samples) {
        z.iter_mut().zip(&mean).for_each(|(z, mean)| *z -= mean);
    }
    let variance = mean_over_features(&z, Some(&z), samples);
    let rstd: Vec<f64> =
        variance.iter().map(|variance| 1.0 / (variance + f64::from(NORM_EPS)).sqrt()).collect();
    for z in z.chunks_mut(samples) {
        z.iter_mut().zip(&rstd).for_each(|(z, rstd)| *z *= rstd);
    }
    (z, rstd)
}

#[cfg(test)]
impl Curvature {
    /// A network of an oracle's file, and its batch.
    pub(crate) fn of_oracle(
        oracle: &mut crate::sparse::oracle::Oracle,
        case: &str,
        temperature: f64,
    ) -> (Curvature, Batch) {
        let has_norm = oracle.numbers(&format!("{case}_layer_norm"))[0] != 0.0;
        let layer = |l: usize| {
            let mut of = |array: &str| oracle.numbers(&format!("{case}_{array}{l}"));
            let is_normed = has_norm && l < 2;
            let (gamma, beta) =
                if is_normed { (of("gamma"), of("beta")) } else { (vec![], vec![]) };
            DenseLayer { weight: of("w"), bias: of("b"), gamma, beta }
        };
        let layers: Vec<DenseLayer> = [0, 1, 2].map(layer).into();
        let labels: Vec<u16> =
            oracle.whole(&format!("{case}_y")).into_iter().map(|y| y as u16).collect();
        let x = oracle.numbers(&format!("{case}_x"));
        let (classes, features) = (layers[2].bias.len(), x.len() / labels.len());
        let targets = Targets::Classes { labels, classes };
        let batch = Batch { x: transposed(&x, features), targets };
        let loss: Arc<dyn Loss> = Arc::new(super::loss::CrossEntropy);
        (Curvature::new(layers, Activation::default(), loss, temperature), batch)
    }
}
