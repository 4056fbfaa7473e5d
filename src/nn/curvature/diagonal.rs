//! The diagonal of the Hessian, exactly.
//!
//! Of one sample the Hessian with respect to what a layer's weights give out is kept as
//! Σ Fᵀ·diag(d)·F of few factors: thin ones, of which there are as many rows as classes and a few
//! more for each LayerNorm, and a diagonal one for each. Downwards, through the weights W and J,
//! the derivative of norm and activation, a factor becomes F·W·J, and the norm's own curvature adds
//! thin ones and a diagonal. A diagonal factor becomes W·J, a matrix: networks of two hidden layers
//! never multiply two of those, deeper ones do, once per sample.

use super::matrix::{outer, transposed};
use super::{Batch, Curvature, DenseLayer, Trace, bend};
use crate::parallel::Executor;

/// Fᵀ·diag(d)·F.
enum Factor {
    /// F is the identity.
    Diagonal(Vec<f64>),
    /// F is `[rows, features]`, d `[rows]`.
    Rows(Vec<f64>, Vec<f64>),
}

impl Factor {
    /// Adds the diagonal of the whole.
    fn add_diagonal(&self, diagonal: &mut [f64]) {
        match self {
            Factor::Diagonal(d) => diagonal.iter_mut().zip(d).for_each(|(sum, d)| *sum += d),
            Factor::Rows(f, d) => {
                for (row, d) in f.chunks(diagonal.len()).zip(d) {
                    diagonal.iter_mut().zip(row).for_each(|(sum, f)| *sum += d * f * f);
                }
            }
        }
    }

    /// F·W, `[rows, in]`, of W `[out, in]`.
    fn times(self, weight: &[f64], inputs: usize) -> Factor {
        match self {
            Factor::Diagonal(d) => Factor::Rows(weight.to_vec(), d),
            Factor::Rows(f, d) => {
                let outputs = weight.len() / inputs;
                let mut product = vec![0.0; d.len() * inputs];
                for (row, product) in f.chunks(outputs).zip(product.chunks_mut(inputs)) {
                    for (f, weight) in row.iter().zip(weight.chunks(inputs)) {
                        product.iter_mut().zip(weight).for_each(|(sum, w)| *sum += f * w);
                    }
                }
                Factor::Rows(product, d)
            }
        }
    }
}

/// What one sample leaves in a normed layer.
struct Norm {
    x_hat: Vec<f64>,
    rstd: f64,
    /// γ·f′.
    slope: Vec<f64>,
    /// γ²·f″.
    bend: Vec<f64>,
    is_normed: bool,
}

impl Norm {
    fn of(network: &Curvature, l: usize, trace: &Trace, sample: usize, samples: usize) -> Norm {
        let layer = &network.layers[l];
        let (x_hat, rstd) = &trace.x_hat[l];
        let x_hat: Vec<f64> = x_hat.iter().skip(sample).step_by(samples).copied().collect();
        let at = |row: usize| {
            let (gamma, beta) = layer.affine(row);
            (gamma, gamma * x_hat[row] + beta)
        };
        let f = network.activation;
        let slope = (0..x_hat.len()).map(at).map(|(gamma, a)| gamma * f.slope(a)).collect();
        let bend = (0..x_hat.len()).map(at).map(|(gamma, a)| gamma * gamma * bend(f, a)).collect();
        let (rstd, is_normed) = (rstd[sample], !layer.gamma.is_empty());
        Norm { x_hat, rstd, slope, bend, is_normed }
    }

    /// g·A of a row, A the derivative of x̂.
    fn apply(&self, row: &mut [f64]) {
        if !self.is_normed {
            return;
        }
        let count = row.len() as f64;
        let mean = row.iter().sum::<f64>() / count;
        let mean_x = row.iter().zip(&self.x_hat).map(|(g, x)| g * x).sum::<f64>() / count;
        for (g, x) in row.iter_mut().zip(&self.x_hat) {
            *g = self.rstd * (*g - mean - x * mean_x);
        }
    }

    /// F·J.
    fn through(&self, factor: Factor) -> Factor {
        let Factor::Rows(mut f, d) = factor else {
            unreachable!("a factor times weights has rows")
        };
        for row in f.chunks_mut(self.x_hat.len()) {
            row.iter_mut().zip(&self.slope).for_each(|(g, slope)| *g *= slope);
            self.apply(row);
        }
        Factor::Rows(f, d)
    }

    /// The curvature of norm and activation themselves, where the loss has the gradient `dh`.
    fn own(&self, dh: &[f64], factors: &mut Vec<Factor>) {
        let bent: Vec<f64> = dh.iter().zip(&self.bend).map(|(dh, bend)| dh * bend).collect();
        if !self.is_normed {
            factors.push(Factor::Diagonal(bent));
            return;
        }
        let features = dh.len();
        if bent.iter().any(|bent| *bent != 0.0) {
            let mut a = vec![0.0; features * features];
            for (at, row) in a.chunks_mut(features).enumerate() {
                row[at] = 1.0;
                self.apply(row);
            }
            factors.push(Factor::Rows(a, bent));
        }
        // Of u·x̂ with u = γ·f′·dh, c = u − mean(u), S = u·x̂ and r = 1/σ:
        // −r²/n·(c·x̂ᵀ + x̂·cᵀ) − r²/n·S·(I − 1·1ᵀ/n) + 3·r²/n²·S·x̂·x̂ᵀ.
        let (n, r2) = (features as f64, self.rstd * self.rstd);
        let u: Vec<f64> = dh.iter().zip(&self.slope).map(|(dh, slope)| dh * slope).collect();
        let mean = u.iter().sum::<f64>() / n;
        let s: f64 = u.iter().zip(&self.x_hat).map(|(u, x)| u * x).sum();
        let mixed = |sign: f64| u.iter().zip(&self.x_hat).map(move |(u, x)| u - mean + sign * x);
        let rows = mixed(1.0).chain(mixed(-1.0)).chain(vec![1.0; features]);
        let rows: Vec<f64> = rows.chain(self.x_hat.iter().copied()).collect();
        let half = r2 / (2.0 * n);
        factors
            .push(Factor::Rows(rows, vec![-half, half, r2 * s / (n * n), 3.0 * r2 * s / (n * n)]));
        factors.push(Factor::Diagonal(vec![-r2 * s / n; features]));
    }
}

impl Curvature {
    /// The diagonal of the Hessian of the mean loss with respect to the weights, `[out, in]` per
    /// layer.
    ///
    /// **Panics** if samples have numbers.
    pub fn hessian_diagonal(&self, executor: &Executor, batch: &Batch) -> Vec<Vec<f64>> {
        assert!(!batch.targets.are_numbers(), "of classes alone");
        let samples = batch.targets.len();
        let trace = self.forward(executor, batch);
        // By sample, of each layer the gradient and the curvature of what its weights give out.
        let dz = self.output_gradient(&trace.outputs, &batch.targets);
        let mut of_samples: Vec<Vec<Vec<f64>>> = vec![Vec::new(); samples];
        executor.for_each(&mut of_samples, |_, sample, curvatures| {
            let dz = dz.iter().skip(sample).step_by(samples).copied().collect();
            *curvatures = self.of_sample(&trace, sample, samples, dz);
        });
        let diagonal = |l: usize| {
            let by_sample: Vec<f64> =
                of_samples.iter().flat_map(|curvatures| curvatures[l].iter().copied()).collect();
            let curvature = transposed(&by_sample, by_sample.len() / samples);
            let squares: Vec<f64> = trace.x[l].iter().map(|x| x * x).collect();
            outer(executor, &curvature, &squares, samples)
        };
        (0..self.layers.len()).map(diagonal).collect()
    }

    /// ∂²L/∂z² of every layer's outputs, of one sample.
    fn of_sample(
        &self,
        trace: &Trace,
        sample: usize,
        samples: usize,
        mut dz: Vec<f64>,
    ) -> Vec<Vec<f64>> {
        let outputs = trace.outputs.iter().skip(sample).step_by(samples);
        let outputs: Vec<f64> = outputs.copied().collect();
        let max = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exp: Vec<f64> = outputs.iter().map(|x| libm::exp(x - max)).collect();
        let sum: f64 = exp.iter().sum();
        let p: Vec<f64> = exp.iter().map(|x| x / sum).collect();
        let scale = 1.0 / (samples as f64 * self.temperature * self.temperature);
        let mut factors = vec![
            Factor::Diagonal(p.iter().map(|p| p * scale).collect()),
            Factor::Rows(p, vec![-scale]),
        ];
        let mut curvatures = Vec::new();
        for l in (0..self.layers.len()).rev() {
            let DenseLayer { weight, bias, .. } = &self.layers[l];
            let mut diagonal = vec![0.0; bias.len()];
            factors.iter().for_each(|factor| factor.add_diagonal(&mut diagonal));
            curvatures.push(diagonal);
            if l == 0 {
                break;
            }
            let inputs = weight.len() / bias.len();
            let norm = Norm::of(self, l - 1, trace, sample, samples);
            let through = |factor: Factor| norm.through(factor.times(weight, inputs));
            factors = factors.into_iter().map(through).collect();
            let mut dh = vec![0.0; inputs];
            for (dz, weight) in dz.iter().zip(weight.chunks(inputs)) {
                dh.iter_mut().zip(weight).for_each(|(sum, w)| *sum += dz * w);
            }
            norm.own(&dh, &mut factors);
            dz = dh.iter().zip(&norm.slope).map(|(dh, slope)| dh * slope).collect();
            norm.apply(&mut dz);
        }
        curvatures.reverse();
        curvatures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Activation;
    use crate::sparse::oracle::Oracle;
    use fanin_kernels::Isa;

    #[test]
    fn diagonals_are_the_oracles() {
        let mut oracle = Oracle::open("obd");
        for case in ["plain", "norm", "wide"] {
            let (network, batch) = Curvature::of_oracle(&mut oracle, case, 1.0);
            let [one, two] = [1, 2].map(|threads| {
                let executor = Executor::new(Isa::detect(), threads).unwrap();
                network.hessian_diagonal(&executor, &batch).concat()
            });
            assert_eq!(one, two, "{case}");
            let expected = oracle.numbers(&format!("{case}_h"));
            let most = expected.iter().fold(0.0, |most: f64, h| most.max(h.abs()));
            for (found, expected) in one.iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-12 * most, "{case}: {found}, {expected}");
            }
            assert_eq!(one.len(), expected.len());
            let negative = one.iter().filter(|h| **h < -1e-12 * most).count();
            assert_eq!(negative > 0, case != "plain", "a kinked net without norm has none");
        }
    }

    #[test]
    fn diagonals_are_those_of_hessian_products_for_every_activation() {
        let mut oracle = Oracle::open("obd");
        let executor = Executor::new(Isa::detect(), 1).unwrap();
        for &activation in Activation::ALL.iter() {
            let (network, batch) = Curvature::of_oracle(&mut oracle, "norm", 1.0);
            let network = Curvature { activation, ..network };
            let diagonal = network.hessian_diagonal(&executor, &batch);
            let most = diagonal.concat().iter().fold(0.0, |most: f64, h| most.max(h.abs()));
            for (l, of_layer) in diagonal.iter().enumerate() {
                for at in (0..of_layer.len()).step_by(7) {
                    let zeros = |of: &Vec<f64>| vec![0.0; of.len()];
                    let mut unit: Vec<Vec<f64>> = diagonal.iter().map(zeros).collect();
                    unit[l][at] = 1.0;
                    let product = network.hessian_times(&executor, &batch, &unit)[l][at];
                    let off = (product - of_layer[at]).abs();
                    assert!(off < 1e-10 * most, "{}, {l}, {at}", activation.name());
                }
            }
        }
    }
}
