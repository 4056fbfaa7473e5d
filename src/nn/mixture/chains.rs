//! Where the layers of a network, or of a mixture of several, stand.

use super::Mixture;
use crate::nn::storage::Place;
use std::ops::Range;

/// Where the layers of a network stand: in one chain; or, in a mixture, in one chain per expert,
/// one after the other, and behind them the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chains {
    /// How many chains.
    pub count: usize,
    /// Layers of each.
    pub depth: usize,
}

impl Chains {
    /// Of so many layers; none where they cannot be those of this mixture.
    pub fn of(layers: usize, mixture: Option<&Mixture>) -> Option<Chains> {
        let Some(&Mixture { experts, .. }) = mixture else {
            return Some(Chains { count: 1, depth: layers });
        };
        let of_experts = layers.checked_sub(1).filter(|n| *n > 0 && n % experts == 0)?;
        Some(Chains { count: experts, depth: of_experts / experts })
    }

    /// The layers of a chain.
    pub fn layers(self, chain: usize) -> Range<usize> {
        chain * self.depth..(chain + 1) * self.depth
    }

    /// Where a layer stands in its chain, the first at 0; the gate stands behind the last.
    pub fn position(self, layer: usize) -> usize {
        if layer == self.count * self.depth { self.depth } else { layer % self.depth }
    }

    /// The place of a layer of a network whose first layer stands at `first`.
    pub fn place(self, first: Place, layer: usize) -> Place {
        first.of_layer(self.position(layer) % self.depth)
    }

    /// What a layer is called where people read it; numbers count from 1.
    pub fn name(self, layer: usize, mixture: Option<&Mixture>) -> String {
        match (mixture, self.position(layer)) {
            (None, position) => format!("layer {}", position + 1),
            (Some(_), position) if position == self.depth => "the gate".to_string(),
            (Some(_), position) => {
                format!("expert {}, layer {}", layer / self.depth + 1, position + 1)
            }
        }
    }

    /// Whether a layer takes in the samples.
    pub fn takes_samples(self, layer: usize) -> bool {
        self.position(layer).is_multiple_of(self.depth)
    }

    /// Whether a layer of its chain follows it.
    pub fn is_hidden(self, layer: usize) -> bool {
        self.position(layer) + 1 < self.depth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_know_their_places() {
        let mixture = Mixture { experts: 3, top: 1, importance: 0.0, load: 0.0 };
        let chains = Chains::of(7, Some(&mixture)).unwrap();
        assert_eq!((chains.depth, chains.layers(2)), (2, 4..6));
        let positions: Vec<usize> = (0..7).map(|layer| chains.position(layer)).collect();
        assert_eq!(positions, [0, 1, 0, 1, 0, 1, 2]);
        let of = |f: fn(Chains, usize) -> bool| (0..7).filter(|&l| f(chains, l)).collect();
        let (first, hidden): (Vec<_>, Vec<_>) = (of(Chains::takes_samples), of(Chains::is_hidden));
        assert_eq!((first, hidden), (vec![0, 2, 4, 6], vec![0, 2, 4]));
        for wrong in [0, 1, 6, 8] {
            assert_eq!(Chains::of(wrong, Some(&mixture)), None);
        }
        let alone = Chains::of(3, None).unwrap();
        let hidden: Vec<_> = (0..3).map(|layer| alone.is_hidden(layer)).collect();
        assert_eq!((alone.layers(0), hidden), (0..3, vec![true, true, false]));
    }
}
