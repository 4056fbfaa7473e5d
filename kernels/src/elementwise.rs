//! Element-wise kernels: Adam, and the load of samples into a tile.
//!
//! Adam is a plain loop whose body LLVM vectorises at each level; samples are transposed by hand. Nothing
//! is summed, so there is no order to keep.

use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::{LANES, Row, TILE};

/// The scalars of one Adam update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// 1 − β1^step.
    pub correction1: f32,
    /// 1 − β2^step.
    pub correction2: f32,
}

impl AdamStep {
    /// Both corrections moved out of the loop: `w −= rate·m / (√v + eps)` with these two.
    pub fn rate_and_eps(&self) -> [f32; 2] {
        let root_correction = self.correction2.sqrt();
        [self.lr / self.correction1 * root_correction, self.eps * root_correction]
    }
}

/// One Adam update of the parameters `w` with the gradient `dw`.
///
/// Equation (Kingma & Ba 2015, algorithm 1): `m = β1·m + (1−β1)·dw`, `v = β2·v + (1−β2)·dw²`,
/// `w −= lr/(1−β1^step) · m / (√v/√(1−β2^step) + eps)`.
///
/// **Shapes**: all `[n]`.
///
/// **Panics** if the lengths differ.
///
/// Cost: one square root and one division per element; 28 bytes.
pub fn adam(isa: Isa, step: &AdamStep, w: &mut [f32], m: &mut [f32], v: &mut [f32], dw: &[f32]) {
    assert_eq!(w.len(), dw.len(), "one gradient per parameter");
    assert_eq!(m.len(), dw.len(), "one first moment per parameter");
    assert_eq!(v.len(), dw.len(), "one second moment per parameter");
    isa.run(Adam { step, w, m, v, dw });
}

struct Adam<'a> {
    step: &'a AdamStep,
    w: &'a mut [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    dw: &'a [f32],
}

impl Kernel for Adam<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let [rate, eps] = self.step.rate_and_eps();
        for (((w, m), v), &dw) in self.w.iter_mut().zip(self.m).zip(self.v).zip(self.dw) {
            update(lanes, self.step, [rate, eps], w, m, v, dw);
        }
    }
}

/// One parameter's update: one root and one division.
#[inline(always)]
fn update<L: Lanes>(
    lanes: L,
    step: &AdamStep,
    [rate, eps]: [f32; 2],
    w: &mut f32,
    m: &mut f32,
    v: &mut f32,
    dw: f32,
) {
    *m = lanes.scalar_mul_add(step.beta1, *m, (1.0 - step.beta1) * dw);
    *v = lanes.scalar_mul_add(step.beta2, *v, (1.0 - step.beta2) * (dw * dw));
    *w -= rate * *m / (v.sqrt() + eps);
}

/// One Adam update of parameters that have not all been there from the beginning.
///
/// Equation: as [`adam`], with each parameter's own count of updates in place of `step`:
/// `rates[age − 1]` holds [`AdamStep::rate_and_eps`] of a parameter's update number `age`, and older
/// ones use the last.
///
/// **Shapes**: `rates` at least one; all others `[n]`. `age` counts whole updates, at most 2²⁴ and,
/// once past the end of `rates`, no further; it is raised by one before it is used.
///
/// **Panics** if the lengths differ or there is no rate.
pub fn adam_aged(
    isa: Isa,
    step: &AdamStep,
    rates: &[[f32; 2]],
    w: &mut [f32],
    m: &mut [f32],
    v: &mut [f32],
    age: &mut [f32],
    dw: &[f32],
) {
    assert!(!rates.is_empty(), "a rate for the first update");
    assert_eq!(w.len(), dw.len(), "one gradient per parameter");
    assert_eq!(m.len(), dw.len(), "one first moment per parameter");
    assert_eq!(v.len(), dw.len(), "one second moment per parameter");
    assert_eq!(age.len(), dw.len(), "one age per parameter");
    isa.run(AdamAged { step, rates, w, m, v, age, dw });
}

struct AdamAged<'a> {
    step: &'a AdamStep,
    rates: &'a [[f32; 2]],
    w: &'a mut [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    age: &'a mut [f32],
    dw: &'a [f32],
}

impl Kernel for AdamAged<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let oldest = self.rates.len() as f32;
        // Rates are looked up for 16 parameters at a time, so that the updates stay vectors.
        let sets = self.w.chunks_mut(LANES).zip(self.m.chunks_mut(LANES));
        let sets = sets.zip(self.v.chunks_mut(LANES).zip(self.age.chunks_mut(LANES)));
        for (((w, m), (v, age)), dw) in sets.zip(self.dw.chunks(LANES)) {
            let mut rates = [[0.0; LANES]; 2];
            for (i, age) in age.iter_mut().enumerate() {
                *age = (*age + 1.0).min(oldest);
                [rates[0][i], rates[1][i]] = self.rates[*age as usize - 1];
            }
            for (i, (((w, m), v), &dw)) in w.iter_mut().zip(m).zip(v).zip(dw).enumerate() {
                update(lanes, self.step, [rates[0][i], rates[1][i]], w, m, v, dw);
            }
        }
    }
}

/// Lays u8 samples into a tile as `x·scale + shift`, feature-major; padding samples become 0.
///
/// **Shapes**: `samples` at most 64, each `[features]`; `x` `[features]`.
///
/// **Panics** if there are more samples than a tile holds, or one has another length.
///
/// Bytes are transposed 8 × 8 in 64-bit integers, all eight groups of samples side by side in vectors,
/// and then converted 16 at a time, so that no single float is stored 256 bytes from the one before.
pub fn normalize_tile(isa: Isa, samples: &[&[u8]], scale: f32, shift: f32, x: &mut [Row]) {
    assert!(samples.len() <= TILE, "{} samples for a tile of {TILE}", samples.len());
    for sample in samples {
        assert_eq!(sample.len(), x.len(), "one byte per feature");
    }
    isa.run(NormalizeTile { samples, scale, shift, x });
}

/// Groups of eight features that are transposed at once: a word stored for one must have left the store
/// buffer before it is read as part of a vector, or the read waits for it (1.6 times the whole time).
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

/// Transposes eight 8 × 8 matrices of bytes at once: row i of matrix g in `words[i][g]`, column 0 in
/// the low byte.
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
    isa.run(StandardizeTile { samples, scale, shift, x });
}

struct StandardizeTile<'a> {
    samples: &'a [&'a [f32]],
    scale: &'a [f32],
    shift: &'a [f32],
    x: &'a mut [Row],
}

impl Kernel for StandardizeTile<'_> {
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
                let factors =
                    self.scale[features.clone()].iter().zip(&self.shift[features.clone()]);
                for ((x, column), (&scale, &shift)) in x.iter_mut().zip(columns).zip(factors) {
                    let scaled = lanes.mul_add(column, lanes.splat(scale), lanes.splat(shift));
                    lanes.store(scaled, &mut x.groups_mut()[part]);
                }
            }
            x.iter_mut().for_each(|row| row.0[samples.len()..].fill(0.0));
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
