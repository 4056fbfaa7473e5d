//! The chain of trust: finite differences, the f64 twin, every engine, level and thread count.

use fanin::nn::gradcheck;
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
