//! One sample through a layer: for whoever asks for a single row, and would wait for a whole tile.
//!
//! The operations are those of a tile's kernels in the same order on one of its samples, so a row gets
//! the same bits whichever way it goes. A sum over a row's entries is one chain of FMAs, each of which
//! waits four cycles for the one before; so eight rows advance side by side.

use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;

/// Rows whose sums advance together.
const ROWS: usize = 8;

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
    fn run<L: Lanes>(self) {
        self.y.copy_from_slice(self.bias);
        for (block, sums) in self.y.chunks_mut(ROWS).enumerate() {
            let mut rows: [(&[u32], &[f32]); ROWS] = [(&[], &[]); ROWS];
            for (row, entries) in self.row_ptr[block * ROWS..].windows(2).take(ROWS).enumerate() {
                let entries = entries[0]..entries[1];
                rows[row] = (&self.col_idx[entries.clone()], &self.values[entries]);
            }
            let mut together = 0;
            if let Ok(sums) = <&mut [f32; ROWS]>::try_from(&mut *sums) {
                together = rows.iter().map(|(columns, _)| columns.len()).min().unwrap_or(0);
                let starts =
                    rows.map(|(columns, values)| (&columns[..together], &values[..together]));
                let mut sum = *sums;
                for at in 0..together {
                    for (sum, (columns, values)) in sum.iter_mut().zip(starts) {
                        let x = self.x[columns[at] as usize];
                        *sum = L::scalar_mul_add(values[at], x, *sum);
                    }
                }
                *sums = sum;
            }
            for (sum, (columns, values)) in sums.iter_mut().zip(rows) {
                for (&column, &value) in columns[together..].iter().zip(&values[together..]) {
                    *sum = L::scalar_mul_add(value, self.x[column as usize], *sum);
                }
            }
        }
    }
}

/// [`layer_norm_relu_forward`](crate::layer_norm_relu_forward) of one sample, in place.
///
/// **Shapes**: `z`, `gamma`, `beta` `[features]`; `z` becomes h.
///
/// **Order**: as there, with the same bits.
///
/// **Panics** if the shapes disagree or there is no feature.
pub fn layer_norm_relu_sample(isa: Isa, gamma: &[f32], beta: &[f32], eps: f32, z: &mut [f32]) {
    assert!(!z.is_empty(), "LayerNorm over no features");
    assert_eq!(gamma.len(), z.len(), "one gamma per feature");
    assert_eq!(beta.len(), z.len(), "one beta per feature");
    isa.run(NormSample { gamma, beta, eps, z });
}

struct NormSample<'a> {
    gamma: &'a [f32],
    beta: &'a [f32],
    eps: f32,
    z: &'a mut [f32],
}

impl Kernel for NormSample<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let first = &self.z[..self.z.len().div_ceil(16)];
        let near = first.iter().fold(0.0, |sum, z| sum + z) / first.len() as f32;
        let (mut sum, mut squares) = (0.0, 0.0);
        for z in &*self.z {
            let apart = z - near;
            sum += apart;
            squares = L::scalar_mul_add(apart, apart, squares);
        }
        let count = self.z.len() as f32;
        let apart = sum / count;
        let mean = near + apart;
        let variance = squares / count - apart * apart;
        let rstd = 1.0 / (variance + self.eps).sqrt();
        for ((z, &gamma), &beta) in self.z.iter_mut().zip(self.gamma).zip(self.beta) {
            let h = L::scalar_mul_add(gamma, (*z - mean) * rstd, beta);
            // A NaN stays NaN.
            *z = if 0.0 > h { 0.0 } else { h };
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
    fn run<L: Lanes>(self) {
        let factors = self.scale.iter().zip(self.shift);
        for ((x, &value), (&scale, &shift)) in self.x.iter_mut().zip(self.values).zip(factors) {
            *x = L::scalar_mul_add(value, scale, shift);
        }
    }
}
