//! The sparse products of neurons that share their inputs: four neighbouring rows, one list of
//! columns, weights of their own.
//!
//! One load of X feeds four FMAs, where rows of their own columns do one load for each and hang on
//! the way from L2 to L1. What was done for speed, and why each step is allowed:
//! 1. The values of a group stand `[entry][4 rows]`; its columns are those of its first row.
//! 2. y: 16 accumulators, four rows by 64 samples (AVX2: by 16 samples at a time), and the rows of
//!    X are asked for eight entries ahead.
//! 3. dX is scattered: the four rows of dY stay in registers and every entry adds to a row of dX,
//!    rows ascending as in a product with the transpose, so no transposed copy is kept. By ranges
//!    of columns, of which each group knows its part: threads share them, and the rows at hand of
//!    dX stay near.
//! 4. dW: the sums of four rows by four columns stay in registers, so that eight loads serve
//!    sixteen FMAs, and their sixteen trees are reduced together. On AVX2 they do not fit the
//!    registers: there a row of X stays in them and passes the four rows of dY.
//!
//! Lost, 1024 × 1024, one Zen 5 core: dY of four rows laid in registers as 4 samples × 4 rows, to
//! which four samples of X come by one load (dW 1.2 of the time: a load for each FMA).
//!
//! Rows that are left when they are not a multiple of four are products of their own
//! ([`spmm`](crate::spmm()), [`sddmm`](crate::sddmm())).

mod backward;
mod forward;
mod full;

pub use backward::{sddmm_shared, spmm_shared_transposed};
pub use forward::spmm_shared;
pub use full::sddmm_full;

/// Neighbouring rows that share their columns.
pub const SHARED: usize = 4;

/// Where the entries of the full groups among these rows begin and end, and their columns.
#[inline(always)]
fn groups<'a>(
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
) -> impl Iterator<Item = (usize, &'a [u32])> {
    let starts = row_ptr.windows(SHARED + 1).step_by(SHARED);
    starts.map(|rows| (rows[0], &col_idx[rows[0]..rows[1]]))
}

/// **Panics** unless the full groups' rows are equally long.
fn expect_groups(row_ptr: &[usize]) {
    for rows in row_ptr.windows(SHARED + 1).step_by(SHARED) {
        let len = rows[1] - rows[0];
        assert_eq!(rows[SHARED] - rows[0], SHARED * len, "rows of a group are equally long");
    }
}
