//! Dense times dense sampled on a pattern: a layer's dW, and its db.
//!
//! What was done for speed, and why each step is allowed:
//! 1. The row of dY stays in registers (or L1) while the row's entries pass by.
//! 2. Eight entries' 16-lane partial sums are reduced together: adding the halves of two vectors
//!    at once shrinks eight trees with 29 instructions instead of 8 × 10. Each tree adds the
//!    same numbers in the same order as alone.
//! 3. A rest of seven entries or fewer runs by fours, the last entry repeated: entries do not
//!    depend on each other.
//!
//! Lost, 1024 × 1024, one Zen 4 core: nothing but fours, so that there is one kind of rest (0.94 at
//! 90 %, 0.96 at 98 %); a rest as one group of eight (0.96, 0.96).

use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::{LANES, Row, TILE};

/// `dw[e] += Σ_s dy[r][s] · x[col_idx[e]][s]` for the entries `e` of each row `r`.
///
/// Equation: dW = dY·Xᵀ on the stored entries of W, one tile's part of it.
///
/// **Shapes**: `row_ptr` `[rows + 1]`, indices into the whole `col_idx` `[nnz]`; `dy` `[rows]` and
/// `x` `[in_features]` of one tile; `dw` the entries `row_ptr[0]..row_ptr[rows]`.
///
/// **Order**: samples to 16 lanes, ascending; the fixed tree; then one addition to `dw`. Called
/// for tile after tile, `dw` sums over tiles in order.
///
/// **Panics** if the shapes disagree, or a column is not below `x.len()`.
///
/// Cost: 2·nnz·64 flops; 256 bytes of `x` per entry.
pub fn sddmm(isa: Isa, row_ptr: &[usize], col_idx: &[u32], dy: &[Row], x: &[Row], dw: &mut [f32]) {
    assert_eq!(row_ptr.len(), dy.len() + 1, "row_ptr holds rows + 1 offsets");
    let entries = row_ptr[0]..row_ptr[dy.len()];
    assert_eq!(dw.len(), entries.len(), "one gradient per entry of the block");
    assert!(entries.end <= col_idx.len(), "row_ptr ends within col_idx");
    isa.run(Sddmm { row_ptr, col_idx, dy, x, dw });
}

struct Sddmm<'a> {
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
    dy: &'a [Row],
    x: &'a [Row],
    dw: &'a mut [f32],
}

impl Kernel for Sddmm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let first = self.row_ptr[0];
        for (row, dy) in self.dy.iter().enumerate() {
            let (start, end) = (self.row_ptr[row], self.row_ptr[row + 1]);
            let dw = &mut self.dw[start - first..end - first];
            add_dots(lanes, dy, self.x, &self.col_idx[start..end], dw);
        }
    }
}

/// Adds a row's dot products with the rows of `x` that `cols` name to `dw`.
#[inline(always)]
pub(crate) fn add_dots<L: Lanes>(lanes: L, dy: &Row, x: &[Row], cols: &[u32], dw: &mut [f32]) {
    let (cols, last_cols) = cols.as_chunks::<8>();
    let (dw, last_dw) = dw.as_chunks_mut::<8>();
    for (cols, dw) in cols.iter().zip(dw) {
        let sums = lanes.sums(&dots::<L, 8>(lanes, dy, x, cols));
        for (dw, sum) in dw.iter_mut().zip(sums) {
            *dw += sum;
        }
    }
    for (cols, dw) in last_cols.chunks(4).zip(last_dw.chunks_mut(4)) {
        if let &[col] = cols {
            dw[0] += lanes.sum(lanes.dot(dy, &x[col as usize]));
            continue;
        }
        let cols = std::array::from_fn(|i| cols[i.min(cols.len() - 1)]);
        let sums = lanes.sums_of_four(&dots::<L, 4>(lanes, dy, x, &cols));
        for (dw, sum) in dw.iter_mut().zip(sums) {
            *dw += sum;
        }
    }
}

/// The 16 partial sums of the dot products of one row with `N`.
#[inline(always)]
fn dots<L: Lanes, const N: usize>(lanes: L, dy: &Row, x: &[Row], cols: &[u32; N]) -> [L::V; N] {
    let mut dots = [lanes.splat(0.0); N];
    for (dot, &col) in dots.iter_mut().zip(cols) {
        *dot = lanes.dot(dy, &x[col as usize]);
    }
    dots
}

/// The dot products of four rows with four of `x`, lane 4k + i that of row i with `x[k]`: sixteen
/// sums stay in registers, and a load serves four. For wide levels.
#[inline(always)]
pub(crate) fn dots_of_fours<L: Lanes>(lanes: L, dy: [&Row; 4], x: [&Row; 4]) -> L::V {
    let mut sums = [[lanes.splat(0.0); 4]; 4];
    for part in 0..TILE / LANES {
        let mut of_rows = [lanes.splat(0.0); 4];
        for (of_row, dy) in of_rows.iter_mut().zip(dy) {
            *of_row = lanes.load(&dy.groups()[part]);
        }
        for (sums, x) in sums.iter_mut().zip(x) {
            let x = lanes.load(&x.groups()[part]);
            for (sum, dy) in sums.iter_mut().zip(of_rows) {
                *sum = if part == 0 { lanes.mul(dy, x) } else { lanes.mul_add(dy, x, *sum) };
            }
        }
    }
    let mut quarters = [lanes.splat(0.0); 4];
    for (quarter, sums) in quarters.iter_mut().zip(&sums) {
        *quarter = lanes.quarter_sums(sums);
    }
    lanes.sums_of_quarters(&quarters)
}

/// The rows of `x` that up to four columns name, the last of them repeated.
#[inline(always)]
pub(crate) fn four_of<'a>(x: &'a [Row], columns: &[u32]) -> [&'a Row; 4] {
    let mut rows = [&Row::ZERO; 4];
    for (nth, row) in rows.iter_mut().enumerate() {
        *row = &x[columns[nth.min(columns.len() - 1)] as usize];
    }
    rows
}

/// `db[r] = Σ_s dy[r][s]`: a bias's gradient, one tile's part of it.
///
/// **Shapes**: `dy` and `db` `[rows]`.
///
/// **Order**: samples to 16 lanes, ascending; the fixed tree.
///
/// **Panics** if the shapes disagree.
pub fn sum_samples(isa: Isa, dy: &[Row], db: &mut [f32]) {
    assert_eq!(dy.len(), db.len(), "one sum per row");
    isa.run(SumSamples { dy, db });
}

struct SumSamples<'a> {
    dy: &'a [Row],
    db: &'a mut [f32],
}

impl Kernel for SumSamples<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        for (dy, db) in self.dy.iter().zip(self.db) {
            let [first, rest @ ..] = dy.groups();
            let mut sum = lanes.load(first);
            for group in rest {
                sum = lanes.add(sum, lanes.load(group));
            }
            *db = lanes.sum(sum);
        }
    }
}
