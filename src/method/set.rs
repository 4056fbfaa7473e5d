//! SET, sparse evolutionary training, as its authors' sparse code has it (Mocanu et al. 2018).

use super::{
    Candidates, LayerPlan, LayerView, Method, Moment, Network, Norm, Plan, Returned, Rewiring,
    RunLength, Slots, StepIs, TieOrder, Weights, drop_nearest_to_zero, grow_at_random,
};
use crate::grammar::{Entry, Parameter};
use crate::random::normal;

/// SET in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "set",
    about: "after each epoch but the last, drop what is nearest to 0, grow at random (Mocanu et \
            al. 2018)",
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
    fn begin(&mut self, run: RunLength) {
        self.epochs = run.epochs;
    }

    fn due(&self, moment: Moment) -> bool {
        matches!(moment, Moment::EpochEnd(epoch) if epoch < self.epochs)
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        let layers = network.sparse().iter().map(|layer| self.rewire(network, layer)).collect();
        let values = vec![("drop_fraction", self.fraction)];
        Plan { layers, step: StepIs::Taken, slots: Slots::Follow, values }
    }

    fn needs_sparse_layers(&self) -> bool {
        true
    }
}
