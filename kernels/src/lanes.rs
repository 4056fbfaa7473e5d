//! Sixteen virtual lanes of f32: the one vector type that kernels are written in.
//!
//! Each level implements the same few operations with the same rounding: all are element-wise
//! IEEE operations, and the one reduction is the crate's fixed tree. Plain Rust (`FusedLanes`) is
//! the specification. The intrinsics are here because LLVM keeps no accumulator of `[f32; 16]` in
//! registers through a reduction: a plain SDDMM compiled for AVX2 reached 16 GFLOP/s where this
//! one reaches 55, and 65 on AVX-512 (1024 × 1024 at 90 %, one core of a 2.6 GHz Xeon).
//! `levels_agree_on_every_operation` checks them equal bit for bit.
//!
//! A value of a type that implements [`Lanes`] is a token without size: it proves that the CPU
//! has the level's instructions, and every operation takes it. Only [`Isa::run`](crate::Isa)
//! makes tokens, so code that has one may use its instructions. Operations are
//! `#[inline(always)]`: only what is inlined into that function is compiled for the level.
//!
//! A new level is one file here and one row of the table in `isa.rs`.

use crate::{LANES, Row, TILE};

/// `$body`, in which intrinsics of the token's level are called.
#[cfg(target_arch = "x86_64")]
macro_rules! proven {
    ($body:expr) => {
        // SAFETY: needs the level's target features. The CPU has them: `self`, the token of the
        // level, is made nowhere else than where that was found out (`Lanes::proven`).
        unsafe { $body }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2Lanes;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512Lanes;
pub(crate) use plain::{FusedLanes, UnfusedLanes};

/// Sixteen samples side by side.
type Group = [f32; LANES];

/// How a level computes on 16 lanes.
pub(crate) trait Lanes: Copy + 'static {
    /// The 16 values.
    type V: Copy;
    /// Whether two dozen values stay in registers at once.
    const IS_WIDE: bool;

    /// The token.
    ///
    /// **Safety**: this CPU has the level's instructions.
    unsafe fn proven() -> Self;

    fn load(self, x: &Group) -> Self::V;
    fn store(self, v: Self::V, x: &mut Group);
    fn splat(self, x: f32) -> Self::V;
    /// Sixteen bytes as numbers, the first in the low byte of the first word.
    fn bytes(self, words: [u64; 2]) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `a·b + c`, rounded once (but for `UnfusedLanes`).
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `max(0, a)`; a NaN stays NaN, so that a diverged network shows.
    fn relu(self, a: Self::V) -> Self::V;
    /// `value` where `gate > 0`, else `+0`.
    fn gate(self, value: Self::V, gate: Self::V) -> Self::V;
    /// Two vectors after the tree's first step.
    type Half: Copy;
    /// The tree's first step on two vectors: `a`'s lanes i + (i+8), and `b`'s.
    fn half_sums(self, a: Self::V, b: Self::V) -> Self::Half;
    /// The trees of eight vectors, of which `v[i]` has the `i`th and the `i + 4`th, to their ends.
    fn sums_of_halves(self, v: &[Self::Half; 4]) -> [f32; 8];
    /// The tree's first two steps on four vectors: lane `4i + j` is `v[i]`'s partial sum `j`.
    fn quarter_sums(self, v: &[Self::V; 4]) -> Self::V;
    /// The tree's last two steps on sixteen vectors: lane `4k + i` is the sum of lanes `4i..4i + 4`
    /// of `v[k]`.
    fn sums_of_quarters(self, v: &[Self::V; 4]) -> Self::V;
    /// `[tree(v[0]), …, tree(v[3])]`.
    fn sums_of_four(self, v: &[Self::V; 4]) -> [f32; 4];
    /// Value `j` of `rows[i]` to place `i` of row `j`.
    fn transpose(self, rows: &[Self::V; LANES]) -> [Self::V; LANES];
    /// `a·b + c` on one number, rounded as `mul_add` rounds.
    fn scalar_mul_add(self, a: f32, b: f32, c: f32) -> f32;

    /// `[tree(v[0]), …, tree(v[7])]`.
    #[inline(always)]
    fn sums(self, v: &[Self::V; 8]) -> [f32; 8] {
        let [a, b, c, d, e, f, g, h] = *v;
        let early = [self.half_sums(a, e), self.half_sums(b, f)];
        let late = [self.half_sums(c, g), self.half_sums(d, h)];
        self.sums_of_halves(&[early[0], early[1], late[0], late[1]])
    }

    /// The 16 partial sums of the dot product of two rows.
    #[inline(always)]
    fn dot(self, a: &Row, b: &Row) -> Self::V {
        self.dot_with(b, &self.load_row(a))
    }

    /// As [`Lanes::dot`], one of the rows in registers.
    #[inline(always)]
    fn dot_with(self, a: &Row, b: &[Self::V; TILE / LANES]) -> Self::V {
        let a = a.groups();
        let mut sum = self.mul(b[0], self.load(&a[0]));
        for group in 1..a.len() {
            sum = self.mul_add(b[group], self.load(&a[group]), sum);
        }
        sum
    }

    /// `G` groups of a row.
    #[inline(always)]
    fn load_groups<const G: usize>(self, row: &Row, first: usize) -> [Self::V; G] {
        let mut values = [self.splat(0.0); G];
        for (value, group) in values.iter_mut().zip(&row.groups()[first..]) {
            *value = self.load(group);
        }
        values
    }

    /// The way back of [`Lanes::load_groups`].
    #[inline(always)]
    fn store_groups<const G: usize>(self, v: &[Self::V; G], row: &mut Row, first: usize) {
        for (&v, group) in v.iter().zip(&mut row.groups_mut()[first..]) {
            self.store(v, group);
        }
    }

    /// The four groups of a row.
    #[inline(always)]
    fn load_row(self, row: &Row) -> [Self::V; TILE / LANES] {
        let row = row.groups();
        [self.load(&row[0]), self.load(&row[1]), self.load(&row[2]), self.load(&row[3])]
    }

    /// The way back of [`Lanes::load_row`].
    #[inline(always)]
    fn store_row(self, v: [Self::V; TILE / LANES], row: &mut Row) {
        for (v, out) in v.into_iter().zip(row.groups_mut()) {
            self.store(v, out);
        }
    }

    /// Sample s to lane s mod 16, ascending, then the tree.
    #[inline(always)]
    fn sum_samples(self, samples: &[f32; TILE]) -> f32 {
        let mut sums = [0.0; LANES];
        for group in samples.as_chunks::<LANES>().0 {
            for (sum, sample) in sums.iter_mut().zip(group) {
                *sum += sample;
            }
        }
        self.sum(self.load(&sums))
    }

    /// The tree over 16 lanes.
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(v, &mut lanes);
        tree(&lanes)
    }
}

/// The crate's fixed order of adding 16 lanes.
#[inline(always)]
fn tree(lanes: &Group) -> f32 {
    let a: [f32; 8] = std::array::from_fn(|i| lanes[i] + lanes[i + 8]);
    let b: [f32; 4] = std::array::from_fn(|i| a[i] + a[i + 4]);
    (b[0] + b[2]) + (b[1] + b[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Kernel, Level};
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    /// Every operation on the same inputs, as bits.
    struct Everything<'a>(&'a [Group; 8]);

    impl Kernel for Everything<'_> {
        type Output = Vec<u32>;

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Vec<u32> {
            let v: [L::V; 8] = std::array::from_fn(|i| lanes.load(&self.0[i]));
            let quarters = lanes.quarter_sums(&[v[0], v[5], v[2], v[7]]);
            let results = [
                lanes.add(v[0], v[1]),
                lanes.sub(v[0], v[1]),
                lanes.mul(v[0], v[1]),
                lanes.div(v[0], v[1]),
                lanes.sqrt(v[2]),
                lanes.mul_add(v[0], v[1], v[3]),
                lanes.relu(v[4]),
                lanes.gate(v[5], v[4]),
                lanes.splat(self.0[6][3]),
                quarters,
                lanes.sums_of_quarters(&[quarters, v[1], v[2], v[3]]),
                lanes.bytes([self.0[6], self.0[7]].map(|x| f64::from(x[0]).to_bits())),
            ];
            let mut bits = Vec::new();
            for result in results {
                let mut out = [0.0; LANES];
                lanes.store(result, &mut out);
                bits.extend(out.map(f32::to_bits));
            }
            bits.extend(lanes.sums(&v).map(f32::to_bits));
            let halves = std::array::from_fn(|i| lanes.half_sums(v[i], v[i + 4]));
            bits.extend(lanes.sums_of_halves(&halves).map(f32::to_bits));
            bits.extend(lanes.sums_of_four(&[v[0], v[1], v[2], v[3]]).map(f32::to_bits));
            bits.push(lanes.sum(v[7]).to_bits());
            bits.push(lanes.scalar_mul_add(self.0[0][0], self.0[1][0], self.0[3][0]).to_bits());
            bits
        }
    }

    #[test]
    fn levels_agree_on_every_operation() {
        let mut rng = Pcg64::seed_from_u64(7);
        for case in 0..200 {
            let mut inputs = [[0.0f32; LANES]; 8];
            inputs.as_flattened_mut().fill_with(|| rng.random_range(-4.0..4.0));
            inputs[4][..4].copy_from_slice(&[0.0, -0.0, f32::MIN_POSITIVE, -1e-40]);
            inputs[2] = inputs[2].map(f32::abs);
            let expected = Everything(&inputs).run(FusedLanes);
            for isa in Isa::available() {
                if isa.level() != Level::ScalarNoFma {
                    let got = isa.run(Everything(&inputs));
                    assert_eq!(got, expected, "case {case}, {}", isa.level());
                }
            }
        }
    }

    #[test]
    fn transpose_swaps_rows_and_columns_on_every_level() {
        struct Transposed<'a>(&'a [Group; LANES]);
        impl Kernel for Transposed<'_> {
            type Output = [Group; LANES];
            #[inline(always)]
            fn run<L: Lanes>(self, lanes: L) -> [Group; LANES] {
                let rows = std::array::from_fn(|i| lanes.load(&self.0[i]));
                let mut out = [[0.0; LANES]; LANES];
                for (row, out) in lanes.transpose(&rows).into_iter().zip(&mut out) {
                    lanes.store(row, out);
                }
                out
            }
        }
        let rows = std::array::from_fn(|i| std::array::from_fn(|j| (100 * i + j) as f32));
        let expected = std::array::from_fn(|i| std::array::from_fn(|j| (100 * j + i) as f32));
        for isa in Isa::available() {
            assert_eq!(isa.run(Transposed(&rows)), expected, "{}", isa.level());
        }
    }

    #[test]
    fn sum_is_the_documented_tree() {
        // Powers of two far apart make every order of addition give another result.
        let lanes: Group = std::array::from_fn(|i| (1u64 << (3 * i).min(40)) as f32 + 0.25);
        let l = |i: usize| lanes[i];
        let quad = |i: usize| (l(i) + l(i + 8)) + (l(i + 4) + l(i + 12));
        let expected = (quad(0) + quad(2)) + (quad(1) + quad(3));
        assert_eq!(FusedLanes.sum(lanes), expected);
    }

    #[test]
    fn relu_keeps_nan_and_gate_closes_on_it() {
        struct Nan;
        impl Kernel for Nan {
            type Output = (bool, f32);
            #[inline(always)]
            fn run<L: Lanes>(self, lanes: L) -> (bool, f32) {
                let mut out = [0.0; LANES];
                lanes.store(lanes.relu(lanes.splat(f32::NAN)), &mut out);
                let kept = out.iter().all(|x| x.is_nan());
                lanes.store(lanes.gate(lanes.splat(1.0), lanes.splat(f32::NAN)), &mut out);
                (kept, out.iter().sum())
            }
        }
        for isa in Isa::available() {
            assert_eq!(isa.run(Nan), (true, 0.0), "{}", isa.level());
        }
    }
}
