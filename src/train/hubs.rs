//! What hubs have that specialists have not, on real samples (paper §2.6, §3.1).

use super::step;
use crate::dataset::{Samples, Scaling};
use crate::nn::{Mlp, Passed, Tile, run_mixture};
use crate::parallel::{Crew, Executor};
use crate::sparse::CsrPattern;
use crate::topology::{GradientRatio, activation_ratio, gradient_ratio};

/// Hubs to specialists of a layer that lacks connections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HubRatios {
    /// Of their gradients; none where specialists have none.
    pub gradient: Option<GradientRatio>,
    /// Of their mean activations; none where specialists have none, without a norm, and of a
    /// mixture's experts, which see other samples each.
    pub activation: Option<f64>,
}

/// The ratios of every layer that lacks connections, on the first `batch` samples; none for the
/// others.
///
/// **Panics** if there are fewer samples, or none is asked for.
pub fn hub_ratios(
    executor: &Executor,
    model: &Mlp,
    samples: &Samples,
    scaling: &Scaling,
    batch: usize,
) -> Vec<Option<HubRatios>> {
    assert!((1..=samples.len()).contains(&batch), "{batch} of {} samples", samples.len());
    let indices: Vec<u32> = (0..batch as u32).collect();
    let mut tiles = Tile::of_batch(model, batch);
    let load = |crew: Crew<'_>, _: usize, indices: &[u32], tile: &mut Tile| {
        samples.load_tile(crew.isa(), scaling, indices, tile);
    };
    let gradients = match model.mixture() {
        Some(_) => {
            let count = batch as f32;
            let routes = run_mixture(executor, model, &mut tiles, &indices, count, None, load);
            model.gradients(executor, Passed::routed(&tiles, &routes))
        }
        None => {
            step::forward_backward(executor, model, &mut tiles, &indices, load);
            model.gradients(executor, &tiles)
        }
    };
    let activation = |layer: usize, pattern: &CsrPattern| {
        let is_there = model.mixture().is_none() && model.layers()[layer].has_norm();
        is_there.then(|| activation_ratio(pattern, &magnitudes(&tiles, layer))).flatten()
    };
    let ratios = |(index, layer): (usize, &crate::nn::Layer)| {
        let pattern = layer.storage().pattern().filter(|pattern| pattern.density() < 1.0)?;
        let gradient = layer.storage().to_csr(&gradients[index].weight);
        Some(HubRatios {
            gradient: gradient_ratio(pattern, &gradient),
            activation: activation(index, pattern),
        })
    };
    model.layers().iter().enumerate().map(ratios).collect()
}

/// The mean activation of each neuron of a hidden layer, over the samples of `tiles`.
fn magnitudes(tiles: &[Tile], layer: usize) -> Vec<f64> {
    let samples: usize = tiles.iter().map(|tile| tile.samples).sum();
    let neurons = tiles.first().map_or(0, |tile| tile.layers[layer].h.len());
    let of_tile = |tile: &Tile, neuron: usize| {
        let row = &tile.layers[layer].h[neuron].0[..tile.samples];
        row.iter().map(|h| f64::from(h.abs())).sum::<f64>()
    };
    let total = |neuron| tiles.iter().map(|tile| of_tile(tile, neuron)).sum::<f64>();
    (0..neurons).map(|neuron| total(neuron) / samples.max(1) as f64).collect()
}
