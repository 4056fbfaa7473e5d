//! SNIP (Lee, Ajanthan & Torr 2019, "Single-shot network pruning based on connection sensitivity",
//! ICLR): before training, keep the connections whose removal would change a batch's loss most,
//! |w·∂L/∂w|.

use super::pruning::{self, KeptWeights, pruned};
use super::{Method, Moment, Network, Plan, Scope};
use crate::grammar::{Card, Entry, Parameter};
use crate::nn::Curvature;

/// SNIP in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "snip",
    about: "before training, keep what a batch's loss is most sensitive to (Lee et al. 2019)",
    parameters: &[
        Parameter { key: "samples", default: Some("100"), about: "samples of that batch" },
        pruning::SCOPE,
        KeptWeights::PARAMETER,
    ],
    make: |given| {
        Ok(Box::new(Snip {
            samples: given.whole("samples", 1)? as usize,
            scope: given.one_of("scope")?,
            weights: given.one_of("weights")?,
        }))
    },
};

#[derive(Debug)]
struct Snip {
    samples: usize,
    scope: Scope,
    weights: KeptWeights,
}

/// |w·g|.
fn sensitivity(weights: &[f64], gradient: &[f64]) -> Vec<f64> {
    weights.iter().zip(gradient).map(|(w, g)| (w * g).abs()).collect()
}

impl Method for Snip {
    fn card(&self) -> Card {
        Card {
            paper: "Lee, Ajanthan & Torr: SNIP: Single-shot Network Pruning based on Connection \
                Sensitivity, 2019, arXiv 1810.02340",
            decides: "which connections are kept: those of the largest |w·∂L/∂w|",
            when: "before the first step, once",
            cost: "one dense pass of a batch, forward and back",
        }
    }

    fn due(&self, moment: Moment) -> bool {
        moment == Moment::Start
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        let layers = network.sparse();
        let batch = network.batch(&network.some_samples(self.samples));
        let curvature = Curvature::of(network.model(), 1.0);
        let gradients = curvature.gradient(network.executor(), &batch);
        let scores: Vec<Vec<f64>> = layers
            .iter()
            .map(|layer| sensitivity(curvature.weight(layer.index), &gradients[layer.index]))
            .collect();
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
    use crate::parallel::Executor;
    use fanin_kernels::Isa;

    #[test]
    fn sensitivities_and_masks_are_the_oracles() {
        let executor = Executor::new(Isa::detect(), 2).unwrap();
        for name in ["plain", "norm", "wide"] {
            let mut net = OracleNet::open("snip", name, 1.0);
            let gradients = net.curvature.gradient(&executor, &net.batch);
            let scores: Vec<Vec<f64>> =
                (0..3).map(|l| sensitivity(net.curvature.weight(l), &gradients[l])).collect();
            let expected = net.numbers("score");
            let most = expected.iter().copied().fold(0.0, f64::max);
            for (found, expected) in scores.concat().iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-12 * most, "{name}");
            }
            net.expect_masks(&scores, "keep");
        }
    }
}
