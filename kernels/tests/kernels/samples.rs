//! The second link: everything between the products against the f64 specification, on every level.

mod common;

use common::{integer, on_every_level, real, rows, sample_major, widen};
use fanin_kernels::{
    AdamStep, Isa, NormStats, Row, TILE, adam, adam_aged, layer_norm_relu_backward,
    layer_norm_relu_forward, layer_norm_relu_sample, naive, normalize_tile, softmax,
    softmax_cross_entropy, standardize_tile,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

fn assert_close(name: &str, got: &[f64], expected: &[f64], bound: f64) {
    assert_eq!(got.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(1e-30f64, |max, x| max.max(x.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs() / scale;
        assert!(error <= bound, "{name}[{i}]: {got} against {expected}, error {error:.2e}");
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
#[should_panic(expected = "label 2 of 2 classes")]
fn cross_entropy_refuses_a_label_out_of_range() {
    softmax_cross_entropy(Isa::detect(), &mut [Row::ZERO; 2], &[0, 2], &[1.0; 2], 1.0);
}
