//! Sparse times dense: the forward product of a layer and, on the transposed pattern, its dX.
//!
//! What was done for speed, and why each step is allowed:
//! 1. A row's 64 samples stay in registers (4 AVX-512, 8 AVX2) from bias to store: the output is
//!    touched once per row, not once per stored entry. Every sample has its own accumulator.
//! 2. Eight AVX2 accumulators are as many as two FMA ports of latency 4 need; each FMA takes its
//!    operand from memory, so the loop does one load per FMA and nothing else.
//! 3. The column is bounds-checked: one compare per 8 (4) FMAs.
//!
//! The limit is the way from L2 to L1, which `sell.rs` goes round where rows are long enough: 57
//! GFLOP/s at 98 % read 114 GB/s of X, which is 31 bytes a cycle on the core measured (Zen 4, whose
//! L2 gives 32). The same loop on rows that fit L1 reaches 90 GFLOP/s.
//!
//! Lost, 1024 × 1024, one Zen 4 core, against what is here:
//! - `u16` column ids: 1.00 at 80–98 %, they are 2 of 264 bytes per entry;
//! - two or four rows at once: 0.98 and 0.96, their chains overlap anyway;
//! - 16 samples at a time: 0.95. 32 at a time, so that twice as much of X stays in L1, gain: 1.08
//!   at 90–98 %; they are not used because the layout would have to change.

use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::{LANES, Row, TILE};

/// `y[r] = bias[r] + Σ values[e] · x[col_idx[e]]` over row `r`'s entries `e`.
///
/// Equation: Y = W·X + b. With the transposed pattern and no bias: dX = Wᵀ·dY.
///
/// **Shapes**: `row_ptr` `[rows + 1]`, indices into the whole `col_idx` and `values` `[nnz]`, so
/// that a block of rows is a sub-slice of it; `bias` `[rows]` or none (zeros); `x`
/// `[in_features]` and `y` `[rows]` of one tile.
///
/// **Order**: bias first, then the row's entries ascending, one accumulator per sample.
///
/// **Panics** if the shapes disagree, or a column is not below `x.len()`.
///
/// Cost: 2·nnz·64 flops; 256 bytes of `x` per entry.
pub fn spmm(
    isa: Isa,
    row_ptr: &[usize],
    col_idx: &[u32],
    values: &[f32],
    bias: Option<&[f32]>,
    x: &[Row],
    y: &mut [Row],
) {
    assert_eq!(row_ptr.len(), y.len() + 1, "row_ptr holds rows + 1 offsets");
    assert_eq!(col_idx.len(), values.len(), "one value per column id");
    if let Some(bias) = bias {
        assert_eq!(bias.len(), y.len(), "one bias per row");
    }
    isa.run(Spmm { row_ptr, col_idx, values, bias, x, y });
}

struct Spmm<'a> {
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
    values: &'a [f32],
    bias: Option<&'a [f32]>,
    x: &'a [Row],
    y: &'a mut [Row],
}

impl Kernel for Spmm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        for (row, out) in self.y.iter_mut().enumerate() {
            let entries = self.row_ptr[row]..self.row_ptr[row + 1];
            let start = lanes.splat(self.bias.map_or(0.0, |bias| bias[row]));
            let columns = &self.col_idx[entries.clone()];
            let sum =
                add_entries(lanes, [start; TILE / LANES], columns, &self.values[entries], self.x);
            for (sum, out) in sum.into_iter().zip(out.groups_mut()) {
                lanes.store(sum, out);
            }
        }
    }
}

/// Adds entries' products to a row's 64 sums.
#[inline(always)]
pub(crate) fn add_entries<L: Lanes>(
    lanes: L,
    mut sum: [L::V; TILE / LANES],
    columns: &[u32],
    values: &[f32],
    x: &[Row],
) -> [L::V; TILE / LANES] {
    for (&col, &value) in columns.iter().zip(values) {
        let value = lanes.splat(value);
        for (sum, x) in sum.iter_mut().zip(x[col as usize].groups()) {
            *sum = lanes.mul_add(value, lanes.load(x), *sum);
        }
    }
    sum
}
