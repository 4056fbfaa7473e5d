//! Small worlds (Watts & Strogatz 1998) between two layers, as Cannistraci-Hebb training starts
//! from them: a neuron's neighbours on the ring of inputs, some connections moved anywhere.
//!
//! Rings begin at a true floor and fan-ins are the outputs'; the authors' code cuts negative
//! beginnings towards 0, and fixes the fan-outs of a layer with more inputs than neurons.

use super::degrees::Degrees;
use super::ring::{on_ring, pattern};
use crate::grammar::{Card, Entry, Parameter};
use crate::random::{Purpose, stream};
use crate::sparse::{CsrPattern, free_positions};
use crate::topology::error::TopologyError;
use crate::topology::generator::{Generated, Generator, Request};
use rand::RngExt;
use rand_pcg::Pcg64;

/// Watts–Strogatz in the list of generators.
pub(super) const ENTRY: Entry<Box<dyn Generator>> = Entry {
    name: "ws",
    about: "Watts–Strogatz: neighbours on a ring, a share of them moved anywhere",
    parameters: &[Parameter {
        key: "beta",
        default: Some("0.15"),
        about: "how likely a connection is moved",
    }],
    make: |given| Ok(Box::new(WattsStrogatz { beta: given.fraction("beta")? })),
};

#[derive(Debug)]
struct WattsStrogatz {
    /// β.
    beta: f64,
}

impl Generator for WattsStrogatz {
    fn card(&self) -> Card {
        Card {
            paper: "Watts & Strogatz: Collective dynamics of 'small-world' networks, 1998; \
                between two layers: Zhang et al., arXiv 2501.19107",
            decides: "neighbours on a ring, some of them moved",
            when: "before training",
            cost: "one pass over all connections",
        }
    }

    /// Each connection of the ring is removed with probability β; as many come, uniformly among the
    /// positions that are free then.
    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let [in_features, _] = request.shape;
        let ring = ring(in_features, &Degrees::Fixed.of(request)?);
        let rng = &mut stream(request.seed, Purpose::Spread, request.layer as u64);
        Ok(rewire(&ring, self.beta, rng).into())
    }
}

/// Moves each connection with probability β to a position that is free then.
pub(super) fn rewire(ring: &CsrPattern, beta: f64, rng: &mut Pcg64) -> CsrPattern {
    let stays: Vec<bool> = (0..ring.nnz()).map(|_| rng.random::<f64>() >= beta).collect();
    let moved = stays.iter().filter(|stays| !**stays).count();
    let free = ring.cols() * ring.rows() - (ring.nnz() - moved);
    let mut places = rand::seq::index::sample(rng, free, moved).into_vec();
    places.sort_unstable();
    rewired(ring, &stays, &places)
}

/// Neuron i has its D_i inputs in a row, the middle at its place: from ⌊i·n/m − D_i/2⌋ on.
fn ring(in_features: usize, degrees: &[usize]) -> CsrPattern {
    let neurons = degrees.len() as i64;
    let rows = degrees.iter().enumerate().map(|(row, &degree)| {
        let doubled = 2 * row as i64 * in_features as i64 - degree as i64 * neurons;
        let start = doubled.div_euclid(2 * neurons);
        (0..degree as i64).map(|k| on_ring(start + k, in_features)).collect()
    });
    pattern(in_features, rows)
}

/// What stays, and the free positions at these places among all that are free without the rest.
fn rewired(ring: &CsrPattern, stays: &[bool], places: &[usize]) -> CsrPattern {
    let staying = ring.positions().zip(stays).filter(|(_, stays)| **stays).map(|(at, _)| at);
    let total = ring.rows() * ring.cols();
    let mut positions = free_positions(total, staying.clone(), places);
    positions.extend(staying);
    positions.sort_unstable();
    CsrPattern::from_positions(ring.rows(), ring.cols(), &positions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::oracle::Oracle;

    #[test]
    fn rings_are_those_of_the_oracle() {
        let mut oracle = Oracle::open("watts_strogatz");
        for case in ["24x16_s75000", "40x32_s84375", "24x16_s70000", "128x96_s87500", "16x24"] {
            let degrees = oracle.whole(&format!("{case}_degree"));
            let expected = oracle.pattern(&format!("{case}_ring"));
            assert_eq!(ring(expected.cols(), &degrees), expected, "{case}");
        }
    }

    #[test]
    fn a_rewiring_with_given_draws_is_the_oracles() {
        let mut oracle = Oracle::open("watts_strogatz");
        let [removed, added, returned] =
            ["removed", "added", "returned"].map(|name| oracle.whole(&format!("rewire_{name}")));
        let start = oracle.pattern("rewire_start");
        assert!(returned.iter().all(|at| removed.contains(at) && added.contains(at)));
        let stays: Vec<bool> = start.positions().map(|at| !removed.contains(&at)).collect();
        let taken: Vec<usize> = start.positions().filter(|at| !removed.contains(at)).collect();
        // A free position's place among the free ones.
        let mut places: Vec<usize> =
            added.iter().map(|at| at - taken.iter().filter(|taken| *taken < at).count()).collect();
        places.sort_unstable();
        assert_eq!(rewired(&start, &stays, &places), oracle.pattern("rewire_final"));
    }

    #[test]
    fn a_share_of_the_connections_is_moved_and_none_is_lost() {
        let request = Request { shape: [300, 200], sparsity: 0.9, seed: 5, layer: 1, inputs: None };
        let make = |beta| WattsStrogatz { beta }.generate(&request).unwrap().pattern;
        let ring = make(0.0);
        for (beta, share) in [(0.15, 0.15), (1.0, 1.0)] {
            let pattern = make(beta);
            assert_eq!(pattern.nnz(), 6000);
            // One in ten of those that move falls on a place of the ring again.
            let moved = 6000.0 - pattern.common(&ring) as f64;
            let expected = 6000.0 * share * 0.9;
            assert!((moved - expected).abs() < 150.0, "{beta}: {moved}, {expected}");
        }
    }
}
