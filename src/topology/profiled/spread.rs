//! Which inputs a neuron gets, once its fan-in is known (paper §2.4).

use crate::grammar::named;
use crate::random::{MersenneTwister, Purpose, stream};
use crate::sparse::CsrPattern;

named! {
    /// A rule that picks a neuron's inputs.
    pub enum Spread as "spread" {
        /// Uniformly at random without replacement.
        Random = "random",
        /// At equal distances from a golden-ratio offset (eq 8).
        Even = "even",
        /// Inputs 0, 1, 2, …: the paper's pathology.
        Sequential = "sequential",
        /// `torch.randperm(n)[:f]` neuron after neuron, bit for bit, after
        /// `torch.manual_seed(seed + layer)`: the masks of the paper's code.
        RandomTorch = "random-torch",
    }
}

impl Spread {
    /// The pattern of a layer whose neurons have these fan-ins.
    ///
    /// **Panics** if a fan-in is above `in_features`.
    pub fn pattern(
        self,
        in_features: usize,
        fan_in: &[usize],
        seed: u64,
        layer: usize,
    ) -> CsrPattern {
        let mut rng = stream(seed, Purpose::Spread, layer as u64);
        let mut torch = MersenneTwister::new(seed.wrapping_add(layer as u64) as u32);
        let mut row_ptr = vec![0];
        let mut col_idx: Vec<u32> = Vec::with_capacity(fan_in.iter().sum());
        for (row, &count) in fan_in.iter().enumerate() {
            assert!(count <= in_features, "fan-in {count} of {in_features} inputs");
            let first = col_idx.len();
            match self {
                Spread::Random => {
                    let chosen = rand::seq::index::sample(&mut rng, in_features, count);
                    col_idx.extend(chosen.into_iter().map(|col| col as u32));
                }
                Spread::Even => {
                    let offset = even_offset(row, in_features);
                    let column = |k| (offset + k * in_features / count) % in_features;
                    col_idx.extend((0..count).map(|k| column(k) as u32));
                }
                Spread::Sequential => col_idx.extend(0..count as u32),
                Spread::RandomTorch => {
                    col_idx.extend_from_slice(&torch.permutation(in_features)[..count]);
                }
            }
            col_idx[first..].sort_unstable();
            row_ptr.push(col_idx.len());
        }
        let pattern = CsrPattern::new(in_features, row_ptr, col_idx);
        pattern.expect("every spread gives distinct columns below in_features")
    }
}

/// Where neuron `row` begins: φ_i = ⌊i·φ·n⌋ mod n (eq 8), φ the golden ratio in f64.
pub fn even_offset(row: usize, in_features: usize) -> usize {
    let golden = (1.0 + 5f64.sqrt()) / 2.0;
    (row as f64 * golden * in_features as f64).floor() as usize % in_features
}
