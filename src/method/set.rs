//! SET, sparse evolutionary training, as its authors' sparse code has it (Mocanu et al. 2018).

use super::{
    Candidates, LayerPlan, LayerView, Method, Moment, Network, Norm, Plan, Returned, Rewiring,
    RunLength, TieOrder, Weights, drop_nearest_to_zero, grow_at_random,
};
use crate::grammar::{Card, Entry, Parameter};
use crate::random::normal;

/// SET in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "set",
    about: "after each epoch but the last, drop what is nearest to 0, grow at random with weights \
            as at the beginning (Mocanu et al. 2018)",
    parameters: &[DROP, Norm::PARAMETER],
    make: |given| {
        let (fraction, norm) = (given.fraction("drop")?, given.one_of("norm")?);
        Ok(Box::new(Set { fraction, norm, epochs: 0 }))
    },
};

const DROP: Parameter = Parameter {
    key: "drop",
    default: Some("0.3"),
    about: "fraction dropped on either side of 0 (ζ)",
};

/// After every epoch but the last, a fraction ζ of the weights on either side of 0, those nearest
/// to it, goes; as many positions outside the survivors come at random, a dropped one included,
/// with weights drawn anew from the layer's initial distribution and fresh slots.
#[derive(Clone, Debug)]
struct Set {
    /// ζ.
    fraction: f64,
    norm: Norm,
    epochs: u64,
}

impl Set {
    fn rewire(&self, network: &Network<'_>, layer: &LayerView<'_>) -> LayerPlan {
        let LayerView { index, pattern, .. } = layer;
        let folded = layer.folded(self.norm);
        let ties = network.ties(TieOrder::Noise, *index);
        let survives = drop_nearest_to_zero(&folded.weights, self.fraction, ties);
        let count = survives.iter().filter(|survives| !**survives).count();
        let rng = &mut network.rng(*index);
        let grown = grow_at_random(&folded.pattern, &survives, count, Candidates::Free, rng);
        let isa = network.executor().isa();
        let (survives, mut grown) = layer.unfold(isa, &folded, survives, grown);
        let mean_fan_in = pattern.nnz() as f64 / pattern.rows() as f64;
        let weights = normal(rng, (2.0 / mean_fan_in).sqrt(), grown.len());
        grown.iter_mut().zip(weights).for_each(|(grown, weight)| grown.weight = weight);
        LayerPlan {
            layer: *index,
            rewiring: Rewiring::new(pattern, &survives, grown, Returned::Anew),
            weights: Weights::Carried,
        }
    }
}

impl Method for Set {
    fn card(&self) -> Card {
        Card {
            paper: "Mocanu et al.: Scalable training of artificial neural networks with adaptive \
                sparse connectivity inspired by network science, 2018, arXiv 1707.04780",
            decides: "what goes: the weights nearest to 0; what comes: any connections",
            when: "after each epoch but the last",
            cost: "a selection among the weights there are",
        }
    }

    fn begin(&mut self, run: RunLength) {
        self.epochs = run.epochs;
    }

    fn due(&self, moment: Moment) -> bool {
        matches!(moment, Moment::EpochEnd(epoch) if epoch < self.epochs)
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        let layers = network.sparse().iter().map(|layer| self.rewire(network, layer)).collect();
        let values = vec![("drop_fraction", self.fraction)];
        Plan { layers, values, ..Plan::default() }
    }

    fn needs_sparse_layers(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::Grown;
    use crate::method::testing::{TIES, single};
    use crate::sparse::CsrPattern;
    use crate::sparse::oracle::Oracle;

    /// Positions that are dropped of a layer with these weights.
    fn dropped(pattern: &CsrPattern, weights: &[f32], fraction: f64) -> Vec<usize> {
        let survives = drop_nearest_to_zero(weights, fraction, TIES);
        let gone: Vec<bool> = survives.iter().map(|survives| !survives).collect();
        pattern.only(&gone).positions().collect()
    }

    #[test]
    fn what_is_dropped_by_sign_is_the_oracles() {
        let mut oracle = Oracle::open("set");
        for shape in ["24x16", "40x32", "128x96"] {
            let pattern = oracle.pattern(&format!("{shape}_mask"));
            let weights = pattern.gather(&single(oracle.numbers(&format!("{shape}_w"))));
            for case in ["z30", "z20", "pos", "neg"] {
                let weights: Vec<f32> = match case {
                    "pos" => weights.iter().map(|w| w.abs()).collect(),
                    "neg" => weights.iter().map(|w| -w.abs()).collect(),
                    _ => weights.clone(),
                };
                let fraction = oracle.numbers(&format!("{shape}_{case}_zeta"))[0];
                let mut expected = oracle.whole(&format!("{shape}_{case}_drop_pos"));
                expected.extend(oracle.whole(&format!("{shape}_{case}_drop_neg")));
                expected.sort_unstable();
                assert_eq!(dropped(&pattern, &weights, fraction), expected, "{shape} {case}");
            }
        }
    }

    #[test]
    fn an_update_with_given_draws_is_the_oracles() {
        let mut oracle = Oracle::open("set");
        for shape in ["24x16", "40x32", "128x96"] {
            let pattern = oracle.pattern(&format!("{shape}_mask"));
            let mut name = |array: &str| oracle.numbers(&format!("{shape}_update_{array}"));
            let [m, v] = ["m_in", "v_in"].map(|array| pattern.gather(&single(name(array))));
            let (drawn, weights) = (name("grown"), single(name("grown_w")));
            let expected = ["w_out", "m_out", "v_out"].map(|array| single(name(array)));
            let redrawn = name("redrawn").len();
            let w = pattern.gather(&single(oracle.numbers(&format!("{shape}_w"))));
            let survives = drop_nearest_to_zero(&w, 0.3, TIES);
            let grown = drawn.iter().zip(weights).map(|(&at, weight)| {
                let (row, col) = (at as usize / pattern.cols(), at as usize % pattern.cols());
                Grown { row: row as u32, col: col as u32, gradient: 0.0, weight }
            });
            let rewiring = Rewiring::new(&pattern, &survives, grown.collect(), Returned::Anew);
            let mask = oracle.pattern(&format!("{shape}_update_mask_out"));
            assert_eq!((&rewiring.pattern, rewiring.returned), (&mask, redrawn), "{shape}");
            assert_eq!(mask.nnz(), pattern.nnz(), "{shape}");
            let carried = [
                rewiring.carry(&w, |grown| grown.weight),
                rewiring.carry(&m, |_| 0.0),
                rewiring.carry(&v, |_| 0.0),
            ];
            for (carried, expected) in carried.iter().zip(&expected) {
                assert_eq!(&mask.scatter(carried), expected, "{shape}");
            }
        }
    }
}
