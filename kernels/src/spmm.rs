//! Sparse times dense: the forward product of a layer and, on the transposed pattern, its dX.
//!
//! What was done for speed, and why each step is allowed:
//! 1. A row's 64 samples stay in registers (4 AVX-512, 8 AVX2) from bias to store: the output is
//!    touched once per row, not once per stored entry. Every sample has its own accumulator.
//! 2. Eight AVX2 accumulators are as many as two FMA ports of latency 4 need; each FMA takes its
//!    operand from memory, so the loop does one load per FMA and nothing else.
//! 3. The column is bounds-checked: one compare per 8 (4) FMAs.
//! 4. By panels of columns ([`spmm_by_panels`]) the rows of X that a panel names stay in L1, and
//!    each row's sums wait in Y between panels, unrounded as in registers: worth it where a row has
//!    a dozen entries and more in a panel (`sparse/panels.rs` in the engine has the ratios).
//!
//! Without panels the limit is the way from L2 to L1: 57 GFLOP/s at 98 % read 114 GB/s of X, which
//! is 31 bytes a cycle on the core measured (Zen 4, whose L2 gives 32). The same loop on rows that
//! fit L1 reaches 90 GFLOP/s.
//!
//! Lost, 1024 × 1024, one Zen 4 core, against what is here:
//! - `u16` column ids: 1.00 at 80–98 %, they are 2 of 264 bytes per entry;
//! - blocks of rows by panels, the segments sorted by their number of entries so that no loop's end
//!   is mispredicted: 0.95 at 90 %, 0.97 at 95 %, 0.8 at 98 %, because the sums go to L1 and back;
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

/// [`spmm`] by panels of columns: the same sums in the same order, with a slice of `x` in L1.
///
/// **Shapes**: `bounds` `[panels + 1, stride]`: where, in row `r`, panel `p`'s entries begin, at
/// `bounds[p·stride + r]`, and where they end, at `bounds[(p + 1)·stride + r]`; rows
/// `first..first + y.len()` are computed. All else as [`spmm`].
///
/// **Order**: as [`spmm`]: panels ascend as the columns of a row do, and a sum that waits in `y`
/// between two panels loses nothing.
///
/// **Panics** if the shapes disagree, or a column is not below `x.len()`.
pub fn spmm_by_panels(
    isa: Isa,
    bounds: &[u32],
    stride: usize,
    first: usize,
    col_idx: &[u32],
    values: &[f32],
    bias: Option<&[f32]>,
    x: &[Row],
    y: &mut [Row],
) {
    assert!(first + y.len() <= stride, "rows within the bounds");
    assert!(stride == 0 || bounds.len().is_multiple_of(stride), "bounds are [panels + 1, stride]");
    assert_eq!(col_idx.len(), values.len(), "one value per column id");
    if let Some(bias) = bias {
        assert_eq!(bias.len(), y.len(), "one bias per row");
    }
    isa.run(SpmmByPanels { bounds, stride, first, col_idx, values, bias, x, y });
}

/// Entries of a block of rows, which passes all panels before the next block does, so that its ids
/// and values (256 KB) and its sums stay in L2 from panel to panel. 1024 × 1024 on one Zen 4 core:
/// 71.2 GFLOP/s at 90 % where all rows at once give 68.2, at 50 % 79 and 74.
const BLOCK_ENTRIES: usize = 1 << 15;

struct SpmmByPanels<'a> {
    bounds: &'a [u32],
    stride: usize,
    first: usize,
    col_idx: &'a [u32],
    values: &'a [f32],
    bias: Option<&'a [f32]>,
    x: &'a [Row],
    y: &'a mut [Row],
}

impl Kernel for SpmmByPanels<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        for (row, out) in self.y.iter_mut().enumerate() {
            let start = lanes.splat(self.bias.map_or(0.0, |bias| bias[row]));
            out.groups_mut().iter_mut().for_each(|out| lanes.store(start, out));
        }
        let rows_per_block = (BLOCK_ENTRIES * self.stride / self.values.len().max(1)).max(1);
        for (block, y) in self.y.chunks_mut(rows_per_block).enumerate() {
            let first = self.first + block * rows_per_block;
            let rows = first..first + y.len();
            let mut lines = self.bounds.chunks_exact(self.stride);
            let mut begins = lines.next().map_or(&[][..], |line| &line[rows.clone()]);
            for line in lines {
                let ends = &line[rows.clone()];
                for ((out, &begin), &end) in y.iter_mut().zip(begins).zip(ends) {
                    if begin == end {
                        continue;
                    }
                    let entries = begin as usize..end as usize;
                    let sum = lanes.load_row(out);
                    let columns = &self.col_idx[entries.clone()];
                    let sum = add_entries(lanes, sum, columns, &self.values[entries], self.x);
                    for (sum, out) in sum.into_iter().zip(out.groups_mut()) {
                        lanes.store(sum, out);
                    }
                }
                begins = ends;
            }
        }
    }
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
