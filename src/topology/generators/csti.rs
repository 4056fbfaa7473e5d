//! Correlated sparse topological initialisation (CSTI; Zhang et al. 2024, "Epitopological learning
//! and Cannistraci-Hebb network shape intelligence", ICLR): the first layer connects the inputs
//! that go together most in the training data. Neurons stand for inputs, in tiles where there are
//! more or fewer of them. Layers behind it have no data to look at, and get a uniform random
//! topology.

use super::degrees::Degrees;
use crate::grammar::{Card, Entry};
use crate::sparse::CsrPattern;
use crate::topology::error::TopologyError;
use crate::topology::generator::{Generated, Generator, Inputs, Request};
use crate::topology::profiled::Spread;

/// CSTI in the list of generators.
pub(super) const ENTRY: Entry<Box<dyn Generator>> = Entry {
    name: "csti",
    about: "the first layer connects inputs that correlate in the training data (Zhang et al. 2024)",
    parameters: &[],
    make: |_| Ok(Box::new(Correlated)),
};

#[derive(Debug)]
struct Correlated;

impl Generator for Correlated {
    fn card(&self) -> Card {
        Card {
            paper: "Zhang, Zhao, Wu, Muscoloni & Cannistraci: Epitopological Learning and \
                Cannistraci-Hebb Network Shape Intelligence, 2024",
            decides: "the first layer's connections: between inputs that correlate",
            when: "before training, by the training data",
            cost: "2·samples·n² flops",
        }
    }

    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let &Request { shape: [in_features, out_features], seed, layer, inputs, .. } = request;
        let degrees = Degrees::Fixed.of(request)?;
        let correlations = match inputs {
            Some(inputs) => correlations(inputs),
            None if layer == 0 => return Err(TopologyError::NoInputs),
            None => return Ok(Spread::Random.pattern(in_features, &degrees, seed, layer).into()),
        };
        let count = degrees.iter().sum();
        Ok(largest(&correlations, in_features, out_features, count).into())
    }

    fn needs_inputs(&self) -> bool {
        true
    }
}

/// |Pearson's correlation| of each pair of features, `[features, features]`, in double precision;
/// 0 of a constant feature and of each with itself. A pair is computed once, so that the matrix is
/// symmetric to the bit.
fn correlations(inputs: &dyn Inputs) -> Vec<f64> {
    /// Samples at a time: two features' stay in L1, a batch of all in L2.
    const BATCH: usize = 256;
    let (features, count) = (inputs.features(), inputs.count());
    let mut sample = vec![0.0; features];
    let mut means = vec![0.0; features];
    for index in 0..count {
        inputs.sample(index, &mut sample);
        means.iter_mut().zip(&sample).for_each(|(mean, &x)| *mean += f64::from(x));
    }
    means.iter_mut().for_each(|mean| *mean /= count.max(1) as f64);
    let mut products = vec![0.0; features * features];
    let mut centred = vec![[0.0; BATCH]; features];
    for first in (0..count).step_by(BATCH) {
        let of_batch = BATCH.min(count - first);
        for at in 0..BATCH {
            if at < of_batch {
                inputs.sample(first + at, &mut sample);
            }
            for ((centred, &x), mean) in centred.iter_mut().zip(&sample).zip(&means) {
                centred[at] = if at < of_batch { f64::from(x) - mean } else { 0.0 };
            }
        }
        for a in 0..features {
            for b in a..features {
                products[a * features + b] += dot(&centred[a], &centred[b]);
            }
        }
    }
    let spread = |a: usize| products[a * features + a].sqrt();
    // A constant's mean is rounded, and leaves it a spread of that size.
    let is_constant = |a: usize| spread(a) <= 1e-12 * means[a].abs() * (count as f64).sqrt();
    let mut correlations = vec![0.0; features * features];
    for a in 0..features {
        for b in (a + 1..features).filter(|&b| !is_constant(a) && !is_constant(b)) {
            let r = (products[a * features + b] / (spread(a) * spread(b))).abs();
            (correlations[a * features + b], correlations[b * features + a]) = (r, r);
        }
    }
    correlations
}

/// Sums side by side, for the machine's vectors.
fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The `count` largest positions of the matrix in tiles, cut to the layer; equals by the lower
/// position.
fn largest(
    correlations: &[f64],
    in_features: usize,
    out_features: usize,
    count: usize,
) -> CsrPattern {
    let features = correlations.len().isqrt();
    let value = |at: &usize| {
        let [row, col] = [at / in_features, at % in_features].map(|i| i % features);
        correlations[row * features + col]
    };
    let mut order: Vec<usize> = (0..in_features * out_features).collect();
    order.sort_by(|a, b| value(b).total_cmp(&value(a)).then(a.cmp(b)));
    order.truncate(count);
    order.sort_unstable();
    CsrPattern::from_positions(out_features, in_features, &order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::oracle::Oracle;

    /// Rows `[count, features]`.
    struct Rows(Vec<f32>, usize);

    impl Inputs for Rows {
        fn count(&self) -> usize {
            self.0.len() / self.1
        }

        fn features(&self) -> usize {
            self.1
        }

        fn sample(&self, index: usize, values: &mut [f32]) {
            values.copy_from_slice(&self.0[index * self.1..][..self.1]);
        }
    }

    #[test]
    fn correlations_and_masks_are_the_oracles() {
        let mut oracle = Oracle::open("csti");
        let x = oracle.numbers("x").into_iter().map(|x| x as f32).collect();
        let found = correlations(&Rows(x, 12));
        for (found, expected) in found.iter().zip(oracle.numbers("abs_corr")) {
            assert!((found - expected).abs() < 1e-12);
        }
        for (case, [rows, cols]) in [
            ("square", [12, 12]),
            ("tall", [24, 12]),
            ("wide", [12, 24]),
            ("slice20", [20, 12]),
            ("square_tie", [12, 12]),
        ] {
            let count = oracle.whole(&format!("{case}_nnz"))[0];
            let mask = largest(&found, cols, rows, count);
            assert_eq!(mask, oracle.pattern(&format!("{case}_mask")), "{case}");
            assert_eq!(mask.nnz(), count);
        }
    }

    #[test]
    fn a_constant_feature_correlates_with_nothing() {
        let rows: Vec<f32> = (0..300).flat_map(|i| [i as f32, 0.1, (i % 7) as f32]).collect();
        let found = correlations(&Rows(rows, 3));
        assert!(found[2] > 0.0);
        for at in [0, 1, 3, 4, 5, 7, 8] {
            assert_eq!(found[at], 0.0, "{at}");
        }
    }

    #[test]
    fn layers_behind_the_first_need_no_data() {
        let request =
            |layer| Request { shape: [20, 30], sparsity: 0.9, seed: 1, layer, inputs: None };
        assert_eq!(Correlated.generate(&request(0)), Err(TopologyError::NoInputs));
        assert_eq!(Correlated.generate(&request(1)).unwrap().pattern.nnz(), 60);
    }
}
