//! One optimiser step: tiles through the network and back, then gradients into Adam by rows.
//!
//! Two parallel regions (of a large batch the second is several). In the first a tile runs its whole chain on one core: load, forward,
//! loss, backward. In the second every layer's rows are cut into blocks of about equal work; a
//! block computes its gradient over all tiles and updates its parameters at once, while the
//! gradient is still in cache. Of a large batch the tiles come by in groups, since every block reads
//! all of them: a group stays in the last cache from block to block. Nothing is allocated.

use crate::nn::{self, Layer, LayerBlock, LayerTensors, Mlp, Tile};
use crate::optim::Adam;
use crate::parallel::{self, Executor};
use fanin_kernels::{AdamStep, Row, adam, adam_aged};

/// Loads every tile, and runs it forward and back.
///
/// With fewer tiles than threads, rows are cut as well.
pub fn forward_backward(
    executor: &Executor,
    model: &Mlp,
    tiles: &mut [Tile],
    batch: usize,
    load: impl Fn(usize, &mut Tile) + Sync,
) {
    let cut_rows = tiles.len() < executor.threads();
    parallel::for_each(tiles, |index, tile| {
        load(index, tile);
        model.forward(executor, cut_rows, tile);
        model.loss(executor, batch, tile);
        model.backward(executor, cut_rows, tile);
    });
}

/// Computes all gradients from the tiles and updates the parameters with Adam.
///
/// **Shapes**: `gradients` one set of tensors per layer, shaped as the parameters; overwritten.
pub fn update(
    executor: &Executor,
    model: &mut Mlp,
    optimizer: &mut Adam,
    gradients: &mut [LayerTensors],
    tiles: &[Tile],
) {
    let step = optimizer.begin_step();
    let Adam { m, v, ages, .. } = optimizer;
    let (ages, rates) = match ages {
        Some(ages) => ages.counts_and_rates(),
        None => (&mut [][..], &[][..]),
    };
    let work = Layers { first: 0, layers: model.layers_mut(), sets: [gradients, m, v, ages] };
    update_layers(executor, &Scalars { step, rates }, work, tiles);
}

/// Bytes of a layer's inputs and output gradients that pass its blocks together, four tiles at least: a
/// step of 4096 samples at 90 % of the MNIST network's hidden width takes 88 ms instead of 112 with all
/// tiles at once, and 90 with 8 MB (one Zen 4 core).
const GROUP_BYTES: usize = 2 << 20;

/// What the update of every parameter has in common.
struct Scalars<'a> {
    step: AdamStep,
    /// Rates by age; empty where all parameters are as old as the run.
    rates: &'a [[f32; 2]],
}

/// Consecutive layers with their gradients, moments and, if parameters have them, ages.
struct Layers<'a> {
    first: usize,
    layers: &'a mut [Layer],
    sets: [&'a mut [LayerTensors]; 4],
}

impl Layers<'_> {
    /// The first half and the rest.
    fn halves(self) -> (Self, Self) {
        let at = self.layers.len() / 2;
        let (layers, later_layers) = self.layers.split_at_mut(at);
        let [gradients, m, v, ages] = self.sets.map(|set| set.split_at_mut(at.min(set.len())));
        (
            Layers { first: self.first, layers, sets: [gradients.0, m.0, v.0, ages.0] },
            Layers {
                first: self.first + at,
                layers: later_layers,
                sets: [gradients.1, m.1, v.1, ages.1],
            },
        )
    }
}

/// Layers side by side: no layer waits for another's last block.
fn update_layers(executor: &Executor, scalars: &Scalars<'_>, work: Layers<'_>, tiles: &[Tile]) {
    if work.layers.len() > 1 {
        let (before, after) = work.halves();
        parallel::join(
            || update_layers(executor, scalars, before, tiles),
            || update_layers(executor, scalars, after, tiles),
        );
    } else if let Layers { first, layers: [layer], sets: [[gradient], [m], [v], ages] } = work {
        update_layer(executor, scalars, first, layer, [gradient, m, v], ages.first_mut(), tiles);
    }
}

/// One layer: blocks of rows in parallel, then the transposed values.
fn update_layer(
    executor: &Executor,
    scalars: &Scalars<'_>,
    index: usize,
    layer: &mut Layer,
    [gradient, m, v]: [&mut LayerTensors; 3],
    ages: Option<&mut LayerTensors>,
    tiles: &[Tile],
) {
    let (isa, step) = (executor.isa(), &scalars.step);
    let Layer { linear, params } = layer;
    let bytes_per_tile = size_of::<Row>() * (linear.in_features() + linear.out_features());
    let mut groups = tiles.chunks((GROUP_BYTES / bytes_per_tile).max(4)).enumerate();
    let (last, last_tiles) = groups.next_back().unwrap_or((0, tiles));
    for (group, tiles) in groups {
        let work = LayerBlock::new(linear.row_ptr(), [gradient.slices()]);
        parallel::by_rows(linear.blocks(), work, &|rows, block: LayerBlock<'_, 1>| {
            let [mut gradient] = block.sets;
            if group == 0 {
                gradient.clear();
            }
            nn::add_gradient_rows(executor, linear, index, rows, tiles, &mut gradient);
        });
    }
    let sets = [params.slices(), gradient.slices(), m.slices(), v.slices()];
    let ages = ages.map(|ages| LayerBlock::new(linear.row_ptr(), [ages.slices()]));
    let work = (LayerBlock::new(linear.row_ptr(), sets), ages);
    type Block<'a> = (LayerBlock<'a, 4>, Option<LayerBlock<'a, 1>>);
    parallel::by_rows(linear.blocks(), work, &|rows, (block, ages): Block<'_>| {
        let [params, mut gradient, m, v] = block.sets;
        if last == 0 {
            gradient.clear();
        }
        nn::add_gradient_rows(executor, linear, index, rows.clone(), last_tiles, &mut gradient);
        let (mut params, gradient) = (params.each(), gradient.each());
        let moments = m.each().into_iter().zip(v.each());
        let updates = params.iter_mut().zip(gradient).zip(moments);
        match ages {
            None => updates.for_each(|((w, dw), (m, v))| adam(isa, step, w, m, v, dw)),
            Some(LayerBlock { sets: [ages], .. }) => {
                for (((w, dw), (m, v)), age) in updates.zip(ages.each()) {
                    adam_aged(isa, step, scalars.rates, w, m, v, age, dw);
                }
            }
        }
        linear.mask_rows(rows, params[0]);
    });
    linear.weights_changed(&params.weight);
}
