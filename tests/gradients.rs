//! The chain of trust: finite differences, the f64 twin, every engine, level and thread count.

use fanin::nn::gradcheck::{self, engine_gradients};
use fanin::nn::{Engine, Mlp, Twin};
use fanin::parallel::Executor;
use fanin::sparse::CsrPattern;
use fanin_kernels::Isa;

#[test]
fn every_gradient_is_within_its_bound() {
    for seed in [42, 7] {
        let checks = gradcheck::run(seed).unwrap();
        // The twin, and three engines on every level with two thread counts; four kinds each.
        assert_eq!(checks.len(), 4 * (1 + 3 * 2 * Isa::available().len()));
        for check in checks {
            assert!(check.passed(), "seed {seed}: {check:?}");
            assert!(check.skipped * 20 <= check.compared, "seed {seed}: {check:?}");
        }
    }
}

#[test]
fn a_wrong_gradient_is_seen() {
    let patterns = vec![CsrPattern::full(6, 4), CsrPattern::full(3, 6)];
    let model = Mlp::new(Engine::Sparse, patterns, 1);
    let executor = Executor::new(Isa::detect(), 1).unwrap();
    let x: Vec<f32> = (0..8).map(|i| (i as f32 - 3.0) / 4.0).collect();
    let gradient = engine_gradients(&executor, &model, &x, &[0, 2]);
    let twin =
        Twin::of(&model).gradient(&x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>(), &[2, 2]);
    let worst = gradient[0]
        .weight
        .iter()
        .zip(&twin[0].tensors[0])
        .fold(0.0f64, |max, (a, b)| max.max((f64::from(*a) - b).abs()));
    assert!(worst > gradcheck::ENGINE_BOUND, "another label must give another gradient: {worst}");
}
