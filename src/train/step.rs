//! One optimiser step: tiles through the network and back, then gradients into Adam by rows.
//!
//! Two parallel regions. In the first a tile runs its whole chain on one core: load, forward,
//! loss, backward. In the second every layer's rows are cut into blocks of about equal work; a
//! block computes its gradient over all tiles and updates its parameters at once, while the
//! gradient is still in cache. Nothing is allocated.

use crate::nn::{self, Layer, LayerBlock, LayerTensors, Mlp, Tile};
use crate::optim::Adam;
use crate::parallel::{self, Executor};
use fanin_kernels::{AdamStep, adam};

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
    let work = Layers {
        first: 0,
        layers: model.layers_mut(),
        gradients,
        m: &mut optimizer.m,
        v: &mut optimizer.v,
    };
    update_layers(executor, &step, work, tiles);
}

/// Consecutive layers with their gradients and moments.
struct Layers<'a> {
    first: usize,
    layers: &'a mut [Layer],
    gradients: &'a mut [LayerTensors],
    m: &'a mut [LayerTensors],
    v: &'a mut [LayerTensors],
}

impl Layers<'_> {
    /// The first half and the rest.
    fn halves(self) -> (Self, Self) {
        let at = self.layers.len() / 2;
        let (layers, later_layers) = self.layers.split_at_mut(at);
        let (gradients, later_gradients) = self.gradients.split_at_mut(at);
        let (m, later_m) = self.m.split_at_mut(at);
        let (v, later_v) = self.v.split_at_mut(at);
        (
            Layers { first: self.first, layers, gradients, m, v },
            Layers {
                first: self.first + at,
                layers: later_layers,
                gradients: later_gradients,
                m: later_m,
                v: later_v,
            },
        )
    }
}

/// Layers side by side: no layer waits for another's last block.
fn update_layers(executor: &Executor, step: &AdamStep, work: Layers<'_>, tiles: &[Tile]) {
    if work.layers.len() > 1 {
        let (before, after) = work.halves();
        parallel::join(
            || update_layers(executor, step, before, tiles),
            || update_layers(executor, step, after, tiles),
        );
    } else if let Layers { first, layers: [layer], gradients: [dw], m: [m], v: [v] } = work {
        update_layer(executor, step, first, layer, [dw, m, v], tiles);
    }
}

/// One layer: blocks of rows in parallel, then the transposed values.
fn update_layer(
    executor: &Executor,
    step: &AdamStep,
    index: usize,
    layer: &mut Layer,
    [gradient, m, v]: [&mut LayerTensors; 3],
    tiles: &[Tile],
) {
    let Layer { linear, params } = layer;
    let sets = [params.slices(), gradient.slices(), m.slices(), v.slices()];
    let work = LayerBlock::new(linear.row_ptr(), sets);
    parallel::by_rows(linear.blocks(), work, &|rows, block: LayerBlock<'_, 4>| {
        let [params, mut gradient, m, v] = block.sets;
        nn::gradient_rows(executor, linear, index, rows.clone(), tiles, &mut gradient);
        let moments = m.each().into_iter().zip(v.each());
        let mut params = params.each();
        for ((w, dw), (m, v)) in params.iter_mut().zip(gradient.each()).zip(moments) {
            adam(executor.isa(), step, w, m, v, dw);
        }
        linear.mask_rows(rows, params[0]);
    });
    linear.weights_changed(&params.weight);
}
