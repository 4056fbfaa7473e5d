//! RigL (Evci et al. 2020, algorithm 1), and the readings of what its text leaves open.

use super::{
    Candidates, Change, GrowScore, LayerView, Search, TieOrder, Ties, Update, drop_smallest,
    grow_by_gradient,
};
use serde::{Deserialize, Serialize};

/// Over what the smallest and the largest are sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Each layer for itself: its number of connections stays.
    Layer,
    /// All layers together: connections may move from one to another.
    Network,
}

/// How an ambiguous text is read; the default is what RigL's authors' code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Per layer, or over the network.
    pub scope: Scope,
    /// No neuron is dropped below this fan-in.
    pub fan_in_min: usize,
    /// Which positions may be grown.
    pub candidates: Candidates,
    /// What a position's score is.
    pub score: GrowScore,
    /// What decides between equal scores.
    pub ties: TieOrder,
}

impl Default for Reading {
    fn default() -> Self {
        Reading {
            scope: Scope::Layer,
            fan_in_min: 0,
            candidates: Candidates::Free,
            score: GrowScore::Dense,
            ties: TieOrder::Noise,
        }
    }
}

impl Reading {
    fn ties(&self, update: &Update, layer: usize) -> Ties {
        Ties { order: self.ties, seed: update.seed, step: update.step, layer: layer as u64 }
    }

    /// The survivors of dropping k = ⌊f·nnz⌋ of the smallest weights of these layers, and how many
    /// were dropped.
    pub(super) fn drop(
        &self,
        update: &Update,
        layers: &[LayerView<'_>],
    ) -> (Vec<Vec<bool>>, usize) {
        let nnz: usize = layers.iter().map(|layer| layer.pattern.nnz()).sum();
        let mut count = (update.fraction * nnz as f64).floor() as usize;
        if self.candidates == Candidates::Absent {
            // As many must be able to come.
            let positions = layers.iter().map(|l| l.pattern.rows() * l.pattern.cols());
            count = count.min(positions.sum::<usize>() - nnz);
        }
        let tied = |l: &LayerView<'_>| self.ties(update, l.index);
        let drops: Vec<_> = layers.iter().map(|l| (l.pattern, l.weights, tied(l))).collect();
        let survives = drop_smallest(&drops, count, self.fan_in_min);
        let gone = |survives: &Vec<bool>| survives.iter().filter(|survives| !**survives).count();
        let dropped = survives.iter().map(gone).sum();
        (survives, dropped)
    }
}

/// Drops the smallest weights and grows as many connections where |∂L/∂W| is largest. New weights are
/// 0, and a connection that is dropped and grown at once stays as it was.
pub(super) fn rigl(reading: &Reading, update: &Update, layers: &[LayerView<'_>]) -> Vec<Change> {
    let change = |layers: &[LayerView<'_>]| -> Vec<Change> {
        let (survives, count) = reading.drop(update, layers);
        let searches: Vec<Search<'_>> = layers
            .iter()
            .zip(&survives)
            .map(|(layer, survives)| Search {
                isa: update.isa,
                pattern: layer.pattern,
                survives,
                tiles: layer.tiles,
                candidates: reading.candidates,
                score: reading.score,
                ties: reading.ties(update, layer.index),
            })
            .collect();
        let grown = grow_by_gradient(&searches, count, update.threads);
        let change = |(survives, grown)| Change { survives, grown, returned_keep: true };
        survives.into_iter().zip(grown).map(change).collect()
    };
    match reading.scope {
        Scope::Layer => layers.chunks(1).flat_map(change).collect(),
        Scope::Network => change(layers),
    }
}
