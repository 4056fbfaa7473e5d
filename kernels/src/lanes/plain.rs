//! The lanes of levels `scalar` and `scalar-nofma`: arrays and loops, which are the specification.
//!
//! They need no feature of the CPU to be sound, so anyone may make their tokens.

use super::{Group, LANES, Lanes, tree};

/// Plain Rust on arrays; the levels differ only in `scalar_mul_add`.
macro_rules! plain_lanes {
    ($(#[$doc:meta])* $name:ident, |$a:ident, $b:ident, $c:ident| $mul_add:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name;

        impl Lanes for $name {
            type V = Group;
            type Half = Group;
            const IS_WIDE: bool = false;

            #[inline(always)]
            unsafe fn proven() -> Self {
                $name
            }

            #[inline(always)]
            fn load(self, x: &Group) -> Group {
                *x
            }
            #[inline(always)]
            fn store(self, v: Group, x: &mut Group) {
                *x = v;
            }
            #[inline(always)]
            fn splat(self, x: f32) -> Group {
                [x; LANES]
            }
            #[inline(always)]
            fn bytes(self, words: [u64; 2]) -> Group {
                std::array::from_fn(|i| f32::from((words[i / 8] >> (8 * (i % 8))) as u8))
            }
            #[inline(always)]
            fn add(self, a: Group, b: Group) -> Group {
                std::array::from_fn(|i| a[i] + b[i])
            }
            #[inline(always)]
            fn sub(self, a: Group, b: Group) -> Group {
                std::array::from_fn(|i| a[i] - b[i])
            }
            #[inline(always)]
            fn mul(self, a: Group, b: Group) -> Group {
                std::array::from_fn(|i| a[i] * b[i])
            }
            #[inline(always)]
            fn div(self, a: Group, b: Group) -> Group {
                std::array::from_fn(|i| a[i] / b[i])
            }
            #[inline(always)]
            fn sqrt(self, a: Group) -> Group {
                std::array::from_fn(|i| a[i].sqrt())
            }
            #[inline(always)]
            fn mul_add(self, a: Group, b: Group, c: Group) -> Group {
                std::array::from_fn(|i| self.scalar_mul_add(a[i], b[i], c[i]))
            }
            #[inline(always)]
            fn relu(self, a: Group) -> Group {
                std::array::from_fn(|i| if 0.0 > a[i] { 0.0 } else { a[i] })
            }
            #[inline(always)]
            fn gate(self, value: Group, gate: Group) -> Group {
                std::array::from_fn(|i| if gate[i] > 0.0 { value[i] } else { 0.0 })
            }
            #[inline(always)]
            fn half_sums(self, a: Group, b: Group) -> Group {
                let half = |v: Group, i: usize| v[i] + v[i + 8];
                std::array::from_fn(|i| if i < 8 { half(a, i) } else { half(b, i - 8) })
            }
            #[inline(always)]
            fn sums_of_halves(self, v: &[Group; 4]) -> [f32; 8] {
                std::array::from_fn(|i| {
                    let half = &v[i % 4].as_chunks::<8>().0[i / 4];
                    let b: [f32; 4] = std::array::from_fn(|j| half[j] + half[j + 4]);
                    (b[0] + b[2]) + (b[1] + b[3])
                })
            }
            #[inline(always)]
            fn quarter_sums(self, v: &[Group; 4]) -> Group {
                let half = |v: &Group, i: usize| v[i] + v[i + 8];
                std::array::from_fn(|i| half(&v[i / 4], i % 4) + half(&v[i / 4], i % 4 + 4))
            }
            #[inline(always)]
            fn sums_of_quarters(self, v: &[Group; 4]) -> Group {
                std::array::from_fn(|lane| {
                    let b = &v[lane / 4].as_chunks::<4>().0[lane % 4];
                    (b[0] + b[2]) + (b[1] + b[3])
                })
            }
            #[inline(always)]
            fn sums_of_four(self, v: &[Group; 4]) -> [f32; 4] {
                v.each_ref().map(tree)
            }
            #[inline(always)]
            fn transpose(self, rows: &[Group; LANES]) -> [Group; LANES] {
                std::array::from_fn(|j| std::array::from_fn(|i| rows[i][j]))
            }
            #[inline(always)]
            fn scalar_mul_add(self, $a: f32, $b: f32, $c: f32) -> f32 {
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
