//! LayerNorm with its activation against the f64 specification, on every level.

use crate::common::{assert_close, on_every_level, real, rows, sample_major, widen};
use fanin_kernels::{
    Activation, Isa, NormStats, Row, TILE, layer_norm_backward, layer_norm_forward,
    layer_norm_sample, naive,
};
use rand::SeedableRng;
use rand_pcg::Pcg64;

#[test]
fn layer_norm_with_every_activation_matches_the_specification_on_every_level() {
    let rng = &mut Pcg64::seed_from_u64(15);
    for &activation in Activation::ALL {
        for features in [1, 2, 7, 8, 9, 65] {
            matches_the_specification(rng, activation, features);
        }
    }
}

fn matches_the_specification(rng: &mut Pcg64, activation: Activation, features: usize) {
    // Far from zero, so that a variance by Σx² − mean² would cancel; two features that lie
    // close together there are ill-conditioned whatever the algorithm.
    let offset = if features > 2 { 30.0 } else { 0.0 };
    let z = rows(rng, features, |rng| offset + real(rng));
    let dh = rows(rng, features, real);
    let gamma: Vec<f32> = (0..features).map(|_| 1.0 + 0.5 * real(rng)).collect();
    let beta: Vec<f32> = (0..features).map(|_| 0.3 + 0.2 * real(rng)).collect();
    let (h, _, dz, [dgamma, dbeta, db]) = on_every_level(|isa| {
        let mut h = vec![Row::ZERO; features];
        let stats: NormStats = layer_norm_forward(isa, activation, &z, &gamma, &beta, 1e-5, &mut h);
        let mut dz = z.clone();
        let mut sums = [(); 3].map(|()| vec![f32::NAN; features]);
        let all = sums.each_mut().map(|sums| &mut sums[..]);
        layer_norm_backward(isa, activation, &dh, &gamma, &beta, &stats, &mut dz, all);
        (h, stats, dz, sums)
    });
    let (gamma, beta) = (widen(&gamma), widen(&beta));
    let (z, dh) = (sample_major(&z, TILE), sample_major(&dh, TILE));
    let eps = f64::from(1e-5f32);
    let name = |tensor: &str| format!("{tensor} with {}, {features} features", activation.name());
    let expected = naive::layer_norm_forward(&z, &gamma, &beta, eps, activation);
    assert_close(&name("h"), &sample_major(&h, TILE), &expected, 2e-5);
    let gradient = naive::layer_norm_backward(&z, &gamma, &beta, eps, activation, &dh);
    if features > 2 {
        assert_close(&name("dz"), &sample_major(&dz, TILE), &gradient.dz, 1e-4);
    }
    assert_close(&name("dgamma"), &widen(&dgamma), &gradient.dgamma, 1e-4);
    assert_close(&name("dbeta"), &widen(&dbeta), &gradient.dbeta, 1e-5);
    let sum_of_samples = |row: &Row| row.0.iter().map(|&dz| f64::from(dz)).sum();
    let sums: Vec<f64> = dz.iter().map(sum_of_samples).collect();
    assert_close(&name("db"), &widen(&db), &sums, 1e-4);
}

#[test]
fn one_sample_alone_has_the_bits_it_has_in_a_tile_with_every_activation() {
    let rng = &mut Pcg64::seed_from_u64(24);
    for &activation in Activation::ALL {
        for features in [1, 15, 50] {
            let z = rows(rng, features, |rng| 3.0 * real(rng));
            let gamma: Vec<f32> = (0..features).map(|_| 1.0 + 0.5 * real(rng)).collect();
            let beta: Vec<f32> = (0..features).map(|_| real(rng)).collect();
            for isa in Isa::available() {
                let mut h = vec![Row::ZERO; features];
                layer_norm_forward(isa, activation, &z, &gamma, &beta, 1e-5, &mut h);
                let mut alone: Vec<f32> = z.iter().map(|row| row.0[5]).collect();
                layer_norm_sample(isa, activation, &gamma, &beta, 1e-5, &mut alone);
                let in_tile: Vec<f32> = h.iter().map(|row| row.0[5]).collect();
                assert_eq!(alone, in_tile, "{activation:?}, {}", isa.level());
            }
        }
    }
}

#[test]
fn layer_norm_keeps_its_variance_where_the_first_features_lie_far_from_the_rest() {
    let rng = &mut Pcg64::seed_from_u64(18);
    let features = 1024;
    // The worst case for a variance about the mean of the first sixteenth: nothing else varies.
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
            let stats = layer_norm_forward(isa, Activation::Relu, &z, &gamma, &beta, 1e-5, &mut h);
            (h, stats)
        });
        let wide = sample_major(&z, TILE);
        let expected =
            naive::layer_norm_forward(&wide, &widen(&gamma), &widen(&beta), 1e-5, Activation::Relu);
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
            let stats = layer_norm_forward(isa, Activation::Relu, &z, &gamma, &beta, 1e-5, &mut h);
            let mut alone = vec![value; z.len()];
            layer_norm_sample(isa, Activation::Relu, &gamma, &beta, 1e-5, &mut alone);
            assert!(alone.iter().zip(&h).all(|(alone, row)| *alone == row.0[0]));
            (h, stats)
        });
        assert!(h.iter().all(|row| row.0.iter().all(|h| h.is_finite())), "{value}");
    }
}
