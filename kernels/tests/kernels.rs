//! The second link: every kernel against the f64 specification, on every level and edge shape.

use fanin_kernels::{
    AdamStep, Isa, Level, NormStats, Row, TILE, adam, adam_aged, dense_backward_input,
    dense_backward_weight, dense_forward, layer_norm_relu_backward, layer_norm_relu_forward,
    layer_norm_relu_sample, naive, normalize_tile, sddmm, sddmm_by_panels, softmax,
    softmax_cross_entropy, spmm, spmm_by_panels, spmv, spmv_by_columns, standardize_sample,
    standardize_tile, sum_samples,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// A pattern in CSR with its values, and the same matrix dense.
struct Sparse {
    row_ptr: Vec<usize>,
    col_idx: Vec<u32>,
    values: Vec<f32>,
    dense: Vec<f64>,
    cols: usize,
}

/// Rows of the given lengths with random columns; values drawn by `value`.
fn sparse(
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

fn integer(rng: &mut Pcg64) -> f32 {
    rng.random_range(-8i32..=8) as f32
}

fn real(rng: &mut Pcg64) -> f32 {
    rng.random_range(-1.0..1.0)
}

fn rows(rng: &mut Pcg64, count: usize, value: impl Fn(&mut Pcg64) -> f32) -> Vec<Row> {
    (0..count).map(|_| Row(std::array::from_fn(|_| value(rng)))).collect()
}

/// A tile as the specification wants it: `[sample, feature]` in f64.
fn sample_major(rows: &[Row], samples: usize) -> Vec<f64> {
    (0..samples).flat_map(|s| rows.iter().map(move |row| f64::from(row.0[s]))).collect()
}

fn assert_close(name: &str, got: &[f64], expected: &[f64], bound: f64) {
    assert_eq!(got.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(1e-30f64, |max, x| max.max(x.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs() / scale;
        assert!(error <= bound, "{name}[{i}]: {got} against {expected}, error {error:.2e}");
    }
}

fn widen(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Runs `f` on every level; levels with FMA must give the same bits.
fn on_every_level<R: PartialEq + std::fmt::Debug>(f: impl Fn(Isa) -> R) -> R {
    for level in Level::ALL {
        if Isa::new(level).is_err() {
            println!("skipped: level {level} is not on this CPU");
        }
    }
    let fused: Vec<Isa> =
        Isa::available().into_iter().filter(|isa| isa.level() != Level::ScalarNoFma).collect();
    let unfused = f(Isa::new(Level::ScalarNoFma).expect("any CPU"));
    let Some((&first, rest)) = fused.split_first() else { return unfused };
    let expected = f(first);
    for &isa in rest {
        assert_eq!(f(isa), expected, "{} against {}", isa.level(), first.level());
    }
    expected
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

/// Where each row's entries cross from one panel of `width` columns to the next.
fn bounds(w: &Sparse, width: usize) -> Vec<u32> {
    let panels = w.cols.div_ceil(width);
    let of_row = |row: &[usize], panel: usize| {
        let columns = &w.col_idx[row[0]..row[1]];
        row[0] + columns.iter().filter(|&&col| (col as usize) < panel * width).count()
    };
    (0..=panels)
        .flat_map(|panel| w.row_ptr.windows(2).map(move |row| of_row(row, panel) as u32))
        .collect()
}

#[test]
fn products_by_panels_have_the_bits_of_those_without_on_every_level() {
    let rng = &mut Pcg64::seed_from_u64(23);
    for w in shapes(rng, real) {
        let count = w.row_ptr.len() - 1;
        let (x, dy) = (rows(rng, w.cols, real), rows(rng, count, real));
        let bias: Vec<f32> = (0..count).map(|_| real(rng)).collect();
        for width in [1, 7, 16, 1000] {
            let bounds = bounds(&w, width);
            // All rows, and a block in the middle.
            for block in [0..count, count / 3..count] {
                let row_ptr = &w.row_ptr[block.start..=block.end];
                let entries = row_ptr[0]..row_ptr[block.len()];
                let start: Vec<f32> = entries.clone().map(|_| real(rng)).collect();
                for isa in Isa::available() {
                    for bias in [Some(&bias[block.clone()]), None] {
                        let mut plain = vec![Row::ZERO; block.len()];
                        let mut panels = vec![Row([f32::NAN; TILE]); block.len()];
                        spmm(isa, row_ptr, &w.col_idx, &w.values, bias, &x, &mut plain);
                        let (columns, values) = (&w.col_idx, &w.values);
                        let (first, y) = (block.start, &mut panels);
                        spmm_by_panels(isa, &bounds, count, first, columns, values, bias, &x, y);
                        assert!(plain == panels, "spmm, width {width}, {}", isa.level());
                    }
                    let (mut plain, mut panels) = (start.clone(), start.clone());
                    let dy = &dy[block.clone()];
                    sddmm(isa, row_ptr, &w.col_idx, dy, &x, &mut plain);
                    let (first, dw) = (block.start, &mut panels);
                    sddmm_by_panels(isa, &bounds, count, first, &w.col_idx, dy, &x, dw);
                    assert_eq!(plain, panels, "sddmm, width {width}, {}", isa.level());
                }
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
fn layer_norm_relu_matches_the_specification_on_every_level() {
    let rng = &mut Pcg64::seed_from_u64(15);
    for features in [1, 2, 7, 8, 9, 65] {
        // Far from zero, so that a variance by Σx² − mean² would cancel; two features that lie
        // close together there are ill-conditioned whatever the algorithm.
        let offset = if features > 2 { 30.0 } else { 0.0 };
        let z = rows(rng, features, |rng| offset + real(rng));
        let dh = rows(rng, features, real);
        let gamma: Vec<f32> = (0..features).map(|_| 1.0 + 0.5 * real(rng)).collect();
        let beta: Vec<f32> = (0..features).map(|_| 0.3 + 0.2 * real(rng)).collect();
        let (h, _, dz, [dgamma, dbeta, db]) = on_every_level(|isa| {
            let mut h = vec![Row::ZERO; features];
            let stats: NormStats = layer_norm_relu_forward(isa, &z, &gamma, &beta, 1e-5, &mut h);
            let mut dz = z.clone();
            let mut sums = [(); 3].map(|()| vec![f32::NAN; features]);
            let all = sums.each_mut().map(|sums| &mut sums[..]);
            layer_norm_relu_backward(isa, &dh, &gamma, &beta, &stats, &mut dz, all);
            (h, stats, dz, sums)
        });
        let (gamma, beta) = (widen(&gamma), widen(&beta));
        let (z, dh) = (sample_major(&z, TILE), sample_major(&dh, TILE));
        let eps = f64::from(1e-5f32);
        let expected = naive::layer_norm_relu_forward(&z, &gamma, &beta, eps);
        assert_close("h", &sample_major(&h, TILE), &expected, 2e-5);
        let gradient = naive::layer_norm_relu_backward(&z, &gamma, &beta, eps, &dh);
        if features > 2 {
            assert_close("dz", &sample_major(&dz, TILE), &gradient.dz, 1e-4);
        }
        assert_close("dgamma", &widen(&dgamma), &gradient.dgamma, 1e-4);
        assert_close("dbeta", &widen(&dbeta), &gradient.dbeta, 1e-5);
        let sum_of_samples = |row: &Row| row.0.iter().map(|&dz| f64::from(dz)).sum();
        assert_close("db", &widen(&db), &dz.iter().map(sum_of_samples).collect::<Vec<f64>>(), 1e-4);
    }
}

#[test]
fn layer_norm_keeps_its_variance_where_the_first_features_lie_far_from_the_rest() {
    let rng = &mut Pcg64::seed_from_u64(18);
    let features = 1024;
    // The worst case for a variance about the mean of the first sixteenth: all that varies is there.
    for count in [1, features / 16] {
        let far = |feature: usize| if feature < count { 1e4 } else { 0.0 };
        let z: Vec<Row> = rows(rng, features, real)
            .into_iter()
            .enumerate()
            .map(|(feature, row)| Row(row.0.map(|z| z + far(feature))))
            .collect();
        let (gamma, beta) = (vec![1.0; features], vec![0.0; features]);
        let (h, _) = on_every_level(|isa| {
            let mut h = vec![Row::ZERO; features];
            let stats = layer_norm_relu_forward(isa, &z, &gamma, &beta, 1e-5, &mut h);
            (h, stats)
        });
        let wide = sample_major(&z, TILE);
        let expected = naive::layer_norm_relu_forward(&wide, &widen(&gamma), &widen(&beta), 1e-5);
        assert_close("h", &sample_major(&h, TILE), &expected, 5e-5);
    }
}

#[test]
fn layer_norm_of_large_equal_features_is_finite() {
    for value in [1e5f32, 283_495.88] {
        let z = vec![Row([value; TILE]); 16_384];
        let (gamma, beta) = (vec![1.0; z.len()], vec![0.5; z.len()]);
        let (h, _) = on_every_level(|isa| {
            let mut h = vec![Row::ZERO; z.len()];
            let stats = layer_norm_relu_forward(isa, &z, &gamma, &beta, 1e-5, &mut h);
            let mut alone = vec![value; z.len()];
            layer_norm_relu_sample(isa, &gamma, &beta, 1e-5, &mut alone);
            assert!(alone.iter().zip(&h).all(|(alone, row)| *alone == row.0[0]));
            (h, stats)
        });
        assert!(h.iter().all(|row| row.0.iter().all(|h| h.is_finite())), "{value}");
    }
}

#[test]
fn cross_entropy_matches_the_specification_and_ignores_padding() {
    let rng = &mut Pcg64::seed_from_u64(16);
    for (classes, samples) in [(10, 64), (10, 63), (47, 7), (2, 1)] {
        let logits = rows(rng, classes, |rng| 20.0 * real(rng));
        let labels: Vec<u16> = (0..samples).map(|_| rng.random_range(0..classes as u16)).collect();
        let weights: Vec<f32> = (0..samples).map(|s| [1.0, 0.25, 3.0, 0.0][s % 4]).collect();
        let (gradient, loss) = on_every_level(|isa| {
            let mut z = logits.clone();
            let loss = softmax_cross_entropy(isa, &mut z, &labels, &weights, 1.0 / samples as f32);
            (z, loss)
        });
        let z = sample_major(&logits, samples);
        let (expected_loss, expected) =
            naive::softmax_cross_entropy(&z, &labels, &widen(&weights), classes);
        assert_close("dz", &sample_major(&gradient, samples), &expected, 1e-6);
        let mean = f64::from(loss.loss_sum) / samples as f64;
        assert!((mean - expected_loss).abs() <= 1e-6 * expected_loss, "{mean}");
        let correct = z.chunks(classes).zip(&labels).filter(|(z, label)| {
            z.iter().enumerate().all(|(c, &v)| c == **label as usize || v < z[**label as usize])
        });
        assert_eq!(loss.correct as usize, correct.count());
        for row in &gradient {
            assert!(row.0[samples..].iter().all(|&x| x == 0.0), "padding has no gradient");
        }
    }
}

#[test]
fn cross_entropy_survives_huge_logits() {
    let mut logits = vec![Row([3e4; TILE]), Row([-3e4; TILE])];
    let loss = softmax_cross_entropy(Isa::detect(), &mut logits, &[0, 1], &[1.0; 2], 0.5);
    assert_eq!(loss.loss_sum, 6e4);
    assert_eq!((logits[0].0[0], logits[0].0[1], loss.correct), (0.0, 0.5, 1));
}

#[test]
fn a_nan_logit_of_any_class_makes_the_loss_nan() {
    for isa in Isa::available() {
        let mut logits = vec![Row::ZERO; 3];
        logits[2].0[1] = f32::NAN;
        let loss = softmax_cross_entropy(isa, &mut logits, &[0, 0], &[1.0; 2], 0.5);
        assert!(loss.loss_sum.is_nan(), "{}", isa.level());
    }
}

#[test]
fn softmax_gives_probabilities() {
    let rng = &mut Pcg64::seed_from_u64(17);
    let logits = rows(rng, 5, real);
    let p = on_every_level(|isa| {
        let mut p = logits.clone();
        softmax(isa, &mut p);
        p
    });
    for (z, p) in sample_major(&logits, TILE).chunks(5).zip(sample_major(&p, TILE).chunks(5)) {
        let sum: f64 = z.iter().map(|z| z.exp()).sum();
        assert_close("p", p, &z.iter().map(|z| z.exp() / sum).collect::<Vec<_>>(), 1e-6);
    }
}

#[test]
fn adam_follows_the_specification_over_fifty_steps() {
    let rng = &mut Pcg64::seed_from_u64(18);
    let [lr, beta1, beta2, eps] = [3e-3f32, 0.8, 0.95, 1e-6];
    let start: Vec<f32> = (0..37).map(|_| real(rng)).collect();
    let gradients: Vec<Vec<f32>> =
        (0..50).map(|_| (0..37).map(|_| real(rng) + 0.2).collect()).collect();
    let w = on_every_level(|isa| {
        let (mut w, mut m, mut v) = (start.clone(), vec![0.0; 37], vec![0.0; 37]);
        let (mut power1, mut power2) = (1.0, 1.0);
        for dw in &gradients {
            power1 *= beta1;
            power2 *= beta2;
            let (correction1, correction2) = (1.0 - power1, 1.0 - power2);
            let step = AdamStep { lr, beta1, beta2, eps, correction1, correction2 };
            adam(isa, &step, &mut w, &mut m, &mut v, dw);
        }
        w
    });
    let (mut expected, mut m, mut v) = (widen(&start), vec![0.0; 37], vec![0.0; 37]);
    for (step, dw) in (1..).zip(&gradients) {
        let settings = [lr, beta1, beta2, eps].map(f64::from);
        naive::adam(settings, step, &mut expected, &mut m, &mut v, &widen(dw));
    }
    assert_close("w", &widen(&w), &expected, 1e-5);
}

#[test]
fn aged_parameters_are_updated_as_if_adam_had_begun_when_they_did() {
    let rng = &mut Pcg64::seed_from_u64(20);
    // Odd numbers of parameters around the width of a vector, and a table that ends early.
    for count in [1, 15, 16, 37] {
        let start: Vec<f32> = (0..count).map(|_| real(rng)).collect();
        let gradients: Vec<Vec<f32>> =
            (0..12).map(|_| (0..count).map(|_| real(rng)).collect()).collect();
        let [beta1, beta2] = [0.5f32, 0.6];
        let mut powers = [1.0, 1.0];
        let mut next = || {
            powers = [powers[0] * beta1, powers[1] * beta2];
            let [correction1, correction2] = powers.map(|power| 1.0 - power);
            AdamStep { lr: 1e-2, beta1, beta2, eps: 1e-6, correction1, correction2 }
        };
        let steps: Vec<AdamStep> = (0..7).map(|_| next()).collect();
        let rates: Vec<[f32; 2]> = steps.iter().map(AdamStep::rate_and_eps).collect();
        let w = on_every_level(|isa| {
            let (mut w, mut m, mut v) = (start.clone(), vec![0.0; count], vec![0.0; count]);
            let mut age = vec![0.0; count];
            for (now, dw) in gradients.iter().enumerate() {
                // Parameter i begins anew at update i mod 5.
                for i in (0..count).filter(|i| i % 5 == now) {
                    (w[i], m[i], v[i], age[i]) = (start[i], 0.0, 0.0, 0.0);
                }
                adam_aged(isa, &steps[0], &rates, &mut w, &mut m, &mut v, &mut age, dw);
            }
            assert!(age.iter().all(|&age| age == 7.0), "past the table ages stand still");
            w
        });
        let alone = on_every_level(|isa| {
            let of_one = |i: usize| {
                let (mut w, mut m, mut v) = ([start[i]], [0.0], [0.0]);
                for (age, dw) in gradients[i % 5..].iter().enumerate() {
                    adam(isa, &steps[age.min(6)], &mut w, &mut m, &mut v, &dw[i..=i]);
                }
                w[0]
            };
            (0..count).map(of_one).collect::<Vec<f32>>()
        });
        assert_eq!(w, alone, "{count} parameters");
    }
}

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
fn standardize_tile_transposes_scales_each_feature_and_pads() {
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
            layer_norm_relu_forward(isa, &z, &gamma, &bias, 1e-5, &mut h);
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
            layer_norm_relu_forward(isa, &z, &gamma, &bias, 1e-5, &mut h);
            spmv_by_columns(isa, &col_ptr, &row_idx, &transposed, &bias, &alone, &mut y);
            assert_eq!(y, first(&z));
            layer_norm_relu_sample(isa, &gamma, &bias, 1e-5, &mut y);
            assert_eq!(y, first(&h));
        }
    }
}

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

#[test]
#[should_panic(expected = "label 2 of 2 classes")]
fn cross_entropy_refuses_a_label_out_of_range() {
    softmax_cross_entropy(Isa::detect(), &mut [Row::ZERO; 2], &[0, 2], &[1.0; 2], 1.0);
}
