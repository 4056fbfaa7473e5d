//! The chain of trust: finite differences, the f64 twin, every engine, level and thread count.

use fanin::grammar::Listed;
use fanin::nn::{Activation, Engine, Loss, gradcheck};
use fanin_kernels::Isa;

#[test]
fn every_gradient_is_within_its_bound() {
    for seed in [42, 7] {
        let checks = gradcheck::run(seed).unwrap();
        // The twin with every activation and every loss and with dropout, and each engine on every
        // level with two thread counts; four kinds of parameters each.
        let twins = Activation::ALL.len() + <Box<dyn Loss>>::list().len();
        let engines = <Box<dyn Engine>>::list().len() * Isa::available().len() * 2;
        assert_eq!(checks.len(), 4 * (twins + engines));
        for check in checks {
            assert!(check.passed(), "seed {seed}: {check:?}");
            assert!(check.skipped * 20 <= check.compared, "seed {seed}: {check:?}");
        }
    }
}
