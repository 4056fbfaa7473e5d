//! GraSP (Wang, Zhang & Grosse 2020, "Picking winning tickets before training by preserving
//! gradient flow", ICLR): before training, keep the connections without which the gradient's norm
//! would fall most, by w·(H·g), signed: the largest stay (their eq 8 has the other sign, and
//! removes the largest).
//!
//! g and H run over the hidden weights alone, which are what is pruned.

use super::pruning::{self, KeptWeights, pruned};
use super::{Method, Moment, Network, Plan, Scope};
use crate::grammar::{Card, Entry, Parameter};
use crate::nn::{Batch, Curvature};
use crate::parallel::Executor;

/// GraSP in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "grasp",
    about: "before training, keep what the gradient's flow depends on (Wang et al. 2020)",
    parameters: &[
        Parameter {
            key: "samples-per-class",
            default: Some("10"),
            about: "samples of each class (of numbers, ten times as many of any)",
        },
        Parameter {
            key: "temperature",
            default: Some("200"),
            about: "what the outputs are divided by",
        },
        pruning::SCOPE,
        KeptWeights::PARAMETER,
    ],
    make: |given| {
        Ok(Box::new(Grasp {
            samples_per_class: given.whole("samples-per-class", 1)? as usize,
            temperature: given.positive("temperature")?,
            scope: given.one_of("scope")?,
            weights: given.one_of("weights")?,
        }))
    },
};

#[derive(Debug)]
struct Grasp {
    samples_per_class: usize,
    temperature: f64,
    scope: Scope,
    weights: KeptWeights,
}

/// w·(H·g) of every weight of these layers, over which g and H run.
fn scores(
    executor: &Executor,
    curvature: &Curvature,
    batch: &Batch,
    layers: &[usize],
) -> Vec<Vec<f64>> {
    let mut gradient = curvature.gradient(executor, batch);
    for (layer, gradient) in gradient.iter_mut().enumerate() {
        if !layers.contains(&layer) {
            gradient.fill(0.0);
        }
    }
    let products = curvature.hessian_times(executor, batch, &gradient);
    let score = |&layer: &usize| {
        let weights = curvature.weight(layer).iter();
        weights.zip(&products[layer]).map(|(w, hg)| w * hg).collect()
    };
    layers.iter().map(score).collect()
}

impl Method for Grasp {
    fn card(&self) -> Card {
        Card {
            paper: "Wang, Zhang & Grosse: Picking Winning Tickets Before Training by Preserving \
                Gradient Flow, 2020, arXiv 2002.07376",
            decides: "which connections are kept: those whose loss would lower the gradient's flow \
                most, -w·(H·g)",
            when: "before the first step, once",
            cost: "a gradient and a Hessian times it: four dense passes of a batch",
        }
    }

    fn due(&self, moment: Moment) -> bool {
        moment == Moment::Start
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        let layers = network.sparse();
        let batch = network.batch(&network.samples_of_each_class(self.samples_per_class));
        let curvature = Curvature::of(network.model(), self.temperature);
        let indices: Vec<usize> = layers.iter().map(|layer| layer.index).collect();
        let scores = scores(network.executor(), &curvature, &batch, &indices);
        let counts: Vec<usize> = layers.iter().map(|layer| layer.budget).collect();
        let layers = pruned(network, &layers, &scores, &counts, self.scope, self.weights);
        Plan { layers, ..Plan::default() }
    }

    fn starting_sparsity(&self) -> Option<f64> {
        Some(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::OracleNet;
    use fanin_kernels::Isa;

    #[test]
    fn masks_are_the_oracles() {
        let executor = Executor::new(Isa::detect(), 2).unwrap();
        for (name, temperature) in
            [("plain", 200.0), ("plain", 1.0), ("norm", 200.0), ("norm", 1.0), ("wide", 200.0)]
        {
            let mut net = OracleNet::open("grasp", name, temperature);
            let of = |layers: &[usize]| scores(&executor, &net.curvature, &net.batch, layers);
            let (all, hidden) = (of(&[0, 1, 2]), of(&[0, 1]));
            let prefix = format!("t{temperature}_keep");
            net.expect_mask(&all, &format!("{prefix}_all"), Scope::Network);
            net.expect_mask(&hidden, &format!("{prefix}_hidden"), Scope::Network);
            net.expect_mask(&hidden, &format!("{prefix}_layer"), Scope::Layer);
        }
    }
}
