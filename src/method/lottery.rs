//! Lottery tickets (Frankle & Carbin 2019, "The lottery ticket hypothesis", ICLR): train, take away
//! the smallest weights of each layer, set all that is left back to where it began, train again; in
//! rounds.
//!
//! A training that is set back to a step has the steps that come after it. Weights, biases, γ and
//! β are all set back; the output layer stays whole. Controls: the same connections with weights
//! drawn anew, and as many connections anywhere.

use super::magnitude::ROUNDS;
use super::pruning::{KeptWeights, keep_largest, only};
use super::saliency::sizes;
use super::{
    LayerPlan, LayerView, Method, Moment, Network, Parameters, Plan, Scope, Slots, TieOrder,
    Weights,
};
use crate::grammar::{Card, Entry, Parameter, named};
use crate::nn::{Head, Layer, Mlp, he_normal};
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

/// Lottery tickets in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "lottery",
    about: "train, prune, set back to the beginning, train again (Frankle & Carbin 2019)",
    parameters: &[
        Parameter { default: Some("5"), ..ROUNDS },
        Parameter {
            key: "rewind",
            default: Some("0"),
            about: "the step that all is set back to, 0 the beginning (late rewinding)",
        },
        Parameter {
            key: "control",
            default: Some("ticket"),
            about: "ticket; reinit, weights drawn anew; random, connections anywhere",
        },
    ],
    make: |given| {
        Ok(Box::new(Lottery {
            rounds: given.whole("rounds", 1)?,
            rewind: given.whole("rewind", 0)?,
            control: given.one_of("control")?,
            kept: BTreeMap::new(),
        }))
    },
};

named! {
    /// What becomes of a ticket.
    pub(super) enum Control as "control" {
        /// The weights it began with.
        Ticket = "ticket",
        /// Weights drawn anew.
        Reinit = "reinit",
        /// As many connections anywhere, with the weights they began with.
        Random = "random",
    }
}

#[derive(Debug)]
struct Lottery {
    rounds: u64,
    /// The step that is kept.
    rewind: u64,
    control: Control,
    /// The network as of that step: `LAYER.TENSOR`, weights `[out, in]`.
    kept: BTreeMap<String, Vec<f32>>,
}

const TENSORS: [&str; 4] = ["weight", "bias", "gamma", "beta"];

impl Lottery {
    fn keep(&mut self, layers: &[Layer]) {
        for (index, layer) in layers.iter().enumerate() {
            let (pattern, weights) = layer.connections();
            let Head { bias, gamma, beta } = layer.head().clone();
            let tensors = [pattern.scatter(&weights), bias, gamma, beta];
            for (name, values) in TENSORS.into_iter().zip(tensors) {
                self.kept.insert(format!("{index}.{name}"), values);
            }
        }
    }

    /// A tensor as it was kept.
    fn was(&self, layer: usize, tensor: &str) -> Vec<f32> {
        self.kept[&format!("{layer}.{tensor}")].clone()
    }

    fn head(&self, layer: usize) -> Head {
        let [bias, gamma, beta] = ["bias", "gamma", "beta"].map(|name| self.was(layer, name));
        Head { bias, gamma, beta }
    }

    /// A layer's connections after a round, with the weights they go back to.
    fn prune(&self, network: &Network<'_>, layer: &LayerView<'_>, round: u64) -> LayerPlan {
        let ties = network.ties(TieOrder::Noise, layer.index);
        let positions = layer.pattern.rows() * layer.pattern.cols();
        let density = layer.budget as f64 / positions as f64;
        let count = match round == self.rounds {
            true => layer.budget,
            false => survivors(layer.pattern.nnz(), density, self.rounds),
        };
        let mut kept = keep_largest(&[(&sizes(&layer.weights), ties)], &[count], Scope::Layer);
        let mut kept = kept.remove(0);
        let rng = &mut network.rng(layer.index);
        if self.control == Control::Random {
            kept.shuffle(rng);
        }
        let plan = only(layer, &kept, KeptWeights::Kept);
        let pattern = &plan.rewiring.pattern;
        let weights = match self.control {
            Control::Reinit => {
                let mean_fan_in = pattern.nnz() as f64 / pattern.rows() as f64;
                he_normal(rng, mean_fan_in, pattern.nnz())
            }
            _ => pattern.gather(&self.was(layer.index, "weight")),
        };
        LayerPlan { weights: Weights::Given(weights), ..plan }
    }
}

/// Of so many connections those that a round leaves: p = 1 − d^(1/R) go, ⌊p·n + ½⌋.
fn survivors(connections: usize, density: f64, rounds: u64) -> usize {
    let fraction = 1.0 - libm::pow(density, 1.0 / rounds as f64);
    let gone = (fraction * connections as f64 + 0.5).floor() as usize;
    (connections - gone).max(1)
}

impl Method for Lottery {
    fn card(&self) -> Card {
        Card {
            paper: "Frankle & Carbin: The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural \
                Networks, 2019, arXiv 1803.03635; rewind: Frankle, Dziugaite, Roy & Carbin, 2020, \
                arXiv 1912.05671",
            decides: "which connections are kept: the largest weights, set back to what they were at \
                first",
            when: "between two trainings, the first of which is dense",
            cost: "a selection among all weights; the initial weights are kept",
        }
    }

    fn due(&self, moment: Moment) -> bool {
        match moment {
            Moment::Start => self.rewind == 0,
            Moment::Step(step) => step == self.rewind,
            Moment::PhaseEnd(round) => round <= self.rounds,
            _ => false,
        }
    }

    fn act(&mut self, moment: Moment, network: &Network<'_>) -> Plan {
        let layers = network.model().layers();
        let Moment::PhaseEnd(round) = moment else {
            self.keep(layers);
            return Plan::default();
        };
        // A checkpoint of others need not have it: then rounds go back to where this one stands.
        if self.kept.is_empty() {
            self.keep(layers);
        }
        let sparse = network.sparse();
        let plans: Vec<LayerPlan> =
            sparse.iter().map(|layer| self.prune(network, layer, round)).collect();
        let set = (0..layers.len()).map(|layer| {
            let is_pruned = plans.iter().any(|plan| plan.layer == layer);
            let weights = (!is_pruned)
                .then(|| layers[layer].storage().connections().gather(&self.was(layer, "weight")));
            Parameters { layer, weights, head: self.head(layer) }
        });
        let (set, values) = (set.collect(), vec![("round", round as f64)]);
        Plan { layers: plans, set, slots: Slots::Reset, values, ..Plan::default() }
    }

    fn phases(&self) -> u64 {
        self.rounds + 1
    }

    fn goes_back_to(&self) -> u64 {
        self.rewind
    }

    fn starting_sparsity(&self) -> Option<f64> {
        Some(0.0)
    }

    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        self.kept.clone()
    }

    fn restore(&mut self, state: BTreeMap<String, Vec<f32>>, model: &Mlp) -> bool {
        let is_whole = |(index, layer): (usize, &Layer)| {
            let Head { bias, gamma, beta } = layer.head();
            let positions = layer.in_features() * layer.out_features();
            let lengths = [positions, bias.len(), gamma.len(), beta.len()];
            TENSORS.iter().zip(lengths).all(|(name, length)| {
                state.get(&format!("{index}.{name}")).is_some_and(|kept| kept.len() == length)
            })
        };
        let layers = model.layers();
        let is_of_it =
            state.len() == TENSORS.len() * layers.len() && layers.iter().enumerate().all(is_whole);
        // Before the step that is kept there is nothing.
        let is_known = is_of_it || state.is_empty();
        if is_known {
            self.kept = state;
        }
        is_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_goes_in_each_round() {
        let rounds = |first: usize, density: f64, rounds: u64| -> Vec<usize> {
            let next = |left: &usize| Some(survivors(*left, density, rounds));
            std::iter::successors(Some(first), next).skip(1).take(rounds as usize).collect()
        };
        // As .8³ of all ends.
        assert_eq!(rounds(120, 0.512, 3), [96, 77, 62]);
        assert_eq!(rounds(80, 0.512, 3), [64, 51, 41]);
        assert_eq!(survivors(1, 0.01, 1), 1);
    }
}
