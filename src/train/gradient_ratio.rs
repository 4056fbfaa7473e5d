//! The gradient ratio of a network on real samples (paper §3.1).

use super::step;
use crate::dataset::{Samples, Scaling};
use crate::nn::{Mlp, Passed, Tile, run_mixture};
use crate::parallel::{Crew, Executor};
use crate::topology::{GradientRatio, gradient_ratio};

/// The gradient ratio, hubs to specialists, of every layer that lacks connections, on the first
/// `batch` samples; none for the others.
///
/// **Panics** if there are fewer samples, or none is asked for.
pub fn gradient_ratios(
    executor: &Executor,
    model: &Mlp,
    samples: &Samples,
    scaling: &Scaling,
    batch: usize,
) -> Vec<Option<GradientRatio>> {
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
    let ratio = |(layer, gradient): (&crate::nn::Layer, &crate::nn::LayerTensors)| {
        let pattern = layer.storage().pattern().filter(|pattern| pattern.density() < 1.0)?;
        gradient_ratio(pattern, &layer.storage().to_csr(&gradient.weight))
    };
    model.layers().iter().zip(&gradients).map(ratio).collect()
}
