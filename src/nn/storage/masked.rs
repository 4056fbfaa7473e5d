//! Dense weights and a mask: what papers do to study sparsity, and what saves nothing.

use super::dense::Dense;
use super::interface::{Engine, Place, Storage};
use crate::grammar::Entry;
use crate::parallel::{Crew, Executor};
use crate::sparse::CsrPattern;
use fanin_kernels::{Isa, Row};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Masked layers in the list of engines.
pub(super) const ENTRY: Entry<Box<dyn Engine>> = Entry {
    name: "masked",
    about: "dense weights, the mask reapplied after each step",
    parameters: &[],
    make: |_| Ok(Box::new(MaskedDense)),
};

/// The engine of dense weights under masks.
#[derive(Clone, Copy, Debug)]
pub struct MaskedDense;

impl Engine for MaskedDense {
    fn store(&self, pattern: CsrPattern, weights: Vec<f32>, _place: Place) -> Box<dyn Storage> {
        Box::new(Masked::new(Arc::new(pattern), &weights))
    }
}

/// A dense layer some of whose weights are held at 0.
#[derive(Clone, Debug)]
pub struct Masked {
    dense: Dense,
    pattern: Arc<CsrPattern>,
    /// 1 where the pattern stores, else 0; `[out_features, in_features]`, or nothing if it stores
    /// everything.
    mask: Vec<f32>,
}

impl Masked {
    /// A layer on `pattern`.
    ///
    /// **Panics** unless there is one weight per connection.
    pub fn new(pattern: Arc<CsrPattern>, weights: &[f32]) -> Masked {
        let (rows, cols) = (pattern.rows(), pattern.cols());
        let mask = match pattern.nnz() == rows * cols {
            true => Vec::new(),
            false => pattern.scatter(&vec![1.0; pattern.nnz()]),
        };
        Masked { dense: Dense::new(cols, rows, pattern.scatter(weights)), pattern, mask }
    }
}

impl Storage for Masked {
    fn in_features(&self) -> usize {
        self.dense.in_features()
    }

    fn out_features(&self) -> usize {
        self.dense.out_features()
    }

    fn pattern(&self) -> Option<&Arc<CsrPattern>> {
        Some(&self.pattern)
    }

    fn weights(&self) -> &[f32] {
        self.dense.weights()
    }

    fn row_ptr(&self) -> &[usize] {
        self.dense.row_ptr()
    }

    fn blocks(&self) -> &[usize] {
        self.dense.blocks()
    }

    fn products(&self) -> usize {
        self.dense.products()
    }

    fn forward(&self, crew: Crew<'_>, bias: &[f32], x: &[Row], y: &mut [Row]) {
        self.dense.forward(crew, bias, x, y);
    }

    fn backward_input(&self, crew: Crew<'_>, dy: &[Row], dx: &mut [Row]) {
        self.dense.backward_input(crew, dy, dx);
    }

    fn add_gradient_rows(
        &self,
        isa: Isa,
        rows: Range<usize>,
        x: &[Row],
        dy: &[Row],
        dw: &mut [f32],
    ) {
        self.dense.add_gradient_rows(isa, rows, x, dy, dw);
    }

    fn constrain_rows(&self, rows: Range<usize>, weights: &mut [f32]) {
        let first = self.dense.row_ptr()[rows.start].min(self.mask.len());
        for (w, mask) in weights.iter_mut().zip(&self.mask[first..]) {
            *w *= mask;
        }
    }

    fn take_weights(&mut self) -> Vec<f32> {
        self.dense.take_weights()
    }

    fn put_weights(&mut self, executor: &Executor, weights: Vec<f32>) {
        self.dense.put_weights(executor, weights);
    }

    fn to_csr<'a>(&self, stored: &'a [f32]) -> Cow<'a, [f32]> {
        Cow::Owned(self.pattern.gather(stored))
    }

    fn to_stored(&self, values: Vec<f32>) -> Vec<f32> {
        self.pattern.scatter(&values)
    }

    fn engine(&self) -> &'static dyn Engine {
        &MaskedDense
    }

    fn boxed(&self) -> Box<dyn Storage> {
        Box::new(self.clone())
    }
}
