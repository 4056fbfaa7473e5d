//! Which connections go.

use crate::random::hash;

/// Breaks ties by a hash of (seed, step, layer, position): no draw, no order of visiting, and no
/// row that fills up because its index is low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ties {
    /// The run's seed.
    pub seed: u64,
    /// The step of the update.
    pub step: u64,
    /// The layer.
    pub layer: u64,
}

impl Ties {
    /// The key of a position; equal scores are ordered by it, then by the position.
    pub fn key(self, position: u64) -> u64 {
        hash([self.seed, self.step, self.layer, position])
    }
}

/// Marks the `count` weights of smallest magnitude: false for those, true for the survivors.
///
/// **Order**: |w|, then the tie key of the entry, then the entry.
///
/// **Panics** if `count` exceeds the weights.
pub fn drop_smallest(weights: &[f32], count: usize, ties: Ties) -> Vec<bool> {
    assert!(count <= weights.len(), "dropping {count} of {} weights", weights.len());
    let mut survives = vec![true; weights.len()];
    if count == 0 {
        return survives;
    }
    let mut entries: Vec<u32> = (0..weights.len() as u32).collect();
    // The bits of non-negative floats order as the floats do.
    let rank =
        |&entry: &u32| (weights[entry as usize].abs().to_bits(), ties.key(u64::from(entry)), entry);
    let (smaller, last, _) = entries.select_nth_unstable_by_key(count - 1, rank);
    for entry in smaller.iter().chain([&*last]) {
        survives[*entry as usize] = false;
    }
    survives
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIES: Ties = Ties { seed: 1, step: 100, layer: 0 };

    #[test]
    fn the_smallest_magnitudes_go() {
        let weights = [0.5, -0.1, 0.0, -2.0, 0.2];
        assert_eq!(drop_smallest(&weights, 2, TIES), [true, false, false, true, true]);
        assert_eq!(drop_smallest(&weights, 0, TIES), [true; 5]);
        assert_eq!(drop_smallest(&weights, 5, TIES), [false; 5]);
    }

    #[test]
    fn ties_are_broken_by_neither_index_nor_chance() {
        let weights = [1.0; 1000];
        let survives = drop_smallest(&weights, 500, TIES);
        assert_eq!(survives.iter().filter(|survives| !**survives).count(), 500);
        assert_eq!(survives, drop_smallest(&weights, 500, TIES));
        let low = survives[..500].iter().filter(|survives| !**survives).count();
        // Four standard deviations of a fair draw of 500 out of 1000.
        assert!((250 - 32..=250 + 32).contains(&low), "{low}");
        assert_ne!(survives, drop_smallest(&weights, 500, Ties { step: 200, ..TIES }));
    }
}
