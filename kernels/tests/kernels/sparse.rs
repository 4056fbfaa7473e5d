//! The sparse products of a layer, and one sample alone, against the f64 specification.

use crate::common::{integer, on_every_level, real, rows, sample_major, widen};
use fanin_kernels::{
    Activation, Isa, Row, SparseTile, TILE, layer_norm_forward, layer_norm_sample, naive, sddmm,
    sddmm_sparse_input, spmm, spmm_sparse_input, spmv, spmv_by_columns, standardize_sample,
    standardize_tile, sum_samples,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// A pattern in CSR with its values, and the same matrix dense.
pub(crate) struct Sparse {
    pub(crate) row_ptr: Vec<usize>,
    pub(crate) col_idx: Vec<u32>,
    pub(crate) values: Vec<f32>,
    dense: Vec<f64>,
    pub(crate) cols: usize,
}

/// Rows of the given lengths with random columns; values drawn by `value`.
pub(crate) fn sparse(
    rng: &mut Pcg64,
    fan_in: &[usize],
    cols: usize,
    value: impl Fn(&mut Pcg64) -> f32,
) -> Sparse {
    let mut sparse = Sparse {
        row_ptr: vec![0],
        col_idx: vec![],
        values: vec![],
        dense: vec![0.0; fan_in.len() * cols],
        cols,
    };
    for (row, &count) in fan_in.iter().enumerate() {
        let mut left = count;
        for col in 0..cols {
            if rng.random_range(0..cols - col) < left {
                left -= 1;
                let value = value(rng);
                sparse.col_idx.push(col as u32);
                sparse.values.push(value);
                sparse.dense[row * cols + col] = f64::from(value);
            }
        }
        sparse.row_ptr.push(sparse.col_idx.len());
    }
    sparse
}

/// Patterns with every shape that has an edge: an empty row, a full one, rests of 1 to 7, …
fn shapes(rng: &mut Pcg64, value: impl Fn(&mut Pcg64) -> f32 + Copy) -> Vec<Sparse> {
    vec![
        sparse(rng, &[0, 40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 33], 40, value),
        sparse(rng, &[5], 11, value),
        sparse(rng, &[1, 0, 1], 1, value),
        sparse(rng, &[0, 0], 3, value),
    ]
}

#[test]
fn spmm_is_exact_on_integers_at_every_edge_shape() {
    let rng = &mut Pcg64::seed_from_u64(10);
    for w in shapes(rng, integer) {
        let count = w.row_ptr.len() - 1;
        let x = rows(rng, w.cols, integer);
        let bias: Vec<f32> = (0..count).map(|_| integer(rng)).collect();
        for bias in [Some(&bias[..]), None] {
            let zeros = vec![0.0; count];
            let expected = naive::linear_forward(
                &sample_major(&x, TILE),
                &w.dense,
                &bias.map_or(zeros, widen),
                w.cols,
            );
            for isa in Isa::available() {
                let mut y = vec![Row([f32::NAN; TILE]); count];
                spmm(isa, &w.row_ptr, &w.col_idx, &w.values, bias, &x, &mut y);
                assert_eq!(sample_major(&y, TILE), expected, "{}", isa.level());
            }
        }
    }
}

#[test]
fn spmm_levels_agree_and_stay_within_the_rounding_bound() {
    let rng = &mut Pcg64::seed_from_u64(11);
    for w in shapes(rng, real) {
        let count = w.row_ptr.len() - 1;
        let x = rows(rng, w.cols, real);
        let y = on_every_level(|isa| {
            let mut y = vec![Row::ZERO; count];
            spmm(isa, &w.row_ptr, &w.col_idx, &w.values, None, &x, &mut y);
            y
        });
        let x = sample_major(&x, TILE);
        let zeros = vec![0.0; count];
        let expected = naive::linear_forward(&x, &w.dense, &zeros, w.cols);
        let absolute = |a: &[f64]| a.iter().map(|x| x.abs()).collect::<Vec<_>>();
        let terms = naive::linear_forward(&absolute(&x), &absolute(&w.dense), &zeros, w.cols);
        for ((y, expected), terms) in sample_major(&y, TILE).iter().zip(expected).zip(terms) {
            assert!((y - expected).abs() <= w.cols as f64 * 2f64.powi(-24) * terms);
        }
    }
}

#[test]
fn a_block_of_rows_gives_the_rows_of_the_whole() {
    let rng = &mut Pcg64::seed_from_u64(12);
    let w = sparse(rng, &[3, 9, 0, 12, 20], 20, real);
    let (x, dy) = (rows(rng, 20, real), rows(rng, 5, real));
    for isa in Isa::available() {
        let (mut whole, mut part) = (vec![Row::ZERO; 5], vec![Row::ZERO; 2]);
        spmm(isa, &w.row_ptr, &w.col_idx, &w.values, None, &x, &mut whole);
        spmm(isa, &w.row_ptr[1..4], &w.col_idx, &w.values, None, &x, &mut part);
        assert_eq!(whole[1..3], part);
        let entries = w.row_ptr[3]..w.row_ptr[5];
        let (mut dw, mut dw_part) = (vec![0.0; w.values.len()], vec![0.0; entries.len()]);
        sddmm(isa, &w.row_ptr, &w.col_idx, &dy, &x, &mut dw);
        sddmm(isa, &w.row_ptr[3..], &w.col_idx, &dy[3..], &x, &mut dw_part);
        assert_eq!(dw[entries], dw_part);
    }
}

#[test]
fn sddmm_and_sum_samples_are_exact_on_integers() {
    let rng = &mut Pcg64::seed_from_u64(13);
    for w in shapes(rng, integer) {
        let count = w.row_ptr.len() - 1;
        let (x, dy) = (rows(rng, w.cols, integer), rows(rng, count, integer));
        let gradient = naive::linear_backward(
            &sample_major(&x, TILE),
            &w.dense,
            &sample_major(&dy, TILE),
            w.cols,
        );
        for isa in Isa::available() {
            let (mut dw, mut db) = (vec![3.0; w.values.len()], vec![f32::NAN; count]);
            sddmm(isa, &w.row_ptr, &w.col_idx, &dy, &x, &mut dw);
            sum_samples(isa, &dy, &mut db);
            assert_eq!(widen(&db), gradient.db);
            let rows = (0..count).flat_map(|row| vec![row; w.row_ptr[row + 1] - w.row_ptr[row]]);
            let positions = rows.zip(&w.col_idx);
            let expected_dw: Vec<f64> = positions
                .map(|(row, &col)| gradient.dw[row * w.cols + col as usize] + 3.0)
                .collect();
            assert_eq!(widen(&dw), expected_dw);
        }
    }
}

#[test]
fn sddmm_levels_agree_bit_for_bit() {
    let rng = &mut Pcg64::seed_from_u64(14);
    for w in shapes(rng, real) {
        let count = w.row_ptr.len() - 1;
        let (x, dy) = (rows(rng, w.cols, real), rows(rng, count, real));
        on_every_level(|isa| {
            let (mut dw, mut db) = (vec![0.0; w.values.len()], vec![0.0; count]);
            sddmm(isa, &w.row_ptr, &w.col_idx, &dy, &x, &mut dw);
            sum_samples(isa, &dy, &mut db);
            (dw, db)
        });
    }
}

#[test]
fn one_sample_alone_has_the_bits_it_has_in_a_tile() {
    let rng = &mut Pcg64::seed_from_u64(22);
    // Rows enough for the norm's K to be a mean.
    let wide = sparse(rng, &[7; 50], 40, real);
    for w in shapes(rng, real).into_iter().chain([wide]) {
        let count = w.row_ptr.len() - 1;
        let bias: Vec<f32> = (0..count).map(|_| real(rng)).collect();
        let gamma: Vec<f32> = (0..count).map(|_| 1.0 + 0.5 * real(rng)).collect();
        let values: Vec<f32> = (0..w.cols).map(|_| real(rng)).collect();
        let (scale, shift): (Vec<_>, Vec<_>) =
            (0..w.cols).map(|_| (1.0 + real(rng), real(rng))).unzip();
        for isa in Isa::available() {
            let (mut x, mut z) = (vec![Row::ZERO; w.cols], vec![Row::ZERO; count]);
            let mut h = z.clone();
            standardize_tile(isa, &[&values], &scale, &shift, &mut x);
            spmm(isa, &w.row_ptr, &w.col_idx, &w.values, Some(&bias), &x, &mut z);
            layer_norm_forward(isa, Activation::Relu, &z, &gamma, &bias, 1e-5, &mut h);
            let first = |rows: &[Row]| rows.iter().map(|row| row.0[0]).collect::<Vec<f32>>();

            let (mut alone, mut y) = (vec![f32::NAN; w.cols], vec![f32::NAN; count]);
            standardize_sample(isa, &values, &scale, &shift, &mut alone);
            assert_eq!(alone, first(&x));
            spmv(isa, &w.row_ptr, &w.col_idx, &w.values, &bias, &alone, &mut y);
            assert_eq!(y, first(&z));
            // The transposed pattern; every third input is 0, in the tile as well.
            let mut entries: Vec<(u32, u32, f32)> = (0..count)
                .flat_map(|row| (w.row_ptr[row]..w.row_ptr[row + 1]).map(move |entry| (entry, row)))
                .map(|(entry, row)| (w.col_idx[entry], row as u32, w.values[entry]))
                .collect();
            entries.sort_by_key(|&(col, row, _)| (col, row));
            let col_ptr: Vec<usize> = (0..=w.cols as u32)
                .map(|col| entries.partition_point(|&(other, _, _)| other < col))
                .collect();
            let row_idx: Vec<u32> = entries.iter().map(|entry| entry.1).collect();
            let transposed: Vec<f32> = entries.iter().map(|entry| entry.2).collect();
            alone.iter_mut().step_by(3).for_each(|x| *x = 0.0);
            x.iter_mut().step_by(3).for_each(|row| row.0[0] = 0.0);
            spmm(isa, &w.row_ptr, &w.col_idx, &w.values, Some(&bias), &x, &mut z);
            layer_norm_forward(isa, Activation::Relu, &z, &gamma, &bias, 1e-5, &mut h);
            spmv_by_columns(isa, &col_ptr, &row_idx, &transposed, &bias, &alone, &mut y);
            assert_eq!(y, first(&z));
            layer_norm_sample(isa, Activation::Relu, &gamma, &bias, 1e-5, &mut y);
            assert_eq!(y, first(&h));
        }
    }
}

#[test]
fn products_of_a_sparse_tile_have_the_bits_of_a_whole_one() {
    let rng = &mut Pcg64::seed_from_u64(24);
    // More than are sifted at a time.
    let wide = sparse(rng, &[700, 0, 3, 256, 257, 90], 1000, real);
    for w in shapes(rng, real).into_iter().chain([wide]) {
        let count = w.row_ptr.len() - 1;
        let bias: Vec<f32> = (0..count).map(|_| real(rng)).collect();
        let dy = rows(rng, count, real);
        // Features of no sample, of one, of some, of one lane, and of all.
        let holds = |feature: usize, sample: usize| match feature % 5 {
            0 => false,
            1 => sample == feature % TILE,
            2 => sample % 7 == feature % 7,
            3 => sample % 16 == feature % 16,
            _ => true,
        };
        let mut x = rows(rng, w.cols, real);
        for (feature, row) in x.iter_mut().enumerate() {
            let values = row.0.iter_mut().enumerate();
            values.filter(|(sample, _)| !holds(feature, *sample)).for_each(|(_, x)| *x = 0.0);
        }
        let (mut words, mut there) = (vec![0u64; w.cols.div_ceil(64)], vec![]);
        for (feature, row) in x.iter().enumerate().filter(|(_, row)| **row != Row::ZERO) {
            words[feature / 64] |= 1 << (feature % 64);
            there.push(*row);
        }
        let bits = |words: &[u64]| words.iter().map(|word| word.count_ones()).sum::<u32>();
        let before: Vec<u32> = (0..words.len()).map(|word| bits(&words[..word])).collect();
        let tile = SparseTile { words: &words, before: &before, rows: &there };
        for block in [0..count, count / 3..count] {
            let row_ptr = &w.row_ptr[block.start..=block.end];
            let (bias, dy) = (&bias[block.clone()], &dy[block.clone()]);
            let start: Vec<f32> = (row_ptr[0]..row_ptr[block.len()]).map(|_| real(rng)).collect();
            for isa in Isa::available() {
                let mut whole = vec![Row::ZERO; block.len()];
                let mut sparse = vec![Row([f32::NAN; TILE]); block.len()];
                spmm(isa, row_ptr, &w.col_idx, &w.values, Some(bias), &x, &mut whole);
                spmm_sparse_input(isa, row_ptr, &w.col_idx, &w.values, bias, tile, &mut sparse);
                assert!(whole == sparse, "spmm, {}", isa.level());
                let (mut whole, mut sparse) = (start.clone(), start.clone());
                sddmm(isa, row_ptr, &w.col_idx, dy, &x, &mut whole);
                sddmm_sparse_input(isa, row_ptr, &w.col_idx, dy, tile, &mut sparse);
                assert_eq!(whole, sparse, "sddmm, {}", isa.level());
            }
        }
    }
}

#[test]
#[should_panic(expected = "one value per column id")]
fn spmm_refuses_values_of_another_pattern() {
    spmm(Isa::detect(), &[0, 1], &[0], &[], None, &[Row::ZERO], &mut [Row::ZERO]);
}

#[test]
#[should_panic(expected = "index out of bounds")]
fn spmm_refuses_a_column_beyond_x() {
    spmm(Isa::detect(), &[0, 1], &[1], &[1.0], None, &[Row::ZERO], &mut [Row::ZERO]);
}
