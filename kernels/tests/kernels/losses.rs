//! Losses and the softmax against the f64 specification, on every level.

use crate::common::{assert_close, on_every_level, real, rows, sample_major, widen};
use fanin_kernels::naive::NumberError;
use fanin_kernels::{
    Isa, NumberLoss, Row, TILE, absolute_error, huber, naive, softmax, softmax_cross_entropy,
    squared_error,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

#[test]
fn cross_entropy_matches_the_specification_and_ignores_padding() {
    let rng = &mut Pcg64::seed_from_u64(16);
    for (classes, samples, smoothing) in
        [(10, 64, 0.0), (10, 63, 0.0), (47, 7, 0.0), (2, 1, 0.0), (10, 63, 0.1), (3, 64, 0.75)]
    {
        let logits = rows(rng, classes, |rng| 20.0 * real(rng));
        let labels: Vec<u16> = (0..samples).map(|_| rng.random_range(0..classes as u16)).collect();
        let weights: Vec<f32> = (0..samples).map(|s| [1.0, 0.25, 3.0, 0.0][s % 4]).collect();
        let (gradient, loss) = on_every_level(|isa| {
            let mut z = logits.clone();
            let loss = softmax_cross_entropy(
                isa,
                &mut z,
                &labels,
                &weights,
                smoothing,
                1.0 / samples as f32,
            );
            (z, loss)
        });
        let z = sample_major(&logits, samples);
        let (expected_loss, expected) =
            naive::softmax_cross_entropy(&z, &labels, &widen(&weights), classes, smoothing.into());
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
    let loss = softmax_cross_entropy(Isa::detect(), &mut logits, &[0, 1], &[1.0; 2], 0.0, 0.5);
    assert_eq!(loss.loss_sum, 6e4);
    assert_eq!((logits[0].0[0], logits[0].0[1], loss.correct), (0.0, 0.5, 1));
}

#[test]
fn a_nan_logit_of_any_class_makes_the_loss_nan() {
    for isa in Isa::available() {
        let mut logits = vec![Row::ZERO; 3];
        logits[2].0[1] = f32::NAN;
        let loss = softmax_cross_entropy(isa, &mut logits, &[0, 0], &[1.0; 2], 0.0, 0.5);
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

/// The loss that an error of the specification is computed by.
fn number_loss(
    isa: Isa,
    error: NumberError,
    outputs: &mut [Row],
    targets: &[Row],
    weights: &[f32],
    scale: f32,
) -> NumberLoss {
    match error {
        NumberError::Squared => squared_error(isa, outputs, targets, weights, scale),
        NumberError::Absolute => absolute_error(isa, outputs, targets, weights, scale),
        NumberError::Huber(delta) => huber(isa, delta as f32, outputs, targets, weights, scale),
    }
}

const NUMBER_ERRORS: [NumberError; 4] =
    [NumberError::Squared, NumberError::Absolute, NumberError::Huber(0.5), NumberError::Huber(1.0)];

#[test]
fn losses_of_numbers_match_the_specification_and_ignore_padding() {
    let rng = &mut Pcg64::seed_from_u64(25);
    for error in NUMBER_ERRORS {
        for (count, samples) in [(1, 64), (3, 63), (7, 7), (2, 1)] {
            let mut outputs = rows(rng, count, |rng| 2.0 * real(rng));
            let mut targets = rows(rng, count, real);
            for row in outputs.iter_mut().chain(&mut targets) {
                row.0[samples..].fill(f32::NAN);
            }
            let weights: Vec<f32> = (0..samples).map(|s| [1.0, 0.25, 3.0, 0.0][s % 4]).collect();
            let scale = 1.0 / samples as f32;
            let (gradient, loss) = on_every_level(|isa| {
                let mut gradient = outputs.clone();
                let loss = number_loss(isa, error, &mut gradient, &targets, &weights, scale);
                (gradient, loss)
            });
            for row in &gradient {
                assert!(row.0[samples..].iter().all(|&x| x == 0.0), "padding has no gradient");
            }
            let (y, t) = (sample_major(&outputs, samples), sample_major(&targets, samples));
            let (mean, expected) = naive::number_loss(error, &y, &t, &widen(&weights));
            assert_close("dy", &sample_major(&gradient, samples), &expected, 1e-6);
            assert_close("loss", &[f64::from(loss.loss_sum)], &[mean * samples as f64], 1e-6);
            let sum = |of: fn(f64) -> f64| {
                y.iter().zip(&t).map(|(y, t)| of(y - t)).sum::<f64>() / count as f64
            };
            assert_close("absolute", &[f64::from(loss.absolute_sum)], &[sum(f64::abs)], 1e-6);
            assert_close("square", &[f64::from(loss.square_sum)], &[sum(|r| r * r)], 1e-6);
        }
    }
}

#[test]
fn losses_of_numbers_are_exact_on_small_integers() {
    // Sample 0: errors 1 and −4; sample 1: errors 0 and 2. Its weight counts for the loss alone.
    let mut outputs = [Row::ZERO; 2];
    let mut targets = [Row::ZERO; 2];
    [outputs[0].0[0], outputs[1].0[0], outputs[0].0[1], outputs[1].0[1]] = [3.0, 1.0, 5.0, 2.0];
    [targets[0].0[0], targets[1].0[0], targets[0].0[1]] = [2.0, 5.0, 5.0];
    let weights = [1.0, 0.5];
    for isa in Isa::available() {
        let mut gradient = outputs;
        let loss = squared_error(isa, &mut gradient, &targets, &weights, 2.0);
        let expected = NumberLoss { loss_sum: 9.5, absolute_sum: 3.5, square_sum: 10.5 };
        assert_eq!(loss, expected);
        let of_sample = |sample: usize| [gradient[0].0[sample], gradient[1].0[sample]];
        assert_eq!([of_sample(0), of_sample(1)], [[2.0, -8.0], [0.0, 2.0]]);

        let mut gradient = outputs;
        let loss = huber(isa, 1.0, &mut gradient, &targets, &weights, 2.0);
        assert_eq!(loss, NumberLoss { loss_sum: 2.375, ..expected });
        let of_sample = |sample: usize| [gradient[0].0[sample], gradient[1].0[sample]];
        assert_eq!([of_sample(0), of_sample(1)], [[1.0, -1.0], [0.0, 0.5]]);

        let mut gradient = outputs;
        let loss = absolute_error(isa, &mut gradient, &targets, &weights, 2.0);
        assert_eq!(loss, NumberLoss { loss_sum: 3.0, ..expected });
        let of_sample = |sample: usize| [gradient[0].0[sample], gradient[1].0[sample]];
        assert_eq!([of_sample(0), of_sample(1)], [[1.0, -1.0], [0.0, 0.5]]);
    }
}

#[test]
fn a_nan_output_makes_its_loss_and_its_gradient_nan() {
    for isa in Isa::available() {
        for error in NUMBER_ERRORS {
            let mut outputs = [Row::ZERO];
            outputs[0].0[1] = f32::NAN;
            let loss = number_loss(isa, error, &mut outputs, &[Row::ZERO], &[1.0; 2], 1.0);
            assert!(loss.loss_sum.is_nan() && loss.absolute_sum.is_nan(), "{error:?}");
            assert!(outputs[0].0[0] == 0.0 && outputs[0].0[1].is_nan(), "{error:?}");
        }
    }
}

#[test]
#[should_panic(expected = "one target row per output row")]
fn a_loss_of_numbers_refuses_other_targets() {
    squared_error(Isa::detect(), &mut [Row::ZERO; 2], &[Row::ZERO], &[1.0], 1.0);
}

#[test]
#[should_panic(expected = "65 weights for a tile of 64")]
fn a_loss_of_numbers_refuses_more_samples_than_a_tile_has() {
    squared_error(Isa::detect(), &mut [Row::ZERO], &[Row::ZERO], &[1.0; 65], 1.0);
}

#[test]
#[should_panic(expected = "delta 0 is not above 0")]
fn huber_refuses_a_delta_of_zero() {
    huber(Isa::detect(), 0.0, &mut [Row::ZERO], &[Row::ZERO], &[1.0], 1.0);
}

#[test]
#[should_panic(expected = "label 2 of 2 classes")]
fn cross_entropy_refuses_a_label_out_of_range() {
    softmax_cross_entropy(Isa::detect(), &mut [Row::ZERO; 2], &[0, 2], &[1.0; 2], 0.0, 1.0);
}
