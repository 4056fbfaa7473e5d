//! Samples laid into a tile, on every level.

use crate::common::{integer, on_every_level};
use fanin_kernels::{Row, TILE, drop_out, normalize_tile, standardize_tile, transpose_tile};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

#[test]
fn normalize_tile_transposes_scales_and_pads() {
    let rng = &mut Pcg64::seed_from_u64(19);
    for (features, samples) in [(784, 64), (9, 63), (1, 1), (8, 7), (17, 9)] {
        let data: Vec<Vec<u8>> =
            (0..samples).map(|_| (0..features).map(|_| rng.random()).collect()).collect();
        let views: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
        let x = on_every_level(|isa| {
            let mut x = vec![Row([f32::NAN; TILE]); features];
            normalize_tile(isa, &views, 0.5, -3.0, &mut x);
            x
        });
        for (feature, row) in x.iter().enumerate() {
            for (sample, &value) in row.0.iter().enumerate() {
                let byte = data.get(sample).map(|bytes| f32::from(bytes[feature]));
                assert_eq!(value, byte.map_or(0.0, |byte| byte * 0.5 - 3.0));
            }
        }
    }
}

#[test]
fn tiles_of_floats_are_transposed_scaled_if_asked_and_padded() {
    let rng = &mut Pcg64::seed_from_u64(22);
    for (features, samples) in [(54, 64), (9, 63), (1, 1), (3, 0)] {
        let data: Vec<Vec<f32>> =
            (0..samples).map(|_| (0..features).map(|_| integer(rng)).collect()).collect();
        let views: Vec<&[f32]> = data.iter().map(Vec::as_slice).collect();
        let scale: Vec<f32> = (0..features).map(|f| [0.5, 2.0, 1.0][f % 3]).collect();
        let shift: Vec<f32> = (0..features).map(|f| f as f32 - 1.0).collect();
        let x = on_every_level(|isa| {
            let mut x = vec![Row([f32::NAN; TILE]); features];
            standardize_tile(isa, &views, &scale, &shift, &mut x);
            x
        });
        for (feature, row) in x.iter().enumerate() {
            for (sample, &value) in row.0.iter().enumerate() {
                let expected = |x: &Vec<f32>| x[feature] * scale[feature] + shift[feature];
                assert_eq!(value, data.get(sample).map_or(0.0, expected));
            }
        }
        let plain = on_every_level(|isa| {
            let mut x = vec![Row([f32::NAN; TILE]); features];
            transpose_tile(isa, &views, &mut x);
            x
        });
        for (feature, row) in plain.iter().enumerate() {
            for (sample, &value) in row.0.iter().enumerate() {
                assert_eq!(value, data.get(sample).map_or(0.0, |x| x[feature]));
            }
        }
    }
}

#[test]
fn dropped_values_are_0_and_the_others_a_factor_larger() {
    let rng = &mut Pcg64::seed_from_u64(26);
    let kept: Vec<u64> = (0..9).map(|_| rng.random()).chain([0, u64::MAX]).collect();
    let start = crate::common::rows(rng, kept.len(), integer);
    let x = on_every_level(|isa| {
        let mut x = start.clone();
        drop_out(isa, &kept, 2.0, &mut x);
        x
    });
    for ((row, start), kept) in x.iter().zip(&start).zip(&kept) {
        for (sample, (&x, &before)) in row.0.iter().zip(&start.0).enumerate() {
            assert_eq!(x, if kept & (1 << sample) != 0 { 2.0 * before } else { 0.0 });
        }
    }
}
