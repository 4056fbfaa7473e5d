//! SynFlow (Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving
//! synaptic flow", NeurIPS, algorithm 1): before training and without data, keep the connections
//! that most of |W_L|·…·|W_1|·1 flows through, in many small steps.
//!
//! The flow passes the weights alone: LayerNorm would destroy its conservation. In double
//! precision.

use super::pruning::{KeptWeights, keep_largest, only};
use super::saliency::sizes;
use super::{Method, Moment, Network, Plan, Scope, TieOrder, Ties};
use crate::grammar::{Card, Entry, Parameter};
use crate::sparse::CsrPattern;

/// SynFlow in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "synflow",
    about: "before training and without data, keep what most flow passes (Tanaka et al. 2020)",
    parameters: &[
        Parameter { key: "iterations", default: Some("100"), about: "steps of pruning" },
        KeptWeights::PARAMETER,
    ],
    make: |given| {
        Ok(Box::new(SynFlow {
            iterations: given.whole("iterations", 1)?,
            weights: given.one_of("weights")?,
        }))
    },
};

#[derive(Debug)]
struct SynFlow {
    iterations: u64,
    weights: KeptWeights,
}

/// A layer's connections and the sizes of their weights.
#[derive(Clone, Debug)]
struct Flow {
    pattern: CsrPattern,
    sizes: Vec<f64>,
}

/// The score of every connection: |w|·b·a, a what flows into it from ones at the inputs, b what
/// flows out of it to the outputs.
fn scores(layers: &[Flow]) -> Vec<Vec<f64>> {
    let mut into = vec![vec![1.0; layers[0].pattern.cols()]];
    for Flow { pattern, sizes } in layers {
        let a = &into[into.len() - 1];
        let entries = |row: usize| pattern.entries(row);
        let flow = |entry: usize| sizes[entry] * a[pattern.col_idx()[entry] as usize];
        into.push((0..pattern.rows()).map(|row| entries(row).map(flow).sum()).collect());
    }
    let mut out = vec![1.0; layers[layers.len() - 1].pattern.rows()];
    let mut scores = Vec::new();
    for (Flow { pattern, sizes }, a) in layers.iter().zip(&into).rev() {
        let mut of_inputs = vec![0.0; pattern.cols()];
        let mut of_layer = Vec::with_capacity(sizes.len());
        for (row, b) in out.iter().enumerate() {
            for entry in pattern.entries(row) {
                let col = pattern.col_idx()[entry] as usize;
                of_layer.push(sizes[entry] * b * a[col]);
                of_inputs[col] += sizes[entry] * b;
            }
        }
        scores.push(of_layer);
        out = of_inputs;
    }
    scores.reverse();
    scores
}

/// The connections of the layers that are `pruned` to the density of `count` of all of theirs:
/// after step e of n those N − ⌊(1 − d^(e/n))·N⌋ that score most. Others stay whole.
fn synflow(
    mut layers: Vec<Flow>,
    pruned: &[usize],
    count: usize,
    density: f64,
    iterations: u64,
    ties: Ties,
) -> Vec<CsrPattern> {
    let all: usize = pruned.iter().map(|&layer| layers[layer].sizes.len()).sum();
    for iteration in 1..=iterations {
        let kept = match iteration == iterations {
            true => count,
            false => {
                let exponent = iteration as f64 / iterations as f64;
                all - ((1.0 - libm::pow(density, exponent)) * all as f64).floor() as usize
            }
        };
        let scores = scores(&layers);
        let scored: Vec<(&[f64], Ties)> =
            pruned.iter().map(|&layer| (&scores[layer][..], ties)).collect();
        let mut counts = vec![0; scored.len()];
        counts[0] = kept;
        let marks = keep_largest(&scored, &counts, Scope::Network);
        for (&layer, marks) in pruned.iter().zip(marks) {
            let Flow { pattern, sizes } = &mut layers[layer];
            *pattern = pattern.only(&marks);
            let mut marks = marks.into_iter();
            sizes.retain(|_| marks.next() == Some(true));
        }
    }
    layers.into_iter().map(|flow| flow.pattern).collect()
}

impl Method for SynFlow {
    fn card(&self) -> Card {
        Card {
            paper: "Tanaka, Kunin, Yamins & Ganguli: Pruning neural networks without any data by \
                iteratively conserving synaptic flow, 2020, arXiv 2006.05467",
            decides: "which connections are kept: those that most of the flow of |w| from all inputs to \
                all outputs passes",
            when: "before the first step, once, in 100 rounds",
            cost: "a pass of one sample in each round, of the connections that are left",
        }
    }

    fn due(&self, moment: Moment) -> bool {
        moment == Moment::Start
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        let views = network.sparse();
        let pruned: Vec<usize> = views.iter().map(|layer| layer.index).collect();
        let count: usize = views.iter().map(|layer| layer.budget).sum();
        let all: usize = views.iter().map(|layer| layer.pattern.nnz()).sum();
        let flow = |layer: &crate::nn::Layer| {
            let (pattern, weights) = layer.connections();
            let sizes = weights.iter().map(|w| f64::from(w.abs())).collect();
            Flow { pattern: (*pattern).clone(), sizes }
        };
        let layers: Vec<Flow> = network.model().layers().iter().map(flow).collect();
        let ties = network.ties(TieOrder::Noise, 0);
        let density = count as f64 / all as f64;
        let kept = synflow(layers, &pruned, count, density, self.iterations, ties);
        let plan = |layer: &super::LayerView<'_>| {
            let kept = &kept[layer.index];
            let mut positions = kept.positions().peekable();
            let mut marks: Vec<bool> =
                layer.pattern.positions().map(|at| positions.next_if_eq(&at).is_some()).collect();
            if !marks.contains(&true) {
                let scored = (&sizes(&layer.weights)[..], ties);
                marks = keep_largest(&[scored], &[1], Scope::Layer).remove(0);
            }
            only(layer, &marks, self.weights)
        };
        let layers = views.iter().map(plan).collect();
        Plan { layers, ..Plan::default() }
    }

    fn starting_sparsity(&self) -> Option<f64> {
        Some(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::TIES;
    use crate::sparse::oracle::Oracle;

    fn chain(oracle: &mut Oracle, name: &str) -> Vec<Flow> {
        let sizes = oracle.whole(&format!("{name}_sizes"));
        let layer = |l: usize| {
            let weights = oracle.numbers(&format!("{name}_w{l}"));
            let pattern = CsrPattern::full(sizes[l + 1], sizes[l]);
            Flow { pattern, sizes: weights.iter().map(|w| w.abs()).collect() }
        };
        (0..sizes.len() - 1).map(layer).collect()
    }

    #[test]
    fn flow_is_the_oracles_and_conserved() {
        let mut oracle = Oracle::open("synflow");
        for name in ["plain", "wide"] {
            let layers = chain(&mut oracle, name);
            let scores = scores(&layers);
            let expected = oracle.numbers(&format!("{name}_score"));
            for (found, expected) in scores.concat().iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-12 * expected, "{name}");
            }
            let r = oracle.numbers(&format!("{name}_r"))[0];
            for of_layer in &scores {
                assert!((of_layer.iter().sum::<f64>() - r).abs() <= 1e-12 * r, "{name}");
            }
            for l in [0, 1] {
                let (before, after) = (&layers[l].pattern, &layers[l + 1].pattern);
                for unit in 0..before.rows() {
                    let into: f64 = before.entries(unit).map(|entry| scores[l][entry]).sum();
                    let out: f64 = (0..after.rows())
                        .map(|row| scores[l + 1][after.entries(row).start + unit])
                        .sum();
                    assert!((into - out).abs() <= 1e-12 * into, "{name}, unit {unit} of {l}");
                }
            }
        }
    }

    #[test]
    fn masks_are_the_oracles_after_one_step_and_after_a_hundred() {
        let mut oracle = Oracle::open("synflow");
        let densities = oracle.numbers("densities");
        for name in ["plain", "wide"] {
            let layers = chain(&mut oracle, name);
            let sizes: Vec<usize> = layers.iter().map(|flow| flow.sizes.len()).collect();
            for (scope, pruned) in [("all", &[0, 1, 2][..]), ("hidden", &[0, 1])] {
                let all: usize = pruned.iter().map(|&layer| sizes[layer]).sum();
                for iterations in [1, 100] {
                    let masks = oracle.numbers(&format!("{name}_keep{iterations}_{scope}"));
                    for (density, mask) in densities.iter().zip(masks.chunks(all)) {
                        let count = (density * all as f64 + 0.5).floor() as usize;
                        let kept =
                            synflow(layers.clone(), pruned, count, *density, iterations, TIES);
                        let mut first = 0;
                        for &layer in pruned {
                            let mask = &mask[first..][..sizes[layer]];
                            first += sizes[layer];
                            let expected: Vec<usize> =
                                (0..mask.len()).filter(|&at| mask[at] != 0.0).collect();
                            let found: Vec<usize> = kept[layer].positions().collect();
                            assert_eq!(found, expected, "{name} {scope} {iterations} {density}");
                            assert!(iterations == 1 || !found.is_empty(), "no layer collapses");
                        }
                        let output_is_whole = kept[2].nnz() == sizes[2];
                        assert!(output_is_whole || scope == "all");
                    }
                }
            }
        }
    }
}
