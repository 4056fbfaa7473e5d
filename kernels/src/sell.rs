//! The sparse products on rows sorted by length, four side by side: SELL-C-σ (Kreutzer, Hager,
//! Wellein, Fehske, Bishop, SIAM J. Sci. Comput. 36, 2014) with C = 4 or 1, by panels of columns.
//!
//! What was done for speed, and why each step is allowed:
//! 1. A block of rows passes panel after panel of columns, so that the rows of X that a panel names
//!    stay in L1 ([`PANEL`] rows are 64 KB; as wide as pays is the caller's choice).
//! 2. In a panel the rows are sorted by their number of entries there, and those of one length
//!    stand together: no loop's end is mispredicted but where the length changes.
//! 3. Of these, four side by side ("fours", on AVX-512): 16 accumulators, four independent rows,
//!    their entries stored `[entry][4 rows]`, so that four column ids are one load. Rows that find
//!    no three others of their length stand alone ("ones"). Nothing is padded: every stored place
//!    is an entry.
//! 4. A column's id is a byte that counts from the panel's first row of X, and a panel is always
//!    [`PANEL`] rows of X: no id can be out of range, so none is checked. (Checked ids: 0.83–0.9 of
//!    this.)
//! 5. In the first panel sums start from the bias; all others find them in Y, unrounded as in
//!    registers.
//! 6. dW of a four: 4 × 4 dot products are reduced together, by 45 instructions.
//!
//! Lost, 1024 × 1024 at 90 %, one Zen 5 core, against what is here: fours of unequal length whose
//! tails follow alone (1.00–1.02, for more code); ids of two bytes, four loads of one id each
//! (0.9); sums set to the bias beforehand (0.96).

mod sddmm;
mod spmm;

pub use sddmm::sddmm_sell;
pub use spmm::spmm_sell;

use crate::Row;

/// Rows of X that a panel's ids count: as many as a byte can.
pub const PANEL: usize = 256;

/// Chunks of rows that have equally many entries in a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EqualRows {
    /// Entries of each row.
    pub len: u32,
    /// Chunks: fours or ones.
    pub count: u32,
}

/// A panel of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SellPanel {
    /// The row of X that id 0 names; [`PANEL`] rows from here on exist.
    pub first: u32,
    /// How many of the block's [`EqualRows`] are of fours, which come first.
    pub fours: u32,
    /// How many are of ones.
    pub ones: u32,
}

/// The pattern of a block of at most 256 rows, in the order of its entries: panels ascending; in
/// each the fours, `[four][entry][4]`, then the ones, `[row][entry]`.
///
/// Every row of the block is named exactly once in the first panel, also without an entry, and at
/// most once in any other.
#[derive(Clone, Copy, Debug)]
pub struct SellBlock<'a> {
    /// The panels.
    pub panels: &'a [SellPanel],
    /// Of all panels.
    pub equal: &'a [EqualRows],
    /// The rows of all chunks, counted from the block's first.
    pub rows: &'a [u8],
    /// Of each entry the row of X, counted from its panel's first.
    pub ids: &'a [u8],
}

/// Four ids by one load.
#[inline(always)]
fn separate(ids: &[u8; 4]) -> [usize; 4] {
    let word = u32::from_le_bytes(*ids) as usize;
    [word & 0xff, word >> 8 & 0xff, word >> 16 & 0xff, word >> 24 & 0xff]
}

/// The rows of X that a panel's ids name.
#[inline(always)]
fn panel_of(x: &[Row], first: u32) -> &[Row; PANEL] {
    x[first as usize..][..PANEL].try_into().expect("as long as a panel")
}

/// The first `count`, which leave the slice.
#[inline(always)]
fn take<'a, T>(from: &mut &'a [T], count: u32) -> &'a [T] {
    let (taken, left) = from.split_at(count as usize);
    *from = left;
    taken
}

/// As [`take`], to be changed.
#[inline(always)]
fn take_mut<'a, T>(from: &mut &'a mut [T], count: u32) -> &'a mut [T] {
    let (taken, left) = std::mem::take(from).split_at_mut(count as usize);
    *from = left;
    taken
}
