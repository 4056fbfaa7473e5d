//! Dense times dense: the three products of a layer that stores every weight.
//!
//! The sparse kernels are measured against them, a masked layer runs on them, and they show RigL
//! the gradient of connections that are not there.
//!
//! What was done for speed, and why each step is allowed:
//! 1. Six rows of the result by 64 samples (AVX2: by 16) stay in registers through the whole sum,
//!    so that one load of x serves six FMAs. Nothing is packed: a tile's rows already lie as such a
//!    block reads them.
//! 2. W is not packed either: its numbers are broadcast one by one, from six rows (forward) or from
//!    six neighbouring columns (dX).
//! 3. For dW, 64 rows of x at a time are transposed into L1, where they serve every row of dY.

use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::{LANES, Row, TILE};

/// Rows of the result that a block of registers holds.
const BLOCK: usize = 6;

/// `y[r] = bias[r] + Σ_k w[r][k]·x[k]`.
///
/// Equation: Y = W·X + b.
///
/// **Shapes**: `w` `[rows, in_features]`, `bias` `[rows]` or none (zeros); `x` `[in_features]` and
/// `y` `[rows]` of one tile.
///
/// **Order**: bias first, then k ascending, one accumulator per sample: the bits of
/// [`spmm`](crate::spmm) on a pattern that stores everything.
///
/// **Panics** if the shapes disagree.
pub fn dense_forward(isa: Isa, w: &[f32], bias: Option<&[f32]>, x: &[Row], y: &mut [Row]) {
    assert_eq!(w.len(), y.len() * x.len(), "one weight per output and input");
    if let Some(bias) = bias {
        assert_eq!(bias.len(), y.len(), "one bias per row");
    }
    isa.run(Forward { w, bias, x, y });
}

/// `dx[c] = Σ_r w[r][first + c]·dy[r]` for as many columns as `dx` has.
///
/// Equation: dX = Wᵀ·dY.
///
/// **Shapes**: `w` `[rows, in_features]`; `dy` `[rows]` and `dx` of one tile.
///
/// **Order**: r ascending, one accumulator per sample.
///
/// **Panics** if the shapes disagree.
pub fn dense_backward_input(
    isa: Isa,
    w: &[f32],
    in_features: usize,
    dy: &[Row],
    first: usize,
    dx: &mut [Row],
) {
    assert_eq!(w.len(), dy.len() * in_features, "one weight per output and input");
    assert!(first + dx.len() <= in_features, "columns within the layer");
    isa.run(BackwardInput { w, in_features, dy, first, dx });
}

/// `dw[r][c] += Σ_s dy[r][s]·x[c][s]`.
///
/// Equation: dW = dY·Xᵀ, one tile's part of it.
///
/// **Shapes**: `dy` `[rows]` and `x` `[in_features]` of one tile; `dw` `[rows, in_features]`.
///
/// **Order**: what is there, then samples ascending; called for tile after tile, tiles in order.
///
/// **Panics** if the shapes disagree.
pub fn dense_backward_weight(isa: Isa, dy: &[Row], x: &[Row], dw: &mut [f32]) {
    assert_eq!(dw.len(), dy.len() * x.len(), "one gradient per output and input");
    isa.run(BackwardWeight { dy, x, dw });
}

struct Forward<'a> {
    w: &'a [f32],
    bias: Option<&'a [f32]>,
    x: &'a [Row],
    y: &'a mut [Row],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Forward { w, bias, x, y } = self;
        let mut row = 0;
        while row < y.len() {
            let bias = bias.map(|bias| &bias[row..]);
            let w = &w[row * x.len()..];
            row += match y.len() - row {
                BLOCK.. => forward_rows::<L, BLOCK>(lanes, w, bias, x, &mut y[row..]),
                2.. => forward_rows::<L, 2>(lanes, w, bias, x, &mut y[row..]),
                _ => forward_rows::<L, 1>(lanes, w, bias, x, &mut y[row..]),
            };
        }
    }
}

/// The first `R` rows of y; returns `R`.
#[inline(always)]
fn forward_rows<L: Lanes, const R: usize>(
    lanes: L,
    w: &[f32],
    bias: Option<&[f32]>,
    x: &[Row],
    y: &mut [Row],
) -> usize {
    let mut factors = [&[][..]; R];
    for (row, (factors, y)) in factors.iter_mut().zip(&mut *y).enumerate() {
        *factors = &w[row * x.len()..][..x.len()];
        let start = lanes.splat(bias.map_or(0.0, |bias| bias[row]));
        lanes.store_groups(&[start; 4], y, 0);
    }
    add_products::<L, R>(lanes, factors, x, y);
    R
}

/// Adds `factors[r][k]·x[k]`, k ascending, to the first `R` rows of `y`.
#[inline(always)]
fn add_products<L: Lanes, const R: usize>(
    lanes: L,
    factors: [&[f32]; R],
    x: &[Row],
    y: &mut [Row],
) {
    if L::IS_WIDE {
        add_block::<L, R, 4>(lanes, factors, x, 0, y);
    } else {
        for group in 0..TILE / LANES {
            add_block::<L, R, 1>(lanes, factors, x, group, y);
        }
    }
}

/// [`add_products`] for `G` groups of samples.
#[inline(always)]
fn add_block<L: Lanes, const R: usize, const G: usize>(
    lanes: L,
    factors: [&[f32]; R],
    x: &[Row],
    group: usize,
    y: &mut [Row],
) {
    for factors in factors {
        assert_eq!(factors.len(), x.len(), "one factor per row of x");
    }
    let mut sums = [[lanes.splat(0.0); G]; R];
    for (sums, y) in sums.iter_mut().zip(&*y) {
        *sums = lanes.load_groups(y, group);
    }
    for (k, x) in x.iter().enumerate() {
        let x: [_; G] = lanes.load_groups(x, group);
        for (sums, factors) in sums.iter_mut().zip(factors) {
            let factor = lanes.splat(factors[k]);
            for (sum, &x) in sums.iter_mut().zip(&x) {
                *sum = lanes.mul_add(factor, x, *sum);
            }
        }
    }
    for (sums, y) in sums.iter().zip(y) {
        lanes.store_groups(sums, y, group);
    }
}

struct BackwardInput<'a> {
    w: &'a [f32],
    in_features: usize,
    dy: &'a [Row],
    first: usize,
    dx: &'a mut [Row],
}

impl Kernel for BackwardInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let BackwardInput { w, in_features, dy, first, dx } = self;
        let mut done = 0;
        while done < dx.len() {
            let (col, left) = (first + done, dx.len() - done);
            let dx = &mut dx[done..];
            done += match left {
                BLOCK.. => backward_columns::<L, BLOCK>(lanes, w, in_features, dy, col, dx),
                2.. => backward_columns::<L, 2>(lanes, w, in_features, dy, col, dx),
                _ => backward_columns::<L, 1>(lanes, w, in_features, dy, col, dx),
            };
        }
    }
}

/// The first `R` rows of dx, of the columns from `col` on; returns `R`.
#[inline(always)]
fn backward_columns<L: Lanes, const R: usize>(
    lanes: L,
    w: &[f32],
    in_features: usize,
    dy: &[Row],
    col: usize,
    dx: &mut [Row],
) -> usize {
    if L::IS_WIDE {
        backward_block::<L, R, 4>(lanes, w, in_features, dy, col, 0, dx);
    } else {
        for group in 0..TILE / LANES {
            backward_block::<L, R, 1>(lanes, w, in_features, dy, col, group, dx);
        }
    }
    R
}

#[inline(always)]
fn backward_block<L: Lanes, const R: usize, const G: usize>(
    lanes: L,
    w: &[f32],
    in_features: usize,
    dy: &[Row],
    col: usize,
    group: usize,
    dx: &mut [Row],
) {
    let mut sums = [[lanes.splat(0.0); G]; R];
    for (w, dy) in w.chunks_exact(in_features).zip(dy) {
        let dy: [_; G] = lanes.load_groups(dy, group);
        for (sums, &factor) in sums.iter_mut().zip(&w[col..col + R]) {
            let factor = lanes.splat(factor);
            for (sum, &dy) in sums.iter_mut().zip(&dy) {
                *sum = lanes.mul_add(factor, dy, *sum);
            }
        }
    }
    for (sums, dx) in sums.iter().zip(dx) {
        lanes.store_groups(sums, dx, group);
    }
}

struct BackwardWeight<'a> {
    dy: &'a [Row],
    x: &'a [Row],
    dw: &'a mut [f32],
}

impl Kernel for BackwardWeight<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let BackwardWeight { dy, x, dw } = self;
        let in_features = x.len();
        let mut samples = [Row::ZERO; TILE];
        for (panel, x) in x.chunks(TILE).enumerate() {
            // samples[s] holds sample s of these features. The last panel may have fewer than 64:
            // what is computed beyond them is not stored.
            for (group, x) in x.chunks(LANES).enumerate() {
                for part in 0..TILE / LANES {
                    let mut rows = [lanes.splat(0.0); LANES];
                    for (row, x) in rows.iter_mut().zip(x) {
                        *row = lanes.load(&x.groups()[part]);
                    }
                    let columns = lanes.transpose(&rows);
                    for (column, sample) in columns.iter().zip(&mut samples[part * LANES..]) {
                        lanes.store(*column, &mut sample.groups_mut()[group]);
                    }
                }
            }
            let columns = panel * TILE..panel * TILE + x.len();
            let mut row = 0;
            while row < dy.len() {
                let (dy, dw) = (&dy[row..], &mut dw[row * in_features..]);
                row += match dy.len() {
                    BLOCK.. => {
                        weight_rows::<L, BLOCK>(lanes, dy, &samples, in_features, &columns, dw)
                    }
                    2.. => weight_rows::<L, 2>(lanes, dy, &samples, in_features, &columns, dw),
                    _ => weight_rows::<L, 1>(lanes, dy, &samples, in_features, &columns, dw),
                };
            }
        }
    }
}

/// These columns of the first `R` rows of dw; returns `R`.
#[inline(always)]
fn weight_rows<L: Lanes, const R: usize>(
    lanes: L,
    dy: &[Row],
    samples: &[Row; TILE],
    in_features: usize,
    columns: &std::ops::Range<usize>,
    dw: &mut [f32],
) -> usize {
    let mut factors = [&[][..]; R];
    let mut rows = [Row::ZERO; R];
    for (row, (factors, part)) in factors.iter_mut().zip(&mut rows).enumerate() {
        *factors = &dy[row].0[..];
        part.0[..columns.len()].copy_from_slice(&dw[row * in_features..][columns.clone()]);
    }
    add_products::<L, R>(lanes, factors, samples, &mut rows);
    for (row, part) in rows.iter().enumerate() {
        dw[row * in_features..][columns.clone()].copy_from_slice(&part.0[..columns.len()]);
    }
    R
}
