//! One update: what goes, what leads nowhere then, and what comes.

use super::super::schedule::Turns;
use super::super::{
    Grown, LayerPlan, LayerView, LinkScore, Method, Moment, Network, Plan, Ramp, Returned,
    Rewiring, RunLength, Schedule, ScheduleSettings, Shape, TieOrder, Ties, Weights, connections,
    draw, percolate,
};
use super::cards::card;
use super::weight_score::{WeightScore, largest, largest_by, weight_scores};
use crate::grammar::{Arguments, Card, Error};
use crate::nn::Mlp;
use crate::parallel::Executor;
use crate::sparse::CsrPattern;
use rand_pcg::Pcg64;
use std::collections::BTreeMap;

/// Draws in place of the largest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Soft {
    /// The exponent of a weight's score, at first and at last.
    pub(super) temperature: [f64; 2],
}

impl Soft {
    pub(super) fn from_arguments(given: &Arguments<'_>) -> Result<Soft, Error> {
        let temperature = [given.positive("temperature")?, given.positive("temperature-end")?];
        Ok(Soft { temperature })
    }
}

/// A sparsity that rises.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rising {
    pub(super) from: f64,
    pub(super) shape: Shape,
}

#[derive(Clone, Debug)]
pub(super) struct CannistraciHebb {
    turns: Turns,
    score: LinkScore,
    weight: WeightScore,
    soft: Option<Soft>,
    rising: Option<Rising>,
    /// The overlap of what comes with what had just gone beyond which connections stay.
    early_stop: f64,
    has_stopped: bool,
}

/// What goes and what comes.
struct Choice {
    /// Which connections stay, those that led nowhere gone.
    survives: Vec<bool>,
    grown: Vec<Grown>,
}

impl Choice {
    /// The share of what comes that had just gone.
    fn overlap(&self, pattern: &CsrPattern) -> f64 {
        let survives = &self.survives;
        let gone = pattern.positions().zip(survives).filter(|(_, s)| !**s).map(|(at, _)| at);
        let mut gone = gone.peekable();
        let returned = self.grown.iter().filter(|grown| {
            let at = grown.row as usize * pattern.cols() + grown.col as usize;
            while gone.next_if(|gone| *gone < at).is_some() {}
            gone.peek() == Some(&at)
        });
        returned.count() as f64 / self.grown.len().max(1) as f64
    }
}

impl CannistraciHebb {
    pub(super) fn of(
        given: &Arguments<'_>,
        soft: Option<Soft>,
        rising: Option<Rising>,
    ) -> Result<CannistraciHebb, Error> {
        Ok(CannistraciHebb {
            turns: Turns::new(ScheduleSettings::by_epoch(given)?, false),
            score: given.one_of("score")?,
            weight: given.one_of("weight")?,
            soft,
            rising,
            early_stop: if rising.is_some() { 1.0 } else { given.fraction("early-stop")? },
            has_stopped: false,
        })
    }

    /// How many connections the layer is to have after an update at `step`.
    fn target(&self, schedule: &Schedule, layer: &LayerView<'_>, step: u64) -> usize {
        let Some(Rising { from, shape }) = self.rising else { return layer.budget };
        let positions = layer.pattern.rows() * layer.pattern.cols();
        let last = 1.0 - layer.budget as f64 / positions as f64;
        let Schedule { every, end, .. } = *schedule;
        // The last update before the end reaches what is asked for.
        let end = end.saturating_sub(1) / every * every;
        let sparsity = Ramp { begin: 0, end, every, shape }.sparsity(step, from.min(last), last);
        if step >= end { layer.budget } else { connections(positions, sparsity) }
    }

    /// What stays of a layer: of the `target` best connections all but the fraction ζ.
    fn keep(
        &self,
        layer: &LayerView<'_>,
        target: usize,
        fraction: f64,
        progress: f64,
        ties: Ties,
        rng: &mut Pcg64,
    ) -> Vec<bool> {
        let (pattern, nnz) = (&layer.pattern, layer.pattern.nnz());
        let scores = weight_scores(self.weight, pattern, &layer.weights);
        // A rising sparsity first takes what scores least.
        let within = largest(&scores, target.min(nnz), ties);
        let keep = target.min(nnz) - (fraction * target.min(nnz) as f64).floor() as usize;
        let scores: Vec<f64> =
            scores.iter().zip(&within).map(|(x, within)| if *within { *x } else { 0.0 }).collect();
        match self.soft {
            None => largest(&scores, keep, ties),
            Some(Soft { temperature: [first, last] }) => {
                let temperature = first + (last - first) * progress;
                let weights: Vec<f64> =
                    scores.iter().map(|score| libm::pow(*score, temperature)).collect();
                draw(&weights, keep, rng)
            }
        }
    }

    /// The `count` links to come among all positions without a connection.
    fn grow(
        &self,
        executor: &Executor,
        pattern: &CsrPattern,
        count: usize,
        ties: Ties,
        rng: &mut Pcg64,
    ) -> Vec<Grown> {
        let scores = self.score.scores(executor, pattern);
        let mut taken = pattern.positions().peekable();
        let is_free = |at: &usize| taken.next_if_eq(at).is_none();
        let free: Vec<usize> = (0..scores.len()).filter(is_free).collect();
        let mut scores: Vec<f64> = free.iter().map(|&at| scores[at]).collect();
        let count = count.min(free.len());
        let chosen = match self.soft {
            None => {
                let key = |at: usize| ties.key(free[at] as u64);
                largest_by(&scores, count, key)
            }
            Some(_) => {
                if scores.iter().filter(|score| **score > 0.0).count() < count {
                    // So that any position may be drawn.
                    const LEAST: f64 = 1e-5;
                    scores.iter_mut().for_each(|score| *score += LEAST);
                }
                draw(&scores, count, rng)
            }
        };
        let chosen = free.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(at, _)| at);
        let grown = |at: &usize| Grown {
            row: (at / pattern.cols()) as u32,
            col: (at % pattern.cols()) as u32,
            gradient: 0.0,
            weight: 0.0,
        };
        chosen.map(grown).collect()
    }

    /// One update of consecutive layers.
    fn choose(
        &self,
        executor: &Executor,
        schedule: &Schedule,
        layers: &[LayerView<'_>],
        step: u64,
        draws: impl Fn(&LayerView<'_>) -> (Ties, Pcg64),
    ) -> Vec<Choice> {
        let fraction = schedule.fraction(step);
        let progress = step as f64 / schedule.end as f64;
        let mut draws: Vec<(Ties, Pcg64)> = layers.iter().map(draws).collect();
        let target = |layer| self.target(schedule, layer, step);
        let mut kept: Vec<(&CsrPattern, Vec<bool>)> = layers
            .iter()
            .zip(&mut draws)
            .map(|(layer, (ties, rng))| {
                let kept = self.keep(layer, target(layer), fraction, progress, *ties, rng);
                (&*layer.pattern, kept)
            })
            .collect();
        percolate(&mut kept);
        let of_layers = layers.iter().zip(kept).zip(&mut draws);
        let choices = of_layers.map(|((layer, (pattern, survives)), (ties, rng))| {
            let left = pattern.only(&survives);
            let count = target(layer).saturating_sub(left.nnz());
            let grown = self.grow(executor, &left, count, *ties, rng);
            Choice { survives, grown }
        });
        choices.collect()
    }
}

impl Method for CannistraciHebb {
    fn card(&self) -> Card {
        card(self.soft.is_some(), self.rising.is_some())
    }

    fn begin(&mut self, run: RunLength) {
        match self.rising {
            None => self.turns.begin(run),
            // The sparsity that is asked for is reached by an update.
            Some(_) => self.turns.begin_with_an_update(run),
        }
    }

    fn due(&self, moment: Moment) -> bool {
        !self.has_stopped && self.turns.due(moment)
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        let schedule = self.turns.schedule();
        let (step, layers) = (network.step(), network.sparse());
        let draws = |layer: &LayerView<'_>| {
            (network.ties(TieOrder::Noise, layer.index), network.rng(layer.index))
        };
        let follow = |a: &LayerView<'_>, b: &LayerView<'_>| a.index + 1 == b.index;
        let (mut plans, mut least_overlap) = (Vec::new(), f64::INFINITY);
        for layers in layers.chunk_by(follow) {
            let choices = self.choose(network.executor(), &schedule, layers, step, draws);
            for (layer, choice) in layers.iter().zip(choices) {
                least_overlap = least_overlap.min(choice.overlap(&layer.pattern));
                let Choice { survives, grown } = choice;
                plans.push(LayerPlan {
                    layer: layer.index,
                    rewiring: Rewiring::new(&layer.pattern, &survives, grown, Returned::Kept),
                    weights: Weights::Carried,
                });
            }
        }
        self.has_stopped = self.early_stop < 1.0 && least_overlap > self.early_stop;
        let values =
            vec![("drop_fraction", schedule.fraction(step)), ("least_overlap", least_overlap)];
        Plan { layers: plans, step: self.turns.step(), values, ..Plan::default() }
    }

    fn needs_sparse_layers(&self) -> bool {
        true
    }

    fn starting_sparsity(&self) -> Option<f64> {
        self.rising.map(|rising| rising.from)
    }

    fn takes_shared_inputs(&self) -> bool {
        false
    }

    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        let stopped = f32::from(u8::from(self.has_stopped));
        BTreeMap::from([("stopped".to_string(), vec![stopped])])
    }

    fn restore(&mut self, state: BTreeMap<String, Vec<f32>>, _model: &Mlp) -> bool {
        match state.get("stopped").map(Vec::as_slice) {
            Some(&[stopped]) if state.len() == 1 => {
                self.has_stopped = stopped != 0.0;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::{DenseGradient, TIES, positions_of, single};
    use crate::random::{Purpose, stream};
    use crate::sparse::oracle::Oracle;
    use fanin_kernels::Isa;

    /// The largest in place of draws.
    fn method(score: LinkScore, weight: WeightScore) -> CannistraciHebb {
        CannistraciHebb {
            turns: Turns::default(),
            score,
            weight,
            soft: None,
            rising: None,
            early_stop: 0.9,
            has_stopped: false,
        }
    }

    #[test]
    fn updates_of_three_layers_are_the_oracles() {
        let executor = Executor::new(Isa::detect(), 1).unwrap();
        for (file, prefix, score, weight) in [
            ("cht", "cht", LinkScore::Ch3L3p, WeightScore::Magnitude),
            ("chts", "chts_wm", LinkScore::Ch2L3n, WeightScore::Magnitude),
            ("chts", "chts_ri", LinkScore::Ch2L3n, WeightScore::Relative),
        ] {
            let mut oracle = Oracle::open(file);
            let method = method(score, weight);
            for update in [0, 1, 2] {
                let step = oracle.whole(&format!("{prefix}_u{update}_step"))[0] as u64;
                let schedule = Schedule {
                    every: 10,
                    drop_fraction: 0.3,
                    end: 75,
                    decay: crate::method::Decay::Cosine,
                };
                let fraction = oracle.numbers(&format!("{prefix}_u{update}_fraction"))[0];
                assert!((schedule.fraction(step) - fraction).abs() < 1e-15);
                let name = |l: usize, array: &str| format!("{prefix}_u{update}_l{l}_{array}");
                let patterns = [0, 1, 2].map(|l| oracle.pattern(&name(l, "mask_in")));
                let weights = [0, 1, 2]
                    .map(|l| patterns[l].gather(&single(oracle.numbers(&name(l, "w_in")))));
                let none = patterns.each_ref().map(|pattern| {
                    let positions = pattern.rows() * pattern.cols();
                    DenseGradient::new(pattern.rows(), pattern.cols(), &vec![0.0; positions])
                });
                let layers = [0, 1, 2].map(|l| none[l].layer(&patterns[l], &weights[l]));
                let draws = |_: &LayerView<'_>| (TIES, stream(1, Purpose::Grow, 0));
                let choices = method.choose(&executor, &schedule, &layers, step, draws);
                for (l, choice) in choices.into_iter().enumerate() {
                    let (pattern, weights) = (&patterns[l], &weights[l]);
                    let percolated = pattern.only(&choice.survives);
                    let at = format!("{prefix} {update} {l}");
                    assert_eq!(percolated, oracle.pattern(&name(l, "percolated")), "{at}");
                    let scores = oracle.numbers(&name(l, "grow_score"));
                    for (found, score) in
                        method.score.scores(&executor, &percolated).iter().zip(scores)
                    {
                        assert!((found - score).abs() <= 1e-12 * score, "{at}");
                    }
                    let grown = positions_of(&choice.grown, pattern.cols());
                    assert_eq!(grown, oracle.whole(&name(l, "grown")), "{at}");
                    let overlap = oracle.numbers(&name(l, "overlap"))[0];
                    assert!((choice.overlap(pattern) - overlap).abs() < 1e-15, "{at}");
                    let Choice { survives, grown } = choice;
                    let rewiring = Rewiring::new(pattern, &survives, grown, Returned::Kept);
                    assert_eq!(rewiring.pattern, oracle.pattern(&name(l, "mask_out")), "{at}");
                    assert_eq!(rewiring.pattern.nnz(), pattern.nnz(), "{at}");
                    let moments = pattern.gather(&single(oracle.numbers(&name(l, "m_in"))));
                    for (before, after) in [(weights, "w_out"), (&moments, "m_out")] {
                        let carried = rewiring.pattern.scatter(&rewiring.carry(before, |_| 0.0));
                        assert_eq!(carried, single(oracle.numbers(&name(l, after))), "{at}");
                    }
                }
            }
        }
    }

    #[test]
    fn likelihoods_of_staying_are_the_oracles() {
        let mut oracle = Oracle::open("chts");
        for shape in ["24x16", "40x32"] {
            let name = |array: &str| format!("soft_{shape}_{array}");
            let pattern = oracle.pattern(&name("mask"));
            let weights = pattern.gather(&single(oracle.numbers(&name("w"))));
            let temperatures = oracle.numbers(&name("temperatures"));
            for (score, array) in
                [(WeightScore::Magnitude, "prob_wm"), (WeightScore::Relative, "prob_ri")]
            {
                let scores = weight_scores(score, &pattern, &weights);
                let expected = oracle.numbers(&name(array));
                let per_temperature = pattern.rows() * pattern.cols();
                for (&temperature, expected) in
                    temperatures.iter().zip(expected.chunks(per_temperature))
                {
                    let powers: Vec<f64> =
                        scores.iter().map(|score| libm::pow(*score, temperature)).collect();
                    let total: f64 = powers.iter().sum();
                    for (at, power) in pattern.positions().zip(&powers) {
                        assert!((power / total - expected[at]).abs() < 1e-12, "{shape} {array}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_scores_nothing_is_grown_at_random() {
        // Two links without a path between them.
        let pattern = CsrPattern::from_positions(30, 40, &[0, 41]);
        let executor = Executor::new(Isa::detect(), 1).unwrap();
        let mut method = method(LinkScore::Ch3L3p, WeightScore::Magnitude);
        for soft in [None, Some(Soft { temperature: [1.0, 3.0] })] {
            method.soft = soft;
            let rng = &mut stream(1, Purpose::Grow, 0);
            let grown = method.grow(&executor, &pattern, 300, TIES, rng);
            let positions = positions_of(&grown, 40);
            let rows = positions.iter().filter(|at| **at < 600).count();
            // Five standard deviations of a draw of 300 out of 1198.
            assert!(positions.len() == 300 && (107..=193).contains(&rows), "{rows}");
        }
    }
}
