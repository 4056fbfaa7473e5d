//! Scale-free layers (Barabási & Albert 1999), made bipartite as Cannistraci-Hebb training has it:
//! a graph of all inputs and neurons grows by preferential attachment, its nodes are split at
//! random into the two sides, and connections within a side become connections between them.
//!
//! The growth misses the budget by a few connections; those are added or taken away at random.

use crate::grammar::{Card, Entry};
use crate::random::{Purpose, stream};
use crate::sparse::{CsrPattern, free_positions};
use crate::topology::error::TopologyError;
use crate::topology::generator::{Generated, Generator, Request};
use crate::topology::profiled::proportional;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use std::collections::BTreeSet;

/// Barabási–Albert in the list of generators.
pub(super) const ENTRY: Entry<Box<dyn Generator>> = Entry {
    name: "ba",
    about: "Barabási–Albert: hubs by preferential attachment, on both sides",
    parameters: &[],
    make: |_| Ok(Box::new(BarabasiAlbert)),
};

#[derive(Debug)]
pub(super) struct BarabasiAlbert;

impl Generator for BarabasiAlbert {
    fn card(&self) -> Card {
        Card {
            paper: "Barabási & Albert: Emergence of scaling in random networks, 1999, arXiv \
                cond-mat/9910332; between two layers: Zhang et al., arXiv 2501.19107",
            decides: "hubs by preferential attachment, on both sides",
            when: "before training",
            cost: "one pass over all connections",
        }
    }

    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let &Request { shape, sparsity, seed, layer, .. } = request;
        let [in_features, out_features] = shape;
        // The conditions of any layer.
        let budget: usize =
            proportional(&vec![1.0; out_features], in_features, sparsity)?.iter().sum();
        let rng = &mut stream(seed, Purpose::Spread, layer as u64);
        let nodes = in_features + out_features;
        let mean = budget as f64 / nodes as f64;
        let more = |rng: &mut Pcg64| usize::from(rng.random::<f64>() < mean.fract());
        let graph = Graph::grow(nodes, mean as usize + 1, |degrees| {
            let links = (mean as usize + more(rng)).min(degrees.len());
            by_degree(degrees, links, rng)
        });
        let mut order: Vec<usize> = (0..nodes).collect();
        order.shuffle(rng);
        let (inputs, outputs) = order.split_at(in_features);
        let mut layer = Bipartite::of(&graph, inputs, outputs);
        let [mut of_inputs, mut of_outputs] = graph.inner_ends([inputs, outputs]);
        of_inputs.shuffle(rng);
        of_outputs.shuffle(rng);
        layer.cross(&of_inputs, &of_outputs, |degrees| by_degree(degrees, 1, rng)[0]);
        Ok(layer.with_exactly(budget, rng).into())
    }
}

/// `count` different nodes, one after the other with probabilities as their degrees; where none is
/// left that has a degree, any of the rest.
fn by_degree(degrees: &[usize], count: usize, rng: &mut Pcg64) -> Vec<usize> {
    let mut left = degrees.to_vec();
    let mut chosen = Vec::with_capacity(count);
    for _ in 0..count {
        let total: usize = left.iter().sum();
        let node = if total == 0 {
            let rest: Vec<usize> = (0..left.len()).filter(|node| !chosen.contains(node)).collect();
            rest[rng.random_range(0..rest.len())]
        } else {
            let mut at = rng.random_range(0..total);
            let is_hit = |degree: &usize| match at < *degree {
                true => true,
                false => {
                    at -= degree;
                    false
                }
            };
            left.iter().position(is_hit).expect("a point below the total")
        };
        left[node] = 0;
        chosen.push(node);
    }
    chosen
}

/// Nodes and the links among them.
struct Graph {
    links: Vec<BTreeSet<usize>>,
}

impl Graph {
    /// All links among the first `clique` nodes; then each further one is linked to those that
    /// `pick` names, given the degrees of all before it.
    fn grow(nodes: usize, clique: usize, mut pick: impl FnMut(&[usize]) -> Vec<usize>) -> Graph {
        let clique = clique.min(nodes);
        let others = |node| (0..clique).filter(move |other| *other != node).collect();
        let mut links: Vec<BTreeSet<usize>> = (0..clique).map(others).collect();
        let mut degrees: Vec<usize> = links.iter().map(BTreeSet::len).collect();
        for node in clique..nodes {
            let picked = pick(&degrees);
            for &other in &picked {
                links[other].insert(node);
                degrees[other] += 1;
            }
            degrees.push(picked.len());
            links.push(picked.into_iter().collect());
        }
        Graph { links }
    }

    /// Both ends of the links within each side, as indices in it.
    fn inner_ends(&self, sides: [&[usize]; 2]) -> [Vec<usize>; 2] {
        sides.map(|side| {
            let ends = side.iter().enumerate().flat_map(|(at, &node)| {
                let inner = side.iter().filter(move |other| self.links[node].contains(*other));
                inner.map(move |_| at)
            });
            ends.collect()
        })
    }
}

/// Connections between neurons (rows) and inputs (columns).
struct Bipartite {
    shape: [usize; 2],
    positions: BTreeSet<usize>,
}

impl Bipartite {
    /// The links of a graph between its sides.
    fn of(graph: &Graph, inputs: &[usize], outputs: &[usize]) -> Bipartite {
        let shape = [inputs.len(), outputs.len()];
        let mut column = vec![None; graph.links.len()];
        inputs.iter().enumerate().for_each(|(col, &node)| column[node] = Some(col));
        let positions = outputs.iter().enumerate().flat_map(|(row, &node)| {
            let links = graph.links[node].iter();
            links.filter_map(|&other| column[other]).map(move |col| row * shape[0] + col)
        });
        Bipartite { shape, positions: positions.collect() }
    }

    /// Connections in place of those within a side, of which these are the ends in random order:
    /// each end of the shorter list takes the first unused one of the longer that gives a new
    /// connection; then half of those that are left go to neurons (or inputs) that `pick` names by
    /// the degrees of that side, again and again until it is a new one.
    fn cross(
        &mut self,
        of_inputs: &[usize],
        of_outputs: &[usize],
        mut pick: impl FnMut(&[usize]) -> usize,
    ) {
        let inputs_are_more = of_inputs.len() > of_outputs.len();
        let (longer, shorter) = match inputs_are_more {
            true => (of_inputs, of_outputs),
            false => (of_outputs, of_inputs),
        };
        let [in_features, out_features] = self.shape;
        let at = |longer: usize, shorter: usize| match inputs_are_more {
            true => shorter * in_features + longer,
            false => longer * in_features + shorter,
        };
        let mut unused: Vec<usize> = longer.to_vec();
        for &end in shorter {
            let first = unused.iter().position(|&other| !self.positions.contains(&at(other, end)));
            // Where there is none the budget makes up for it.
            if let Some(first) = first {
                self.positions.insert(at(unused.remove(first), end));
            }
        }
        let others = if inputs_are_more { out_features } else { in_features };
        let mut degrees = vec![0; others];
        let side = |position: usize| match inputs_are_more {
            true => position / in_features,
            false => position % in_features,
        };
        self.positions.iter().for_each(|&position| degrees[side(position)] += 1);
        for &end in &unused[..unused.len() / 2] {
            // Where none can be picked that is new, the budget makes up for it.
            let is_new = |other: usize| !self.positions.contains(&at(end, other));
            if !(0..others).any(|other| degrees[other] > 0 && is_new(other)) {
                continue;
            }
            loop {
                let other = pick(&degrees);
                if self.positions.insert(at(end, other)) {
                    degrees[other] += 1;
                    break;
                }
            }
        }
    }

    /// So many connections: the missing are added anywhere, too many are taken away anywhere.
    fn with_exactly(self, budget: usize, rng: &mut Pcg64) -> CsrPattern {
        let [in_features, out_features] = self.shape;
        let mut positions: Vec<usize> = self.positions.into_iter().collect();
        if positions.len() < budget {
            let total = in_features * out_features;
            let missing = budget - positions.len();
            let mut places =
                rand::seq::index::sample(rng, total - positions.len(), missing).into_vec();
            places.sort_unstable();
            let added = free_positions(total, positions.iter().copied(), &places);
            positions.extend(added);
        }
        positions.shuffle(rng);
        positions.truncate(budget);
        positions.sort_unstable();
        CsrPattern::from_positions(out_features, in_features, &positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::oracle::Oracle;
    use crate::topology::TopologyStats;

    #[test]
    fn recorded_picks_give_the_oracles_graph_and_mask() {
        let mut oracle = Oracle::open("barabasi_albert");
        let mut whole = |name| oracle.whole(name);
        let (clique, pick_ptr, picks) = (whole("clique")[0], whole("pick_ptr"), whole("pick_idx"));
        let (inputs, outputs) = (whole("inputs"), whole("outputs"));
        let (of_inputs, of_outputs) = (whole("within_in_ends"), whole("within_out_ends"));
        let leftover = whole("leftover_picks");
        let [at_20, at_last] =
            ["pick_prob_node20", "pick_prob_last"].map(|name| oracle.numbers(name));
        let mut node = clique;
        let graph = Graph::grow(40, clique, |degrees| {
            let total: usize = degrees.iter().sum();
            let expected = [(20, &at_20), (39, &at_last)].into_iter().find(|(at, _)| *at == node);
            for (degree, expected) in degrees.iter().zip(expected.into_iter().flat_map(|e| e.1)) {
                assert!((*degree as f64 / total as f64 - expected).abs() < 1e-12, "node {node}");
            }
            let of_node = node - clique;
            node += 1;
            picks[pick_ptr[of_node]..pick_ptr[of_node + 1]].to_vec()
        });
        let links = graph.links.iter().enumerate();
        let positions: Vec<usize> =
            links.flat_map(|(a, of)| of.iter().map(move |b| a * 40 + b)).collect();
        assert_eq!(
            CsrPattern::from_positions(40, 40, &positions),
            oracle.pattern("mono_adjacency")
        );
        let ends = graph.inner_ends([&inputs, &outputs]).map(|mut ends| {
            ends.sort_unstable();
            ends
        });
        let mut expected = [of_inputs.clone(), of_outputs.clone()];
        expected.iter_mut().for_each(|ends| ends.sort_unstable());
        assert_eq!(ends, expected);
        let mut layer = Bipartite::of(&graph, &inputs, &outputs);
        let pattern = |layer: &Bipartite| {
            let positions: Vec<usize> = layer.positions.iter().copied().collect();
            CsrPattern::from_positions(24, 16, &positions)
        };
        assert_eq!(pattern(&layer), oracle.pattern("cross_block"));
        let mut leftover = leftover.into_iter();
        layer.cross(&of_inputs, &of_outputs, |_| leftover.next().expect("a recorded pick"));
        assert_eq!((pattern(&layer), leftover.next()), (oracle.pattern("mask"), None));
    }

    #[test]
    fn layers_have_hubs_on_both_sides_and_their_budget() {
        for (shape, sparsity) in [
            ([784, 1024], 0.9),
            ([60, 40], 0.97),
            ([7, 5], 0.5),
            // Sides so unlike that some inputs are linked to all neurons that have links at all.
            ([49, 2], 0.75),
            ([784, 32], 0.9),
        ] {
            let request = Request { shape, sparsity, seed: 7, layer: 0, inputs: None };
            let pattern = BarabasiAlbert.generate(&request).unwrap().pattern;
            let budget = (shape[0] * shape[1]) as f64 * (1.0 - sparsity);
            assert_eq!(pattern.nnz(), budget.round() as usize, "{shape:?}");
            if shape[0] == 784 {
                let stats = TopologyStats::of(&pattern);
                // Uniform random positions would have .11.
                assert!(stats.fan_in.ccv > 0.4, "{}", stats.fan_in.ccv);
                assert!(stats.fan_out.std / stats.fan_out.mean > 0.4);
            }
        }
    }

    #[test]
    fn picks_are_as_likely_as_their_degrees_and_never_twice() {
        let rng = &mut stream(1, Purpose::Spread, 0);
        let (mut first, draws) = ([0.0; 4], 20_000);
        for _ in 0..draws {
            let picks = by_degree(&[1, 0, 3, 4], 3, rng);
            first[picks[0]] += 1.0;
            let mut different = picks.clone();
            different.sort_unstable();
            assert_eq!(different, [0, 2, 3]);
        }
        for (count, p) in first.into_iter().zip([0.125, 0.0, 0.375, 0.5]) {
            let n = draws as f64;
            assert!((count - n * p).abs() <= 5.0 * (n * p * (1.0 - p)).sqrt(), "{count}, {p}");
        }
        // Without degrees, anyone.
        assert_eq!(by_degree(&[0, 0], 2, rng).len(), 2);
    }
}
