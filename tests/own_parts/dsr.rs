//! A whole published method by the public interface alone, in this one file: dynamic sparse
//! reparameterization (Mostafa & Wang 2019, arXiv 1902.05967, algorithm 1).
//!
//! Every `every` steps all weights below one threshold go, whatever their layer. As many
//! connections come at random, and layers share them as they share what is left: where much
//! survives, much comes, so that the budget moves between layers. The threshold is doubled or
//! halved when it took away far fewer or more than was wanted.

use fanin::grammar::Card;
use fanin::method::{
    Candidates, LayerPlan, Method, Moment, Network, Plan, Returned, Rewiring, Weights,
    grow_at_random,
};
use fanin::nn::Mlp;
use std::collections::BTreeMap;

/// The method with its threshold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dsr {
    /// Steps between two updates.
    pub(crate) every: u64,
    /// The fraction of all connections that is wanted to go (N_p).
    pub(crate) fraction: f64,
    /// How far off it may be before the threshold changes (δ).
    pub(crate) tolerance: f64,
    /// Weights below it go (H).
    pub(crate) threshold: f32,
}

impl Dsr {
    /// The threshold after an update that took `gone` of `all` connections.
    fn adapted(&self, gone: usize, all: usize) -> f32 {
        let wanted = self.fraction * all as f64;
        match gone as f64 {
            few if few < (1.0 - self.tolerance) * wanted => 2.0 * self.threshold,
            many if many > (1.0 + self.tolerance) * wanted => self.threshold / 2.0,
            _ => self.threshold,
        }
    }
}

/// Of `total` the parts in proportion to `shares`, rounded so that they add up: the largest
/// remainders get one more, the first of equals.
fn parts(total: usize, shares: &[usize]) -> Vec<usize> {
    let sum: usize = shares.iter().sum();
    let mut parts: Vec<usize> = shares.iter().map(|share| total * share / sum.max(1)).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(total * shares[at] % sum.max(1)));
    let left = total - parts.iter().sum::<usize>();
    order.iter().take(left).for_each(|&at| parts[at] += 1);
    parts
}

impl Method for Dsr {
    fn card(&self) -> Card {
        Card {
            paper: "Mostafa & Wang: Parameter efficient training of deep convolutional neural \
                networks by dynamic sparse reparameterization, 2019, arXiv 1902.05967",
            decides: "what goes: weights below a threshold that adapts; what comes: any connections",
            when: "every so many steps",
            cost: "a pass over the weights there are",
        }
    }

    fn due(&self, moment: Moment) -> bool {
        matches!(moment, Moment::Step(step) if step % self.every == 0)
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        let layers = network.sparse();
        let survives: Vec<Vec<bool>> = layers
            .iter()
            .map(|layer| layer.weights.iter().map(|w| w.abs() >= self.threshold).collect())
            .collect();
        let left: Vec<usize> =
            survives.iter().map(|layer| layer.iter().filter(|stays| **stays).count()).collect();
        let all: usize = layers.iter().map(|layer| layer.pattern.nnz()).sum();
        let gone = all - left.iter().sum::<usize>();
        let threshold = self.threshold;
        self.threshold = self.adapted(gone, all);
        let plans = layers.iter().zip(survives).zip(parts(gone, &left));
        let plan = |((layer, survives), count): ((&_, Vec<bool>), usize)| {
            let layer: &fanin::method::LayerView<'_> = layer;
            let rng = &mut network.rng(layer.index);
            let grown = grow_at_random(&layer.pattern, &survives, count, Candidates::Free, rng);
            LayerPlan {
                layer: layer.index,
                rewiring: Rewiring::new(&layer.pattern, &survives, grown, Returned::Anew),
                weights: Weights::Carried,
            }
        };
        let values = vec![("threshold", f64::from(threshold)), ("gone", gone as f64)];
        Plan { layers: plans.map(plan).collect(), values, ..Plan::default() }
    }

    fn needs_sparse_layers(&self) -> bool {
        true
    }

    fn takes_shared_inputs(&self) -> bool {
        false
    }

    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        BTreeMap::from([("threshold".to_string(), vec![self.threshold])])
    }

    fn restore(&mut self, mut state: BTreeMap<String, Vec<f32>>, _model: &Mlp) -> bool {
        match state.remove("threshold").as_deref() {
            Some(&[threshold]) if state.is_empty() => {
                self.threshold = threshold;
                true
            }
            _ => false,
        }
    }
}

#[test]
fn parts_add_up() {
    assert_eq!(parts(10, &[1, 1, 1]), [4, 3, 3]);
    assert_eq!(parts(7, &[0, 5, 2]), [0, 5, 2]);
    assert_eq!(parts(0, &[3, 0]), [0, 0]);
}
