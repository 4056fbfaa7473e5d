//! Magnitude pruning (Han et al. 2015, "Learning both weights and connections for efficient neural
//! networks", NIPS): train, take away the smallest weights, train on from what is left; at once or
//! in rounds.
//!
//! What is smallest may also be what the loss would rise by least: optimal brain damage (Le Cun et
//! al. 1989). Each training has all epochs; weights go on from their trained values, the optimiser
//! begins anew. The output layer stays whole.

use super::pruning::{KeptWeights, SCOPE_LAYER, only, pruned};
use super::saliency::{SALIENCY, SAMPLES, Salience};
use super::{LayerView, Method, Moment, Network, Plan, Scope, Slots};
use crate::grammar::{Card, Entry, Parameter};

/// Magnitude pruning in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "magnitude",
    about: "train, take away the smallest weights, train on; in rounds (Han et al. 2015)",
    parameters: &[
        ROUNDS,
        SCOPE_LAYER,
        SALIENCY,
        SAMPLES,
        Parameter {
            key: "quality",
            default: Some("0"),
            about: "instead of the sparsity asked for: what is below so many standard deviations of \
                    its layer goes, in each round; 0 is off",
        },
    ],
    make: |given| {
        Ok(Box::new(Magnitude {
            rounds: given.whole("rounds", 1)?,
            scope: given.one_of("scope")?,
            quality: given.not_negative("quality")?,
            salience: Salience::from_arguments(given)?,
        }))
    },
};

/// How often connections are taken away.
pub(super) const ROUNDS: Parameter =
    Parameter { key: "rounds", default: Some("1"), about: "times that connections are taken away" };

#[derive(Debug)]
struct Magnitude {
    rounds: u64,
    scope: Scope,
    quality: f64,
    salience: Salience,
}

/// Connections of so many that are left after a round: ⌊d^(r/R)·N + ½⌋, one at least.
pub(super) fn left(positions: usize, density: f64, round: u64, rounds: u64) -> usize {
    let of_all = libm::pow(density, round as f64 / rounds as f64) * positions as f64;
    ((of_all + 0.5).floor() as usize).max(1)
}

/// Marks the weights that are at least `quality` standard deviations of all of them (over N) in
/// size; the largest in any case.
fn above_deviation(weights: &[f32], quality: f64) -> Vec<bool> {
    let count = weights.len() as f64;
    let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
    let variance = weights.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>() / count;
    let most = weights.iter().fold(0.0, |most: f32, w| most.max(w.abs()));
    let least = quality * variance.sqrt();
    weights.iter().map(|w| f64::from(w.abs()) >= least || w.abs() == most).collect()
}

impl Magnitude {
    /// Connections of each layer after a round; over the network only their sum counts.
    fn counts(&self, layers: &[LayerView<'_>], round: u64) -> Vec<usize> {
        let positions = |layer: &LayerView<'_>| layer.pattern.rows() * layer.pattern.cols();
        let left = |positions: usize, budget: usize| {
            left(positions, budget as f64 / positions as f64, round, self.rounds)
        };
        match self.scope {
            Scope::Layer => {
                layers.iter().map(|layer| left(positions(layer), layer.budget)).collect()
            }
            Scope::Network => {
                let all = layers.iter().map(positions).sum();
                let total = left(all, layers.iter().map(|layer| layer.budget).sum());
                [total].into_iter().chain(layers[1..].iter().map(|_| 0)).collect()
            }
        }
    }
}

impl Method for Magnitude {
    fn card(&self) -> Card {
        Card {
            paper: "Han, Pool, Tran & Dally: Learning both Weights and Connections for Efficient \
                Neural Networks, 2015, arXiv 1506.02626; saliency=obd: Le Cun, Denker & Solla: \
                Optimal Brain Damage, 1989",
            decides: "which connections are kept: the largest weights, or those whose loss would cost \
                most",
            when: "between two trainings, the first of which is dense",
            cost: "a selection among all weights; obd: the Hessian's diagonal over some samples",
        }
    }

    fn due(&self, moment: Moment) -> bool {
        matches!(moment, Moment::PhaseEnd(round) if round <= self.rounds)
    }

    fn act(&mut self, moment: Moment, network: &Network<'_>) -> Plan {
        let Moment::PhaseEnd(round) = moment else { unreachable!("no other moment is due") };
        let layers = network.sparse();
        let layers = match self.quality {
            0.0 => {
                let (scores, counts) =
                    (self.salience.of(network, &layers), self.counts(&layers, round));
                pruned(network, &layers, &scores, &counts, self.scope, KeptWeights::Kept)
            }
            quality => {
                let kept = |layer: &LayerView<'_>| above_deviation(&layer.weights, quality);
                layers.iter().map(|layer| only(layer, &kept(layer), KeptWeights::Kept)).collect()
            }
        };
        let values = vec![("round", round as f64)];
        Plan { layers, slots: Slots::Reset, values, ..Plan::default() }
    }

    fn phases(&self) -> u64 {
        self.rounds + 1
    }

    fn starting_sparsity(&self) -> Option<f64> {
        Some(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::saliency::sizes;
    use crate::method::testing::{TIES, single};
    use crate::method::{Ties, keep_largest};
    use crate::sparse::oracle::Oracle;

    #[test]
    fn the_largest_stay_and_what_is_within_deviations_goes() {
        let mut oracle = Oracle::open("magnitude");
        let densities = oracle.numbers("densities");
        for net in ["tiny", "wide"] {
            let weights = [0, 1, 2].map(|l| single(oracle.numbers(&format!("{net}_w{l}"))));
            let scores = weights.each_ref().map(|weights| sizes(weights));
            for (scope, array, layers) in [
                (Scope::Network, "all", &scores[..]),
                (Scope::Network, "hidden", &scores[..2]),
                (Scope::Layer, "layer", &scores[..2]),
            ] {
                let masks = oracle.numbers(&format!("{net}_keep_{array}"));
                let kept = oracle.whole(&format!("{net}_kept_{array}"));
                let all: usize = layers.iter().map(Vec::len).sum();
                let scored: Vec<(&[f64], Ties)> = layers.iter().map(|l| (&l[..], TIES)).collect();
                for (at, density) in densities.iter().enumerate() {
                    let counts: Vec<usize> = match scope {
                        Scope::Layer => {
                            layers.iter().map(|l| left(l.len(), *density, 1, 1)).collect()
                        }
                        Scope::Network => {
                            let rest = layers[1..].iter().map(|_| 0);
                            [left(all, *density, 1, 1)].into_iter().chain(rest).collect()
                        }
                    };
                    let found = keep_largest(&scored, &counts, scope);
                    let expected: Vec<bool> =
                        masks[at * all..][..all].iter().map(|x| *x != 0.0).collect();
                    assert!(found.concat() == expected, "{net} {array} {density}");
                    for (layer, found) in found.iter().enumerate() {
                        let count = found.iter().filter(|kept| **kept).count();
                        let per_density = kept.len() / densities.len();
                        assert_eq!(count, kept[at * per_density + layer], "{net} {array}");
                    }
                }
            }
            let qualities = oracle.numbers(&format!("{net}_quality"));
            let masks = oracle.numbers(&format!("{net}_keep_std"));
            for (at, quality) in qualities.iter().enumerate() {
                let found: Vec<bool> =
                    weights[..2].iter().flat_map(|w| above_deviation(w, *quality)).collect();
                let expected: Vec<bool> =
                    masks[at * found.len()..][..found.len()].iter().map(|x| *x != 0.0).collect();
                assert!(found == expected, "{net} {quality}");
            }
        }
    }

    #[test]
    fn rounds_end_at_the_density_asked_for() {
        // ⌊.1^(r/3)·N + ½⌋.
        let of = |positions| [1, 2, 3].map(|round| left(positions, 0.1, round, 3));
        assert_eq!((of(120), of(80), of(200)), ([56, 26, 12], [37, 17, 8], [93, 43, 20]));
        assert_eq!(left(3, 0.01, 1, 1), 1);
    }
}
