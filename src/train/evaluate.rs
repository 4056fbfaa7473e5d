//! How a network does on samples.

use super::Error;
use super::metrics::Evaluation;
use crate::dataset::{Samples, Scaling};
use crate::nn::{METRICS, Mlp, Tile, forward_batch};
use crate::parallel::{Crew, Executor};
use fanin_kernels::TILE;

/// How a network does on `samples`, a group of tiles at a time.
///
/// **Errors**: [`Error::NoSamples`].
pub fn evaluate(
    executor: &Executor,
    model: &Mlp,
    samples: &Samples,
    scaling: &Scaling,
    tiles: &mut [Tile],
) -> Result<Evaluation, Error> {
    if samples.is_empty() {
        return Err(Error::NoSamples);
    }
    let order: Vec<u32> = (0..samples.len() as u32).collect();
    let (mut loss_sum, mut sums) = (0.0, [0.0; METRICS]);
    executor.enter(|| {
        let load = |crew: Crew<'_>, _: usize, indices: &[u32], tile: &mut Tile| {
            samples.load_tile(crew.isa(), scaling, indices, tile);
        };
        for group in order.chunks(Tile::batch(model, tiles.len())) {
            forward_batch(executor, model, tiles, group, load, |crew, tile| {
                model.differentiate(crew.isa(), group.len() as f32, tile);
            });
            for tile in &tiles[..group.len().div_ceil(TILE)] {
                loss_sum += f64::from(tile.loss.loss_sum);
                sums.iter_mut().zip(tile.loss.sums).for_each(|(sum, part)| *sum += part);
            }
        }
    });
    let weight = samples.weight(&order);
    Ok(Evaluation::of(&**model.loss(), loss_sum / weight, sums, samples.len()))
}

/// Of a mixture the share of `samples` that each expert answers; none of another network.
pub(super) fn expert_shares(
    executor: &Executor,
    model: &Mlp,
    samples: &Samples,
    scaling: &Scaling,
    tile: &mut Tile,
) -> Option<Vec<f64>> {
    let mut counts = vec![0.0; model.mixture()?.experts];
    let (order, crew) = ((0..samples.len() as u32).collect::<Vec<u32>>(), executor.crew());
    for indices in order.chunks(TILE) {
        samples.load_tile(crew.isa(), scaling, indices, tile);
        let gates = model.gates(crew, tile);
        counts.iter_mut().zip(gates.load()).for_each(|(count, load)| *count += load);
    }
    Some(counts.into_iter().map(|count| count / samples.len() as f64).collect())
}
