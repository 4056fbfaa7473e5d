//! Erdős–Rényi layers as SET starts from them (Mocanu et al. 2018): as many connections as a
//! multiple of the layer's inputs and neurons, anywhere.

use crate::grammar::{Card, Entry, Parameter};
use crate::random::{Purpose, stream};
use crate::sparse::CsrPattern;
use crate::topology::error::TopologyError;
use crate::topology::generator::{Generated, Generator, Request};

/// Erdős–Rényi in the list of generators.
pub(super) const ENTRY: Entry<Box<dyn Generator>> = Entry {
    name: "er",
    about: "Erdős–Rényi as SET has it: density ε(n + m)/(n·m), whatever sparsity is asked for",
    parameters: &[Parameter {
        key: "epsilon",
        default: Some("20"),
        about: "connections for each input and each neuron",
    }],
    make: |given| Ok(Box::new(ErdosRenyi { epsilon: given.positive("epsilon")? })),
};

#[derive(Debug)]
struct ErdosRenyi {
    epsilon: f64,
}

impl ErdosRenyi {
    /// ⌈ε(n + m)⌉, at most all positions. What is whole but for f64's rounding counts as whole.
    fn connections(&self, [in_features, out_features]: [usize; 2]) -> usize {
        let wanted = (self.epsilon * (in_features + out_features) as f64 - 1e-9).ceil();
        (wanted as usize).clamp(1, in_features * out_features)
    }
}

impl Generator for ErdosRenyi {
    fn card(&self) -> Card {
        Card {
            paper: "Mocanu et al.: Scalable training of artificial neural networks with \
                adaptive sparse connectivity inspired by network science, 2018, arXiv \
                1707.04780",
            decides: "any connections, ε(n + m) of them",
            when: "before training",
            cost: "one pass over all connections",
        }
    }

    fn takes_groups(&self) -> bool {
        false
    }

    /// Exactly ⌈ε(n + m)⌉ connections, each set of positions as likely as any other. (SET's code
    /// draws with replacement, and so ends with fewer.)
    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let [in_features, out_features] = request.shape;
        let rng = &mut stream(request.seed, Purpose::Spread, request.layer as u64);
        let positions = in_features * out_features;
        let chosen = rand::seq::index::sample(rng, positions, self.connections(request.shape));
        let mut chosen = chosen.into_vec();
        chosen.sort_unstable();
        Ok(CsrPattern::from_positions(out_features, in_features, &chosen).into())
    }
}
