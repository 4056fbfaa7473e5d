//! The load of samples into a tile, scaled on the way.
//!
//! Samples come one by one and a tile wants them feature by feature, so they are transposed in
//! registers. Nothing is summed, so there is no order to keep.

use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::{LANES, Row, TILE};

/// Lays u8 samples into a tile as `x·scale + shift`, feature-major; padding samples become 0.
///
/// **Shapes**: `samples` at most 64, each `[features]`; `x` `[features]`.
///
/// **Panics** if there are more samples than a tile holds, or one has another length.
///
/// Bytes are transposed 8 × 8 in 64-bit integers, all eight groups of samples side by side in
/// vectors, and then converted 16 at a time. Storing float by float would put each 256 bytes from
/// the one before.
pub fn normalize_tile(isa: Isa, samples: &[&[u8]], scale: f32, shift: f32, x: &mut [Row]) {
    assert!(samples.len() <= TILE, "{} samples for a tile of {TILE}", samples.len());
    for sample in samples {
        assert_eq!(sample.len(), x.len(), "one byte per feature");
    }
    isa.run(NormalizeTile { samples, scale, shift, x });
}

/// Groups of eight features that are transposed at once. With fewer, a word would be read as part
/// of a vector while it is still in the store buffer, and the read would wait for it: 1.6 times the
/// whole time.
const BLOCKS: usize = 8;

struct NormalizeTile<'a> {
    samples: &'a [&'a [u8]],
    scale: f32,
    shift: f32,
    x: &'a mut [Row],
}

impl Kernel for NormalizeTile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let (scale, shift) = (lanes.splat(self.scale), lanes.splat(self.shift));
        // words[b][s][g]: eight features from 8b on of sample 8g + s, the first in the low byte.
        let mut words = [[[0u64; TILE / 8]; 8]; BLOCKS];
        for (slab, rows) in self.x.chunks_mut(8 * BLOCKS).enumerate() {
            let first = slab * 8 * BLOCKS;
            for (at, sample) in self.samples.iter().enumerate() {
                let (whole, rest) = sample[first..first + rows.len()].as_chunks::<8>();
                for (words, bytes) in words.iter_mut().zip(whole) {
                    words[at % 8][at / 8] = u64::from_le_bytes(*bytes);
                }
                if !rest.is_empty() {
                    let mut bytes = [0; 8];
                    bytes[..rest.len()].copy_from_slice(rest);
                    words[whole.len()][at % 8][at / 8] = u64::from_le_bytes(bytes);
                }
            }
            for (rows, words) in rows.chunks_mut(8).zip(&mut words) {
                transpose(words);
                for (row, words) in rows.iter_mut().zip(words) {
                    for (x, words) in row.groups_mut().iter_mut().zip(words.as_chunks::<2>().0) {
                        lanes.store(lanes.mul_add(lanes.bytes(*words), scale, shift), x);
                    }
                    row.0[self.samples.len()..].fill(0.0);
                }
            }
        }
    }
}

/// Transposes eight 8 × 8 matrices of bytes at once: row i of matrix g in `words[i][g]`, column 0
/// in the low byte.
#[inline(always)]
fn transpose(words: &mut [[u64; TILE / 8]; 8]) {
    // Swaps the off-diagonal quarters of 8 × 8, then of the 4 × 4, then of the 2 × 2 blocks.
    for (distance, mask) in
        [(4, 0x0000_0000_ffff_ffff), (2, 0x0000_ffff_0000_ffff), (1, 0x00ff_00ff_00ff_00ff)]
    {
        let bits = 8 * distance as u32;
        for low in (0..8).filter(|row| row & distance == 0) {
            let high = low + distance;
            let [low, high] = words.get_disjoint_mut([low, high]).expect("two rows");
            for (low, high) in low.iter_mut().zip(high) {
                let swap = ((*low >> bits) ^ *high) & mask;
                *low ^= swap << bits;
                *high ^= swap;
            }
        }
    }
}

/// Lays f32 samples into a tile as `x·scale + shift`, feature by feature; padding samples become 0.
///
/// **Shapes**: `samples` at most 64, each `[features]`; `scale`, `shift` and `x` `[features]`.
///
/// **Panics** if there are more samples than a tile holds, or the shapes disagree.
pub fn standardize_tile(isa: Isa, samples: &[&[f32]], scale: &[f32], shift: &[f32], x: &mut [Row]) {
    assert!(samples.len() <= TILE, "{} samples for a tile of {TILE}", samples.len());
    assert_eq!(scale.len(), x.len(), "one scale per feature");
    assert_eq!(shift.len(), x.len(), "one shift per feature");
    for sample in samples {
        assert_eq!(sample.len(), x.len(), "one value per feature");
    }
    isa.run(LayTile { samples, scaling: Some([scale, shift]), x });
}

/// Lays f32 samples into a tile as they are, feature by feature; padding samples become 0.
///
/// **Shapes**: `samples` at most 64, each `[features]`; `x` `[features]`.
///
/// **Panics** if there are more samples than a tile holds, or the shapes disagree.
pub fn transpose_tile(isa: Isa, samples: &[&[f32]], x: &mut [Row]) {
    assert!(samples.len() <= TILE, "{} samples for a tile of {TILE}", samples.len());
    for sample in samples {
        assert_eq!(sample.len(), x.len(), "one value per feature");
    }
    isa.run(LayTile { samples, scaling: None, x });
}

struct LayTile<'a> {
    samples: &'a [&'a [f32]],
    /// Factors and addends.
    scaling: Option<[&'a [f32]; 2]>,
    x: &'a mut [Row],
}

impl Kernel for LayTile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let samples = self.samples;
        for (block, x) in self.x.chunks_mut(LANES).enumerate() {
            let features = block * LANES..block * LANES + x.len();
            for part in 0..TILE / LANES {
                let mut rows = [lanes.splat(0.0); LANES];
                for (row, sample) in rows.iter_mut().zip(samples.iter().skip(part * LANES)) {
                    *row = match sample[features.start..].first_chunk() {
                        Some(values) => lanes.load(values),
                        None => {
                            let mut values = [0.0; LANES];
                            values[..x.len()].copy_from_slice(&sample[features.clone()]);
                            lanes.load(&values)
                        }
                    };
                }
                let columns = lanes.transpose(&rows);
                let Some([scale, shift]) = self.scaling else {
                    for (x, column) in x.iter_mut().zip(columns) {
                        lanes.store(column, &mut x.groups_mut()[part]);
                    }
                    continue;
                };
                let factors = scale[features.clone()].iter().zip(&shift[features.clone()]);
                for ((x, column), (&scale, &shift)) in x.iter_mut().zip(columns).zip(factors) {
                    let scaled = lanes.mul_add(column, lanes.splat(scale), lanes.splat(shift));
                    lanes.store(scaled, &mut x.groups_mut()[part]);
                }
            }
            x.iter_mut().for_each(|row| row.0[samples.len()..].fill(0.0));
        }
    }
}

/// Dropout (Srivastava et al. 2014): values of samples that are not kept become 0, the others
/// `factor` times as large. The backward pass is the same of the gradient.
///
/// **Shapes**: `kept` and `x` `[features]`; bit s of a feature's word says whether sample s's is
/// kept.
///
/// **Panics** if the lengths differ.
pub fn drop_out(isa: Isa, kept: &[u64], factor: f32, x: &mut [Row]) {
    assert_eq!(kept.len(), x.len(), "one word per feature");
    isa.run(DropOut { kept, factor, x });
}

struct DropOut<'a> {
    kept: &'a [u64],
    factor: f32,
    x: &'a mut [Row],
}

impl Kernel for DropOut<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        for (x, &kept) in self.x.iter_mut().zip(self.kept) {
            for (sample, x) in x.0.iter_mut().enumerate() {
                *x = if kept >> sample & 1 == 1 { *x * self.factor } else { 0.0 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transpose_swaps_rows_and_columns() {
        let byte = |matrix: usize, row: usize, col: usize| (64 * matrix + 8 * row + col) as u8;
        let mut words = std::array::from_fn(|row| {
            std::array::from_fn(|matrix| {
                u64::from_le_bytes(std::array::from_fn(|col| byte(matrix, row, col)))
            })
        });
        transpose(&mut words);
        for (col, words) in words.iter().enumerate() {
            for (matrix, word) in words.iter().enumerate() {
                let expected = std::array::from_fn(|row| byte(matrix, row, col));
                assert_eq!(word.to_le_bytes(), expected, "matrix {matrix}, column {col}");
            }
        }
    }
}
