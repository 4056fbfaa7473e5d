//! What became of a run's connections, over its steps.

use super::figure::{Series, figure, line_chart};
use crate::train::{LayerUpdate, UpdateMetrics};
use std::collections::BTreeSet;

/// The figure as SVG: (a) the CCV of each rewired layer and their mean; (b) the share of the first
/// connections that are still there and, dashed, of all positions that ever were connections.
pub fn rewiring_figure(updates: &[UpdateMetrics]) -> String {
    let layers: BTreeSet<usize> =
        updates.iter().flat_map(|update| &update.layers).map(|layer| layer.layer).collect();
    let layers: Vec<usize> = layers.into_iter().collect();
    let series = |layer: usize, what: &str, dashed: bool, of: fn(&LayerUpdate) -> f64| {
        let point = |update: &UpdateMetrics| {
            let told = update.layers.iter().find(|told| told.layer == layers[layer])?;
            Some((update.update as f64, of(told)))
        };
        let name = format!("layer {}{what}", layers[layer]);
        let points = updates.iter().filter_map(point).collect();
        Series { name, points, dashed, color: layer }
    };
    let mut ccv: Vec<Series> =
        (0..layers.len()).map(|layer| series(layer, "", false, |layer| layer.ccv)).collect();
    let mean = updates.iter().map(|update| (update.update as f64, update.ccv)).collect();
    ccv.push(Series { name: "mean".into(), points: mean, dashed: true, color: 7 });
    let shares: Vec<Series> = (0..layers.len())
        .flat_map(|layer| {
            [
                series(layer, ", first still there", false, |layer| layer.overlap_first),
                series(layer, ", ever a connection", true, |layer| layer.ever_active),
            ]
        })
        .collect();
    let title = "What became of a run's connections";
    let description = "Over the steps: the CCV of each rewired layer; the share of the first \
                       connections that are still there, and of all positions that ever were one.";
    figure((1280, 480), title, description, |area| {
        let panels = area.split_evenly((1, 2));
        line_chart(&panels[0], "(a) fan-in CCV", ["step", "CCV (σ/μ)"], &ccv)?;
        line_chart(&panels[1], "(b) connections", ["step", "share"], &shares)
    })
}
