//! Gradual magnitude pruning (Zhu & Gupta 2018, "To prune, or not to prune", ICLR workshop): while
//! a network trains, its sparsity rises, and what is smallest goes.
//!
//! The optimiser's step is taken in steps of pruning as in all others. What has gone is gone,
//! unless it may return: then it is remembered with the weight it had, and comes back if it is
//! among the largest again.
//!
//! A layer has dense products as long as it has every connection, and sparse ones from the first
//! that goes. Dense products of all positions would be faster above 80 % density alone, and on
//! AVX-512 alone: an epoch of `fanin train --sparsity 0.1` takes 1.12 of that with `--engine
//! masked` on a Zen 5 core, at 0.2 .98, at 0.3 .87; on AVX2 .95, .83 and .72.

use super::pruning::keep_largest;
use super::saliency::{SALIENCY, SAMPLES, Salience, sizes};
use super::{
    Grown, LayerPlan, LayerView, Method, Moment, Network, Plan, Ramp, Returned, Rewiring,
    RunLength, Scope, Shape, TieOrder, Ties, Weights, connections,
};
use crate::grammar::{Card, Entry, Parameter};
use crate::nn::Mlp;
use crate::sparse::CsrPattern;
use std::collections::BTreeMap;

/// Gradual magnitude pruning in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "gmp",
    about: "gradual magnitude pruning: sparsity rises in training (Zhu & Gupta 2018)",
    parameters: &[
        Parameter { key: "from", default: Some("0"), about: "sparsity at first" },
        Parameter { key: "begin", default: Some("0.25"), about: "fraction of all steps before" },
        Parameter {
            key: "end",
            default: Some("0.75"),
            about: "fraction of all steps at which the sparsity is what is asked for",
        },
        Parameter { key: "every", default: Some("100"), about: "steps between updates (Δt)" },
        Parameter {
            key: "shape",
            default: Some("cubic"),
            about: "how the sparsity rises: cubic, sigmoid",
        },
        SALIENCY,
        SAMPLES,
        Parameter {
            key: "return",
            default: Some("false"),
            about: "what has gone is remembered, and may return with the weight it had",
        },
    ],
    make: |given| {
        Ok(Box::new(Gradual {
            from: given.below_one("from")?,
            span: [given.fraction("begin")?, given.fraction_from("end", "begin")?],
            every: given.whole("every", 1)?,
            shape: given.one_of("shape")?,
            ramp: None,
            salience: Salience::from_arguments(given)?,
            gone: given.flag("return")?.then(BTreeMap::new),
        }))
    },
};

#[derive(Debug)]
struct Gradual {
    from: f64,
    /// Where the rise begins and ends, as fractions of all steps.
    span: [f64; 2],
    every: u64,
    shape: Shape,
    ramp: Option<Ramp>,
    salience: Salience,
    /// By layer, the weights of all positions that have gone, `[rows, cols]`, if they may return.
    gone: Option<BTreeMap<usize, Vec<f32>>>,
}

/// What stays of a layer, and what returns.
struct Choice {
    survives: Vec<bool>,
    grown: Vec<Grown>,
}

/// The `count` best connections of a layer by their scores; or, if what has gone may return, its
/// largest weights, those included that have gone before (`[rows, cols]`, 0 elsewhere), which
/// remember what goes now.
fn choose(
    pattern: &CsrPattern,
    weights: &[f32],
    scores: &[f64],
    gone: Option<&mut Vec<f32>>,
    count: usize,
    ties: Ties,
) -> Choice {
    let Some(gone) = gone else {
        let survives = keep_largest(&[(scores, ties)], &[count], Scope::Layer).remove(0);
        return Choice { survives, grown: Vec::new() };
    };
    for (at, weight) in pattern.positions().zip(weights) {
        gone[at] = *weight;
    }
    let marks = keep_largest(&[(&sizes(gone), ties)], &[count], Scope::Layer).remove(0);
    let survives: Vec<bool> = pattern.positions().map(|at| marks[at]).collect();
    let mut stored = pattern.positions().peekable();
    let mut grown = Vec::new();
    for (at, _) in marks.iter().enumerate().filter(|(_, mark)| **mark) {
        while stored.next_if(|stored| *stored < at).is_some() {}
        if stored.peek() != Some(&at) {
            let [row, col] = [at / pattern.cols(), at % pattern.cols()].map(|i| i as u32);
            grown.push(Grown { row, col, gradient: 0.0, weight: gone[at] });
        }
    }
    Choice { survives, grown }
}

impl Method for Gradual {
    fn card(&self) -> Card {
        Card {
            paper: "Zhu & Gupta: To prune, or not to prune: exploring the efficacy of pruning for \
                model compression, 2018, arXiv 1710.01878",
            decides: "which connections are kept, fewer and fewer: the largest weights",
            when: "every 100 steps of a part of the training, which begins dense",
            cost: "a selection among all weights",
        }
    }

    fn begin(&mut self, run: RunLength) {
        let [begin, end] = self.span.map(|at| (at * run.steps() as f64).round() as u64);
        let (every, shape) = (self.every, self.shape);
        self.ramp = Some(Ramp { begin, end: end.max(begin).max(1), every, shape });
    }

    fn due(&self, moment: Moment) -> bool {
        let Moment::Step(step) = moment else { return false };
        self.ramp.is_some_and(|ramp| ramp.is_update(step))
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        let ramp = self.ramp.expect("a run begins before it acts");
        let (mut layers, mut sparsity_of) = (Vec::new(), 0.0);
        let views = network.sparse();
        let scores = self.salience.of(network, &views);
        for (LayerView { index, budget, pattern, weights, .. }, scores) in
            views.into_iter().zip(scores)
        {
            let positions = pattern.rows() * pattern.cols();
            let last = 1.0 - budget as f64 / positions as f64;
            let sparsity = ramp.sparsity(network.step(), self.from.min(last), last);
            let count = connections(positions, sparsity).max(budget);
            let ties = network.ties(TieOrder::Noise, index);
            let gone = self
                .gone
                .as_mut()
                .map(|gone| gone.entry(index).or_insert_with(|| vec![0.0; positions]));
            let Choice { survives, grown } = choose(&pattern, &weights, &scores, gone, count, ties);
            let rewiring = Rewiring::new(&pattern, &survives, grown, Returned::Kept);
            layers.push(LayerPlan { layer: index, rewiring, weights: Weights::Carried });
            sparsity_of = sparsity;
        }
        Plan { layers, values: vec![("sparsity", sparsity_of)], ..Plan::default() }
    }

    fn starting_sparsity(&self) -> Option<f64> {
        Some(self.from)
    }

    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        let gone = self.gone.iter().flatten();
        gone.map(|(layer, weights)| (layer.to_string(), weights.clone())).collect()
    }

    fn restore(&mut self, state: BTreeMap<String, Vec<f32>>, model: &Mlp) -> bool {
        let entry = |(name, weights): (String, Vec<f32>)| {
            let layer: usize = name.parse().ok()?;
            let of = model.layers().get(layer)?;
            let is_whole = weights.len() == of.in_features() * of.out_features();
            is_whole.then_some((layer, weights))
        };
        let Some(gone) = &mut self.gone else { return state.is_empty() };
        match state.into_iter().map(entry).collect() {
            Some(state) => {
                *gone = state;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::TIES;
    use crate::sparse::oracle::Oracle;

    #[test]
    fn masks_are_nested_or_returning_as_the_oracles() {
        let mut oracle = Oracle::open("gmp");
        let dense: Vec<f32> = oracle.numbers("w").into_iter().map(|x| x as f32).collect();
        let counts = oracle.whole("kept5_of_80");
        for (array, may_return) in [("keep_monotone", false), ("keep_frozen", true)] {
            let masks = oracle.numbers(array);
            let mut pattern = CsrPattern::full(8, 10);
            let mut gone = may_return.then(|| vec![0.0; 80]);
            let mut returned = 0;
            for (at, &count) in counts.iter().enumerate() {
                let weights = pattern.gather(&dense[at * 80..][..80]);
                let Choice { survives, grown } =
                    choose(&pattern, &weights, &sizes(&weights), gone.as_mut(), count, TIES);
                returned += grown.len();
                let rewiring = Rewiring::new(&pattern, &survives, grown, Returned::Kept);
                let expected: Vec<usize> = (0..80).filter(|i| masks[at * 80 + i] != 0.0).collect();
                let found: Vec<usize> = rewiring.pattern.positions().collect();
                assert_eq!(found, expected, "{array}, update {at}");
                pattern = rewiring.pattern;
            }
            assert_eq!(returned, if may_return { 2 } else { 0 });
        }
    }
}
