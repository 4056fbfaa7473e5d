//! Dropout (Srivastava et al. 2014): neurons of the hidden layers that are left out at random while
//! training, a new choice for every sample and step.
//!
//! The choice is a hash of (seed, layer, neuron), so that it depends on no order of computing; the
//! seed is one of the run, the step and the tile.

use crate::random::hash;
use fanin_kernels::TILE;

/// What a tile's hidden layers lose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The share of the values that become 0; in 2⁻¹⁶ths.
    share: u16,
    seed: u64,
}

impl Dropout {
    /// Loses a share of the values, by what `seed` decides; none if the share is 0.
    ///
    /// **Panics** unless 0 ≤ `share` < 1.
    pub fn new(share: f64, seed: u64) -> Option<Dropout> {
        assert!((0.0..1.0).contains(&share), "a share from 0 to 1, not {share}");
        let share = (share * 65536.0).round().min(65535.0) as u16;
        (share > 0).then_some(Dropout { share, seed })
    }

    /// What kept values are multiplied by, so that sums keep their means: 1 / (1 − share).
    pub fn factor(self) -> f32 {
        (65536.0 / (65536.0 - f64::from(self.share))) as f32
    }

    /// Of each neuron of layer `layer` the samples that it keeps: a bit each.
    pub(super) fn keep(self, layer: usize, neurons: usize, kept: &mut Vec<u64>) {
        kept.clear();
        kept.extend((0..neurons as u64).map(|neuron| {
            let mut word = 0;
            // Four samples to a hash, 16 bits for each.
            for part in 0..TILE as u64 / 4 {
                let drawn = hash([self.seed, layer as u64, neuron << 8 | part]);
                for sample in 0..4 {
                    let is_kept = (drawn >> (16 * sample)) as u16 >= self.share;
                    word |= u64::from(is_kept) << (4 * part + sample);
                }
            }
            word
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_lost_and_every_seed_layer_and_neuron_is_its_own() {
        assert_eq!(Dropout::new(0.0, 1), None);
        let words = |share, seed, layer| {
            let mut kept = vec![7];
            Dropout::new(share, seed).unwrap().keep(layer, 1000, &mut kept);
            kept
        };
        for share in [0.1, 0.5, 0.9] {
            let kept = words(share, 3, 0);
            let lost: u32 = kept.iter().map(|word| word.count_zeros()).sum();
            // 64,000 draws: a deviation of .002 at most.
            assert!((f64::from(lost) / 64_000.0 - share).abs() < 0.008, "{share}: {lost}");
            for bit in 0..64 {
                let lost = kept.iter().filter(|word| *word >> bit & 1 == 0).count();
                assert!((lost as f64 / 1000.0 - share).abs() < 0.08, "{share}, {bit}: {lost}");
            }
            let factor = Dropout::new(share, 3).unwrap().factor();
            assert!((factor - 1.0 / (1.0 - share as f32)).abs() < 1e-3 * factor);
        }
        let some = [words(0.5, 3, 0), words(0.5, 4, 0), words(0.5, 3, 1)];
        assert_eq!(some[0], words(0.5, 3, 0));
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let same =
                some[a].iter().zip(&some[b]).map(|(a, b)| (a ^ b).count_zeros()).sum::<u32>();
            assert!((f64::from(same) / 64_000.0 - 0.5).abs() < 0.01, "{same}");
        }
    }
}
