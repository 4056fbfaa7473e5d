//! Random streams by name: the one place that makes a generator.
//!
//! A stream is a function of (seed, purpose, index). A new draw for one purpose therefore moves
//! nothing elsewhere, and a run can be resumed without saving a generator's state.

mod mersenne_twister;

pub use mersenne_twister::MersenneTwister;

use rand::{RngExt, SeedableRng};
use rand_distr::Normal;
use rand_pcg::Pcg64;

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Initial weights; index: layer.
    Init,
    /// The order of samples; index: epoch.
    Shuffle,
    /// Which inputs a neuron gets; index: layer.
    Spread,
    /// Fan-ins drawn from a distribution; index: layer.
    FanIn,
    /// Which connections are grown; index: layer and update.
    Grow,
    /// Which rows are held out; index: round.
    Split,
    /// Inputs made up for a gradient check; index: case.
    GradientCheck,
    /// What dropout loses; index: step and tile.
    Dropout,
    /// Noise on inputs; index: step and tile.
    InputNoise,
    /// Noise on what a mixture's gate prefers; index: step.
    GateNoise,
    /// Which neuron gets which fan-in; index: layer.
    Arrangement,
}

impl Purpose {
    /// The constant that sets this purpose's streams apart: part of what a seed means, so never
    /// to be changed.
    fn id(self) -> u64 {
        match self {
            Purpose::Init => 1,
            Purpose::Shuffle => 2,
            Purpose::Spread => 3,
            Purpose::GradientCheck => 4,
            Purpose::FanIn => 5,
            Purpose::Grow => 6,
            Purpose::Split => 7,
            Purpose::Dropout => 8,
            Purpose::InputNoise => 9,
            Purpose::GateNoise => 10,
            Purpose::Arrangement => 11,
        }
    }
}

/// The generator of one stream (PCG-64, O'Neill 2014).
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> Pcg64 {
    Pcg64::seed_from_u64(seed_of(seed, purpose, index))
}

/// The seed of one stream, for what draws by a hash.
pub(crate) fn seed_of(seed: u64, purpose: Purpose, index: u64) -> u64 {
    hash([seed, purpose.id(), index])
}

/// `count` numbers from N(0, deviation²).
///
/// **Panics** unless `deviation` is positive and finite.
pub fn normal(rng: &mut Pcg64, deviation: f64, count: usize) -> Vec<f32> {
    assert!(deviation > 0.0, "a deviation of {deviation}");
    let normal = Normal::new(0.0, deviation).expect("a finite deviation");
    (0..count).map(|_| rng.sample(normal) as f32).collect()
}

/// A hash of numbers: a tie key that no draw and no order of visiting decides.
pub fn hash<const N: usize>(parts: [u64; N]) -> u64 {
    parts.into_iter().reduce(|state, part| split_mix(state ^ split_mix(part))).unwrap_or(0)
}

/// SplitMix64's output function (Steele et al. 2014): a bijection that mixes every bit.
fn split_mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn streams_differ_in_every_part_and_repeat() {
        let mut firsts = HashSet::new();
        for seed in 0..8 {
            for purpose in [Purpose::Init, Purpose::Shuffle, Purpose::Spread] {
                for index in 0..8 {
                    let first: u64 = stream(seed, purpose, index).random();
                    assert_eq!(first, stream(seed, purpose, index).random::<u64>());
                    firsts.insert(first);
                }
            }
        }
        assert_eq!(firsts.len(), 8 * 3 * 8);
    }
}
