//! RigL (Evci et al. 2020, algorithm 1): drop the smallest weights, grow as many connections where
//! the gradient is largest. What its text leaves open is a parameter; the defaults are what its
//! authors' code does.
//!
//! `set-rigl` is SET as RigL's authors compare with it: everything but the growth, which is at
//! random.

use super::schedule::Turns;
use super::{
    Candidates, Folded, GrowScore, Grown, LayerPlan, LayerView, Method, Moment, Network, Norm,
    Plan, Returned, Rewiring, RunLength, ScheduleSettings, Search, TieOrder, Weights,
    drop_smallest, grow_at_random, grow_by_gradient,
};
use crate::grammar::{Arguments, Card, Entry, Error, Parameter, named};

/// RigL in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "rigl",
    about: "drop the smallest weights, grow where the gradient is largest (Evci et al. 2020)",
    parameters: &[
        DROP,
        EVERY,
        END,
        DECAY,
        SCOPE,
        FAN_IN_MIN,
        FROM,
        SCORE,
        TIE,
        Turns::STEP,
        Norm::PARAMETER,
    ],
    make: |given| {
        let growth = Growth::Gradient(given.one_of("score")?);
        Ok(Box::new(Rigl::of(given, growth, given.one_of("scope")?)?))
    },
};

/// SET as RigL's authors compare with it.
pub(super) const RANDOM_ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "set-rigl",
    about: "drop the smallest weights, grow at random, on RigL's schedule",
    parameters: &[DROP, EVERY, END, DECAY, FAN_IN_MIN, FROM, TIE, Turns::STEP, Norm::PARAMETER],
    make: |given| Ok(Box::new(Rigl::of(given, Growth::Random, Scope::Layer)?)),
};

named! {
    /// Over what the smallest weights and the largest gradients are sought.
    pub enum Scope as "scope" {
        /// Each layer for itself: its number of connections stays.
        Layer = "layer",
        /// All layers together: connections may move from one to another.
        Network = "network",
    }
}

/// Where connections are grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Growth {
    /// Where the score is largest.
    Gradient(GrowScore),
    /// Anywhere.
    Random,
}

/// RigL and its variants.
#[derive(Clone, Debug)]
pub struct Rigl {
    turns: Turns,
    growth: Growth,
    scope: Scope,
    /// No neuron is dropped below this fan-in.
    fan_in_min: usize,
    candidates: Candidates,
    ties: TieOrder,
    /// Scores of entries that neurons share.
    norm: Norm,
}

pub(super) const DROP: Parameter = ScheduleSettings::PARAMETERS[0];
pub(super) const EVERY: Parameter = ScheduleSettings::PARAMETERS[1];
pub(super) const END: Parameter = ScheduleSettings::PARAMETERS[2];
pub(super) const DECAY: Parameter = ScheduleSettings::PARAMETERS[3];
const FAN_IN_MIN: Parameter = Parameter {
    key: "fan-in-min",
    default: Some("0"),
    about: "no neuron is dropped below this fan-in",
};
const FROM: Parameter = Parameter {
    key: "from",
    default: Some("free"),
    about: "where connections may come: free (just dropped ones may return), absent",
};
const TIE: Parameter = Parameter {
    key: "tie",
    default: Some("noise"),
    about: "what decides between equals: noise, index (rows fill up in order)",
};
const SCOPE: Parameter = Parameter {
    key: "scope",
    default: Some("layer"),
    about: "seek smallest and largest in each layer, or over the network",
};
const SCORE: Parameter = Parameter {
    key: "score",
    default: Some("dense"),
    about: "dense, or masked: 0 where no connection is, an artefact of masks",
};

impl Rigl {
    fn of(arguments: &Arguments<'_>, growth: Growth, scope: Scope) -> Result<Rigl, Error> {
        Ok(Rigl {
            turns: Turns::new(
                ScheduleSettings::from_arguments(arguments)?,
                arguments.flag("step")?,
            ),
            growth,
            scope,
            fan_in_min: arguments.whole("fan-in-min", 0)? as usize,
            candidates: arguments.one_of("from")?,
            ties: arguments.one_of("tie")?,
            norm: arguments.one_of("norm")?,
        })
    }

    /// The survivors of dropping k = ⌊f·nnz⌋ of the smallest weights of these layers, and how many
    /// were dropped.
    fn drop(
        &self,
        fraction: f64,
        network: &Network<'_>,
        layers: &[(&LayerView<'_>, Folded<'_>)],
    ) -> (Vec<Vec<bool>>, usize) {
        let nnz: usize = layers.iter().map(|(_, folded)| folded.pattern.nnz()).sum();
        let mut count = (fraction * nnz as f64).floor() as usize;
        if self.candidates == Candidates::Absent {
            // As many must be able to come.
            let positions = layers.iter().map(|(_, l)| l.pattern.rows() * l.pattern.cols());
            count = count.min(positions.sum::<usize>() - nnz);
        }
        let ties = layers.iter().map(|(layer, _)| network.ties(self.ties, layer.index));
        let of_layer = layers.iter().zip(ties);
        let drops: Vec<_> =
            of_layer.map(|((_, l), ties)| (&*l.pattern, &*l.weights, ties)).collect();
        let survives = drop_smallest(&drops, count, self.fan_in_min);
        let gone = |survives: &Vec<bool>| survives.iter().filter(|survives| !**survives).count();
        let dropped = survives.iter().map(gone).sum();
        (survives, dropped)
    }

    /// The connections to grow in each layer, `count` together.
    fn grow(
        &self,
        network: &Network<'_>,
        layers: &[(&LayerView<'_>, Folded<'_>)],
        survives: &[Vec<bool>],
        count: usize,
    ) -> Vec<Vec<Grown>> {
        let of_layer = layers.iter().zip(survives);
        match self.growth {
            Growth::Random => {
                let grown = of_layer.map(|((layer, folded), survives)| {
                    let rng = &mut network.rng(layer.index);
                    grow_at_random(&folded.pattern, survives, count, self.candidates, rng)
                });
                grown.collect()
            }
            Growth::Gradient(score) => {
                let searches: Vec<Search<'_>> = of_layer
                    .map(|((layer, folded), survives)| {
                        let ties = network.ties(self.ties, layer.index);
                        let search = layer.search(folded, survives, ties);
                        Search { candidates: self.candidates, score, ..search }
                    })
                    .collect();
                grow_by_gradient(network.executor(), &searches, count)
            }
        }
    }

    /// New connections of layers that share a budget. New weights are 0, and a connection that is
    /// dropped and grown at once stays as it was.
    fn rewire(
        &self,
        fraction: f64,
        network: &Network<'_>,
        layers: &[LayerView<'_>],
    ) -> Vec<LayerPlan> {
        let layers: Vec<_> = layers.iter().map(|layer| (layer, layer.folded(self.norm))).collect();
        let (survives, count) = self.drop(fraction, network, &layers);
        let grown = self.grow(network, &layers, &survives, count);
        let isa = network.executor().isa();
        let plan = |(((layer, folded), survives), grown): ((&(&LayerView<'_>, _), _), _)| {
            let (survives, grown) = layer.unfold(isa, folded, survives, grown);
            LayerPlan {
                layer: layer.index,
                rewiring: Rewiring::new(&layer.pattern, &survives, grown, Returned::Kept),
                weights: Weights::Carried,
            }
        };
        layers.iter().zip(survives).zip(grown).map(plan).collect()
    }
}

impl Method for Rigl {
    fn card(&self) -> Card {
        let rigl = Card {
            paper: "Evci, Gale, Menick, Castro & Elsen: Rigging the Lottery: Making All \
                Tickets Winners, 2020, arXiv 1911.11134",
            decides: "what goes: the smallest weights; what comes: the largest gradients",
            when: "every 100 steps until 3/4 of them",
            cost: "a dense gradient, 2·batch·n·m flops, and a selection among n·m scores",
        };
        match self.growth {
            Growth::Gradient(_) => rigl,
            Growth::Random => Card {
                decides: "what goes: the smallest weights; what comes: any connections",
                cost: "a selection among the weights there are",
                ..rigl
            },
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
        let layers = network.sparse();
        let plans = match self.scope {
            Scope::Layer => {
                layers.chunks(1).flat_map(|layer| self.rewire(fraction, network, layer)).collect()
            }
            Scope::Network => self.rewire(fraction, network, &layers),
        };
        let step = self.turns.step();
        let values = vec![("drop_fraction", fraction)];
        Plan { layers: plans, step, values, ..Plan::default() }
    }

    fn flops_per_sample(&self, network: &Network<'_>) -> u64 {
        let positions =
            network.sparse().iter().map(|l| l.pattern.rows() * l.pattern.cols()).sum::<usize>();
        if self.growth == Growth::Random { 0 } else { 2 * positions as u64 }
    }

    fn needs_sparse_layers(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::Schedule;
    use crate::method::testing::{DenseGradient, TIES, positions_of, single};
    use crate::parallel::Executor;
    use crate::sparse::oracle::Oracle;
    use fanin_kernels::Isa;

    #[test]
    fn three_updates_in_a_row_are_the_oracles() {
        let mut oracle = Oracle::open("rigl");
        let executor = Executor::new(Isa::detect(), 2).unwrap();
        for shape in ["24x16", "40x32", "128x96"] {
            for update in [0, 1, 2] {
                let name = |array: &str| format!("{shape}_u{update}_{array}");
                let at = name("");
                let pattern = oracle.pattern(&name("mask_in"));
                let [w, m, v] = ["w_in", "m_in", "v_in"]
                    .map(|array| pattern.gather(&single(oracle.numbers(&name(array)))));
                let gradient = oracle.numbers(&name("g"));
                let gradient = DenseGradient::new(pattern.rows(), pattern.cols(), &gradient);
                let layer = gradient.layer(&pattern, &w);
                let fraction = oracle.numbers(&name("fraction"))[0];
                let count = (fraction * pattern.nnz() as f64).floor() as usize;
                assert_eq!(count, oracle.whole(&name("k"))[0], "{at}");
                let survives = drop_smallest(&[(&pattern, &w, TIES)], count, 0).remove(0);
                let gone: Vec<bool> = survives.iter().map(|survives| !survives).collect();
                let gone: Vec<usize> = pattern.only(&gone).positions().collect();
                assert_eq!(gone, oracle.whole(&name("dropped")), "{at}");
                let folded = layer.folded(Norm::L1);
                let search = layer.search(&folded, &survives, TIES);
                let grown = grow_by_gradient(&executor, &[search], count).remove(0);
                let positions = positions_of(&grown, pattern.cols());
                assert_eq!(positions, oracle.whole(&name("grown")), "{at}");
                let rewiring = Rewiring::new(&pattern, &survives, grown, Returned::Kept);
                assert_eq!(rewiring.returned, oracle.whole(&name("regrown")).len(), "{at}");
                assert_eq!(rewiring.pattern, oracle.pattern(&name("mask_out")), "{at}");
                for (before, after) in [(&w, "w_out"), (&m, "m_out"), (&v, "v_out")] {
                    let carried = rewiring.carry(before, |_| 0.0);
                    let expected = single(oracle.numbers(&name(after)));
                    assert_eq!(rewiring.pattern.scatter(&carried), expected, "{at} {after}");
                }
            }
        }
    }

    #[test]
    fn schedules_are_the_oracles() {
        let mut oracle = Oracle::open("rigl");
        for case in 0..4 {
            let settings = oracle.numbers(&format!("sched{case}_params"));
            let [drop_fraction, end, _] = settings[..] else { panic!("three numbers") };
            let (every, end) = (1, end as u64);
            let decay = crate::method::Decay::Cosine;
            let schedule = Schedule { every, drop_fraction, end, decay };
            let steps = oracle.whole(&format!("sched{case}_t"));
            let fractions = oracle.numbers(&format!("sched{case}_fraction"));
            for (&step, expected) in steps.iter().zip(fractions) {
                // Theirs go on with a fraction of 0; ours have no update any more.
                let is_over = step as u64 >= end;
                let fraction = if is_over { 0.0 } else { schedule.fraction(step as u64) };
                assert!((fraction - expected).abs() < 1e-15, "case {case}, step {step}");
                assert!(step == 0 || schedule.is_update(step as u64) != is_over);
            }
        }
    }
}
