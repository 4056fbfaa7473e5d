//! One optimiser step: tiles through the network and back, then gradients into the rule by rows.
//!
//! Of several threads, two parallel regions (of a large batch the second is several). In the first
//! a tile runs its whole chain on one core: load, forward, loss, backward. In the second every
//! layer's rows are cut into blocks; a block computes its gradient over all
//! tiles and updates its parameters at once, while the gradient is still in cache. Of a large batch
//! the tiles come by in groups, since every block reads all of them: a group stays in the last
//! cache from block to block.
//!
//! One thread goes tile by tile instead, all in one tile's memory, and computes a layer's gradient
//! right after its dX: [`step_tile_by_tile`]. 784-1024-1024-10 on one Zen 5 core, an epoch of the
//! two regions / of this: 1.00–1.03 at batch 128 and 80–99 %; at batch 1024 1.20 at 80 %, 1.30 at
//! 90 %, 1.39 at 98 %.
//!
//! Nothing is allocated.

use crate::nn::{
    Head, Layer, LayerBlock, LayerSlices, LayerTensors, Mlp, Passed, Storage, Tensor, Tile,
    TileLoss, add_gradient_rows, each_tile, of_tile,
};
use crate::optim::{MAX_SLOTS, Optimizer, Rule};
use crate::parallel::{Crew, Executor};
use fanin_kernels::{Isa, Row, TILE};
use std::ops::Range;

/// Loads every tile that `samples` fill, and runs it forward and back; `load` gets the tile's
/// number and its samples, and must say how many there are ([`Tile::samples`]). Tiles beyond them
/// keep what they held: hand [`apply_gradients`] only the filled ones,
/// `samples.len().div_ceil(TILE)` of them.
///
/// **Panics** if there are fewer tiles.
pub fn forward_backward(
    executor: &Executor,
    model: &Mlp,
    tiles: &mut [Tile],
    samples: &[u32],
    load: impl Fn(Crew<'_>, usize, &[u32], &mut Tile) + Sync,
) {
    forward_backward_weighted(executor, model, tiles, samples, samples.len() as f32, load);
}

/// As [`forward_backward`] of samples that do not all count 1: `weight` is what their weights add
/// up to, of which the batch's mean is.
///
/// **Panics** as [`forward_backward`].
pub fn forward_backward_weighted(
    executor: &Executor,
    model: &Mlp,
    tiles: &mut [Tile],
    samples: &[u32],
    weight: f32,
    load: impl Fn(Crew<'_>, usize, &[u32], &mut Tile) + Sync,
) {
    each_tile(executor, tiles, samples, |crew, index, indices, tile| {
        load(crew, index, indices, tile);
        model.run(crew, weight, tile);
    });
}

/// All of it on one thread, to the same bits: [`forward_backward_weighted`] and
/// [`apply_gradients`]. Every tile passes in the memory of the first, and a layer's gradient
/// follows its dX: what it reads is still in cache. After the last tile's, the layer takes the
/// optimiser's step.
///
/// Each tile's loss stands in its place afterwards; nothing else of them does. Returns the losses'
/// sum. If that is not finite, the optimiser has not stepped.
///
/// **Panics** as [`forward_backward`] and [`apply_gradients`], and without a sample.
pub fn step_tile_by_tile(
    executor: &Executor,
    model: &mut Mlp,
    optimizer: &mut Optimizer,
    lr: f32,
    gradients: &mut [LayerTensors],
    tiles: &mut [Tile],
    samples: &[u32],
    weight: f32,
    load: impl Fn(Crew<'_>, usize, &[u32], &mut Tile),
) -> f64 {
    assert!(!samples.is_empty(), "a step has samples");
    assert!(samples.len() <= tiles.len() * TILE, "more samples than tiles hold");
    expect_shapes(model, optimizer, gradients);
    let (crew, isa, last) = (executor.crew(), executor.isa(), samples.len().div_ceil(TILE) - 1);
    let (mut loss_sum, mut first_loss) = (0.0, TileLoss::default());
    for index in 0..=last {
        let tile = &mut tiles[0];
        load(crew, index, of_tile(samples, index), tile);
        model.forward(crew, tile);
        model.differentiate(isa, weight, tile);
        loss_sum += f64::from(tile.loss.loss_sum);
        if index < last {
            for layer in (0..gradients.len()).rev() {
                model.backward_input(crew, layer, tile);
                let (storage, alone) =
                    (model.layers()[layer].storage(), std::slice::from_ref(&*tile));
                add_blocks(executor, layer, storage, &mut gradients[layer], alone, index == 0);
                model.backward_norm(crew, layer, tile);
            }
        } else if loss_sum.is_finite() {
            let (rule, mut slots) = optimizer.begin(lr);
            for (layer, gradient) in gradients.iter_mut().enumerate().rev() {
                model.backward_input(crew, layer, tile);
                let slots = slots
                    .each_mut()
                    .map(|slot| slot.get_mut(layer).map(LayerTensors::slices).unwrap_or_default());
                let (alone, is_first) = (std::slice::from_ref(&*tile), index == 0);
                model.layers_mut()[layer].change(executor, |storage, params| {
                    let sets = sets(params, gradient, slots);
                    update_blocks(executor, rule, layer, storage, sets, alone, is_first);
                });
                model.backward_norm(crew, layer, tile);
            }
        }
        let loss = tile.loss;
        match index {
            0 => first_loss = loss,
            _ => tiles[index].loss = loss,
        }
    }
    tiles[0].loss = first_loss;
    loss_sum
}

/// Computes all gradients from these tiles, each of them filled, and takes the optimiser's step at
/// this learning rate. An expert of a mixture that answered no sample takes none.
///
/// **Shapes**: `gradients` one set of tensors per layer, shaped as the parameters; overwritten.
///
/// **Panics** if gradients or slots are not of this network's shapes.
pub fn apply_gradients<'a>(
    executor: &Executor,
    model: &mut Mlp,
    optimizer: &mut Optimizer,
    lr: f32,
    gradients: &mut [LayerTensors],
    tiles: impl Into<Passed<'a>>,
) {
    expect_shapes(model, optimizer, gradients);
    let (rule, slots) = optimizer.begin(lr);
    let work = Layers { first: 0, layers: model.layers_mut(), gradients, slots };
    update_layers(executor, rule, work, tiles.into());
}

/// As [`apply_gradients`], with the gradient scaled down to the norm `max_norm` where it is larger,
/// that of all parameters together: so all of it is computed first.
///
/// **Order**: the squares are added up in double precision, layer by layer and tensor by tensor.
///
/// **Panics** as [`apply_gradients`].
pub fn apply_clipped_gradients<'a>(
    executor: &Executor,
    model: &mut Mlp,
    optimizer: &mut Optimizer,
    lr: f32,
    max_norm: f64,
    gradients: &mut [LayerTensors],
    tiles: impl Into<Passed<'a>>,
) {
    expect_shapes(model, optimizer, gradients);
    let passed = tiles.into();
    let mut squares = 0.0;
    for (index, gradient) in gradients.iter_mut().enumerate() {
        model.layer_gradient(executor, index, passed, gradient);
        let weights = model.layers()[index].storage().to_csr(&gradient.weight);
        let [_, head @ ..] = gradient.each();
        for values in [&*weights].into_iter().chain(head) {
            squares += values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
        }
    }
    let factor = (max_norm / squares.sqrt()) as f32;
    if factor < 1.0 {
        let tensors = gradients.iter_mut().flat_map(|gradient| gradient.slices().each());
        tensors.flatten().for_each(|x| *x *= factor);
    }
    let (rule, slots) = optimizer.begin(lr);
    let mut slots = slots.map(|slot| slot.iter_mut());
    let layers = model.layers_mut().iter_mut().zip(gradients).enumerate();
    for (index, (layer, gradient)) in layers {
        let slots =
            slots.each_mut().map(|slot| slot.next().map(LayerTensors::slices).unwrap_or_default());
        if passed.of_layer(index).1.is_empty() {
            rest(executor.isa(), rule, layer, slots);
            continue;
        }
        layer.change(executor, |storage, params| {
            let work = LayerBlock::new(storage.row_ptr(), sets(params, gradient, slots));
            executor.by_rows(storage.blocks(), work, &|rows, block: LayerBlock<'_, SETS>| {
                apply_rule(executor.isa(), rule, storage, rows, block.sets);
            });
        });
    }
}

/// **Panics** if gradients or slots are not of this network's shapes.
fn expect_shapes(model: &Mlp, optimizer: &Optimizer, gradients: &[LayerTensors]) {
    let count = model.layers().len();
    assert_eq!(gradients.len(), count, "one set of gradients per layer");
    for (layer, gradient) in model.layers().iter().zip(gradients) {
        let weights = layer.storage().weights().len();
        assert_eq!(gradient.weight.len(), weights, "one gradient per weight");
    }
    for (name, slot) in optimizer.slots() {
        assert_eq!(slot.len(), count, "one set of '{name}' per layer");
    }
}

/// Bytes of a layer's inputs and output gradients that pass its blocks together, four tiles at
/// least: a step of 4096 samples at 90 % of the MNIST network's hidden width takes 88 ms instead of
/// 112 with all tiles at once, and 90 with 8 MB (one Zen 4 core).
const GROUP_BYTES: usize = 2 << 20;

/// Consecutive layers with their gradients and the optimiser's slots, of which some may be empty.
struct Layers<'a> {
    first: usize,
    layers: &'a mut [Layer],
    gradients: &'a mut [LayerTensors],
    slots: [&'a mut [LayerTensors]; MAX_SLOTS],
}

impl Layers<'_> {
    /// The first half and the rest.
    fn halves(self) -> (Self, Self) {
        let at = self.layers.len() / 2;
        let (layers, later_layers) = self.layers.split_at_mut(at);
        let (gradients, later_gradients) = self.gradients.split_at_mut(at);
        let mut slots: [&mut [LayerTensors]; MAX_SLOTS] = Default::default();
        let mut later_slots: [&mut [LayerTensors]; MAX_SLOTS] = Default::default();
        for ((slot, part), later) in self.slots.into_iter().zip(&mut slots).zip(&mut later_slots) {
            let middle = at.min(slot.len());
            (*part, *later) = slot.split_at_mut(middle);
        }
        (
            Layers { first: self.first, layers, gradients, slots },
            Layers {
                first: self.first + at,
                layers: later_layers,
                gradients: later_gradients,
                slots: later_slots,
            },
        )
    }
}

/// Layers side by side: no layer waits for another's last block.
fn update_layers(executor: &Executor, rule: &dyn Rule, work: Layers<'_>, passed: Passed<'_>) {
    if work.layers.len() > 1 {
        let (before, after) = work.halves();
        executor.join(
            || update_layers(executor, rule, before, passed),
            || update_layers(executor, rule, after, passed),
        );
    } else if let Layers { first, layers: [layer], gradients: [gradient], slots } = work {
        let slots =
            slots.map(|slot| slot.first_mut().map(LayerTensors::slices).unwrap_or_default());
        let (position, tiles) = passed.of_layer(first);
        if tiles.is_empty() {
            gradient.slices().clear();
            return rest(executor.isa(), rule, layer, slots);
        }
        layer.change(executor, |storage, params| {
            update_layer(executor, rule, position, storage, params, gradient, slots, tiles);
        });
    }
}

/// The parameters, their gradients, and the slots.
const SETS: usize = 2 + MAX_SLOTS;

/// One layer: blocks of rows in parallel.
fn update_layer(
    executor: &Executor,
    rule: &dyn Rule,
    index: usize,
    storage: &dyn Storage,
    params: LayerSlices<'_>,
    gradient: &mut LayerTensors,
    slots: [LayerSlices<'_>; MAX_SLOTS],
    tiles: &[Tile],
) {
    let bytes_per_tile = size_of::<Row>() * (storage.in_features() + storage.out_features());
    let mut groups = tiles.chunks((GROUP_BYTES / bytes_per_tile).max(4)).enumerate();
    let (last, last_tiles) = groups.next_back().unwrap_or((0, tiles));
    for (group, tiles) in groups {
        add_blocks(executor, index, storage, gradient, tiles, group == 0);
    }
    let sets = sets(params, gradient, slots);
    update_blocks(executor, rule, index, storage, sets, last_tiles, last == 0);
}

/// Adds the gradient of a layer's blocks over `tiles`, the first of the batch or not.
fn add_blocks(
    executor: &Executor,
    index: usize,
    storage: &dyn Storage,
    gradient: &mut LayerTensors,
    tiles: &[Tile],
    is_first: bool,
) {
    let work = LayerBlock::new(storage.row_ptr(), [gradient.slices()]);
    executor.by_rows(storage.blocks(), work, &|rows, block: LayerBlock<'_, 1>| {
        let [mut gradient] = block.sets;
        if is_first {
            gradient.clear();
        }
        add_gradient_rows(executor.isa(), storage, index, rows, tiles, &mut gradient);
    });
}

/// As [`add_blocks`] over a batch's last tiles, and the rule's step.
fn update_blocks(
    executor: &Executor,
    rule: &dyn Rule,
    index: usize,
    storage: &dyn Storage,
    sets: [LayerSlices<'_>; SETS],
    tiles: &[Tile],
    is_first: bool,
) {
    let (isa, work) = (executor.isa(), LayerBlock::new(storage.row_ptr(), sets));
    executor.by_rows(storage.blocks(), work, &|rows, mut block: LayerBlock<'_, SETS>| {
        if is_first {
            block.sets[1].clear();
        }
        add_gradient_rows(isa, storage, index, rows.clone(), tiles, &mut block.sets[1]);
        apply_rule(isa, rule, storage, rows, block.sets);
    });
}

/// A step of a layer that no tile passed.
fn rest(isa: Isa, rule: &dyn Rule, layer: &Layer, slots: [LayerSlices<'_>; MAX_SLOTS]) {
    let Head { bias, gamma, beta } = layer.head();
    let mut slots = slots.map(LayerSlices::each);
    for (at, w) in [layer.storage().weights(), bias, gamma, beta].into_iter().enumerate() {
        rule.rest(isa, w, slots.each_mut().map(|slot| std::mem::take(&mut slot[at])));
    }
}

/// Parameters, gradients and slots as sets that are cut together.
fn sets<'a>(
    params: LayerSlices<'a>,
    gradient: &'a mut LayerTensors,
    slots: [LayerSlices<'a>; MAX_SLOTS],
) -> [LayerSlices<'a>; SETS] {
    let mut sets: [LayerSlices<'a>; SETS] = Default::default();
    (sets[0], sets[1]) = (params, gradient.slices());
    sets[2..].iter_mut().zip(slots).for_each(|(set, slot)| *set = slot);
    sets
}

/// The rule's step of a block of rows whose gradients are there.
fn apply_rule(
    isa: Isa,
    rule: &dyn Rule,
    storage: &dyn Storage,
    rows: Range<usize>,
    sets: [LayerSlices<'_>; SETS],
) {
    let mut sets = sets.map(LayerSlices::each);
    for (at, tensor) in Tensor::ALL.into_iter().enumerate() {
        let [w, dw, slots @ ..] = sets.each_mut().map(|set| std::mem::take(&mut set[at]));
        rule.apply(isa, tensor, w, slots, dw);
        if tensor == Tensor::Weight {
            storage.constrain_rows(rows.clone(), w);
        }
    }
}
