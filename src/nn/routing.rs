//! A batch on its way through a network, and the way of a batch that passes a mixture of experts.
//!
//! There the batch's own tiles pass the gate. Each expert then has tiles of its own, into which the
//! samples that it answers are laid, so that its products are those of its samples alone, but for
//! what is left of its last tile. The answers meet in the batch's own tiles, where the loss is;
//! their gradient goes the same way back. The loss of uneven work
//! ([`Gates::balance_loss`](super::Gates::balance_loss)) is one of the whole batch, and teaches the
//! gate alone.

use super::{Chains, Gates, Mixture, Mlp, Routes, Tile, each_tile};
use crate::parallel::{Crew, Executor};
use fanin_kernels::{Row, TILE, sum_samples};
use std::ops::Range;

/// The samples of a batch that pass an expert in one tile.
struct Group {
    expert: usize,
    /// Their places in the batch.
    places: Vec<u32>,
    /// What the answer to each counts.
    gates: Vec<f32>,
    /// The gradient of that.
    d_gates: Vec<f64>,
}

/// Where an expert's answer to a sample is, and what it counts.
#[derive(Clone, Copy)]
struct Answer {
    group: usize,
    lane: usize,
    gate: f32,
}

/// A batch that has passed a mixture.
struct Passing<'a> {
    gates: Gates,
    work: Vec<(Group, &'a mut Tile)>,
    routes: Routes,
}

/// Loads a batch and runs it forward, without noise; `after` then gets its own tiles, the first
/// ones, with the outputs. `load` gets a tile's number and its samples, and must say how many there
/// are ([`Tile::samples`]).
///
/// **Panics** if there are fewer tiles than [`Tile::of_batch`] makes.
pub fn forward_batch(
    executor: &Executor,
    model: &Mlp,
    tiles: &mut [Tile],
    samples: &[u32],
    load: impl Fn(Crew<'_>, usize, &[u32], &mut Tile) + Sync,
    after: impl Fn(Crew<'_>, &mut Tile) + Sync,
) {
    let Some(mixture) = model.mixture() else {
        return each_tile(executor, tiles, samples, |crew, index, samples, tile| {
            load(crew, index, samples, tile);
            model.forward(crew, tile);
            after(crew, tile);
        });
    };
    let (own, of_experts) = tiles.split_at_mut(samples.len().div_ceil(TILE));
    forward(executor, model, mixture, own, of_experts, samples, None, load);
    executor.for_each(own, |crew, _, tile| after(crew, tile));
}

/// Loads a batch and runs it through a mixture, forward and back: afterwards the first tiles, the
/// batch's own, hold its loss, and all hold what the gradients need. `noise` are draws from
/// N(0, 1), one per sample and expert, that disturb the gate. `load` as in [`forward_batch`].
///
/// **Panics** if the network is no mixture, there are fewer tiles than [`Tile::of_batch`] makes, or
/// the draws are not one per sample and expert.
pub fn run_mixture(
    executor: &Executor,
    model: &Mlp,
    tiles: &mut [Tile],
    samples: &[u32],
    weight: f32,
    noise: Option<Vec<f64>>,
    load: impl Fn(Crew<'_>, usize, &[u32], &mut Tile) + Sync,
) -> Routes {
    let mixture = model.mixture().expect("a mixture");
    let (own, of_experts) = tiles.split_at_mut(samples.len().div_ceil(TILE));
    let passing = forward(executor, model, mixture, own, of_experts, samples, noise, load);
    let Passing { gates, mut work, routes } = passing;
    executor.for_each(own, |crew, _, tile| model.differentiate(crew.isa(), weight, tile));
    executor.for_each(&mut work, |crew, _, (group, tile)| {
        scatter(group, tile, own);
        model.chain(group.expert).backward(crew, tile);
    });
    let experts = mixture.experts;
    let mut d_gates = vec![0.0; samples.len() * experts];
    for (group, _) in &work {
        for (&place, &d_gate) in group.places.iter().zip(&group.d_gates) {
            d_gates[place as usize * experts + group.expert] = d_gate;
        }
    }
    let d_gate = gates.backward(&d_gates);
    executor.for_each(own, |crew, index, tile| {
        let (first, count) = (index * TILE, tile.samples);
        let (rows, dbias) = tile.gate_mut();
        let (of_clean, of_noise) = rows.split_at_mut(experts);
        for (rows, d) in [of_clean, of_noise].into_iter().zip(&d_gate) {
            for (expert, row) in rows.iter_mut().enumerate() {
                *row = Row::ZERO;
                for (sample, d_gate) in row.0[..count].iter_mut().enumerate() {
                    *d_gate = d[(first + sample) * experts + expert] as f32;
                }
            }
        }
        sum_samples(crew.isa(), rows, dbias);
    });
    routes
}

/// A batch through the gate and its experts; the outputs are in its own tiles.
fn forward<'a>(
    executor: &Executor,
    model: &Mlp,
    mixture: Mixture,
    own: &mut [Tile],
    of_experts: &'a mut [Tile],
    samples: &[u32],
    noise: Option<Vec<f64>>,
    load: impl Fn(Crew<'_>, usize, &[u32], &mut Tile) + Sync,
) -> Passing<'a> {
    let experts = mixture.experts;
    each_tile(executor, own, samples, |crew, index, samples, tile| {
        load(crew, index, samples, tile);
        model.forward_gate(crew, tile);
    });
    let all = |rows: Range<usize>| own.iter().flat_map(|tile| tile.gate(rows.clone())).collect();
    let noise = noise.map(|drawn| (all(experts..2 * experts), drawn));
    let gates = Gates::of(mixture, all(0..experts), noise);
    let (groups, answers) = groups(&gates, mixture);
    assert!(groups.len() <= of_experts.len(), "a tile for each group");
    let routes = routes(&groups, own.len(), model.chains());
    let mut work: Vec<(Group, &mut Tile)> = groups.into_iter().zip(of_experts).collect();
    executor.for_each(&mut work, |crew, index, (group, tile)| {
        let ids: Vec<u32> = group.places.iter().map(|&place| samples[place as usize]).collect();
        load(crew, own.len() + index, &ids, tile);
        model.chain(group.expert).forward(crew, tile);
    });
    executor.for_each(own, |_, index, tile| gather(tile, &answers[index * TILE..], &work));
    Passing { gates, work, routes }
}

/// The samples of each expert in their order, a tile at a time; and of each sample where its
/// answers will be, by ascending experts.
fn groups(gates: &Gates, mixture: Mixture) -> (Vec<Group>, Vec<Vec<Answer>>) {
    let mut answers = vec![Vec::with_capacity(mixture.top); gates.samples()];
    let mut groups: Vec<Group> = Vec::new();
    for expert in 0..mixture.experts {
        let asked = |place: &usize| gates.top(*place).contains(&(expert as u32));
        let places: Vec<usize> = (0..gates.samples()).filter(asked).collect();
        for places in places.chunks(TILE) {
            let of_places = places.iter().map(|&place| gates.gate(place, expert) as f32);
            let of_places: Vec<f32> = of_places.collect();
            for (lane, (&place, &gate)) in places.iter().zip(&of_places).enumerate() {
                answers[place].push(Answer { group: groups.len(), lane, gate });
            }
            let places = places.iter().map(|&place| place as u32).collect();
            groups.push(Group { expert, places, gates: of_places, d_gates: Vec::new() });
        }
    }
    (groups, answers)
}

/// Which tiles are whose, the groups' behind the batch's own.
fn routes(groups: &[Group], own: usize, Chains { count, depth }: Chains) -> Routes {
    let before = |expert| own + groups.iter().filter(|group| group.expert < expert).count();
    Routes { depth, bounds: (0..=count).map(before).collect() }
}

/// The outputs of one of the batch's own tiles: the sum of the answers to its samples, each times
/// its gate.
fn gather(tile: &mut Tile, answers: &[Vec<Answer>], work: &[(Group, &mut Tile)]) {
    let samples = tile.samples;
    for (at, output) in tile.outputs_mut().iter_mut().enumerate() {
        *output = Row::ZERO;
        for (sum, answers) in output.0[..samples].iter_mut().zip(answers) {
            for &Answer { group, lane, gate } in answers {
                *sum += gate * work[group].1.answers()[at].0[lane];
            }
        }
    }
}

/// Of the outputs' gradient an expert's part, in the place of its answers; and its gates'.
fn scatter(group: &mut Group, tile: &mut Tile, own: &[Tile]) {
    let Group { places, gates, d_gates, .. } = group;
    d_gates.clear();
    d_gates.resize(places.len(), 0.0);
    for (at, answer) in tile.answers_mut().iter_mut().enumerate() {
        let mut d_answer = Row::ZERO;
        for (lane, &place) in places.iter().enumerate() {
            let (of, sample) = (place as usize / TILE, place as usize % TILE);
            let d_output = own[of].outputs()[at].0[sample];
            d_gates[lane] += f64::from(d_output) * f64::from(answer.0[lane]);
            d_answer.0[lane] = gates[lane] * d_output;
        }
        *answer = d_answer;
    }
}
