//! The FMA peak of the core: what the benches hold the kernels against.

use crate::LANES;
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;

/// Runs `rounds` of independent FMAs from registers, and returns how many flops that were.
///
/// Time it to know the peak of this core, at this moment, at this level.
pub fn fma_peak_pass(isa: Isa, rounds: usize) -> f64 {
    isa.run(Peak { rounds })
}

struct Peak {
    rounds: usize,
}

impl Kernel for Peak {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> f64 {
        // Two ports of latency 4 need 8 registers in flight; 16 lanes are one of AVX-512, two of
        // AVX2.
        match L::IS_WIDE {
            true => pass::<L, 12>(lanes, self.rounds),
            false => pass::<L, 6>(lanes, self.rounds),
        }
    }
}

#[inline(always)]
fn pass<L: Lanes, const CHAINS: usize>(lanes: L, rounds: usize) -> f64 {
    let factor = lanes.splat(std::hint::black_box(0.999));
    let addend = lanes.splat(std::hint::black_box(0.001));
    let mut sums = [lanes.splat(0.5); CHAINS];
    for _ in 0..rounds {
        for _ in 0..4 {
            for sum in &mut sums {
                *sum = lanes.mul_add(*sum, factor, addend);
            }
        }
    }
    for sum in sums {
        std::hint::black_box(lanes.sum(sum));
    }
    (2 * LANES * 4 * CHAINS * rounds) as f64
}
