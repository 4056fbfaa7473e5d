//! What a storage and an engine are.

use crate::parallel::{Crew, Executor};
use crate::sparse::CsrPattern;
use fanin_kernels::{Isa, Row, SparseTile};
use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// A linear layer's weights `[out_features, in_features]` with its three products: `y = W·x + b`,
/// `dx = Wᵀ·dy`, `dW = dy·xᵀ` on what is stored.
///
/// The weights may stand in any order, as long as those of consecutive rows are consecutive:
/// gradients and moments have the same order and are cut by the same rows.
pub trait Storage: Debug + Send + Sync {
    /// Inputs.
    fn in_features(&self) -> usize;

    /// Output neurons.
    fn out_features(&self) -> usize;

    /// The connections, if they are a pattern rather than every position.
    fn pattern(&self) -> Option<&Arc<CsrPattern>>;

    /// The weights as stored.
    fn weights(&self) -> &[f32];

    /// Where the rows' weights begin, `[out_features + 1]`; exact at the bounds of
    /// [`Storage::blocks`].
    fn row_ptr(&self) -> &[usize];

    /// Bounds of the blocks of rows that gradients and updates are computed by.
    fn blocks(&self) -> &[usize];

    /// Positions that a product computes, stored connections or not: its flops are twice as many.
    fn products(&self) -> usize;

    /// `y = W·x + b` for one tile.
    ///
    /// **Shapes**: `bias` and `y` `[out_features]`, `x` `[in_features]`.
    fn forward(&self, crew: Crew<'_>, bias: &[f32], x: &[Row], y: &mut [Row]);

    /// `dx = Wᵀ·dy` for one tile.
    ///
    /// **Shapes**: `dy` `[out_features]`, `dx` `[in_features]`.
    ///
    /// **Panics** if the layer is the network's first, which has no use for it.
    fn backward_input(&self, crew: Crew<'_>, dy: &[Row], dx: &mut [Row]);

    /// Adds one tile's dW of a block of rows.
    ///
    /// **Shapes**: `x` `[in_features]`, `dy` `[out_features]` whole; `dw` the rows' weights.
    ///
    /// **Order**: as the kernel promises; called for tile after tile, tiles ascending.
    fn add_gradient_rows(
        &self,
        isa: Isa,
        rows: Range<usize>,
        x: &[Row],
        dy: &[Row],
        dw: &mut [f32],
    );

    /// Whether samples can come as the values that are not 0: [`Storage::forward_sparse`],
    /// [`Storage::add_sparse_gradient_rows`].
    fn takes_sparse_input(&self) -> bool {
        false
    }

    /// As [`Storage::forward`], with its bits.
    ///
    /// **Panics** unless [`Storage::takes_sparse_input`].
    fn forward_sparse(&self, _crew: Crew<'_>, _bias: &[f32], _x: SparseTile<'_>, _y: &mut [Row]) {
        panic!("this storage takes rows");
    }

    /// As [`Storage::add_gradient_rows`], with its bits.
    ///
    /// **Panics** unless [`Storage::takes_sparse_input`].
    fn add_sparse_gradient_rows(
        &self,
        _isa: Isa,
        _rows: Range<usize>,
        _x: SparseTile<'_>,
        _dy: &[Row],
        _dw: &mut [f32],
    ) {
        panic!("this storage takes rows");
    }

    /// Applies the storage's constraint to a block of weights just changed (a mask sets absent ones
    /// to 0).
    fn constrain_rows(&self, _rows: Range<usize>, _weights: &mut [f32]) {}

    /// Gives the weights away, to be changed and put back: all but [`Storage::forward`] and
    /// [`Storage::backward_input`] works meanwhile. `change` of a `dyn Storage` does both.
    fn take_weights(&mut self) -> Vec<f32>;

    /// Takes the weights back, and brings everything derived from them up to date.
    ///
    /// **Panics** if there are not as many as before.
    fn put_weights(&mut self, executor: &Executor, weights: Vec<f32>);

    /// Values in the order of the stored weights, brought into the order of the connections.
    ///
    /// **Panics** unless there is one per stored weight.
    fn to_csr<'a>(&self, stored: &'a [f32]) -> Cow<'a, [f32]>;

    /// The way back of [`Storage::to_csr`]; what is no connection gets 0.
    ///
    /// **Panics** unless there is one per connection.
    fn to_stored(&self, values: Vec<f32>) -> Vec<f32>;

    /// Values in the order of the stored weights as a checkpoint keeps them: in an order that does
    /// not depend on the machine.
    fn to_portable<'a>(&self, stored: &'a [f32]) -> Cow<'a, [f32]> {
        Cow::Borrowed(stored)
    }

    /// The way back of [`Storage::to_portable`].
    fn portable_to_stored(&self, values: Vec<f32>) -> Vec<f32> {
        values
    }

    /// Whether samples can pass one by one, [`Storage::forward_sample`].
    fn takes_samples(&self) -> bool {
        false
    }

    /// `y = W·x + b` for one sample, with the bits it has in a tile.
    ///
    /// **Shapes**: `bias` and `y` `[out_features]`, `x` `[in_features]`.
    ///
    /// **Panics** unless [`Storage::takes_samples`].
    fn forward_sample(&self, _isa: Isa, _bias: &[f32], _x: &[f32], _y: &mut [f32]) {
        panic!("this storage takes tiles");
    }

    /// The engine that stores layers like this one.
    fn engine(&self) -> &'static dyn Engine;

    /// The place that it was stored for; any, where that does not matter to it.
    fn place(&self) -> Place {
        Place::first(Isa::detect())
    }

    /// A copy.
    fn boxed(&self) -> Box<dyn Storage>;
}

impl Clone for Box<dyn Storage> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

impl dyn Storage + '_ {
    /// Connections that exist.
    pub fn nnz(&self) -> usize {
        let all = self.in_features() * self.out_features();
        self.pattern().map_or(all, |pattern| pattern.nnz())
    }

    /// Connections / positions.
    pub fn density(&self) -> f64 {
        self.nnz() as f64 / (self.in_features() * self.out_features()).max(1) as f64
    }

    /// The connections, whatever is stored.
    pub fn connections(&self) -> Arc<CsrPattern> {
        let full = || Arc::new(CsrPattern::full(self.out_features(), self.in_features()));
        self.pattern().map_or_else(full, Arc::clone)
    }

    /// Changes the weights: `change` gets them as stored, with everything else to compute by, and
    /// then what is derived from them follows.
    pub fn change(&mut self, executor: &Executor, change: impl FnOnce(&dyn Storage, &mut [f32])) {
        let mut weights = self.take_weights();
        change(self, &mut weights);
        self.put_weights(executor, weights);
    }
}

/// What a layer is stored for: decides which order of its weights is faster, never a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The level that its products will run on; all others work.
    pub isa: Isa,
    /// What it takes in.
    pub input: LayerInput,
}

/// What a layer takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerInput {
    /// Samples, as rows: the layer never computes dX.
    Samples,
    /// Samples by their values that are not 0.
    SparseSamples,
    /// What the layer before gives out.
    Neurons,
}

impl Place {
    /// The first layer, of samples as rows.
    pub fn first(isa: Isa) -> Place {
        Place { isa, input: LayerInput::Samples }
    }

    /// The place of layer `index` of a network whose first layer stands here.
    pub fn of_layer(self, index: usize) -> Place {
        if index == 0 { self } else { Place { input: LayerInput::Neurons, ..self } }
    }

    /// Whether the layer before wants its output's gradient.
    pub fn computes_dx(self) -> bool {
        self.input == LayerInput::Neurons
    }

    /// Whether samples come as the values that are not 0.
    pub fn takes_sparse_samples(self) -> bool {
        self.input == LayerInput::SparseSamples
    }
}

/// How a network's layers are stored. All engines learn the same network from the same weights.
pub trait Engine: Debug + Send + Sync {
    /// Stores the weights of a layer, one per connection in CSR order.
    ///
    /// **Panics** unless there is one weight per connection.
    fn store(&self, pattern: CsrPattern, weights: Vec<f32>, place: Place) -> Box<dyn Storage>;

    /// Whether every layer has all connections, whatever the topology says.
    fn is_dense(&self) -> bool {
        false
    }
}

/// Bounds of blocks of rows of `width` entries each, of about `entries` entries.
pub(super) fn even_blocks(rows: usize, width: usize, entries: usize) -> Vec<usize> {
    (0..rows).step_by((entries / width.max(1)).max(1)).chain([rows]).collect()
}
