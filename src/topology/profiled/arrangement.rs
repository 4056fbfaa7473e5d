//! Where in a layer the neurons of a profile stand: hubs first, spread out, or anywhere.

use crate::grammar::named;
use crate::random::{Purpose, stream};
use rand::seq::SliceRandom;

named! {
    /// Which neuron gets which of a profile's fan-ins (paper §3.1: hubs "evenly spaced throughout
    /// a layer versus randomly scattered").
    ///
    /// With random spread the next layer treats all neurons of a layer alike, and nothing but
    /// chance can come of it.
    pub enum Arrangement as "arrangement" {
        /// Neuron i has P(i/m), as the profile is printed.
        Profile = "profile",
        /// Those with many inputs at equal distances: the r-th largest fan-in goes to neuron r·s
        /// mod m, s next to m/φ without a divisor in common with m, φ the golden ratio.
        Spaced = "spaced",
        /// In random order.
        Scattered = "scattered",
    }
}

impl Arrangement {
    /// The same fan-ins in this order; `seed` and `layer` matter to `Scattered` alone.
    pub(super) fn arrange(self, mut fan_in: Vec<usize>, seed: u64, layer: usize) -> Vec<usize> {
        match self {
            Arrangement::Profile => fan_in,
            Arrangement::Spaced => {
                let (m, stride) = (fan_in.len(), stride(fan_in.len()));
                let mut arranged = vec![0; m];
                fan_in.sort_by(|a, b| b.cmp(a));
                for (rank, count) in fan_in.into_iter().enumerate() {
                    arranged[rank * stride % m] = count;
                }
                arranged
            }
            Arrangement::Scattered => {
                fan_in.shuffle(&mut stream(seed, Purpose::Arrangement, layer as u64));
                fan_in
            }
        }
    }
}

/// The number next to m/φ, from there upwards, that has no divisor in common with m.
fn stride(m: usize) -> usize {
    let golden = (1.0 + 5f64.sqrt()) / 2.0;
    let from = ((m as f64 / golden).round() as usize).max(1);
    (from..).find(|&stride| common_divisor(stride, m) == 1).expect("among any m numbers is one")
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrangement_has_the_same_fan_ins() {
        for m in [1, 2, 3, 10, 54, 1000, 1024] {
            let profile: Vec<usize> = (0..m).rev().collect();
            let arranged =
                |arrangement: Arrangement, seed| arrangement.arrange(profile.clone(), seed, 0);
            for arrangement in [Arrangement::Spaced, Arrangement::Scattered] {
                let mut sorted = arranged(arrangement, 1);
                sorted.sort_by(|a, b| b.cmp(a));
                assert_eq!(sorted, profile, "{arrangement} of {m}");
            }
            assert_eq!(arranged(Arrangement::Profile, 1), profile);
        }
        let scattered =
            |seed, layer| Arrangement::Scattered.arrange((0..50).collect(), seed, layer);
        assert_eq!(scattered(1, 0), scattered(1, 0));
        assert_ne!(scattered(1, 0), scattered(2, 0));
        assert_ne!(scattered(1, 0), scattered(1, 1));
    }

    /// Of 1024 neurons the 32 with the most inputs: between 21 and 34 points of a golden sequence
    /// lie in distances of at most m/φ⁶, 57 here.
    #[test]
    fn spaced_hubs_leave_no_gap() {
        let arranged = Arrangement::Spaced.arrange((0..1024).rev().collect(), 0, 0);
        let hubs: Vec<usize> = (0..1024).filter(|&i| arranged[i] >= 1024 - 32).collect();
        let around = hubs[0] + 1024 - hubs[hubs.len() - 1];
        let gaps = hubs.windows(2).map(|pair| pair[1] - pair[0]).chain([around]);
        let widest = gaps.max().unwrap();
        assert!(widest <= 58, "{widest}");
    }
}
