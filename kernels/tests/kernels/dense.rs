//! The dense products of a layer against the f64 specification and a library of others.

use crate::common::{integer, on_every_level, real, rows, sample_major, widen};
use fanin_kernels::{
    Isa, Row, TILE, dense_backward_input, dense_backward_weight, dense_forward, gemm, naive, spmm,
};
use rand::SeedableRng;
use rand_pcg::Pcg64;

/// Shapes with every rest of a block of six rows, and of a panel of 64 columns.
const DENSE_SHAPES: [(usize, usize); 10] =
    [(13, 21), (6, 64), (1, 1), (5, 130), (9, 65), (12, 3), (8, 3), (10, 7), (3, 0), (0, 3)];

#[test]
fn dense_products_are_exact_on_integers() {
    let rng = &mut Pcg64::seed_from_u64(20);
    // The specification knows no matrix without rows or columns.
    for (m, k) in DENSE_SHAPES.into_iter().filter(|&(m, k)| m * k > 0) {
        let w: Vec<f32> = (0..m * k).map(|_| integer(rng)).collect();
        let bias: Vec<f32> = (0..m).map(|_| integer(rng)).collect();
        let (x, dy) = (rows(rng, k, integer), rows(rng, m, integer));
        let dense = widen(&w);
        let x_samples = sample_major(&x, TILE);
        let expected = naive::linear_forward(&x_samples, &dense, &widen(&bias), k);
        let gradient = naive::linear_backward(&x_samples, &dense, &sample_major(&dy, TILE), k);
        let expected_dw: Vec<f64> = gradient.dw.iter().map(|dw| dw + 3.0).collect();
        for isa in Isa::available() {
            let mut y = vec![Row([f32::NAN; TILE]); m];
            dense_forward(isa, &w, Some(&bias), &x, &mut y);
            assert_eq!(sample_major(&y, TILE), expected);

            let mut dx = vec![Row([f32::NAN; TILE]); k];
            let (before, after) = dx.split_at_mut(k / 3);
            dense_backward_input(isa, &w, k, &dy, 0, before);
            dense_backward_input(isa, &w, k, &dy, k / 3, after);
            assert_eq!(sample_major(&dx, TILE), gradient.dx);

            let mut dw = vec![3.0; m * k];
            dense_backward_weight(isa, &dy, &x, &mut dw);
            assert_eq!(widen(&dw), expected_dw);
        }
    }
}

#[test]
fn dense_products_have_the_same_bits_on_every_level_in_every_cut_and_as_spmm() {
    let rng = &mut Pcg64::seed_from_u64(21);
    for (m, k) in DENSE_SHAPES {
        let w: Vec<f32> = (0..m * k).map(|_| real(rng)).collect();
        let bias: Vec<f32> = (0..m).map(|_| real(rng)).collect();
        let (x, dy) = (rows(rng, k, real), rows(rng, m, real));
        let row_ptr: Vec<usize> = (0..=m).map(|row| row * k).collect();
        let col_idx: Vec<u32> = (0..m).flat_map(|_| 0..k as u32).collect();
        on_every_level(|isa| {
            let mut y = vec![Row::ZERO; m];
            dense_forward(isa, &w, Some(&bias), &x, &mut y);
            let mut by_spmm = vec![Row::ZERO; m];
            spmm(isa, &row_ptr, &col_idx, &w, Some(&bias), &x, &mut by_spmm);
            assert_eq!(y, by_spmm);
            let mut dx = vec![Row::ZERO; k];
            dense_backward_input(isa, &w, k, &dy, 0, &mut dx);
            let col_ptr: Vec<usize> = (0..=k).map(|col| col * m).collect();
            let row_idx: Vec<u32> = (0..k).flat_map(|_| 0..m as u32).collect();
            let transposed: Vec<f32> = (0..k)
                .flat_map(|col| (0..m).map(move |row| (row, col)))
                .map(|(r, c)| w[r * k + c])
                .collect();
            let mut by_spmm = vec![Row::ZERO; k];
            spmm(isa, &col_ptr, &row_idx, &transposed, None, &dy, &mut by_spmm);
            assert_eq!(dx, by_spmm);
            let (mut dw, mut in_parts) = (vec![0.5; m * k], vec![0.5; m * k]);
            dense_backward_weight(isa, &dy, &x, &mut dw);
            let (before, after) = in_parts.split_at_mut(m / 2 * k);
            dense_backward_weight(isa, &dy[..m / 2], &x, before);
            dense_backward_weight(isa, &dy[m / 2..], &x, after);
            assert_eq!(dw, in_parts);
            (y, dx, dw)
        });
    }
}

/// Rows one after the other.
fn flat(rows: &[Row]) -> Vec<f32> {
    rows.iter().flat_map(|row| row.0).collect()
}

/// The matrix `[rows, cols]` with rows and columns swapped.
fn transposed(matrix: &[f32], cols: usize) -> Vec<f32> {
    (0..cols).flat_map(|col| matrix.iter().skip(col).step_by(cols).copied()).collect()
}

/// Y, dX and dW of one tile by our kernels, or by `gemm`.
type Products = [Vec<f32>; 3];

fn by_ours(isa: Isa, w: &[f32], bias: &[f32], x: &[Row], dy: &[Row], dw: &[f32]) -> Products {
    let (mut y, mut dx, mut dw) =
        (vec![Row::ZERO; dy.len()], vec![Row::ZERO; x.len()], dw.to_vec());
    dense_forward(isa, w, Some(bias), x, &mut y);
    dense_backward_input(isa, w, x.len(), dy, 0, &mut dx);
    dense_backward_weight(isa, dy, x, &mut dw);
    [flat(&y), flat(&dx), dw]
}

fn by_gemm(w: &[f32], bias: &[f32], x: &[Row], dy: &[Row], dw: &[f32]) -> Products {
    let (m, k) = (dy.len(), x.len());
    let (flat_x, flat_dy) = (flat(x), flat(dy));
    let mut y: Vec<f32> = bias.iter().flat_map(|&bias| [bias; TILE]).collect();
    gemm(m, k, TILE, w, &flat_x, 1.0, &mut y);
    let mut dx = vec![f32::NAN; k * TILE];
    gemm(k, m, TILE, &transposed(w, k), &flat_dy, 0.0, &mut dx);
    let mut dw = dw.to_vec();
    gemm(m, TILE, k, &flat_dy, &transposed(&flat_x, TILE), 1.0, &mut dw);
    [y, dx, dw]
}

#[test]
fn dense_products_equal_those_of_matrixmultiply_on_integers() {
    let rng = &mut Pcg64::seed_from_u64(27);
    for (m, k) in DENSE_SHAPES {
        let [w, dw] = [0, 1].map(|_| (0..m * k).map(|_| integer(rng)).collect::<Vec<f32>>());
        let bias: Vec<f32> = (0..m).map(|_| integer(rng)).collect();
        let (x, dy) = (rows(rng, k, integer), rows(rng, m, integer));
        let expected = by_gemm(&w, &bias, &x, &dy, &dw);
        for isa in Isa::available() {
            assert_eq!(by_ours(isa, &w, &bias, &x, &dy, &dw), expected, "{m} × {k}");
        }
    }
}

#[test]
fn dense_products_lie_within_the_rounding_bound_of_those_of_matrixmultiply() {
    let rng = &mut Pcg64::seed_from_u64(28);
    for (m, k) in DENSE_SHAPES {
        let [w, dw] = [0, 1].map(|_| (0..m * k).map(|_| real(rng)).collect::<Vec<f32>>());
        let bias: Vec<f32> = (0..m).map(|_| real(rng)).collect();
        let (x, dy) = (rows(rng, k, real), rows(rng, m, real));
        let expected = by_gemm(&w, &bias, &x, &dy, &dw);
        let absolute = |a: &[f32]| a.iter().map(|a| a.abs()).collect::<Vec<f32>>();
        let rows_of =
            |rows: &[Row]| rows.iter().map(|r| Row(r.0.map(f32::abs))).collect::<Vec<_>>();
        let (abs_x, abs_dy) = (rows_of(&x), rows_of(&dy));
        let terms = by_gemm(&absolute(&w), &absolute(&bias), &abs_x, &abs_dy, &absolute(&dw));
        for isa in Isa::available() {
            let got = by_ours(isa, &w, &bias, &x, &dy, &dw);
            // As many terms as either adds.
            for (product, count) in [k + 1, m, TILE + 1].into_iter().enumerate() {
                let of = |products: &Products| widen(&products[product]);
                let sums = of(&got).into_iter().zip(of(&expected)).zip(of(&terms));
                for ((got, expected), terms) in sums {
                    let bound = count as f64 * 2f64.powi(-24) * terms;
                    assert!((got - expected).abs() <= bound, "{got} {expected}, {m} × {k}");
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "b is [k, n]")]
fn gemm_refuses_a_matrix_of_another_shape() {
    gemm(1, 2, 3, &[0.0; 2], &[0.0; 5], 0.0, &mut [0.0; 3]);
}
