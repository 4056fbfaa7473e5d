//! Dense matrix product behind a checked door, for the dense and masked engines.
//!
//! matrixmultiply picks its own kernel by CPU and allocates its packing buffer: this operation
//! alone stands outside the crate's promise of equal bits between levels (not between threads).

use crate::{Row, TILE};

/// A matrix of f32 in a slice: element (i, j) at `i·row_stride + j·col_stride`.
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a> {
    data: &'a [f32],
    shape: [usize; 2],
    strides: [usize; 2],
}

/// As [`MatRef`], writable; rows are contiguous.
#[derive(Debug)]
pub struct MatMut<'a> {
    data: &'a mut [f32],
    shape: [usize; 2],
}

impl<'a> MatRef<'a> {
    /// A row-major matrix.
    ///
    /// **Panics** unless `data` has `rows·cols` elements.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "a {rows} × {cols} matrix");
        MatRef { data, shape: [rows, cols], strides: [cols, 1] }
    }

    /// A tile as `[features, 64]`.
    pub fn tile(rows: &'a [Row]) -> Self {
        MatRef { data: flat(rows), shape: [rows.len(), TILE], strides: [TILE, 1] }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        let ([rows, cols], [down, right]) = (self.shape, self.strides);
        MatRef { data: self.data, shape: [cols, rows], strides: [right, down] }
    }
}

impl<'a> MatMut<'a> {
    /// A row-major matrix.
    ///
    /// **Panics** unless `data` has `rows·cols` elements.
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "a {rows} × {cols} matrix");
        MatMut { data, shape: [rows, cols] }
    }

    /// A tile as `[features, 64]`.
    pub fn tile(rows: &'a mut [Row]) -> Self {
        let shape = [rows.len(), TILE];
        MatMut { data: flat_mut(rows), shape }
    }
}

/// `c = a·b + beta·c`.
///
/// **Shapes**: `a` `[m, k]`, `b` `[k, n]`, `c` `[m, n]`. With `beta` 0, `c` is not read.
///
/// **Order**: fixed per element of `c` by k alone: cutting rows of `a` and `c` changes no bit.
///
/// **Panics** if the shapes disagree.
pub fn gemm(a: MatRef<'_>, b: MatRef<'_>, beta: f32, c: MatMut<'_>) {
    let ([m, k], [b_rows, n]) = (a.shape, b.shape);
    assert_eq!(k, b_rows, "a's columns are b's rows");
    assert_eq!(c.shape, [m, n], "c is [a's rows, b's columns]");
    let stride = |x: usize| x as isize;
    // SAFETY: a, b and c lie within their slices by construction of MatRef and MatMut, whose
    // shapes agree as asserted above; c is borrowed mutably, so it overlaps neither.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            a.data.as_ptr(),
            stride(a.strides[0]),
            stride(a.strides[1]),
            b.data.as_ptr(),
            stride(b.strides[0]),
            stride(b.strides[1]),
            beta,
            c.data.as_mut_ptr(),
            stride(n),
            1,
        );
    }
}

fn flat(rows: &[Row]) -> &[f32] {
    // SAFETY: `Row` is `repr(C)` around 64 floats, 256 bytes at alignment 64: no padding.
    unsafe { std::slice::from_raw_parts(rows.as_ptr().cast(), rows.len() * TILE) }
}

fn flat_mut(rows: &mut [Row]) -> &mut [f32] {
    // SAFETY: as `flat`, and the borrow is exclusive.
    unsafe { std::slice::from_raw_parts_mut(rows.as_mut_ptr().cast(), rows.len() * TILE) }
}
