//! The sparse products of block-sparse weights (Gray et al. 2017): sixteen neighbouring rows that
//! have the same columns, which come in runs.
//!
//! What was done for speed, and why each step is allowed:
//! 1. The values of a group of rows stand `[entry][row]`: those of one column side by side, so that
//!    y and dX broadcast them from one line.
//! 2. y: up to six rows by 64 samples (AVX2: by 16) stay in registers; a group's columns pass in
//!    panels that stay in L1 for all of its rows.
//! 3. dX: up to six columns of a run by 64 samples stay in registers while the rows of the groups
//!    that have it pass, ascending: neither a transposed copy nor a scatter.
//! 4. dW: the sums of four rows by four columns stay in registers and their trees are reduced
//!    together, as where four rows share their columns; X comes from L1 for three of each four.
//!    On AVX2, which has too few registers for them, dY of a group is transposed, so that a vector
//!    holds one sample of its rows, and the tree is made of plain additions of vectors.

mod backward;
mod forward;
mod weight;

pub use backward::{BlockRun, spmm_blocks_transposed};
pub use forward::spmm_blocks;
pub use weight::sddmm_blocks;

use crate::LANES;

/// Rows of a group; the last one may have fewer.
pub const BLOCK_ROWS: usize = LANES;

/// Rows or columns of the result that stay in registers.
const WIDEST: usize = 6;

/// How many of `left` rows or columns the next block of registers takes, so that all are about as
/// wide.
#[inline(always)]
fn next_width(left: usize) -> usize {
    left.div_ceil(left.div_ceil(WIDEST))
}

/// The groups of these rows: where the entries of each begin, its columns, how many rows it has.
#[inline(always)]
fn groups<'a>(
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
) -> impl Iterator<Item = (usize, &'a [u32], usize)> {
    let rows = row_ptr.len() - 1;
    (0..rows).step_by(BLOCK_ROWS).map(move |first| {
        let start = row_ptr[first];
        (start, &col_idx[start..row_ptr[first + 1]], BLOCK_ROWS.min(rows - first))
    })
}

/// **Panics** unless each group's rows are equally long.
fn expect_groups(row_ptr: &[usize]) {
    let rows = row_ptr.len() - 1;
    for first in (0..rows).step_by(BLOCK_ROWS) {
        let of_group = &row_ptr[first..=rows.min(first + BLOCK_ROWS)];
        let len = of_group[1] - of_group[0];
        let equal = of_group.windows(2).all(|row| row[1] - row[0] == len);
        assert!(equal, "rows of a group are equally long");
    }
}
