//! One sample through a layer: a single row need not wait for the work of a whole tile.
//!
//! The operations and their order are those of a tile's kernels on one of its samples, so a row
//! gets the same bits either way, as long as all weights are finite.
//!
//! What was done for speed, and why each step is allowed:
//! 1. A sum over a row's entries is one chain of FMAs, each of which waits four cycles for the one
//!    before. So four rows advance side by side: their chains do not depend on each other.
//! 2. Behind a ReLU half of the inputs are 0 and add nothing; by columns ([`spmv_by_columns`])
//!    their entries are not even read, and a row's sum still grows in the order of its columns.
//!
//! Lost (784-1024-1024-10 at 90 %, one Zen 4 core, against 81 µs): five, six and eight rows side by
//! side (122, 135, 120: more pointers than registers), four entries of each row at a time (115),
//! and one index with checks of its own for all rows (140).

use crate::activation::{Activation, ActivationKernel, Function};
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;

/// Rows whose sums advance together.
const ROWS: usize = 4;

/// `y[r] = bias[r] + Σ values[e] · x[col_idx[e]]` over row `r`'s entries `e`, for one sample.
///
/// Equation: y = W·x + b.
///
/// **Shapes**: `row_ptr` `[rows + 1]`, `col_idx` and `values` `[nnz]`, `bias` and `y` `[rows]`, `x`
/// `[in_features]`.
///
/// **Order**: as [`spmm`](crate::spmm), with the same bits.
///
/// **Panics** if the shapes disagree, or a column is not below `x.len()`.
pub fn spmv(
    isa: Isa,
    row_ptr: &[usize],
    col_idx: &[u32],
    values: &[f32],
    bias: &[f32],
    x: &[f32],
    y: &mut [f32],
) {
    assert_eq!(row_ptr.len(), y.len() + 1, "row_ptr holds rows + 1 offsets");
    assert_eq!(col_idx.len(), values.len(), "one value per column id");
    assert_eq!(bias.len(), y.len(), "one bias per row");
    isa.run(Spmv { row_ptr, col_idx, values, bias, x, y });
}

struct Spmv<'a> {
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
    values: &'a [f32],
    bias: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Spmv<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Spmv { row_ptr, col_idx, values, bias, x, y } = self;
        let entries = |row: usize| {
            let entries = row_ptr[row]..row_ptr[row + 1];
            (&col_idx[entries.clone()], &values[entries])
        };
        y.copy_from_slice(bias);
        let (blocks, rest) = y.as_chunks_mut::<ROWS>();
        for (block, y) in blocks.iter_mut().enumerate() {
            let rows: [(&[u32], &[f32]); ROWS] = std::array::from_fn(|i| entries(block * ROWS + i));
            let together = rows.iter().map(|(columns, _)| columns.len()).min().unwrap_or(0);
            let mut sum = *y;
            let [r0, r1, r2, r3] =
                rows.map(|(columns, values)| columns[..together].iter().zip(&values[..together]));
            for ((e0, e1), (e2, e3)) in r0.zip(r1).zip(r2.zip(r3)) {
                sum[0] = lanes.scalar_mul_add(*e0.1, x[*e0.0 as usize], sum[0]);
                sum[1] = lanes.scalar_mul_add(*e1.1, x[*e1.0 as usize], sum[1]);
                sum[2] = lanes.scalar_mul_add(*e2.1, x[*e2.0 as usize], sum[2]);
                sum[3] = lanes.scalar_mul_add(*e3.1, x[*e3.0 as usize], sum[3]);
            }
            for (sum, (columns, values)) in sum.iter_mut().zip(rows) {
                *sum = add_products(lanes, *sum, &columns[together..], &values[together..], x);
            }
            *y = sum;
        }
        let first = blocks.len() * ROWS;
        for (row, sum) in rest.iter_mut().enumerate() {
            let (columns, values) = entries(first + row);
            *sum = add_products(lanes, *sum, columns, values, x);
        }
    }
}

/// Adds entries' products to a row's sum.
#[inline(always)]
fn add_products<L: Lanes>(
    lanes: L,
    mut sum: f32,
    columns: &[u32],
    values: &[f32],
    x: &[f32],
) -> f32 {
    for (&column, &value) in columns.iter().zip(values) {
        sum = lanes.scalar_mul_add(value, x[column as usize], sum);
    }
    sum
}

/// [`spmv`] on the transposed pattern: columns whose x is 0 are passed over.
///
/// **Shapes**: `col_ptr` `[in_features + 1]`, `row_idx` and `values` `[nnz]`; all else as [`spmv`].
///
/// **Order**: as [`spmv`]. Finite values give the same bits, except for the sign of a sum that is
/// 0.
///
/// **Panics** if the shapes disagree, or a row is not below `y.len()`.
pub fn spmv_by_columns(
    isa: Isa,
    col_ptr: &[usize],
    row_idx: &[u32],
    values: &[f32],
    bias: &[f32],
    x: &[f32],
    y: &mut [f32],
) {
    assert_eq!(col_ptr.len(), x.len() + 1, "col_ptr holds in_features + 1 offsets");
    assert_eq!(row_idx.len(), values.len(), "one value per row id");
    assert_eq!(bias.len(), y.len(), "one bias per row");
    isa.run(SpmvByColumns { col_ptr, row_idx, values, bias, x, y });
}

struct SpmvByColumns<'a> {
    col_ptr: &'a [usize],
    row_idx: &'a [u32],
    values: &'a [f32],
    bias: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for SpmvByColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        self.y.copy_from_slice(self.bias);
        for (entries, &x) in self.col_ptr.windows(2).zip(self.x) {
            if x == 0.0 {
                continue;
            }
            let entries = entries[0]..entries[1];
            let rows = &self.row_idx[entries.clone()];
            for (&row, &value) in rows.iter().zip(&self.values[entries]) {
                let sum = &mut self.y[row as usize];
                *sum = lanes.scalar_mul_add(value, x, *sum);
            }
        }
    }
}

/// [`layer_norm_forward`](crate::layer_norm_forward) of one sample, in place.
///
/// **Shapes**: `z`, `gamma`, `beta` `[features]`; `z` becomes h.
///
/// **Order**: as there, with the same bits.
///
/// **Panics** if the shapes disagree or there is no feature.
pub fn layer_norm_sample(
    isa: Isa,
    activation: Activation,
    gamma: &[f32],
    beta: &[f32],
    eps: f32,
    z: &mut [f32],
) {
    assert!(!z.is_empty(), "LayerNorm over no features");
    assert_eq!(gamma.len(), z.len(), "one gamma per feature");
    assert_eq!(beta.len(), z.len(), "one beta per feature");
    activation.run(isa, NormSample { gamma, beta, eps, z });
}

struct NormSample<'a> {
    gamma: &'a [f32],
    beta: &'a [f32],
    eps: f32,
    z: &'a mut [f32],
}

impl ActivationKernel for NormSample<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes, A: Function>(self, lanes: L, activation: A) {
        let first = &self.z[..self.z.len().div_ceil(16)];
        let near = first.iter().fold(0.0, |sum, z| sum + z) / first.len() as f32;
        let (mut sum, mut squares) = (0.0, 0.0);
        for z in &*self.z {
            let apart = z - near;
            sum += apart;
            squares = lanes.scalar_mul_add(apart, apart, squares);
        }
        let count = self.z.len() as f32;
        let apart = sum / count;
        let mean = near + apart;
        let variance = squares / count - apart * apart;
        // A NaN stays NaN.
        let variance = if 0.0 > variance { 0.0 } else { variance };
        let rstd = 1.0 / (variance + self.eps).sqrt();
        for ((z, &gamma), &beta) in self.z.iter_mut().zip(self.gamma).zip(self.beta) {
            let y = lanes.scalar_mul_add(gamma, (*z - mean) * rstd, beta);
            *z = activation.forward(lanes, y);
        }
    }
}

/// [`standardize_tile`](crate::standardize_tile) of one sample: `x = values·scale + shift`.
///
/// **Shapes**: all `[features]`.
///
/// **Panics** if the shapes disagree.
pub fn standardize_sample(isa: Isa, values: &[f32], scale: &[f32], shift: &[f32], x: &mut [f32]) {
    assert_eq!(values.len(), x.len(), "one value per feature");
    assert_eq!(scale.len(), x.len(), "one scale per feature");
    assert_eq!(shift.len(), x.len(), "one shift per feature");
    isa.run(StandardizeSample { values, scale, shift, x });
}

struct StandardizeSample<'a> {
    values: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    x: &'a mut [f32],
}

impl Kernel for StandardizeSample<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let factors = self.scale.iter().zip(self.shift);
        for ((x, &value), (&scale, &shift)) in self.x.iter_mut().zip(self.values).zip(factors) {
            *x = lanes.scalar_mul_add(value, scale, shift);
        }
    }
}
