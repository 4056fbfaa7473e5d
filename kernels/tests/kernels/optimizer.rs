//! Optimisers against the f64 specification, on every level.

use crate::common::{assert_close, on_every_level, real, widen};
use fanin_kernels::{AdamStep, Isa, SgdStep, adam, adam_aged, average, decay, naive, sgd};
use rand::SeedableRng;
use rand_pcg::Pcg64;

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
fn sgd_and_decay_follow_the_specification_over_fifty_steps() {
    let rng = &mut Pcg64::seed_from_u64(26);
    // Odd numbers of parameters around the width of a vector.
    for (count, momentum, nesterov) in [(1, 0.9, false), (16, 0.0, false), (37, 0.75, true)] {
        let step = SgdStep { lr: 3e-2, momentum, nesterov };
        let factor = 1.0 - step.lr * 0.125;
        let start: Vec<f32> = (0..count).map(|_| real(rng)).collect();
        let gradients: Vec<Vec<f32>> =
            (0..50).map(|_| (0..count).map(|_| real(rng) + 0.2).collect()).collect();
        let (w, v) = on_every_level(|isa| {
            let (mut w, mut v) = (start.clone(), vec![0.0; count]);
            for dw in &gradients {
                decay(isa, factor, &mut w);
                sgd(isa, &step, &mut w, &mut v, dw);
            }
            (w, v)
        });
        let (mut expected, mut velocity) = (widen(&start), vec![0.0; count]);
        let settings = [step.lr, step.momentum].map(f64::from);
        for dw in &gradients {
            naive::decay(f64::from(factor), &mut expected);
            naive::sgd(settings, nesterov, &mut expected, &mut velocity, &widen(dw));
        }
        assert_close("w", &widen(&w), &expected, 1e-5);
        assert_close("v", &widen(&v), &velocity, 1e-5);
    }
}

#[test]
fn sgd_takes_the_steps_of_the_equation() {
    for isa in Isa::available() {
        // v = 2 and then ½·2 + 4 = 5; with Nesterov's momentum the steps are 2 + ½·2 and 4 + ½·5.
        for (nesterov, steps) in [(false, [2.0, 5.0]), (true, [3.0, 6.5])] {
            let step = SgdStep { lr: 0.5, momentum: 0.5, nesterov };
            let (mut w, mut v) = ([8.0], [0.0]);
            sgd(isa, &step, &mut w, &mut v, &[2.0]);
            assert_eq!((w[0], v[0]), (8.0 - 0.5 * steps[0], 2.0));
            sgd(isa, &step, &mut w, &mut v, &[4.0]);
            assert_eq!((w[0], v[0]), (8.0 - 0.5 * (steps[0] + steps[1]), 5.0));
        }
    }
}

#[test]
#[should_panic(expected = "one velocity per parameter")]
fn sgd_refuses_velocities_of_other_parameters() {
    let step = SgdStep { lr: 0.1, momentum: 0.9, nesterov: false };
    sgd(Isa::detect(), &step, &mut [0.0; 2], &mut [0.0], &[0.0; 2]);
}

#[test]
fn averages_follow_the_specification_and_begin_as_the_parameters() {
    let rng = &mut Pcg64::seed_from_u64(25);
    let steps: Vec<Vec<f32>> = (0..30).map(|_| (0..37).map(|_| real(rng)).collect()).collect();
    let found = on_every_level(|isa| {
        let mut mean = vec![f32::NAN; 37];
        for (step, w) in steps.iter().enumerate() {
            average(isa, if step == 0 { 1.0 } else { 0.1 }, w, &mut mean);
        }
        mean
    });
    let mut expected = widen(&steps[0]);
    steps[1..].iter().for_each(|w| naive::average(0.1f32.into(), &widen(w), &mut expected));
    assert_close("average", &widen(&found), &expected, 1e-6);
}
