//! Bipartite receptive fields (BRF; Zhang et al. 2025, arXiv 2501.19107): a neuron's inputs lie
//! near its place on a ring, the more so the smaller `r`.
//!
//! Fan-ins are the outputs'. The authors' code fixes those of the smaller side, and puts centres a
//! whole number of inputs apart, which leaves 240 of 1024 neurons off the diagonal of 784 inputs.

use super::degrees::Degrees;
use super::ring::{centre, distance, on_ring, pattern};
use crate::grammar::{Card, Entry, Parameter};
use crate::random::{Purpose, stream};
use crate::topology::error::TopologyError;
use crate::topology::generator::{Generated, Generator, Request};
use rand::RngExt;

/// Bipartite receptive fields in the list of generators.
pub(super) const ENTRY: Entry<Box<dyn Generator>> = Entry {
    name: "brf",
    about: "bipartite receptive fields: inputs near a neuron's place (Zhang et al. 2025)",
    parameters: &[
        Parameter {
            key: "r",
            default: Some("0.25"),
            about: "randomness: 0 the nearest inputs, 1 any inputs",
        },
        Degrees::PARAMETER,
    ],
    make: |given| {
        let (randomness, degrees) = (given.fraction("r")?, given.one_of("degrees")?);
        Ok(Box::new(ReceptiveField { randomness, degrees }))
    },
};

#[derive(Debug)]
struct ReceptiveField {
    /// r.
    randomness: f64,
    degrees: Degrees,
}

impl Generator for ReceptiveField {
    fn card(&self) -> Card {
        Card {
            paper: "Zhang et al.: Brain network science modelling of sparse neural networks \
                enables Transformers and LLMs to perform as fully connected, 2025, arXiv \
                2501.19107",
            decides: "inputs near a neuron's place",
            when: "before training",
            cost: "a draw for each position",
        }
    }

    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let [in_features, _] = request.shape;
        let degrees = self.degrees.of(request)?;
        let rng = &mut stream(request.seed, Purpose::Spread, request.layer as u64);
        let rows = degrees.iter().enumerate().map(|(row, &degree)| {
            let centre = centre(row, request.shape);
            if self.randomness == 0.0 {
                return nearest(centre, degree, in_features);
            }
            // Drawn without replacement: the smallest of exponential times at these rates.
            let rates = rates(centre, self.randomness, in_features);
            let time = |rate: &f64| -(1.0 - rng.random::<f64>()).ln() / rate;
            let times: Vec<f64> = rates.iter().map(time).collect();
            let mut order: Vec<u32> = (0..in_features as u32).collect();
            order.sort_by(|&a, &b| times[a as usize].total_cmp(&times[b as usize]));
            order.truncate(degree);
            order
        });
        Ok(pattern(in_features, rows).into())
    }
}

/// How likely each input is, up to a factor: (1 + d)^(−(1 − r)/r), d from the centre.
fn rates(centre: usize, randomness: f64, in_features: usize) -> Vec<f64> {
    let exponent = -(1.0 - randomness) / randomness;
    let rate = |input| (1.0 + distance(centre, input, in_features) as f64).powf(exponent);
    (0..in_features).map(rate).collect()
}

/// The inputs nearest to the centre: 0, −1, 1, −2, 2, … from it.
fn nearest(centre: usize, degree: usize, in_features: usize) -> Vec<u32> {
    let offset = |k: usize| {
        let steps = k.div_ceil(2) as i64;
        if k % 2 == 1 { -steps } else { steps }
    };
    (0..degree).map(|k| on_ring(centre as i64 + offset(k), in_features)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::oracle::Oracle;

    #[test]
    fn centres_likelihoods_and_bands_are_those_of_the_oracle() {
        let mut oracle = Oracle::open("brf");
        let of_all = oracle.numbers("r");
        for shape in [[16, 24], [32, 40], [24, 16], [96, 128]] {
            let [in_features, out_features] = shape;
            let name = |array: &str| format!("{out_features}x{in_features}_{array}");
            let centres = oracle.whole(&name("centre"));
            let found: Vec<usize> = (0..out_features).map(|row| centre(row, shape)).collect();
            assert_eq!(found, centres, "{shape:?}");
            for degree in [4, 5] {
                let band = oracle.pattern(&name(&format!("nearest_D{degree}")));
                let rows = centres.iter().map(|&centre| nearest(centre, degree, in_features));
                assert_eq!(pattern(in_features, rows), band, "{shape:?}, {degree}");
            }
            let likelihoods = oracle.numbers(&name("prob"));
            let per_r = in_features * out_features;
            let of = if likelihoods.len() == per_r { &[0.25][..] } else { &of_all };
            for (likelihoods, &randomness) in likelihoods.chunks(per_r).zip(of) {
                for (expected, &centre) in likelihoods.chunks(in_features).zip(&centres) {
                    let rates = rates(centre, randomness, in_features);
                    let total: f64 = rates.iter().sum();
                    for (rate, expected) in rates.iter().zip(expected) {
                        assert!(
                            (rate / total - expected).abs() < 1e-12,
                            "{shape:?} r {randomness}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_first_draw_is_as_likely_as_it_should_be() {
        // One input per neuron, many seeds: counts are binomial.
        let shape = [16, 24];
        let field = ReceptiveField { randomness: 0.5, degrees: Degrees::Fixed };
        let (mut counts, seeds) = (vec![0.0; 16 * 24], 4000);
        for seed in 0..seeds {
            let request =
                Request { shape, sparsity: 1.0 - 1.0 / 16.0, seed, layer: 0, inputs: None };
            let made = field.generate(&request).unwrap().pattern;
            made.positions().for_each(|at| counts[at] += 1.0);
        }
        for row in 0..24 {
            let rates = rates(centre(row, shape), 0.5, 16);
            let total: f64 = rates.iter().sum();
            for (input, rate) in rates.iter().enumerate() {
                let (p, n) = (rate / total, seeds as f64);
                let off = (counts[row * 16 + input] - n * p).abs();
                assert!(off < 5.0 * (n * p * (1.0 - p)).sqrt(), "row {row}, input {input}");
            }
        }
    }
}
