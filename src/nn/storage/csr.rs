//! Stored connections only, in CSR: what costs a tenth at 90 % sparsity.
//!
//! dX is the forward product on the transposed pattern, whose values are a copy that follows the
//! weights. A layer that has every connection runs on the dense kernels for y and dX, which have
//! the same bits there.

use super::interface::{Engine, Storage, even_blocks};
use crate::grammar::Entry;
use crate::parallel::{Crew, Executor};
use crate::sparse::{CsrPattern, Panels, Transpose};
use fanin_kernels::{
    Isa, Row, SparseTile, dense_backward_input, dense_forward, sddmm, sddmm_by_panels,
    sddmm_sparse_input, spmm, spmm_by_panels, spmm_sparse_input, spmv, spmv_by_columns,
};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// CSR in the list of engines.
pub(super) const ENTRY: Entry<Box<dyn Engine>> = Entry {
    name: "sparse",
    about: "stored connections only, in CSR",
    parameters: &[],
    make: |_| Ok(Box::new(Sparse)),
};

/// Stored entries per block of rows: 32 KB of gradient stay in L2. With 4096 entries dW and Adam
/// take 1.04 of the time at 95 % sparsity, with 16,384 the same.
const BLOCK: usize = 8192;

/// The engine of sparse layers.
#[derive(Clone, Copy, Debug)]
pub struct Sparse;

impl Engine for Sparse {
    fn store(&self, pattern: CsrPattern, weights: Vec<f32>, index: usize) -> Box<dyn Storage> {
        // The first layer never computes dX.
        Box::new(Csr::new(Arc::new(pattern), weights, index > 0))
    }
}

/// A layer in CSR.
#[derive(Clone, Debug)]
pub struct Csr {
    pattern: Arc<CsrPattern>,
    weights: Vec<f32>,
    /// Every position is stored, so that y and dX are dense products, which have the same bits.
    is_full: bool,
    panels: Option<Panels>,
    gradient_panels: Option<Panels>,
    /// For dX: the transpose and its values; neither the first layer nor a full one needs them.
    transpose: Option<(Transpose, Vec<f32>)>,
    transpose_panels: Option<Panels>,
    blocks: Vec<usize>,
    input_blocks: Vec<usize>,
}

impl Csr {
    /// A layer on `pattern`; `computes_dx` unless it is the first.
    ///
    /// **Panics** unless there is one weight per connection.
    pub fn new(pattern: Arc<CsrPattern>, weights: Vec<f32>, computes_dx: bool) -> Csr {
        assert_eq!(weights.len(), pattern.nnz(), "one weight per connection");
        let is_full = pattern.nnz() == pattern.rows() * pattern.cols();
        let transpose = (computes_dx && !is_full).then(|| {
            let transpose = Transpose::of(&pattern);
            let values = transpose.gather(&weights);
            (transpose, values)
        });
        let input_blocks = match &transpose {
            Some((transpose, _)) => transpose.pattern().blocks(BLOCK),
            None => even_blocks(pattern.cols(), pattern.rows(), BLOCK),
        };
        Csr {
            panels: if is_full { None } else { Panels::for_spmm(&pattern) },
            gradient_panels: Panels::for_sddmm(&pattern),
            transpose_panels: transpose.as_ref().and_then(|(t, _)| Panels::for_spmm(t.pattern())),
            transpose,
            blocks: pattern.blocks(BLOCK),
            input_blocks,
            pattern,
            weights,
            is_full,
        }
    }
}

impl Storage for Csr {
    fn in_features(&self) -> usize {
        self.pattern.cols()
    }

    fn out_features(&self) -> usize {
        self.pattern.rows()
    }

    fn pattern(&self) -> Option<&Arc<CsrPattern>> {
        Some(&self.pattern)
    }

    fn weights(&self) -> &[f32] {
        &self.weights
    }

    fn row_ptr(&self) -> &[usize] {
        self.pattern.row_ptr()
    }

    fn blocks(&self) -> &[usize] {
        &self.blocks
    }

    fn products(&self) -> usize {
        self.pattern.nnz()
    }

    fn forward(&self, crew: Crew<'_>, bias: &[f32], x: &[Row], y: &mut [Row]) {
        let (isa, weights) = (crew.isa(), &self.weights);
        let sparse = Product { pattern: &self.pattern, panels: self.panels.as_ref() };
        crew.by_rows(&self.blocks, y, &|rows: Range<usize>, y: &mut [Row]| {
            let bias = Some(&bias[rows.clone()]);
            if self.is_full {
                let weights = &weights[rows.start * x.len()..rows.end * x.len()];
                dense_forward(isa, weights, bias, x, y);
            } else {
                sparse.times_dense(isa, rows, weights, bias, x, y);
            }
        });
    }

    fn backward_input(&self, crew: Crew<'_>, dy: &[Row], dx: &mut [Row]) {
        let isa = crew.isa();
        if self.is_full {
            let in_features = dx.len();
            return crew.by_rows(&self.input_blocks, dx, &|columns: Range<usize>, dx| {
                dense_backward_input(isa, &self.weights, in_features, dy, columns.start, dx);
            });
        }
        let (transpose, values) = self.transpose.as_ref().expect("the first layer computes no dx");
        let panels = self.transpose_panels.as_ref();
        let sparse = Product { pattern: transpose.pattern(), panels };
        crew.by_rows(&self.input_blocks, dx, &|rows: Range<usize>, dx| {
            sparse.times_dense(isa, rows, values, None, dy, dx);
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
        let columns = self.pattern.col_idx();
        let dy = &dy[rows.clone()];
        match &self.gradient_panels {
            None => sddmm(isa, &self.pattern.row_ptr()[rows.start..=rows.end], columns, dy, x, dw),
            Some(panels) => {
                let (bounds, stride) = (panels.bounds(), panels.stride());
                sddmm_by_panels(isa, bounds, stride, rows.start, columns, dy, x, dw);
            }
        }
    }

    fn takes_sparse_input(&self) -> bool {
        true
    }

    fn forward_sparse(&self, crew: Crew<'_>, bias: &[f32], x: SparseTile<'_>, y: &mut [Row]) {
        let (isa, pattern) = (crew.isa(), &self.pattern);
        crew.by_rows(&self.blocks, y, &|rows: Range<usize>, y: &mut [Row]| {
            let (row_ptr, bias) = (&pattern.row_ptr()[rows.start..=rows.end], &bias[rows]);
            spmm_sparse_input(isa, row_ptr, pattern.col_idx(), &self.weights, bias, x, y);
        });
    }

    fn add_sparse_gradient_rows(
        &self,
        isa: Isa,
        rows: Range<usize>,
        x: SparseTile<'_>,
        dy: &[Row],
        dw: &mut [f32],
    ) {
        let (row_ptr, dy) = (&self.pattern.row_ptr()[rows.start..=rows.end], &dy[rows]);
        sddmm_sparse_input(isa, row_ptr, self.pattern.col_idx(), dy, x, dw);
    }

    fn take_weights(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.weights)
    }

    fn put_weights(&mut self, executor: &Executor, weights: Vec<f32>) {
        assert_eq!(weights.len(), self.pattern.nnz(), "one weight per connection");
        if let Some((transpose, values)) = &mut self.transpose {
            transpose.gather_into(executor, &weights, values);
        }
        self.weights = weights;
    }

    fn to_csr<'a>(&self, stored: &'a [f32]) -> Cow<'a, [f32]> {
        assert_eq!(stored.len(), self.pattern.nnz(), "one value per connection");
        Cow::Borrowed(stored)
    }

    fn to_stored(&self, values: Vec<f32>) -> Vec<f32> {
        assert_eq!(values.len(), self.pattern.nnz(), "one value per connection");
        values
    }

    fn takes_samples(&self) -> bool {
        true
    }

    fn forward_sample(&self, isa: Isa, bias: &[f32], x: &[f32], y: &mut [f32]) {
        match &self.transpose {
            // Not the first layer: many of its inputs are 0 behind a ReLU.
            Some((transpose, values)) => {
                let (col_ptr, row_idx) =
                    (transpose.pattern().row_ptr(), transpose.pattern().col_idx());
                spmv_by_columns(isa, col_ptr, row_idx, values, bias, x, y);
            }
            None => {
                let (row_ptr, columns) = (self.pattern.row_ptr(), self.pattern.col_idx());
                spmv(isa, row_ptr, columns, &self.weights, bias, x, y);
            }
        }
    }

    fn engine(&self) -> &'static dyn Engine {
        &Sparse
    }

    fn boxed(&self) -> Box<dyn Storage> {
        Box::new(self.clone())
    }
}

/// The product with a pattern's matrix, by panels where it has them.
#[derive(Clone, Copy)]
struct Product<'a> {
    pattern: &'a CsrPattern,
    panels: Option<&'a Panels>,
}

impl Product<'_> {
    /// Rows of W·X + b.
    fn times_dense(
        self,
        isa: Isa,
        rows: Range<usize>,
        values: &[f32],
        bias: Option<&[f32]>,
        x: &[Row],
        y: &mut [Row],
    ) {
        let columns = self.pattern.col_idx();
        match self.panels {
            None => {
                let row_ptr = &self.pattern.row_ptr()[rows.start..=rows.end];
                spmm(isa, row_ptr, columns, values, bias, x, y);
            }
            Some(panels) => {
                let (bounds, stride) = (panels.bounds(), panels.stride());
                spmm_by_panels(isa, bounds, stride, rows.start, columns, values, bias, x, y);
            }
        }
    }
}
