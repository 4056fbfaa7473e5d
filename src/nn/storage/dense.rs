//! Every position, by dense products: the baseline, on the same code.

use super::interface::{Engine, Place, Storage, even_blocks};
use crate::grammar::Entry;
use crate::parallel::{Crew, Executor};
use crate::sparse::CsrPattern;
use fanin_kernels::{Isa, Row, dense_backward_input, dense_backward_weight, dense_forward};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Dense layers in the list of engines.
pub(super) const ENTRY: Entry<Box<dyn Engine>> = Entry {
    name: "dense",
    about: "every connection, by dense products; the sparsity is ignored",
    parameters: &[],
    make: |_| Ok(Box::new(AllDense)),
};

/// Entries per block of rows: large, because every block transposes x again.
const BLOCK: usize = 1 << 18;

/// The engine of networks with every connection.
#[derive(Clone, Copy, Debug)]
pub struct AllDense;

impl Engine for AllDense {
    fn store(&self, pattern: CsrPattern, weights: Vec<f32>, _place: Place) -> Box<dyn Storage> {
        Box::new(Dense::new(pattern.cols(), pattern.rows(), pattern.scatter(&weights)))
    }

    fn is_dense(&self) -> bool {
        true
    }
}

/// A layer with every connection.
#[derive(Clone, Debug)]
pub struct Dense {
    in_features: usize,
    weights: Vec<f32>,
    row_ptr: Vec<usize>,
    blocks: Vec<usize>,
    input_blocks: Vec<usize>,
}

impl Dense {
    /// A layer of weights `[out_features, in_features]`.
    ///
    /// **Panics** unless there is one weight per position.
    pub fn new(in_features: usize, out_features: usize, weights: Vec<f32>) -> Dense {
        assert_eq!(weights.len(), in_features * out_features, "one weight per position");
        Dense {
            in_features,
            weights,
            row_ptr: (0..=out_features).map(|row| row * in_features).collect(),
            blocks: even_blocks(out_features, in_features, BLOCK),
            input_blocks: even_blocks(in_features, out_features, BLOCK),
        }
    }
}

impl Storage for Dense {
    fn in_features(&self) -> usize {
        self.in_features
    }

    fn out_features(&self) -> usize {
        self.row_ptr.len() - 1
    }

    fn pattern(&self) -> Option<&Arc<CsrPattern>> {
        None
    }

    fn weights(&self) -> &[f32] {
        &self.weights
    }

    fn row_ptr(&self) -> &[usize] {
        &self.row_ptr
    }

    fn blocks(&self) -> &[usize] {
        &self.blocks
    }

    fn products(&self) -> usize {
        self.in_features * self.out_features()
    }

    fn forward(&self, crew: Crew<'_>, bias: &[f32], x: &[Row], y: &mut [Row]) {
        crew.by_rows(&self.blocks, y, &|rows: Range<usize>, y: &mut [Row]| {
            let weights = &self.weights[rows.start * x.len()..rows.end * x.len()];
            dense_forward(crew.isa(), weights, Some(&bias[rows]), x, y);
        });
    }

    fn backward_input(&self, crew: Crew<'_>, dy: &[Row], dx: &mut [Row]) {
        let (isa, weights, in_features) = (crew.isa(), &self.weights, self.in_features);
        crew.by_rows(&self.input_blocks, dx, &|columns: Range<usize>, dx: &mut [Row]| {
            dense_backward_input(isa, weights, in_features, dy, columns.start, dx);
        });
    }

    fn add_gradient_rows(
        &self,
        isa: Isa,
        rows: Range<usize>,
        x: &[Row],
        dy: &[Row],
        dw: &mut [f32],
    ) {
        dense_backward_weight(isa, &dy[rows], x, dw);
    }

    fn take_weights(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.weights)
    }

    fn put_weights(&mut self, _executor: &Executor, weights: Vec<f32>) {
        assert_eq!(weights.len(), self.products(), "one weight per position");
        self.weights = weights;
    }

    fn to_csr<'a>(&self, stored: &'a [f32]) -> Cow<'a, [f32]> {
        assert_eq!(stored.len(), self.products(), "one value per position");
        Cow::Borrowed(stored)
    }

    fn to_stored(&self, values: Vec<f32>) -> Vec<f32> {
        assert_eq!(values.len(), self.products(), "one value per position");
        values
    }

    fn engine(&self) -> &'static dyn Engine {
        &AllDense
    }

    fn boxed(&self) -> Box<dyn Storage> {
        Box::new(self.clone())
    }
}
