//! Linear layers: sparse (CSR) and dense, the latter with or without a mask.
//!
//! Three equations each: `y = W·x + b`, `dx = Wᵀ·dy`, `dW = dy·xᵀ` on what is stored. The
//! layer holds its structure; its numbers are [`LayerTensors`](super::LayerTensors), so that gradients
//! and moments share the same shape and are cut by the same rows.

use crate::parallel::{self, Executor};
use crate::sparse::{CsrPattern, Panels, Transpose};
use fanin_kernels::{
    Isa, Row, dense_backward_input, dense_backward_weight, dense_forward, sddmm, sddmm_by_panels,
    spmm, spmm_by_panels, spmv, spmv_by_columns,
};
use std::ops::Range;
use std::sync::Arc;

/// Stored entries per block of rows in the sparse products: 32 KB of gradient stay in L2 (4096 and 16,384
/// entries: dW and Adam at 95 % in 1.04 and 1.00 of the time).
const SPARSE_BLOCK: usize = 8192;
/// As [`SPARSE_BLOCK`] for dense layers, where every block transposes x anew.
const DENSE_BLOCK: usize = 1 << 18;

/// The structure of a linear layer.
#[derive(Clone, Debug)]
pub enum Linear {
    /// Stored entries only.
    Sparse(SparseLinear),
    /// Every position, by GEMM.
    Dense(DenseLinear),
}

/// A CSR layer; a dense layer of the sparse engine is one whose pattern is full.
#[derive(Clone, Debug)]
pub struct SparseLinear {
    pattern: Arc<CsrPattern>,
    /// Every position is stored, so that W·x and Wᵀ·dy are dense products, which have the same bits.
    is_full: bool,
    panels: Option<Panels>,
    gradient_panels: Option<Panels>,
    /// For dX: the transpose and its values; neither the first layer nor a full one needs them.
    transpose: Option<(Transpose, Vec<f32>)>,
    transpose_panels: Option<Panels>,
    blocks: Vec<usize>,
    input_blocks: Vec<usize>,
}

/// A dense layer, optionally masked: what papers do to study sparsity.
#[derive(Clone, Debug)]
pub struct DenseLinear {
    in_features: usize,
    /// Offsets as a CSR pattern would have them.
    row_ptr: Vec<usize>,
    blocks: Vec<usize>,
    input_blocks: Vec<usize>,
    mask: Option<Mask>,
}

/// Which weights of a masked layer may be non-zero.
#[derive(Clone, Debug)]
struct Mask {
    pattern: Arc<CsrPattern>,
    /// 1 where the pattern stores, else 0; `[out_features, in_features]`.
    values: Vec<f32>,
}

impl SparseLinear {
    /// A layer on `pattern`; `computes_dx` unless it is the first.
    pub fn new(pattern: Arc<CsrPattern>, computes_dx: bool) -> Self {
        let is_full = pattern.nnz() == pattern.rows() * pattern.cols();
        let transpose = (computes_dx && !is_full).then(|| Transpose::of(&pattern));
        let input_blocks = match &transpose {
            Some(transpose) => transpose.pattern().blocks(SPARSE_BLOCK),
            None => even_blocks(pattern.cols(), pattern.rows(), SPARSE_BLOCK),
        };
        let transpose_panels = transpose.as_ref().and_then(|t| Panels::for_spmm(t.pattern()));
        let blocks = pattern.blocks(SPARSE_BLOCK);
        SparseLinear {
            panels: if is_full { None } else { Panels::for_spmm(&pattern) },
            gradient_panels: Panels::for_sddmm(&pattern),
            transpose: transpose.map(|t| (t, vec![0.0; pattern.nnz()])),
            transpose_panels,
            blocks,
            input_blocks,
            pattern,
            is_full,
        }
    }
}

impl DenseLinear {
    /// A layer of all positions, or of those that `mask` stores.
    pub fn new(in_features: usize, out_features: usize, mask: Option<Arc<CsrPattern>>) -> Self {
        let row_ptr: Vec<usize> = (0..=out_features).map(|row| row * in_features).collect();
        let mask = mask.map(|pattern| {
            let values = pattern.scatter(&vec![1.0; pattern.nnz()]);
            Mask { pattern, values }
        });
        DenseLinear {
            in_features,
            row_ptr,
            blocks: even_blocks(out_features, in_features, DENSE_BLOCK),
            input_blocks: even_blocks(in_features, out_features, DENSE_BLOCK),
            mask,
        }
    }
}

/// Bounds of blocks of rows of `width` entries each, of about `entries` entries.
fn even_blocks(rows: usize, width: usize, entries: usize) -> Vec<usize> {
    (0..rows).step_by((entries / width.max(1)).max(1)).chain([rows]).collect()
}

impl Linear {
    /// Inputs.
    pub fn in_features(&self) -> usize {
        match self {
            Linear::Sparse(layer) => layer.pattern.cols(),
            Linear::Dense(layer) => layer.in_features,
        }
    }

    /// Output neurons.
    pub fn out_features(&self) -> usize {
        self.row_ptr().len() - 1
    }

    /// The connections, if they are a pattern rather than every position.
    pub fn pattern(&self) -> Option<&Arc<CsrPattern>> {
        match self {
            Linear::Sparse(layer) => Some(&layer.pattern),
            Linear::Dense(layer) => layer.mask.as_ref().map(|mask| &mask.pattern),
        }
    }

    /// Connections that exist.
    pub fn nnz(&self) -> usize {
        let all = self.in_features() * self.out_features();
        self.pattern().map_or(all, |pattern| pattern.nnz())
    }

    /// Offsets of the rows' weights in the layer's weight tensor, `[out_features + 1]`.
    pub fn row_ptr(&self) -> &[usize] {
        match self {
            Linear::Sparse(layer) => layer.pattern.row_ptr(),
            Linear::Dense(layer) => &layer.row_ptr,
        }
    }

    /// Bounds of the blocks of rows that gradients and updates are computed by.
    pub fn blocks(&self) -> &[usize] {
        match self {
            Linear::Sparse(layer) => &layer.blocks,
            Linear::Dense(layer) => &layer.blocks,
        }
    }

    /// `y = W·x + b` for one tile; `cut_rows` spreads the rows over idle threads.
    ///
    /// **Shapes**: `weight` as stored, `bias` and `y` `[out_features]`, `x` `[in_features]`.
    pub fn forward(
        &self,
        executor: &Executor,
        cut_rows: bool,
        weight: &[f32],
        bias: &[f32],
        x: &[Row],
        y: &mut [Row],
    ) {
        let isa = executor.isa();
        match self {
            Linear::Sparse(SparseLinear { is_full: true, blocks, .. })
            | Linear::Dense(DenseLinear { blocks, .. }) => {
                run_rows(cut_rows, blocks, y, &|rows: Range<usize>, y: &mut [Row]| {
                    let weight = &weight[rows.start * x.len()..rows.end * x.len()];
                    dense_forward(isa, weight, Some(&bias[rows]), x, y);
                });
            }
            Linear::Sparse(layer) => {
                let sparse = Sparse { pattern: &layer.pattern, panels: layer.panels.as_ref() };
                run_rows(cut_rows, &layer.blocks, y, &|rows: Range<usize>, y: &mut [Row]| {
                    sparse.times_dense(isa, rows.clone(), weight, Some(&bias[rows]), x, y);
                });
            }
        }
    }

    /// `y = W·x + b` for one sample, with the bits it has in a tile; of a sparse layer.
    ///
    /// **Shapes**: `weight` as stored, `bias` and `y` `[out_features]`, `x` `[in_features]`.
    ///
    /// **Panics** if the layer is dense.
    pub fn forward_sample(&self, isa: Isa, weight: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
        let Linear::Sparse(SparseLinear { pattern, transpose, .. }) = self else {
            panic!("a dense layer takes tiles");
        };
        match transpose {
            // Not the first layer: a ReLU stands before it.
            Some((transpose, values)) => {
                let (col_ptr, row_idx) =
                    (transpose.pattern().row_ptr(), transpose.pattern().col_idx());
                spmv_by_columns(isa, col_ptr, row_idx, values, bias, x, y);
            }
            None => spmv(isa, pattern.row_ptr(), pattern.col_idx(), weight, bias, x, y),
        }
    }

    /// `dx = Wᵀ·dy` for one tile.
    ///
    /// **Shapes**: `dy` `[out_features]`, `dx` `[in_features]`.
    ///
    /// **Panics** if the layer was made without dx and is not full.
    pub fn backward_input(
        &self,
        executor: &Executor,
        cut_rows: bool,
        weight: &[f32],
        dy: &[Row],
        dx: &mut [Row],
    ) {
        let isa = executor.isa();
        match self {
            Linear::Sparse(SparseLinear { is_full: true, input_blocks, .. })
            | Linear::Dense(DenseLinear { input_blocks, .. }) => {
                let in_features = dx.len();
                run_rows(cut_rows, input_blocks, dx, &|columns: Range<usize>, dx: &mut [Row]| {
                    dense_backward_input(isa, weight, in_features, dy, columns.start, dx);
                });
            }
            Linear::Sparse(layer) => {
                let (transpose, values) =
                    layer.transpose.as_ref().expect("the first layer computes no dx");
                let panels = layer.transpose_panels.as_ref();
                let sparse = Sparse { pattern: transpose.pattern(), panels };
                run_rows(cut_rows, &layer.input_blocks, dx, &|rows: Range<usize>, dx| {
                    sparse.times_dense(isa, rows, values, None, dy, dx);
                });
            }
        }
    }

    /// Adds `dW` of a block of rows over tiles, in order.
    ///
    /// **Shapes**: `tiles` yields (x, dy) of each tile; `dw` the rows' weights.
    ///
    /// **Order**: per tile as the kernels promise, tiles ascending.
    pub fn add_weight_gradient<'a>(
        &self,
        executor: &Executor,
        rows: Range<usize>,
        tiles: impl Iterator<Item = (&'a [Row], &'a [Row])>,
        dw: &mut [f32],
    ) {
        let isa = executor.isa();
        for (x, dy) in tiles {
            let dy = &dy[rows.clone()];
            match self {
                Linear::Sparse(layer) => {
                    let panels = layer.gradient_panels.as_ref();
                    let sparse = Sparse { pattern: &layer.pattern, panels };
                    sparse.sampled(isa, rows.clone(), dy, x, dw);
                }
                Linear::Dense(_) => dense_backward_weight(isa, dy, x, dw),
            }
        }
    }

    /// Reapplies the mask to the weights of a block of rows after an update; others have none.
    pub fn mask_rows(&self, rows: Range<usize>, weight: &mut [f32]) {
        if let Linear::Dense(DenseLinear { mask: Some(mask), row_ptr, .. }) = self {
            for (w, mask) in weight.iter_mut().zip(&mask.values[row_ptr[rows.start]..]) {
                *w *= mask;
            }
        }
    }

    /// Brings the transposed values up to date with the weights, in parallel.
    pub fn weights_changed(&mut self, weight: &[f32]) {
        if let Linear::Sparse(SparseLinear { transpose: Some((transpose, values)), .. }) = self {
            transpose.gather(weight, values);
        }
    }
}

/// The two sparse products over rows of a pattern, by panels where it has them.
#[derive(Clone, Copy)]
struct Sparse<'a> {
    pattern: &'a CsrPattern,
    panels: Option<&'a Panels>,
}

impl Sparse<'_> {
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

    /// Rows of dY·Xᵀ at the pattern's entries, added to `dw`.
    fn sampled(self, isa: Isa, rows: Range<usize>, dy: &[Row], x: &[Row], dw: &mut [f32]) {
        let columns = self.pattern.col_idx();
        match self.panels {
            None => sddmm(isa, &self.pattern.row_ptr()[rows.start..=rows.end], columns, dy, x, dw),
            Some(panels) => {
                let (bounds, stride) = (panels.bounds(), panels.stride());
                sddmm_by_panels(isa, bounds, stride, rows.start, columns, dy, x, dw);
            }
        }
    }
}

/// Calls `f` for the rows block by block in parallel, or for all at once.
fn run_rows(
    cut: bool,
    blocks: &[usize],
    rows: &mut [Row],
    f: &(impl Fn(Range<usize>, &mut [Row]) + Sync),
) {
    if cut { parallel::by_rows(blocks, rows, f) } else { f(0..rows.len(), rows) }
}
