//! Losses and the softmax against the f64 specification, on every level.

use crate::common::{assert_close, on_every_level, real, rows, sample_major, widen};
use fanin_kernels::{Isa, Row, TILE, naive, softmax, softmax_cross_entropy};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

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
#[should_panic(expected = "label 2 of 2 classes")]
fn cross_entropy_refuses_a_label_out_of_range() {
    softmax_cross_entropy(Isa::detect(), &mut [Row::ZERO; 2], &[0, 2], &[1.0; 2], 1.0);
}
