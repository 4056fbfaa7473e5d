//! Single-threaded SIMD kernels of fanin: slices in, slices out.
//!
//! No threads, no randomness, no I/O, and no heap but for the [`Arena`] of activations and what
//! [`gemm`] packs: whoever calls decides what runs where. Everything here is a pure function of
//! its arguments. The order in which terms are added is part of each kernel's documentation, so
//! that results are equal bit for bit on every instruction set that has FMA; only [`gemm`], the
//! yardstick of benches and tests, promises neither.
//!
//! # Layout
//! Activations are cut into tiles of [`TILE`] samples. A tile is a slice of [`Row`]s, one row of
//! 64 consecutive samples per feature; the last tile of a batch is padded with samples whose
//! gradient is zero. Sums over *features* keep one accumulator per sample. Sums over *samples*
//! go to [`LANES`] virtual lanes (sample `s` to lane `s mod 16`, ascending), which one fixed tree
//! then adds: `i + (i+8)`, `i + (i+4)`, `i + (i+2)`, `i + (i+1)`. The one exception is
//! [`dense_backward_weight`], which adds samples in order.
//!
//! # Kernels
//! | kernel | equation | file |
//! |---|---|---|
//! | [`spmm`] | Y = W·X + b; dX = Wᵀ·dY on the transposed CSR | `spmm.rs` |
//! | [`sddmm`] | dW = dY·Xᵀ on the stored entries of W | `sddmm.rs` |
//! | [`spmm_sparse_input`], [`sddmm_sparse_input`] | the same, X sparse | `sparse_input.rs` |
//! | [`spmm_sell`], [`sddmm_sell`] | both, on rows sorted by length | `sell/` |
//! | [`spmm_shared`], [`sddmm_shared`] | both, rows sharing their columns by fours | `shared/` |
//! | [`spmm_shared_transposed`] | dX of those, scattered | `shared/` |
//! | [`spmm_blocks`], [`sddmm_blocks`] | both, rows sharing columns by sixteens | `blocks/` |
//! | [`spmm_blocks_transposed`] | dX of those, where the columns come in runs | `blocks/` |
//! | [`sddmm_full`] | dW of a layer with every connection, in SDDMM's order | `shared/` |
//! | [`sum_samples`] | db = dY·1 | `sddmm.rs` |
//! | [`dense_forward`] | Y = W·X + b, W dense | `dense.rs` |
//! | [`dense_backward_input`] | dX = Wᵀ·dY, W dense | `dense.rs` |
//! | [`dense_backward_weight`] | dW = dY·Xᵀ, W dense | `dense.rs` |
//! | [`layer_norm_forward`] | h = f(γ·(z−μ)·rstd + β), f the [`Activation`] | `layer_norm.rs` |
//! | [`layer_norm_backward`] | dz, dγ, dβ of the above, and db = dZ·1 | `layer_norm.rs` |
//! | [`softmax_cross_entropy`] | Σ `−w·ln p[label]` and its gradient | `softmax.rs` |
//! | [`softmax`] | probabilities of the logits | `softmax.rs` |
//! | [`squared_error`], [`huber`] | Σ w·(error of y − t) and its gradient | `losses.rs` |
//! | [`absolute_error`] | the same of the absolute error | `losses.rs` |
//! | [`adam`], [`adam_aged`] | an Adam update; with an age for each parameter | `optimizer.rs` |
//! | [`sgd`], [`decay`] | descent with momentum; w ← factor·w | `optimizer.rs` |
//! | [`average`] | a running mean of w | `optimizer.rs` |
//! | [`drop_out`] | x·factor where a sample is kept, else 0 | `elementwise.rs` |
//! | [`normalize_tile`] | u8 samples to a tile of normalised f32 | `elementwise.rs` |
//! | [`standardize_tile`] | f32 samples to a tile, a scale per feature | `elementwise.rs` |
//! | [`transpose_tile`] | f32 samples to a tile as they are | `elementwise.rs` |
//! | [`spmv`], [`spmv_by_columns`] | y = W·x + b of one sample | `vector.rs` |
//! | [`layer_norm_sample`], [`standardize_sample`] | the above of one sample | `vector.rs` |
//! | [`gemm`] | C = A·B + β·C, by another crate: the feature `gemm` | `gemm.rs` |
//!
//! Activations are in `activation.rs`, a file for each. The f64 specification of every operation
//! is [`naive`]. Which instructions run is a value, [`Isa`], that can be had only where the CPU has
//! them.

#![warn(clippy::unwrap_used)]

mod activation;
mod blocks;
mod dense;
mod elementwise;
mod exp;
#[cfg(feature = "gemm")]
mod gemm;
mod isa;
mod lanes;
mod layer_norm;
mod losses;
mod memory;
pub mod naive;
mod optimizer;
mod peak;
mod sddmm;
mod sell;
mod shared;
mod softmax;
mod sparse_input;
mod spmm;
mod vector;

pub use activation::Activation;
pub use blocks::{BLOCK_ROWS, BlockRun, sddmm_blocks, spmm_blocks, spmm_blocks_transposed};
pub use dense::{dense_backward_input, dense_backward_weight, dense_forward};
pub use elementwise::{drop_out, normalize_tile, standardize_tile, transpose_tile};
#[cfg(feature = "gemm")]
pub use gemm::gemm;
pub use isa::{Isa, IsaError, Level};
pub use layer_norm::{NormStats, layer_norm_backward, layer_norm_forward};
pub use losses::{NumberLoss, absolute_error, huber, squared_error};
pub use memory::{Arena, Rows, prefetch, return_freed_memory};
pub use optimizer::{AdamStep, SgdStep, adam, adam_aged, average, decay, sgd};
pub use peak::fma_peak_pass;
pub use sddmm::{sddmm, sum_samples};
pub use sell::{EqualRows, PANEL, SellBlock, SellPanel, sddmm_sell, spmm_sell};
pub use shared::{SHARED, sddmm_full, sddmm_shared, spmm_shared, spmm_shared_transposed};
pub use softmax::{TileLoss, softmax, softmax_cross_entropy};
pub use sparse_input::{SparseTile, sddmm_sparse_input, spmm_sparse_input};
pub use spmm::spmm;
pub use vector::{layer_norm_sample, spmv, spmv_by_columns, standardize_sample};

/// Samples per tile. One constant for all machines: changing it changes the last bits of results.
pub const TILE: usize = 64;

/// Virtual lanes that a sum over samples is dealt to.
pub const LANES: usize = 16;

/// One feature (or neuron) over the samples of a tile, aligned to a cache line.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row(pub [f32; TILE]);

impl Row {
    /// A row of zeros.
    pub const ZERO: Row = Row([0.0; TILE]);

    /// The row as four groups of [`LANES`] samples.
    #[inline(always)]
    fn groups(&self) -> &[[f32; LANES]; TILE / LANES] {
        self.0.as_chunks().0.try_into().expect("64 = 4 × 16")
    }

    /// The row as four mutable groups of [`LANES`] samples.
    #[inline(always)]
    fn groups_mut(&mut self) -> &mut [[f32; LANES]; TILE / LANES] {
        self.0.as_chunks_mut().0.try_into().expect("64 = 4 × 16")
    }
}

impl Default for Row {
    fn default() -> Self {
        Row::ZERO
    }
}
