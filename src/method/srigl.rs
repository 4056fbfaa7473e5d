//! SRigL (Lasby et al. 2024, "Dynamic sparse training with structured sparsity", ICLR): RigL with
//! the same fan-in for every neuron, but for neurons with too few salient connections, which are
//! ablated until they have enough again.

use super::rigl::{DECAY, DROP, END, EVERY};
use super::schedule::Turns;
use super::{
    Candidates, Folded, GrowScore, Grown, LayerPlan, LayerView, Method, Moment, Network, Norm,
    Plan, Returned, Rewiring, RunLength, ScheduleSettings, Search, TieOrder, Ties, Weights,
    drop_smallest, grow_by_gradient, grow_by_row,
};
use crate::grammar::{Card, Entry, Parameter};
use crate::parallel::Executor;
use crate::sparse::CsrPattern;

/// SRigL in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "srigl",
    about: "RigL with one fan-in for all neurons, and neurons ablated (Lasby et al. 2024)",
    parameters: &[DROP, EVERY, END, DECAY, GAMMA, Turns::STEP, Norm::PARAMETER],
    make: |given| {
        Ok(Box::new(SRigl {
            turns: Turns::new(ScheduleSettings::from_arguments(given)?, given.flag("step")?),
            gamma: given.fraction("gamma")?,
            norm: given.one_of("norm")?,
        }))
    },
};

const GAMMA: Parameter = Parameter {
    key: "gamma",
    default: Some("0.3"),
    about: "a neuron with fewer salient connections than this share of the fan-in is ablated (γ)",
};

#[derive(Clone, Debug)]
struct SRigl {
    turns: Turns,
    /// γ.
    gamma: f64,
    /// Scores of entries that neurons share.
    norm: Norm,
}

/// What an update decides about a layer.
#[derive(Debug, PartialEq)]
struct Decision {
    /// Salient connections of each neuron.
    salient: Vec<usize>,
    /// A neuron with fewer is ablated.
    threshold: usize,
    /// k': the fan-in of the others.
    fan_in: usize,
    survives: Vec<bool>,
    grown: Vec<Grown>,
}

/// The update of a layer that may have `budget` connections; none if that is less than one for
/// each live neuron.
fn decide(
    executor: &Executor,
    layer: &LayerView<'_>,
    folded: &Folded<'_>,
    gamma: f64,
    budget: usize,
    fraction: f64,
    ties: Ties,
) -> Option<Decision> {
    let (pattern, weights) = (&*folded.pattern, &*folded.weights);
    let (rows, nnz) = (pattern.rows(), pattern.nnz());
    let present = weights.iter().filter(|weight| **weight != 0.0).count();
    let keep = (nnz - (fraction * nnz as f64).floor() as usize).min(present);
    let largest = |among: &[f32], count: usize| {
        drop_smallest(&[(pattern, among, ties)], nnz - count, 0).remove(0)
    };
    // Salient: the largest weights, and the largest gradients wherever they are.
    let mut is_salient = largest(weights, keep);
    let anywhere = vec![false; nnz];
    let search = layer.search(folded, &anywhere, ties);
    debug_assert_eq!((search.candidates, search.score), (Candidates::Free, GrowScore::Dense));
    let mut salient = vec![0; rows];
    for found in grow_by_gradient(executor, &[search], nnz - keep).remove(0) {
        match entry_at(pattern, found.row as usize, found.col) {
            Some(entry) => is_salient[entry] = true,
            None => salient[found.row as usize] += 1,
        }
    }
    for (row, salient) in salient.iter_mut().enumerate() {
        *salient += is_salient[pattern.entries(row)].iter().filter(|is| **is).count();
    }
    let threshold = threshold(&salient, budget, pattern.cols(), gamma);
    let is_live = |row: usize| salient[row] >= threshold;
    let live = (0..rows).filter(|&row| is_live(row)).count();
    let fan_in = (budget / live.max(1)).min(pattern.cols());
    if fan_in == 0 {
        return None;
    }
    // Survivors: the largest weights of live neurons, and of those no more than fit a row.
    let row_of = |row: usize, among: &[f32]| -> Vec<f32> {
        let kept = |x: &f32| if is_live(row) { *x } else { 0.0 };
        among[pattern.entries(row)].iter().map(kept).collect()
    };
    let of_live: Vec<f32> = (0..rows).flat_map(|row| row_of(row, weights)).collect();
    let present = of_live.iter().filter(|weight| **weight != 0.0).count();
    let mut survives = largest(&of_live, keep.min(present));
    for row in 0..rows {
        cut(pattern, row, weights, &mut survives, fan_in, ties);
    }
    let missing = |row: usize| {
        let kept = survives[pattern.entries(row)].iter().filter(|survives| **survives).count();
        if is_live(row) { fan_in - kept } else { 0 }
    };
    let counts: Vec<usize> = (0..rows).map(missing).collect();
    let search = Search { survives: &survives, ..layer.search(folded, &survives, ties) };
    let grown = grow_by_row(executor, &search, &counts);
    Some(Decision { salient, threshold, fan_in, survives, grown })
}

/// The entry at a position, if there is one.
fn entry_at(pattern: &CsrPattern, row: usize, col: u32) -> Option<usize> {
    let nth = pattern.row(row).binary_search(&col).ok()?;
    Some(pattern.entries(row).start + nth)
}

/// The least number of salient connections of a live neuron: γ of the fan-in without ablation, and
/// 1 at least; but so low that those who live can hold the budget.
fn threshold(salient: &[usize], budget: usize, cols: usize, gamma: f64) -> usize {
    let fan_in = budget / salient.len();
    let threshold = ((gamma * fan_in as f64).floor() as usize).max(1);
    let mut ranks = salient.to_vec();
    ranks.sort_unstable_by(|a, b| b.cmp(a));
    ranks.get(budget / cols).map_or(threshold, |rank| threshold.min(*rank))
}

/// Of a row's survivors only the `most` with the largest weights.
fn cut(
    pattern: &CsrPattern,
    row: usize,
    weights: &[f32],
    survives: &mut [bool],
    most: usize,
    ties: Ties,
) {
    let mut kept: Vec<usize> = pattern.entries(row).filter(|&entry| survives[entry]).collect();
    if kept.len() > most {
        kept.sort_unstable_by_key(|&entry| {
            (std::cmp::Reverse(weights[entry].abs().to_bits()), ties.key(entry as u64), entry)
        });
        kept[most..].iter().for_each(|&entry| survives[entry] = false);
    }
}

impl Method for SRigl {
    fn card(&self) -> Card {
        Card {
            paper: "Lasby, Golubeva, Evci, Nica & Ioannou: Dynamic Sparse Training with \
                Structured Sparsity, 2024, arXiv 2305.02299",
            decides: "what goes: the smallest weights; what comes: the largest gradients, as \
                many for every neuron; which neurons are ablated",
            when: "every 100 steps until 3/4 of them",
            cost: "a dense gradient, 2·batch·n·m flops, and a selection among n·m scores by row",
        }
    }

    fn begin(&mut self, run: RunLength) {
        self.turns.begin(run);
    }

    fn due(&self, moment: Moment) -> bool {
        self.turns.due(moment)
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        let fraction = self.turns.schedule().fraction(network.step());
        let (executor, isa) = (network.executor(), network.executor().isa());
        let (mut layers, mut ablated) = (Vec::new(), 0);
        for layer in network.sparse() {
            let folded = layer.folded(self.norm);
            let ties = network.ties(TieOrder::Noise, layer.index);
            let budget = layer.budget / layer.share;
            let decision = decide(executor, &layer, &folded, self.gamma, budget, fraction, ties);
            let Some(Decision { salient, threshold, survives, grown, .. }) = decision else {
                continue;
            };
            ablated += salient.iter().filter(|salient| **salient < threshold).count() * layer.share;
            let (survives, grown) = layer.unfold(isa, &folded, survives, grown);
            layers.push(LayerPlan {
                layer: layer.index,
                rewiring: Rewiring::new(&layer.pattern, &survives, grown, Returned::Kept),
                weights: Weights::Carried,
            });
        }
        let step = self.turns.step();
        let values = vec![("drop_fraction", fraction), ("ablated", ablated as f64)];
        Plan { layers, step, values, ..Plan::default() }
    }

    fn flops_per_sample(&self, network: &Network<'_>) -> u64 {
        let positions = |layer: &LayerView<'_>| layer.pattern.rows() * layer.pattern.cols();
        // Of the whole gradient twice: for what is salient, and for what comes.
        4 * network.sparse().iter().map(positions).sum::<usize>() as u64
    }

    fn needs_sparse_layers(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::{DenseGradient, TIES, positions_of, single};
    use crate::sparse::oracle::Oracle;
    use fanin_kernels::Isa;

    #[test]
    fn updates_are_the_oracles_step_by_step() {
        let mut oracle = Oracle::open("srigl");
        let executor = Executor::new(Isa::detect(), 1).unwrap();
        let chains = ["24x16", "40x32", "128x96", "40x32_g95"];
        let updates = chains.into_iter().flat_map(|case| [0, 1, 2].map(|u| (case, u)));
        let alone = ["truncate", "lowered", "none_ablated"].map(|case| (case, 0));
        for (case, update) in updates.chain(alone) {
            let name = |array: &str| format!("{case}_u{update}_{array}");
            let pattern = oracle.pattern(&name("mask_in"));
            let (rows, cols) = (pattern.rows(), pattern.cols());
            let gradient = DenseGradient::new(rows, cols, &oracle.numbers(&name("g")));
            let weights = pattern.gather(&single(oracle.numbers(&name("w_in"))));
            let moments = pattern.gather(&single(oracle.numbers(&name("m_in"))));
            let sparsity = oracle.numbers(&format!("{case}_sparsity"))[0];
            let gamma = oracle.numbers(&format!("{case}_gamma"))[0];
            let fraction = oracle.numbers(&name("fraction"))[0];
            let budget = (rows * cols) - (sparsity * (rows * cols) as f64).ceil() as usize;
            let layer = gradient.layer(&pattern, &weights);
            let folded = layer.folded(Norm::L1);
            let decision = decide(&executor, &layer, &folded, gamma, budget, fraction, TIES);
            let Decision { salient, threshold, fan_in, survives, grown } = decision.unwrap();
            assert_eq!(salient, oracle.whole(&name("salient")), "{case} {update}");
            assert_eq!(threshold, oracle.whole(&name("threshold"))[0], "{case} {update}");
            assert_eq!(fan_in, oracle.whole(&name("k_after"))[0], "{case} {update}");
            let ablated: Vec<usize> = (0..rows).filter(|&row| salient[row] < threshold).collect();
            assert_eq!(ablated, oracle.whole(&name("ablated")), "{case} {update}");
            let surviving: Vec<usize> = pattern.only(&survives).positions().collect();
            assert_eq!(surviving, oracle.whole(&name("survivors")), "{case} {update}");
            assert_eq!(positions_of(&grown, cols), oracle.whole(&name("grown")), "{case} {update}");
            let rewiring = Rewiring::new(&pattern, &survives, grown, Returned::Kept);
            assert_eq!(rewiring.pattern, oracle.pattern(&name("mask_out")), "{case} {update}");
            for (before, after) in [(&weights, "w_out"), (&moments, "m_out")] {
                let carried = rewiring.carry(before, |_| 0.0);
                let expected = single(oracle.numbers(&name(after)));
                assert_eq!(rewiring.pattern.scatter(&carried), expected, "{case} {update} {after}");
            }
            let is_live = |row: &usize| !ablated.contains(row);
            let fan_ins: Vec<usize> = rewiring.pattern.fan_in().collect();
            assert!((0..rows).filter(is_live).all(|row| fan_ins[row] == fan_in));
        }
    }

    #[test]
    fn less_than_a_connection_for_each_neuron_changes_nothing() {
        // All that is salient is in one row; others must live for the budget of 5, so all do.
        let pattern = CsrPattern::from_positions(8, 4, &[0, 1, 2, 3]);
        let mut g = [0.0; 32];
        g[0] = 1.0;
        let gradient = DenseGradient::new(8, 4, &g);
        let layer = gradient.layer(&pattern, &[1.0, 2.0, 3.0, 4.0]);
        let executor = Executor::new(Isa::detect(), 1).unwrap();
        let folded = layer.folded(Norm::L1);
        assert_eq!(decide(&executor, &layer, &folded, 0.3, 5, 0.25, TIES), None);
        assert!(decide(&executor, &layer, &folded, 0.3, 8, 0.25, TIES).is_some());
    }
}
