//! A method's plan carried out, and what is told of it.

use super::metrics::{LayerUpdate, UpdateMetrics};
use crate::method::{LayerPlan, Parameters, Plan, Slots, Weights};
use crate::nn::{LayerTensors, Mlp, Tile};
use crate::optim::Optimizer;
use crate::parallel::Executor;
use crate::sparse::CsrPattern;
use crate::topology::{GradientRatio, TopologyStats, gradient_ratio, histogram};
use roaring::RoaringTreemap;
use std::sync::Arc;
use std::time::Instant;

/// What a layer's connections have been.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// Which layer of the network, counted from 0.
    pub(super) layer: usize,
    first: Arc<CsrPattern>,
    /// Every position that ever was a connection, by its index in the dense matrix.
    pub(super) ever: RoaringTreemap,
}

impl History {
    /// A layer's connections at their beginning.
    pub(super) fn new(layer: usize, first: &Arc<CsrPattern>) -> History {
        let ever = first.positions().map(|at| at as u64).collect();
        History { layer, first: Arc::clone(first), ever }
    }

    /// Takes note of new connections, and describes them.
    fn record(
        &mut self,
        before: &CsrPattern,
        plan: &LayerPlan,
        gradient_ratio: Option<GradientRatio>,
    ) -> LayerUpdate {
        let (rewiring, pattern) = (&plan.rewiring, &plan.rewiring.pattern);
        let (dropped, returned) = (rewiring.dropped, rewiring.returned);
        let cols = pattern.cols() as u64;
        self.ever.extend(rewiring.new.iter().map(|g| u64::from(g.row) * cols + u64::from(g.col)));
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let stats = TopologyStats::of(pattern);
        LayerUpdate {
            layer: self.layer + 1,
            nnz: pattern.nnz(),
            ccv: stats.fan_in.ccv,
            fan_in_histogram: histogram(&pattern.fan_in().collect::<Vec<_>>()),
            dropped,
            grown: pattern.nnz() + dropped - before.nnz(),
            returned,
            overlap_previous: share(before.nnz() - (dropped - returned), before.nnz()),
            overlap_first: share(self.first.common(pattern), self.first.nnz()),
            ever_active: share(self.ever.len() as usize, pattern.rows() * pattern.cols()),
            dead_neurons: stats.dead_neurons,
            dead_inputs: stats.dead_inputs,
            gradient_ratio,
        }
    }
}

/// What a plan changes.
pub(super) struct State<'a> {
    pub(super) executor: &'a Executor,
    pub(super) model: &'a mut Mlp,
    pub(super) optimizer: &'a mut Optimizer,
    pub(super) gradients: &'a mut [LayerTensors],
    pub(super) histories: &'a mut Vec<History>,
}

/// Applies a plan and describes it. `acted` is when the method began to act; the time that the
/// description takes is not counted in `seconds`.
///
/// **Panics** if a plan names a layer twice, or one that is no hidden layer, or takes a layer's
/// last connection; or sets parameters of another shape.
pub(super) fn carry_out(
    plan: Plan,
    state: &mut State<'_>,
    tiles: &[Tile],
    step: u64,
    acted: Instant,
) -> UpdateMetrics {
    let mut seconds = acted.elapsed().as_secs_f64();
    let output = state.model.layers().len() - 1;
    for (at, of_layer) in plan.layers.iter().enumerate() {
        let LayerPlan { layer, rewiring, .. } = of_layer;
        assert!(*layer < output, "layer {layer} is no hidden layer");
        assert!(rewiring.pattern.nnz() > 0, "layer {layer} keeps a connection");
        let before = &plan.layers[..at];
        assert!(before.iter().all(|other| other.layer != *layer), "layer {layer} comes once");
    }
    let mut layers = Vec::new();
    for plan in plan.layers {
        layers.push(tell(&plan, state, tiles));
        let started = Instant::now();
        rewire(plan, state);
        seconds += started.elapsed().as_secs_f64();
    }
    for parameters in plan.set {
        let started = Instant::now();
        set(parameters, state);
        seconds += started.elapsed().as_secs_f64();
    }
    if plan.slots == Slots::Reset {
        state.optimizer.reset(state.model);
    }
    let ccv = layers.iter().map(|layer| layer.ccv).sum::<f64>() / layers.len().max(1) as f64;
    let values = plan.values.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    UpdateMetrics { update: step, values, ccv, layers, seconds }
}

/// Gives a layer other weights, biases, γ and β.
fn set(parameters: Parameters, state: &mut State<'_>) {
    let Parameters { layer, weights, head } = parameters;
    let layer = &mut state.model.layers_mut()[layer];
    if let Some(weights) = weights {
        layer.change(state.executor, |storage, slices| {
            slices.weight.copy_from_slice(&storage.to_stored(weights));
        });
    }
    layer.set_head(head);
}

/// Describes a layer's plan, with the gradient ratio of its connections before it.
fn tell(plan: &LayerPlan, state: &mut State<'_>, tiles: &[Tile]) -> LayerUpdate {
    let index = plan.layer;
    let before = state.model.layers()[index].storage().connections();
    let gradient = &mut state.gradients[index];
    if !tiles.is_empty() {
        state.model.layer_gradient(state.executor, index, tiles.into(), gradient);
    }
    let dw = state.model.layers()[index].storage().to_csr(&gradient.weight);
    let ratio = gradient_ratio(&before, &dw).filter(|_| !tiles.is_empty());
    let known = state.histories.iter().position(|history| history.layer == index);
    let at = known.unwrap_or_else(|| {
        state.histories.push(History::new(index, &before));
        state.histories.len() - 1
    });
    state.histories[at].record(&before, plan, ratio)
}

/// Moves a layer, its gradient and the optimiser's slots to the new connections.
fn rewire(plan: LayerPlan, state: &mut State<'_>) {
    let LayerPlan { layer: index, rewiring, weights } = plan;
    let storage = state.model.layers()[index].storage();
    let mut slots: Vec<Vec<f32>> = Vec::new();
    state.optimizer.change_weights(index, |rule, slot, values| {
        let fresh = |grown: &crate::method::Grown| rule.fresh(slot, grown.gradient);
        slots.push(rewiring.carry(&storage.to_csr(values), fresh));
        *values = Vec::new();
    });
    let gradient = &mut state.gradients[index].weight;
    let gradient_after = rewiring.carry(&storage.to_csr(gradient), |grown| grown.gradient);
    let weights = match weights {
        Weights::Given(weights) => weights,
        Weights::Carried => {
            rewiring.carry(&storage.to_csr(storage.weights()), |grown| grown.weight)
        }
    };
    let layer = &mut state.model.layers_mut()[index];
    layer.store(layer.storage().engine(), layer.storage().place(), rewiring.pattern, weights);
    // As the new storage has them, which may be otherwise than in CSR order.
    let storage = layer.storage();
    let mut slots = slots.into_iter();
    state.optimizer.change_weights(index, |_, _, values| {
        *values = storage.to_stored(slots.next().expect("one per slot"));
    });
    *gradient = storage.to_stored(gradient_after);
}
