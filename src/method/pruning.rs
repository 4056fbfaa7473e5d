//! What methods that begin with every connection have in common: which connections are kept, and
//! what becomes of their weights.

use super::{LayerPlan, LayerView, Network, Returned, Rewiring, Scope, TieOrder, Ties, Weights};
use crate::grammar::{Parameter, named};

named! {
    /// The weights of the connections that are kept.
    pub enum KeptWeights as "weights" {
        /// They stay as they are.
        Kept = "kept",
        /// They are scaled to the variance of a network that begins with these connections: 2 over
        /// the mean fan-in in place of 2 over all inputs.
        Rescaled = "rescaled",
    }
}

impl KeptWeights {
    pub(super) const PARAMETER: Parameter = Parameter {
        key: "weights",
        default: Some("kept"),
        about: "what is kept stays as it is (kept), or is scaled to the new fan-in (rescaled)",
    };
}

/// Where the largest scores are sought, as such methods have it among their parameters.
pub(super) const SCOPE: Parameter = Parameter {
    key: "scope",
    default: Some("network"),
    about: "keep the best over the network, or in each layer what its sparsity leaves",
};

/// The same, each layer by itself if nothing is said.
pub(super) const SCOPE_LAYER: Parameter = Parameter { default: Some("layer"), ..SCOPE };

/// Marks the largest scores, `counts` of each layer or as many over all of them.
///
/// **Shapes**: per layer its scores and its ties; one count per layer.
///
/// **Order**: score descending, then the tie key of the position, then layer and position.
pub fn keep_largest(layers: &[(&[f64], Ties)], counts: &[usize], scope: Scope) -> Vec<Vec<bool>> {
    assert_eq!(layers.len(), counts.len(), "one count per layer");
    if scope == Scope::Layer && layers.len() > 1 {
        let of_layer = |(layer, count)| keep_largest(&[layer], &[count], Scope::Layer).remove(0);
        return layers.iter().copied().zip(counts.iter().copied()).map(of_layer).collect();
    }
    let positions = |(layer, (scores, _)): (usize, &(&[f64], Ties))| {
        (0..scores.len() as u32).map(move |at| (layer as u32, at))
    };
    let mut order: Vec<(u32, u32)> = layers.iter().enumerate().flat_map(positions).collect();
    let score = |&(layer, at): &(u32, u32)| layers[layer as usize].0[at as usize];
    let key = |&(layer, at): &(u32, u32)| layers[layer as usize].1.key(at.into());
    let count = counts.iter().sum::<usize>().min(order.len());
    if count > 0 && count < order.len() {
        order.select_nth_unstable_by(count - 1, |a, b| {
            let by_score = score(b).total_cmp(&score(a));
            by_score.then_with(|| (key(a), a).cmp(&(key(b), b)))
        });
    }
    let mut kept: Vec<Vec<bool>> =
        layers.iter().map(|(scores, _)| vec![false; scores.len()]).collect();
    order[..count].iter().for_each(|&(layer, at)| kept[layer as usize][at as usize] = true);
    kept
}

/// The plans of layers of which only what is marked stays. Of a layer that would lose everything
/// the best connection by `scores` stays.
pub(super) fn pruned(
    network: &Network<'_>,
    layers: &[LayerView<'_>],
    scores: &[Vec<f64>],
    counts: &[usize],
    scope: Scope,
    weights: KeptWeights,
) -> Vec<LayerPlan> {
    let ties = |layer: &LayerView<'_>| network.ties(TieOrder::Noise, layer.index);
    let of_layers = layers.iter().zip(scores);
    let scored: Vec<(&[f64], Ties)> =
        of_layers.map(|(layer, scores)| (&scores[..], ties(layer))).collect();
    let mut kept = keep_largest(&scored, counts, scope);
    for (kept, &scored) in kept.iter_mut().zip(&scored) {
        if !kept.contains(&true) {
            *kept = keep_largest(&[scored], &[1], Scope::Layer).remove(0);
        }
    }
    layers.iter().zip(kept).map(|(layer, kept)| only(layer, &kept, weights)).collect()
}

/// The plan of a layer of which only what is marked stays.
pub(super) fn only(layer: &LayerView<'_>, kept: &[bool], weights: KeptWeights) -> LayerPlan {
    let rewiring = Rewiring::new(&layer.pattern, kept, Vec::new(), Returned::Kept);
    let weights = match weights {
        KeptWeights::Kept => Weights::Carried,
        KeptWeights::Rescaled => {
            let factor = (layer.pattern.nnz() as f64 / rewiring.pattern.nnz() as f64).sqrt();
            let scaled = |_: &_| unreachable!("nothing is grown");
            let carried = rewiring.carry(&layer.weights, scaled);
            Weights::Given(
                carried.into_iter().map(|w: f32| (f64::from(w) * factor) as f32).collect(),
            )
        }
    };
    LayerPlan { layer: layer.index, rewiring, weights }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::TIES;

    #[test]
    fn the_largest_are_kept_over_layers_or_in_each() {
        let layers = [(&[0.1, 0.9, 0.3][..], TIES), (&[0.2, -5.0][..], TIES)];
        let keep = |counts: [usize; 2], scope| keep_largest(&layers, &counts, scope);
        assert_eq!(keep([1, 1], Scope::Network), [vec![false, true, true], vec![false, false]]);
        assert_eq!(keep([1, 1], Scope::Layer), [vec![false, true, false], vec![true, false]]);
        assert_eq!(keep([2, 2], Scope::Network), [vec![true; 3], vec![true, false]]);
        assert_eq!(keep([9, 9], Scope::Network), [vec![true; 3], vec![true; 2]]);
    }
}
