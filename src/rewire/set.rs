//! SET, sparse evolutionary training (Mocanu et al. 2018), in two readings.

use super::drop::drop_nearest_to_zero;
use super::{Change, LayerView, Reading, TieOrder, Ties, Update, grow_at_random};
use crate::random::{Purpose, normal, stream};
use rand_pcg::Pcg64;

/// The stream that growth in a layer draws from.
fn growth(update: &Update, layer: usize) -> Pcg64 {
    stream(update.seed, Purpose::Grow, (layer as u64) << 40 | update.step)
}

/// SET as RigL's authors compare with it: the smallest weights of all go, whatever their sign, and
/// as many positions outside the survivors come at random with weight 0. Everything but the growth
/// is RigL's, layer by layer.
pub(super) fn set_rigl(
    reading: &Reading,
    update: &Update,
    layers: &[LayerView<'_>],
) -> Vec<Change> {
    let change = |layer: &LayerView<'_>| {
        let (mut survives, count) = reading.drop(update, std::slice::from_ref(layer));
        let survives = survives.remove(0);
        let rng = &mut growth(update, layer.index);
        let grown = grow_at_random(layer.pattern, &survives, count, reading.candidates, rng);
        Change { survives, grown, returned_keep: true }
    };
    layers.iter().map(change).collect()
}

/// SET as its authors' sparse code has it: a fraction of the weights on either side of 0, those
/// nearest to it, goes; as many positions outside the survivors come at random, a dropped one
/// included, with weights drawn anew from the layer's initial distribution and no moments.
pub(super) fn set(update: &Update, layers: &[LayerView<'_>]) -> Vec<Change> {
    let change = |layer: &LayerView<'_>| {
        let pattern = layer.pattern;
        let (seed, step) = (update.seed, update.step);
        let ties = Ties { order: TieOrder::Noise, seed, step, layer: layer.index as u64 };
        let survives = drop_nearest_to_zero(layer.weights, update.fraction, ties);
        let count = survives.iter().filter(|survives| !**survives).count();
        let rng = &mut growth(update, layer.index);
        let candidates = Reading::default().candidates;
        let mut grown = grow_at_random(pattern, &survives, count, candidates, rng);
        let mean_fan_in = pattern.nnz() as f64 / pattern.rows() as f64;
        let weights = normal(rng, (2.0 / mean_fan_in).sqrt(), grown.len());
        grown.iter_mut().zip(weights).for_each(|(grown, weight)| grown.weight = weight);
        Change { survives, grown, returned_keep: false }
    };
    layers.iter().map(change).collect()
}
