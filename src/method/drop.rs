//! Which connections go.

use crate::grammar::named;
use crate::random::hash;
use crate::sparse::CsrPattern;

named! {
    /// What decides between equal scores.
    pub enum TieOrder as "order of ties" {
        /// A hash of (seed, step, layer, position), so that it needs no random draw, does not
        /// depend on the order of visiting and favours no row.
        Noise = "noise",
        /// The position, lowest first, as an unseeded sort on an accelerator may have it: where
        /// many scores are equal, whole rows fill up in order.
        Index = "index",
    }
}

/// Breaks the ties of one layer at one update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ties {
    /// What decides.
    pub order: TieOrder,
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
        match self.order {
            TieOrder::Noise => hash([self.seed, self.step, self.layer, position]),
            TieOrder::Index => position,
        }
    }
}

/// Marks the `count` weights of smallest magnitude over all `layers`: false for those, true for the
/// survivors. Where that leaves less than `count` to drop, less is dropped: no row with more
/// connections than `fan_in_min` is left with fewer, and none with fewer loses any; of several
/// layers each keeps its largest weight, so that none is left without a connection.
///
/// **Shapes**: per layer its pattern, its weights `[nnz]` and its ties; returns `[nnz]` per layer.
///
/// **Order**: |w|, then the tie key of the entry, then the layer and the entry.
///
/// **Panics** if a layer has not one weight per entry.
pub fn drop_smallest(
    layers: &[(&CsrPattern, &[f32], Ties)],
    count: usize,
    fan_in_min: usize,
) -> Vec<Vec<bool>> {
    for (pattern, weights, _) in layers {
        assert_eq!(weights.len(), pattern.nnz(), "one weight per entry");
    }
    let mut survives: Vec<Vec<bool>> =
        layers.iter().map(|(pattern, ..)| vec![true; pattern.nnz()]).collect();
    // The bits of non-negative floats order as the floats do; keys are hashed only for ties.
    let size = |&(layer, entry): &(u32, u32)| layers[layer as usize].1[entry as usize].abs();
    let key = |&(layer, entry): &(u32, u32)| layers[layer as usize].2.key(entry.into());
    let order = |a: &(u32, u32), b: &(u32, u32)| {
        let by_size = size(a).to_bits().cmp(&size(b).to_bits());
        by_size.then_with(|| (key(a), a).cmp(&(key(b), b)))
    };
    let mut entries: Vec<(u32, u32)> = Vec::new();
    for (layer, (pattern, ..)) in layers.iter().enumerate() {
        let of_layer = (0..pattern.nnz()).map(|entry| (layer as u32, entry as u32));
        let kept = if layers.len() > 1 { of_layer.clone().max_by(order) } else { None };
        entries.extend(of_layer.filter(|entry| Some(*entry) != kept));
    }
    let count = count.min(entries.len());
    if count == 0 {
        return survives;
    }
    if fan_in_min == 0 {
        entries.select_nth_unstable_by(count - 1, order);
        for (layer, entry) in &entries[..count] {
            survives[*layer as usize][*entry as usize] = false;
        }
        return survives;
    }
    entries.sort_unstable_by(order);
    let mut fan_in: Vec<Vec<usize>> =
        layers.iter().map(|(pattern, ..)| pattern.fan_in().collect()).collect();
    let mut left = count;
    for (layer, entry) in entries {
        let (layer, entry) = (layer as usize, entry as usize);
        let row = layers[layer].0.row_ptr().partition_point(|&first| first <= entry) - 1;
        if left > 0 && fan_in[layer][row] > fan_in_min {
            fan_in[layer][row] -= 1;
            survives[layer][entry] = false;
            left -= 1;
        }
    }
    survives
}

/// Marks the fraction of the weights nearest to 0 on either side of it: ⌊f·n⌋ of the n that are
/// not negative and, apart from them, of those that are (SET, Mocanu et al. 2018).
///
/// **Order**: per side as [`drop_smallest`].
pub fn drop_nearest_to_zero(weights: &[f32], fraction: f64, ties: Ties) -> Vec<bool> {
    let mut survives = vec![true; weights.len()];
    for negative in [false, true] {
        let mut side: Vec<u32> = (0..weights.len() as u32)
            .filter(|&entry| (weights[entry as usize] < 0.0) == negative)
            .collect();
        let count = (fraction * side.len() as f64).floor() as usize;
        if count > 0 {
            side.select_nth_unstable_by_key(count - 1, |&entry| {
                (weights[entry as usize].abs().to_bits(), ties.key(u64::from(entry)), entry)
            });
        }
        side[..count].iter().for_each(|&entry| survives[entry as usize] = false);
    }
    survives
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIES: Ties = Ties { order: TieOrder::Noise, seed: 1, step: 100, layer: 0 };

    /// One layer of one row.
    fn drop_one(weights: &[f32], count: usize, ties: Ties) -> Vec<bool> {
        let pattern = CsrPattern::full(1, weights.len());
        drop_smallest(&[(&pattern, weights, ties)], count, 0).remove(0)
    }

    #[test]
    fn the_smallest_magnitudes_go() {
        let weights = [0.5, -0.1, 0.0, -2.0, 0.2];
        assert_eq!(drop_one(&weights, 2, TIES), [true, false, false, true, true]);
        assert_eq!(drop_one(&weights, 0, TIES), [true; 5]);
        assert_eq!(drop_one(&weights, 5, TIES), [false; 5]);
    }

    #[test]
    fn layers_together_lose_the_smallest_of_all() {
        let (small, large) = (CsrPattern::full(1, 3), CsrPattern::full(2, 1));
        let layers = [(&small, &[0.1, 0.2, 0.9][..], TIES), (&large, &[-0.15, 3.0][..], TIES)];
        let survives = drop_smallest(&layers, 2, 0);
        assert_eq!(survives, [vec![false, true, true], vec![false, true]]);
        // Each keeps its largest, however small beside the other's.
        let layers = [(&small, &[0.1, 0.2, 0.3][..], TIES), (&large, &[5.0, 3.0][..], TIES)];
        assert_eq!(drop_smallest(&layers, 3, 0), [vec![false, false, true], vec![true, false]]);
        assert_eq!(drop_smallest(&layers, 5, 0), [vec![false, false, true], vec![true, false]]);
    }

    #[test]
    fn rows_keep_their_least_fan_in() {
        let pattern = CsrPattern::new(3, vec![0, 3, 4], vec![0, 1, 2, 0]).unwrap();
        let layers = [(&pattern, &[0.1, 0.2, 0.3, 0.01][..], TIES)];
        assert_eq!(drop_smallest(&layers, 2, 1), [[false, false, true, true]]);
        assert_eq!(drop_smallest(&layers, 4, 1), [[false, false, true, true]]);
        assert_eq!(drop_smallest(&layers, 1, 2), [[false, true, true, true]]);
        assert_eq!(drop_smallest(&layers, 2, 0), [[false, true, true, false]]);
    }

    #[test]
    fn set_drops_a_fraction_of_either_sign() {
        let weights = [0.1, 0.2, 0.3, 0.4, -5.0, -6.0, -7.0, 0.0];
        // ⌊0.4·5⌋ = 2 of those that are not negative, ⌊0.4·3⌋ = 1 of the others.
        let survives = drop_nearest_to_zero(&weights, 0.4, TIES);
        assert_eq!(survives, [false, true, true, true, false, true, true, false]);
        // A side without weights loses none.
        assert_eq!(drop_nearest_to_zero(&[1.0, 2.0], 0.5, TIES), [false, true]);
    }

    #[test]
    fn ties_are_broken_by_neither_index_nor_chance() {
        let weights = [1.0; 1000];
        let survives = drop_one(&weights, 500, TIES);
        assert_eq!(survives.iter().filter(|survives| !**survives).count(), 500);
        assert_eq!(survives, drop_one(&weights, 500, TIES));
        let low = survives[..500].iter().filter(|survives| !**survives).count();
        // Four standard deviations of a fair draw of 500 out of 1000.
        assert!((250 - 32..=250 + 32).contains(&low), "{low}");
        assert_ne!(survives, drop_one(&weights, 500, Ties { step: 200, ..TIES }));
        let by_index = drop_one(&weights, 500, Ties { order: TieOrder::Index, ..TIES });
        assert!(by_index[..500].iter().all(|survives| !survives));
    }
}
