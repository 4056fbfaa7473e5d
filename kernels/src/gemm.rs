//! Dense times dense by the crate `matrixmultiply`: the yardstick that is not ours.
//!
//! Benches time it beside the products of `dense.rs`, and tests hold those against it. No engine
//! runs on it: it allocates the buffer it packs its operands into, and picks the instructions
//! itself, so that its bits depend on the CPU.

/// `c ← a·b + beta·c`.
///
/// Equation: C = A·B + β·C.
///
/// **Shapes**: `a` `[m, k]`, `b` `[k, n]`, `c` `[m, n]`, row by row. With `beta` 0 what `c` held
/// does not matter, be it NaN.
///
/// **Order**: not promised.
///
/// **Panics** if the lengths disagree with the shapes.
pub fn gemm(m: usize, k: usize, n: usize, a: &[f32], b: &[f32], beta: f32, c: &mut [f32]) {
    assert_eq!(Some(a.len()), m.checked_mul(k), "a is [m, k]");
    assert_eq!(Some(b.len()), k.checked_mul(n), "b is [k, n]");
    assert_eq!(Some(c.len()), m.checked_mul(n), "c is [m, n]");
    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    let (row_a, row_b, row_c) = (k as isize, n as isize, n as isize);
    // SAFETY: the lengths above are those of m × k, k × n and m × n matrices with these strides
    // between rows and 1 between columns, and c is borrowed mutably, so it overlaps neither.
    unsafe { matrixmultiply::sgemm(m, k, n, 1.0, a, row_a, 1, b, row_b, 1, beta, c, row_c, 1) }
}
