//! The lanes of level `avx2`, by its intrinsics.

use super::{Group, LANES, Lanes};
use std::arch::x86_64::*;

/// Level `avx2`: lanes 0–7 and 8–15.
#[derive(Clone, Copy)]
pub(crate) struct Avx2Lanes(());

impl Lanes for Avx2Lanes {
    type V = (__m256, __m256);
    type Half = __m256;
    const IS_WIDE: bool = false;

    #[inline(always)]
    unsafe fn proven() -> Self {
        Avx2Lanes(())
    }

    #[inline(always)]
    fn load(self, x: &Group) -> Self::V {
        // SAFETY: as `proven!`; `x` holds 16 readable floats.
        unsafe { (_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(x.as_ptr().add(8))) }
    }
    #[inline(always)]
    fn store(self, v: Self::V, x: &mut Group) {
        // SAFETY: as `proven!`; `x` holds 16 writable floats.
        unsafe {
            _mm256_storeu_ps(x.as_mut_ptr(), v.0);
            _mm256_storeu_ps(x.as_mut_ptr().add(8), v.1);
        }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        proven!((_mm256_set1_ps(x), _mm256_set1_ps(x)))
    }
    #[inline(always)]
    fn bytes(self, words: [u64; 2]) -> Self::V {
        let half = |word: u64| {
            proven!(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_set_epi64x(0, word as i64))))
        };
        (half(words[0]), half(words[1]))
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        proven!((_mm256_add_ps(a.0, b.0), _mm256_add_ps(a.1, b.1)))
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        proven!((_mm256_sub_ps(a.0, b.0), _mm256_sub_ps(a.1, b.1)))
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        proven!((_mm256_mul_ps(a.0, b.0), _mm256_mul_ps(a.1, b.1)))
    }
    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        proven!((_mm256_div_ps(a.0, b.0), _mm256_div_ps(a.1, b.1)))
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        proven!((_mm256_sqrt_ps(a.0), _mm256_sqrt_ps(a.1)))
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        proven!((_mm256_fmadd_ps(a.0, b.0, c.0), _mm256_fmadd_ps(a.1, b.1, c.1)))
    }
    #[inline(always)]
    fn relu(self, a: Self::V) -> Self::V {
        // The instruction returns its second operand where the first is not greater.
        proven!({
            let zero = _mm256_setzero_ps();
            (_mm256_max_ps(zero, a.0), _mm256_max_ps(zero, a.1))
        })
    }
    #[inline(always)]
    fn gate(self, value: Self::V, gate: Self::V) -> Self::V {
        proven!({
            let zero = _mm256_setzero_ps();
            let open0 = _mm256_cmp_ps::<_CMP_GT_OQ>(gate.0, zero);
            let open1 = _mm256_cmp_ps::<_CMP_GT_OQ>(gate.1, zero);
            (_mm256_and_ps(value.0, open0), _mm256_and_ps(value.1, open1))
        })
    }
    #[inline(always)]
    fn half_sums(self, a: Self::V, b: Self::V) -> __m256 {
        // A barrier: else LLVM computes eight dot products side by side and spills a register for
        // every second one (SDDMM at 80 %: 55 % of the peak instead of 66).
        std::hint::black_box(self.halves(a, b))
    }
    #[inline(always)]
    fn sums_of_halves(self, v: &[__m256; 4]) -> [f32; 8] {
        let [a, b] = [self.quarters(v[0], v[1]), self.quarters(v[2], v[3])];
        self.last_pairs(a, b)
    }
    #[inline(always)]
    fn quarter_sums(self, v: &[Self::V; 4]) -> Self::V {
        (self.halves(v[0], v[1]), self.halves(v[2], v[3]))
    }
    #[inline(always)]
    fn sums_of_quarters(self, v: &[Self::V; 4]) -> Self::V {
        // Sums k of quarters 0 and 1, and of 2 and 3.
        let pairs = |a, b, c, d| self.last_pairs(self.quarters(a, b), self.quarters(c, d));
        let [a, b] = [pairs(v[0].0, v[1].0, v[2].0, v[3].0), pairs(v[0].1, v[1].1, v[2].1, v[3].1)];
        let lane = |k: usize, i: usize| if i < 2 { a[4 * i + k] } else { b[4 * i - 8 + k] };
        let mut all = [0.0; LANES];
        for k in 0..4 {
            for i in 0..4 {
                all[4 * k + i] = lane(k, i);
            }
        }
        self.load(&all)
    }
    #[inline(always)]
    fn sums_of_four(self, v: &[Self::V; 4]) -> [f32; 4] {
        let a = self.quarters(self.halves(v[0], v[2]), self.halves(v[1], v[3]));
        proven!({
            let (a, b) = (_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let low = _mm_shuffle_ps::<0x88>(a, b);
            let high = _mm_shuffle_ps::<0xDD>(a, b);
            let mut sums = [0.0; 4];
            _mm_storeu_ps(sums.as_mut_ptr(), _mm_add_ps(low, high));
            sums
        })
    }
    #[inline(always)]
    fn transpose(self, rows: &[Self::V; LANES]) -> [Self::V; LANES] {
        let (mut low, mut high) = ([rows[0].0; LANES], [rows[0].1; LANES]);
        for ((low, high), row) in low.iter_mut().zip(&mut high).zip(rows) {
            (*low, *high) = *row;
        }
        let mut out = *rows;
        let (first, last) = out.split_at_mut(8);
        // Not by closures: what is not inlined is compiled without the level's instructions.
        for (out, halves) in [(first, low), (last, high)] {
            let [left, right] = halves.as_chunks::<8>().0 else { unreachable!("16 = 2 × 8") };
            let (left, right) = (self.transpose_8(*left), self.transpose_8(*right));
            for (out, halves) in out.iter_mut().zip(left.into_iter().zip(right)) {
                *out = halves;
            }
        }
        out
    }
    #[inline(always)]
    fn scalar_mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl Avx2Lanes {
    /// Both vectors' eight partial sums added to four, side by side.
    #[inline(always)]
    fn halves(self, a: (__m256, __m256), b: (__m256, __m256)) -> __m256 {
        proven!({
            let (a, b) = (_mm256_add_ps(a.0, a.1), _mm256_add_ps(b.0, b.1));
            let low = _mm256_permute2f128_ps::<0x20>(a, b);
            let high = _mm256_permute2f128_ps::<0x31>(a, b);
            _mm256_add_ps(low, high)
        })
    }

    /// Four vectors' four partial sums added to two, in the order a, b within each half.
    #[inline(always)]
    pub(super) fn quarters(self, a: __m256, b: __m256) -> __m256 {
        proven!({
            let low = _mm256_shuffle_ps::<0x44>(a, b);
            let high = _mm256_shuffle_ps::<0xEE>(a, b);
            _mm256_add_ps(low, high)
        })
    }

    /// The tree's last step: of each half of `a` its two sums, then those of `b`.
    #[inline(always)]
    fn last_pairs(self, a: __m256, b: __m256) -> [f32; 8] {
        proven!({
            let low = _mm256_shuffle_ps::<0x88>(a, b);
            let high = _mm256_shuffle_ps::<0xDD>(a, b);
            let mut sums = [0.0; 8];
            _mm256_storeu_ps(sums.as_mut_ptr(), _mm256_add_ps(low, high));
            sums
        })
    }

    #[inline(always)]
    fn transpose_8(self, r: [__m256; 8]) -> [__m256; 8] {
        let mut out = r;
        // Each four rows: half h of quads[k][c] holds their column 4h + c.
        let mut quads = [[r[0]; 4]; 2];
        for (quad, r) in quads.iter_mut().zip(r.as_chunks::<4>().0) {
            proven!({
                let (a, b) = (_mm256_unpacklo_ps(r[0], r[1]), _mm256_unpackhi_ps(r[0], r[1]));
                let (c, d) = (_mm256_unpacklo_ps(r[2], r[3]), _mm256_unpackhi_ps(r[2], r[3]));
                quad[0] = _mm256_shuffle_ps::<0x44>(a, c);
                quad[1] = _mm256_shuffle_ps::<0xEE>(a, c);
                quad[2] = _mm256_shuffle_ps::<0x44>(b, d);
                quad[3] = _mm256_shuffle_ps::<0xEE>(b, d);
            });
        }
        for c in 0..4 {
            proven!({
                out[c] = _mm256_permute2f128_ps::<0x20>(quads[0][c], quads[1][c]);
                out[4 + c] = _mm256_permute2f128_ps::<0x31>(quads[0][c], quads[1][c]);
            });
        }
        out
    }
}
