//! Sixteen virtual lanes of f32: the one vector type that kernels are written in.
//!
//! Each level implements the same few operations with the same rounding: all are element-wise
//! IEEE operations, and the one reduction is the crate's fixed tree. Plain Rust (`FusedLanes`) is
//! the specification. The intrinsics are here because LLVM keeps no accumulator of `[f32; 16]` in
//! registers through a reduction: a plain SDDMM compiled for AVX2 reached 16 GFLOP/s where this
//! one reaches 55, and 65 on AVX-512 (1024 × 1024 at 90 %, one core of a 2.6 GHz Xeon).
//! `levels_agree_on_every_operation` checks them equal bit for bit.
//!
//! Methods are `#[inline(always)]` and reach their instructions only once inlined into the
//! dispatch door of `isa.rs`, which is what makes the `unsafe` blocks sound: the traits are crate
//! private and no kernel runs but through that door.

use crate::{LANES, Row};

/// Sixteen samples side by side.
type Group = [f32; LANES];

/// How a level computes on 16 lanes.
pub(crate) trait Lanes: 'static {
    /// The 16 values.
    type V: Copy;
    /// Whether two dozen values stay in registers at once.
    const IS_WIDE: bool;

    fn load(x: &Group) -> Self::V;
    fn store(v: Self::V, x: &mut Group);
    fn splat(x: f32) -> Self::V;
    /// Sixteen bytes as numbers, the first in the low byte of the first word.
    fn bytes(words: [u64; 2]) -> Self::V;
    fn add(a: Self::V, b: Self::V) -> Self::V;
    fn sub(a: Self::V, b: Self::V) -> Self::V;
    fn mul(a: Self::V, b: Self::V) -> Self::V;
    fn div(a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(a: Self::V) -> Self::V;
    /// `a·b + c`, rounded once (but for `UnfusedLanes`).
    fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `max(0, a)`; a NaN stays NaN, so that a diverged network shows.
    fn relu(a: Self::V) -> Self::V;
    /// `value` where `gate > 0`, else `+0`.
    fn gate(value: Self::V, gate: Self::V) -> Self::V;
    /// `[tree(v[0]), …, tree(v[7])]`.
    fn sums(v: &[Self::V; 8]) -> [f32; 8];
    /// `[tree(v[0]), …, tree(v[3])]`.
    fn sums_of_four(v: &[Self::V; 4]) -> [f32; 4];
    /// Value `j` of `rows[i]` to place `i` of row `j`.
    fn transpose(rows: &[Self::V; LANES]) -> [Self::V; LANES];
    /// `a·b + c` on one number, rounded as `mul_add` rounds.
    fn scalar_mul_add(a: f32, b: f32, c: f32) -> f32;

    /// The 16 partial sums of the dot product of two rows.
    #[inline(always)]
    fn dot(a: &Row, b: &Row) -> Self::V {
        let (a, b) = (a.groups(), b.groups());
        let mut sum = Self::mul(Self::load(&a[0]), Self::load(&b[0]));
        for group in 1..a.len() {
            sum = Self::mul_add(Self::load(&a[group]), Self::load(&b[group]), sum);
        }
        sum
    }

    /// The tree over 16 lanes.
    #[inline(always)]
    fn sum(v: Self::V) -> f32 {
        let mut lanes = [0.0; LANES];
        Self::store(v, &mut lanes);
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

/// Plain Rust on arrays; the levels differ only in `scalar_mul_add`.
macro_rules! plain_lanes {
    ($(#[$doc:meta])* $name:ident, |$a:ident, $b:ident, $c:ident| $mul_add:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Lanes for $name {
            type V = Group;
            const IS_WIDE: bool = false;

            #[inline(always)]
            fn load(x: &Group) -> Group {
                *x
            }
            #[inline(always)]
            fn store(v: Group, x: &mut Group) {
                *x = v;
            }
            #[inline(always)]
            fn splat(x: f32) -> Group {
                [x; LANES]
            }
            #[inline(always)]
            fn bytes(words: [u64; 2]) -> Group {
                std::array::from_fn(|i| f32::from((words[i / 8] >> (8 * (i % 8))) as u8))
            }
            #[inline(always)]
            fn add(a: Group, b: Group) -> Group {
                std::array::from_fn(|i| a[i] + b[i])
            }
            #[inline(always)]
            fn sub(a: Group, b: Group) -> Group {
                std::array::from_fn(|i| a[i] - b[i])
            }
            #[inline(always)]
            fn mul(a: Group, b: Group) -> Group {
                std::array::from_fn(|i| a[i] * b[i])
            }
            #[inline(always)]
            fn div(a: Group, b: Group) -> Group {
                std::array::from_fn(|i| a[i] / b[i])
            }
            #[inline(always)]
            fn sqrt(a: Group) -> Group {
                std::array::from_fn(|i| a[i].sqrt())
            }
            #[inline(always)]
            fn mul_add(a: Group, b: Group, c: Group) -> Group {
                std::array::from_fn(|i| Self::scalar_mul_add(a[i], b[i], c[i]))
            }
            #[inline(always)]
            fn relu(a: Group) -> Group {
                std::array::from_fn(|i| if 0.0 > a[i] { 0.0 } else { a[i] })
            }
            #[inline(always)]
            fn gate(value: Group, gate: Group) -> Group {
                std::array::from_fn(|i| if gate[i] > 0.0 { value[i] } else { 0.0 })
            }
            #[inline(always)]
            fn sums(v: &[Group; 8]) -> [f32; 8] {
                v.each_ref().map(tree)
            }
            #[inline(always)]
            fn sums_of_four(v: &[Group; 4]) -> [f32; 4] {
                v.each_ref().map(tree)
            }
            #[inline(always)]
            fn transpose(rows: &[Group; LANES]) -> [Group; LANES] {
                std::array::from_fn(|j| std::array::from_fn(|i| rows[i][j]))
            }
            #[inline(always)]
            fn scalar_mul_add($a: f32, $b: f32, $c: f32) -> f32 {
                $mul_add
            }
        }
    };
}

plain_lanes!(
    /// Level `scalar`: the specification of the bits.
    FusedLanes, |a, b, c| a.mul_add(b, c)
);
plain_lanes!(
    /// Level `scalar-nofma`: two roundings where the others have one.
    UnfusedLanes, |a, b, c| a * b + c
);

#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2Lanes, Avx512Lanes};

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
        fn run<L: Lanes>(self) -> Vec<u32> {
            let v: [L::V; 8] = std::array::from_fn(|i| L::load(&self.0[i]));
            let results = [
                L::add(v[0], v[1]),
                L::sub(v[0], v[1]),
                L::mul(v[0], v[1]),
                L::div(v[0], v[1]),
                L::sqrt(v[2]),
                L::mul_add(v[0], v[1], v[3]),
                L::relu(v[4]),
                L::gate(v[5], v[4]),
                L::splat(self.0[6][3]),
                L::bytes([self.0[6], self.0[7]].map(|x| f64::from(x[0]).to_bits())),
            ];
            let mut bits = Vec::new();
            for result in results {
                let mut out = [0.0; LANES];
                L::store(result, &mut out);
                bits.extend(out.map(f32::to_bits));
            }
            bits.extend(L::sums(&v).map(f32::to_bits));
            bits.extend(L::sums_of_four(&[v[0], v[1], v[2], v[3]]).map(f32::to_bits));
            bits.push(L::sum(v[7]).to_bits());
            bits.push(L::scalar_mul_add(self.0[0][0], self.0[1][0], self.0[3][0]).to_bits());
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
            let expected = Everything(&inputs).run::<FusedLanes>();
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
            fn run<L: Lanes>(self) -> [Group; LANES] {
                let rows = std::array::from_fn(|i| L::load(&self.0[i]));
                let mut out = [[0.0; LANES]; LANES];
                for (row, out) in L::transpose(&rows).into_iter().zip(&mut out) {
                    L::store(row, out);
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
        assert_eq!(FusedLanes::sum(lanes), expected);
    }

    #[test]
    fn relu_keeps_nan_and_gate_closes_on_it() {
        struct Nan;
        impl Kernel for Nan {
            type Output = (bool, f32);
            #[inline(always)]
            fn run<L: Lanes>(self) -> (bool, f32) {
                let mut out = [0.0; LANES];
                L::store(L::relu(L::splat(f32::NAN)), &mut out);
                let kept = out.iter().all(|x| x.is_nan());
                L::store(L::gate(L::splat(1.0), L::splat(f32::NAN)), &mut out);
                (kept, out.iter().sum())
            }
        }
        for isa in Isa::available() {
            assert_eq!(isa.run(Nan), (true, 0.0), "{}", isa.level());
        }
    }
}
