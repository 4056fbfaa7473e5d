//! The Hessian times a vector, by the R-operator: the rate at which the gradient changes when the
//! weights move along the vector (Pearlmutter 1994).

use super::matrix::{add, mean_over_features, outer, product, transposed_product};
use super::{Batch, Curvature, Trace, bend};
use crate::nn::Targets;
use crate::parallel::Executor;

impl Curvature {
    /// The Hessian of the mean loss times `v`, both over all weights, `[out, in]` per layer.
    pub fn hessian_times(
        &self,
        executor: &Executor,
        batch: &Batch,
        v: &[Vec<f64>],
    ) -> Vec<Vec<f64>> {
        let samples = batch.targets.len();
        let trace = self.forward(executor, batch);
        // Forward: every value's rate of change when the weights move along v.
        let mut rates: Vec<Option<Vec<f64>>> = vec![None];
        let mut of_norms = Vec::new();
        let mut dot_outputs = Vec::new();
        for (l, layer) in self.layers.iter().enumerate() {
            let mut dot_z = product(executor, &v[l], &trace.x[l], samples);
            if let Some(dot_x) = &rates[l] {
                add(&mut dot_z, &product(executor, &layer.weight, dot_x, samples));
            }
            if l + 1 == self.layers.len() {
                dot_z.iter_mut().for_each(|dot| *dot /= self.temperature);
                dot_outputs = dot_z;
            } else {
                let (dot_h, of_norm) = self.norm_rate(l, &trace, &dot_z, samples);
                rates.push(Some(dot_h));
                of_norms.push(of_norm);
            }
        }
        // Backward: the gradient's rate of change.
        let mut dz = self.output_gradient(&trace.outputs, &batch.targets);
        let mut dot_dz = self.output_rate(&trace.outputs, &dot_outputs, &batch.targets);
        let mut products = Vec::new();
        for l in (0..self.layers.len()).rev() {
            let weight = &self.layers[l].weight;
            let mut dot_dw = outer(executor, &dot_dz, &trace.x[l], samples);
            if let Some(dot_x) = &rates[l] {
                add(&mut dot_dw, &outer(executor, &dz, dot_x, samples));
            }
            products.push(dot_dw);
            if l > 0 {
                let dh = transposed_product(executor, weight, &dz, samples);
                let mut dot_dh = transposed_product(executor, weight, &dot_dz, samples);
                add(&mut dot_dh, &transposed_product(executor, &v[l], &dz, samples));
                let before = l - 1;
                dot_dz = self.norm_backward_rate(
                    before,
                    &trace,
                    &of_norms[before],
                    [&dh, &dot_dh],
                    samples,
                );
                dz = self.norm_backward(before, &trace, &dh, samples);
            }
        }
        products.reverse();
        products
    }

    /// ḣ of ż, and what the backward pass needs of it: x̂'s rate, and that of ln(1/σ) per sample.
    fn norm_rate(
        &self,
        l: usize,
        trace: &Trace,
        dot_z: &[f64],
        samples: usize,
    ) -> (Vec<f64>, (Vec<f64>, Vec<f64>)) {
        let layer = &self.layers[l];
        let (x_hat, rstd) = &trace.x_hat[l];
        let (mut dot_x_hat, mut dot_ln) = (dot_z.to_vec(), vec![0.0; samples]);
        if !layer.gamma.is_empty() {
            let mean = mean_over_features(dot_z, None, samples);
            let mean_x = mean_over_features(dot_z, Some(x_hat), samples);
            for (dot, x_hat) in dot_x_hat.chunks_mut(samples).zip(x_hat.chunks(samples)) {
                for s in 0..samples {
                    dot[s] = rstd[s] * (dot[s] - mean[s] - x_hat[s] * mean_x[s]);
                }
            }
            dot_ln = mean_x.iter().zip(rstd).map(|(mean, rstd)| -rstd * mean).collect();
        }
        let slopes = self.activated(layer, x_hat, samples, |f, a| f.slope(a));
        let mut dot_h = dot_x_hat.clone();
        for (row, dot_h) in dot_h.chunks_mut(samples).enumerate() {
            let (gamma, _) = layer.affine(row);
            let slopes = &slopes[row * samples..][..samples];
            dot_h.iter_mut().zip(slopes).for_each(|(dot, slope)| *dot *= gamma * slope);
        }
        (dot_h, (dot_x_hat, dot_ln))
    }

    /// The rate of [`Curvature::norm_backward`] of dh, given dh's own.
    fn norm_backward_rate(
        &self,
        l: usize,
        trace: &Trace,
        (dot_x_hat, dot_ln): &(Vec<f64>, Vec<f64>),
        [dh, dot_dh]: [&[f64]; 2],
        samples: usize,
    ) -> Vec<f64> {
        let layer = &self.layers[l];
        let (x_hat, rstd) = &trace.x_hat[l];
        let dx = self.dx_hat(layer, x_hat, dh, samples);
        let mut dot_dx = self.dx_hat(layer, x_hat, dot_dh, samples);
        // What f″ adds: γ²·f″·dh·x̂'s rate.
        let curved = self.activated(layer, x_hat, samples, bend);
        for (at, dot) in dot_dx.iter_mut().enumerate() {
            let (gamma, _) = layer.affine(at / samples);
            *dot += gamma * gamma * curved[at] * dh[at] * dot_x_hat[at];
        }
        if layer.gamma.is_empty() {
            return dot_dx;
        }
        let mean = |of: &[f64], times: Option<&[f64]>| mean_over_features(of, times, samples);
        let (m, m_x) = (mean(&dx, None), mean(&dx, Some(x_hat)));
        let dot_m = mean(&dot_dx, None);
        let (a, b) = (mean(&dot_dx, Some(x_hat)), mean(&dx, Some(dot_x_hat)));
        for (row, dot) in dot_dx.chunks_mut(samples).enumerate() {
            let at = row * samples;
            for s in 0..samples {
                let (x, dot_x) = (x_hat[at + s], dot_x_hat[at + s]);
                let dz = dx[at + s] - m[s] - x * m_x[s];
                let dot_dz = dot[s] - dot_m[s] - dot_x * m_x[s] - x * (a[s] + b[s]);
                dot[s] = rstd[s] * (dot_ln[s] * dz + dot_dz);
            }
        }
        dot_dx
    }

    /// Its rate of change when the outputs, divided by the temperature, move along `rate`.
    fn output_rate(&self, outputs: &[f64], rate: &[f64], targets: &Targets) -> Vec<f64> {
        let samples = targets.len();
        let width = outputs.len() / samples;
        if targets.are_numbers() {
            // The gradient of such a loss is straight but for kinks, so any step will do.
            const STEP: f64 = 1e-4;
            let moved = |step: f64| -> Vec<f64> {
                let moved: Vec<f64> =
                    outputs.iter().zip(rate).map(|(x, rate)| x + step * rate).collect();
                self.output_gradient(&moved, targets)
            };
            let (plus, minus) = (moved(STEP), moved(-STEP));
            return plus.iter().zip(minus).map(|(a, b)| (a - b) / (2.0 * STEP)).collect();
        }
        // Cross-entropy: (diag(p) − p·pᵀ)·rate / samples, p the softmax.
        let mut dot = vec![0.0; outputs.len()];
        for s in 0..samples {
            let of = |values: &[f64], c: usize| values[c * samples + s];
            let max = (0..width).map(|c| of(outputs, c)).fold(f64::NEG_INFINITY, f64::max);
            let exp: Vec<f64> = (0..width).map(|c| libm::exp(of(outputs, c) - max)).collect();
            let sum: f64 = exp.iter().sum();
            let along: f64 = (0..width).map(|c| exp[c] / sum * of(rate, c)).sum();
            let scale = samples as f64 * self.temperature;
            for c in 0..width {
                dot[c * samples + s] = exp[c] / sum * (of(rate, c) - along) / scale;
            }
        }
        dot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Activation;
    use crate::sparse::oracle::Oracle;
    use fanin_kernels::Isa;

    fn largest(values: &[f64]) -> f64 {
        values.iter().fold(0.0, |most, x| most.max(x.abs()))
    }

    #[test]
    fn gradients_and_hessian_products_are_the_oracles() {
        let mut oracle = Oracle::open("grasp");
        for (net, temperatures) in
            [("plain", &[200.0, 1.0][..]), ("norm", &[200.0, 1.0]), ("wide", &[200.0])]
        {
            for &temperature in temperatures {
                let (network, batch) = Curvature::of_oracle(&mut oracle, net, temperature);
                let name = |array: &str| format!("{net}_t{temperature}_{array}");
                let expected = oracle.numbers(&name("grad"));
                let of_threads = [1, 3].map(|threads| {
                    let executor = Executor::new(Isa::detect(), threads).unwrap();
                    let gradient = network.gradient(&executor, &batch);
                    let all = network.hessian_times(&executor, &batch, &gradient);
                    // Over the hidden weights alone: neither moved nor asked for elsewhere.
                    let mut hidden = gradient.clone();
                    hidden[2].fill(0.0);
                    let of_hidden = network.hessian_times(&executor, &batch, &hidden);
                    (gradient, all, of_hidden[..2].to_vec())
                });
                assert_eq!(of_threads[0], of_threads[1], "{net}");
                let (gradient, all, hidden) = &of_threads[0];
                for (found, expected) in [
                    (gradient.concat(), expected),
                    (all.concat(), oracle.numbers(&name("hg_all"))),
                    (hidden.concat(), oracle.numbers(&name("hg_hidden"))),
                ] {
                    assert_eq!(found.len(), expected.len());
                    let bound = 1e-10 * largest(&expected);
                    for (found, expected) in found.iter().zip(&expected) {
                        assert!((found - expected).abs() <= bound, "{net} {temperature}");
                    }
                }
            }
        }
    }

    #[test]
    fn hessian_products_are_differences_of_gradients_for_every_activation() {
        let mut oracle = Oracle::open("grasp");
        let executor = Executor::new(Isa::detect(), 1).unwrap();
        for &activation in Activation::ALL.iter() {
            let (network, batch) = Curvature::of_oracle(&mut oracle, "norm", 1.0);
            let network = Curvature { activation, ..network };
            let gradient = network.gradient(&executor, &batch);
            let found = network.hessian_times(&executor, &batch, &gradient).concat();
            const STEP: f64 = 1e-5;
            let moved = |step: f64| {
                let mut moved = network.clone();
                for (layer, along) in moved.layers.iter_mut().zip(&gradient) {
                    layer.weight.iter_mut().zip(along).for_each(|(w, g)| *w += step * g);
                }
                moved.gradient(&executor, &batch).concat()
            };
            let (plus, minus) = (moved(STEP), moved(-STEP));
            let differences: Vec<f64> =
                plus.iter().zip(minus).map(|(a, b)| (a - b) / (2.0 * STEP)).collect();
            let bound = 1e-6 * largest(&differences);
            for (found, difference) in found.iter().zip(&differences) {
                assert!((found - difference).abs() < bound, "{}", activation.name());
            }
        }
    }
}
