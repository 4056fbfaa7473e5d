//! The dendritic network model (DNM; Cannistraci's group 2025): a neuron has a few dendrites, each
//! with a block of neighbouring inputs, spread over a window around the neuron's place.

use super::degrees::Degrees;
use super::ring::{on_ring, pattern, round_half_even};
use crate::grammar::{Card, Entry, Parameter, named};
use crate::random::{Purpose, stream};
use crate::topology::error::TopologyError;
use crate::topology::generator::{Generated, Generator, Request};
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use std::collections::BTreeSet;

/// The dendritic network model in the list of generators.
pub(super) const ENTRY: Entry<Box<dyn Generator>> = Entry {
    name: "dnm",
    about: "dendritic network model: blocks of inputs around a neuron's place",
    parameters: &[
        Parameter { key: "dendrites", default: Some("3"), about: "blocks of a neuron" },
        Parameter {
            key: "alpha",
            default: Some("1"),
            about: "how much of the layer they are spread over: 0 a band, 1 all of it",
        },
        Parameter {
            key: "ends",
            default: Some("bounded"),
            about: "what is beyond the last input: bounded nothing, wrapped the first",
        },
        Degrees::PARAMETER,
    ],
    make: |given| {
        Ok(Box::new(Dendritic {
            dendrites: given.whole("dendrites", 1)? as usize,
            alpha: given.fraction("alpha")?,
            ends: given.one_of("ends")?,
            degrees: given.one_of("degrees")?,
        }))
    },
};

named! {
    /// What is beyond the ends of the inputs.
    pub(super) enum Ends as "ends" {
        /// Nothing: blocks are pushed inwards.
        Bounded = "bounded",
        /// The other end.
        Wrapped = "wrapped",
    }
}

#[derive(Debug)]
struct Dendritic {
    dendrites: usize,
    alpha: f64,
    ends: Ends,
    degrees: Degrees,
}

impl Generator for Dendritic {
    fn card(&self) -> Card {
        Card {
            paper: "Cerretti, Zhang & Cannistraci: A dendritic-inspired network science \
                generative model for topological initialization of connectivity in sparse \
                artificial neural networks, 2025",
            decides: "blocks of inputs for each dendrite of a neuron",
            when: "before training",
            cost: "one pass over all connections",
        }
    }

    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let [in_features, out_features] = request.shape;
        let degrees = self.degrees.of(request)?;
        let rng = &mut stream(request.seed, Purpose::Spread, request.layer as u64);
        let rows = degrees.iter().enumerate().map(|(row, &degree)| {
            let neuron = Neuron { row, shape: [in_features, out_features], degree };
            let mut sizes = sizes(degree, self.dendrites.min(degree));
            sizes.shuffle(rng);
            match self.ends {
                Ends::Bounded => neuron.bounded(self.alpha, &sizes),
                Ends::Wrapped => neuron.filled(neuron.wrapped(self.alpha, &sizes), rng),
            }
        });
        Ok(pattern(in_features, rows).into())
    }
}

/// The inputs of each dendrite, as equal as can be.
fn sizes(degree: usize, dendrites: usize) -> Vec<usize> {
    let (each, more) = (degree / dendrites, degree % dendrites);
    (0..dendrites).map(|at| each + usize::from(at < more)).collect()
}

/// A neuron that is to get its inputs.
struct Neuron {
    row: usize,
    shape: [usize; 2],
    degree: usize,
}

impl Neuron {
    /// The input at its place; the first after the last, for those at the end.
    fn place(&self) -> i64 {
        let [in_features, out_features] = self.shape;
        round_half_even(self.row * in_features, out_features) as i64
    }

    /// The middle of each of `dendrites` blocks: at equal distances in a window of D + α(n − D)
    /// inputs around `place`, and pulled to it by 1 − α.
    fn centres(&self, place: i64, alpha: f64, dendrites: usize) -> Vec<i64> {
        let (degree, inputs) = (self.degree as f64, self.shape[0] as f64);
        let window = (degree + alpha * (inputs - degree)).round_ties_even();
        let start = place as f64 - (window / 2.0).floor();
        let each = window / dendrites as f64;
        let centre = |k: usize| {
            let spread = start + k as f64 * each + window / (2 * dendrites) as f64;
            ((1.0 - alpha) * place as f64 + alpha * spread).round_ties_even() as i64
        };
        (0..dendrites).map(centre).collect()
    }

    /// Blocks that do not leave the inputs and do not overlap: from left to right for neurons of
    /// the first half, else from right to left. For a block that finds no room the free inputs
    /// nearest to the neuron's place step in, the lower of two.
    fn bounded(&self, alpha: f64, sizes: &[usize]) -> Vec<u32> {
        let (inputs, place) = (self.shape[0] as i64, self.place());
        let blocks = self.centres(place, alpha, sizes.len()).into_iter().zip(sizes);
        let mut blocks: Vec<(i64, i64)> =
            blocks.map(|(centre, &size)| (centre, size as i64)).collect();
        let mut chosen = BTreeSet::new();
        if 2 * self.row < self.shape[1] {
            let mut free = 0;
            for (centre, size) in blocks {
                let start = (centre - size / 2).max(free);
                if start + size <= inputs {
                    chosen.extend(start..start + size);
                    free = start + size;
                }
            }
        } else {
            // Blocks with one middle keep their order.
            blocks.sort_by_key(|(centre, _)| std::cmp::Reverse(*centre));
            let mut free = inputs;
            for (centre, size) in blocks {
                let end = (centre - size / 2 + size).min(free);
                if end - size >= 0 {
                    chosen.extend(end - size..end);
                    free = end - size;
                }
            }
        }
        let mut nearest: Vec<i64> = (0..inputs).filter(|input| !chosen.contains(input)).collect();
        nearest.sort_by_key(|input| ((input - place).abs(), *input));
        chosen.extend(&nearest[..self.degree - chosen.len()]);
        chosen.into_iter().map(|input| input as u32).collect()
    }

    /// Blocks on a ring; where two overlap, the inputs are fewer than the degree.
    fn wrapped(&self, alpha: f64, sizes: &[usize]) -> BTreeSet<u32> {
        let inputs = self.shape[0];
        let place = self.place() % inputs as i64;
        if alpha == 0.0 {
            // All blocks have one place: together they are a band around it.
            let start = place - self.degree as i64 / 2;
            return (0..self.degree as i64).map(|k| on_ring(start + k, inputs)).collect();
        }
        let centres = self.centres(place, alpha, sizes.len()).into_iter();
        let blocks = centres.zip(sizes).flat_map(|(centre, &size)| {
            let start = centre - size as i64 / 2;
            (0..size as i64).map(move |k| on_ring(start + k, inputs))
        });
        blocks.collect()
    }

    /// With as many others at random as are missing.
    fn filled(&self, mut chosen: BTreeSet<u32>, rng: &mut Pcg64) -> Vec<u32> {
        let missing = self.degree - chosen.len();
        if missing > 0 {
            let free: Vec<u32> =
                (0..self.shape[0] as u32).filter(|input| !chosen.contains(input)).collect();
            let places = rand::seq::index::sample(rng, free.len(), missing);
            chosen.extend(places.into_iter().map(|place| free[place]));
        }
        chosen.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::CsrPattern;
    use crate::sparse::oracle::Oracle;
    use crate::topology::TopologyStats;

    type Case = ([usize; 2], usize, usize, f64, String);

    fn cases() -> impl Iterator<Item = Case> {
        let layers = [
            ([16, 24], 6, 3),
            ([32, 40], 6, 3),
            ([32, 40], 9, 3),
            ([32, 32], 7, 3),
            ([96, 128], 12, 3),
            ([24, 16], 6, 3),
            ([32, 40], 12, 5),
        ];
        layers.into_iter().flat_map(|(shape, degree, dendrites)| {
            [0.0, 0.5, 1.0].map(|alpha| {
                let [inputs, outputs] = shape;
                let percent = 100.0 * alpha;
                let name = format!("{outputs}x{inputs}_D{degree}_M{dendrites}_a{percent}_");
                (shape, degree, dendrites, alpha, name)
            })
        })
    }

    fn made(shape: [usize; 2], degree: usize, inputs: impl Fn(Neuron) -> Vec<u32>) -> CsrPattern {
        let neurons = (0..shape[1]).map(|row| Neuron { row, shape, degree });
        pattern(shape[0], neurons.map(inputs))
    }

    #[test]
    fn bounded_masks_are_the_oracles() {
        let mut oracle = Oracle::open("dnm");
        for (shape, degree, dendrites, alpha, name) in cases() {
            let sizes = sizes(degree, dendrites);
            let mask = made(shape, degree, |neuron| neuron.bounded(alpha, &sizes));
            assert_eq!(mask, oracle.pattern(&format!("{name}bounded")), "{name}");
        }
    }

    #[test]
    fn wrapped_masks_are_the_oracles() {
        let mut oracle = Oracle::open("dnm");
        for (shape, degree, dendrites, alpha, name) in cases() {
            let sizes = sizes(degree, dendrites);
            let mask =
                made(shape, degree, |neuron| neuron.wrapped(alpha, &sizes).into_iter().collect());
            let overlaps = dendrites == 5 && alpha == 0.5;
            let array = match alpha {
                0.0 => "wrap_recommended",
                _ if overlaps => "wrap_before_fill",
                _ => "wrap",
            };
            assert_eq!(mask, oracle.pattern(&format!("{name}{array}")), "{name}");
            if overlaps {
                let missing: Vec<usize> = mask.fan_in().map(|fan_in| degree - fan_in).collect();
                assert_eq!(missing, oracle.whole(&format!("{name}wrap_fill_count")));
            }
        }
    }

    #[test]
    fn fan_ins_are_exact_and_follow_their_distribution() {
        let request =
            Request { shape: [784, 1024], sparsity: 0.9, seed: 2, layer: 0, inputs: None };
        for (degrees, ccv) in [
            (Degrees::Fixed, 0.0..0.01),
            (Degrees::Gaussian, 0.02..0.03),
            (Degrees::Uniform, 0.5..0.65),
            (Degrees::SpatialGaussian, 0.9..1.5),
            (Degrees::SpatialInverse, 0.5..1.0),
        ] {
            for ends in [Ends::Bounded, Ends::Wrapped] {
                let generator = Dendritic { dendrites: 3, alpha: 0.5, ends, degrees };
                let pattern = generator.generate(&request).unwrap().pattern;
                assert_eq!(pattern.nnz(), 80_282, "{degrees}, {ends}");
                let found = TopologyStats::of(&pattern).fan_in.ccv;
                assert!(ccv.contains(&found), "{degrees}: {found}");
            }
        }
    }
}
