//! The lanes of level `avx512`, by its intrinsics.

use super::avx2::Avx2Lanes;
use super::{Group, LANES, Lanes};
use std::arch::x86_64::*;

/// Level `avx512`: all 16 lanes in one register.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Lanes(());

impl Lanes for Avx512Lanes {
    type V = __m512;
    type Half = __m512;
    const IS_WIDE: bool = true;

    #[inline(always)]
    unsafe fn proven() -> Self {
        Avx512Lanes(())
    }

    #[inline(always)]
    fn load(self, x: &Group) -> __m512 {
        // SAFETY: as `proven!`; `x` holds 16 readable floats.
        unsafe { _mm512_loadu_ps(x.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, v: __m512, x: &mut Group) {
        // SAFETY: as `proven!`; `x` holds 16 writable floats.
        unsafe { _mm512_storeu_ps(x.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        proven!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn bytes(self, words: [u64; 2]) -> __m512 {
        proven!({
            let bytes = _mm_set_epi64x(words[1] as i64, words[0] as i64);
            _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))
        })
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        proven!(_mm512_sqrt_ps(a))
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        proven!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn relu(self, a: __m512) -> __m512 {
        proven!(_mm512_max_ps(_mm512_setzero_ps(), a))
    }
    #[inline(always)]
    fn gate(self, value: __m512, gate: __m512) -> __m512 {
        proven!({
            let open = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_setzero_ps());
            _mm512_maskz_mov_ps(open, value)
        })
    }
    #[inline(always)]
    fn half_sums(self, a: __m512, b: __m512) -> __m512 {
        self.halves(a, b)
    }
    #[inline(always)]
    fn sums_of_halves(self, v: &[__m512; 4]) -> [f32; 8] {
        let [a, b] = [self.quarters(v[0], v[1]), self.quarters(v[2], v[3])];
        proven!({
            let low = _mm512_shuffle_ps::<0x44>(a, b);
            let high = _mm512_shuffle_ps::<0xEE>(a, b);
            let pairs = _mm512_add_ps(low, high);
            let low = _mm512_shuffle_ps::<0x88>(pairs, pairs);
            let high = _mm512_shuffle_ps::<0xDD>(pairs, pairs);
            // The quarters now hold sums 0 and 2, 4 and 6, 1 and 3, 5 and 7, twice.
            let order = _mm512_setr_epi32(0, 8, 1, 9, 4, 12, 5, 13, 0, 0, 0, 0, 0, 0, 0, 0);
            let sums = _mm512_permutexvar_ps(order, _mm512_add_ps(low, high));
            let mut out = [0.0; 8];
            _mm256_storeu_ps(out.as_mut_ptr(), _mm512_castps512_ps256(sums));
            out
        })
    }
    #[inline(always)]
    fn quarter_sums(self, v: &[__m512; 4]) -> __m512 {
        self.quarters(self.halves(v[0], v[1]), self.halves(v[2], v[3]))
    }
    #[inline(always)]
    fn sums_of_quarters(self, v: &[__m512; 4]) -> __m512 {
        proven!({
            let (low, high) =
                (_mm512_shuffle_ps::<0x44>(v[0], v[1]), _mm512_shuffle_ps::<0xEE>(v[0], v[1]));
            let a = _mm512_add_ps(low, high);
            let (low, high) =
                (_mm512_shuffle_ps::<0x44>(v[2], v[3]), _mm512_shuffle_ps::<0xEE>(v[2], v[3]));
            let b = _mm512_add_ps(low, high);
            let low = _mm512_shuffle_ps::<0x88>(a, b);
            let high = _mm512_shuffle_ps::<0xDD>(a, b);
            // Lane 4i + k is the sum of quarter i of v[k].
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            _mm512_permutexvar_ps(order, _mm512_add_ps(low, high))
        })
    }
    #[inline(always)]
    fn sums_of_four(self, v: &[__m512; 4]) -> [f32; 4] {
        let sums = self.quarters(self.halves(v[0], v[2]), self.halves(v[1], v[3]));
        proven!({
            // Quarters hold the four partial sums of v[0], v[2], v[1] and v[3].
            let (a, b) = (_mm512_castps512_ps256(sums), _mm512_extractf32x8_ps::<1>(sums));
            let pairs = self.narrow().quarters(a, b);
            let (a, b) = (_mm256_castps256_ps128(pairs), _mm256_extractf128_ps::<1>(pairs));
            let low = _mm_shuffle_ps::<0x88>(a, b);
            let high = _mm_shuffle_ps::<0xDD>(a, b);
            let mut sums = [0.0; 4];
            _mm_storeu_ps(sums.as_mut_ptr(), _mm_add_ps(low, high));
            sums
        })
    }
    #[inline(always)]
    fn transpose(self, rows: &[__m512; LANES]) -> [__m512; LANES] {
        let mut out = *rows;
        // Each four rows: quarter q of quads[k][c] holds their column 4q + c.
        let mut quads = [[rows[0]; 4]; 4];
        for (quad, r) in quads.iter_mut().zip(rows.as_chunks::<4>().0) {
            proven!({
                let (a, b) = (_mm512_unpacklo_ps(r[0], r[1]), _mm512_unpackhi_ps(r[0], r[1]));
                let (c, d) = (_mm512_unpacklo_ps(r[2], r[3]), _mm512_unpackhi_ps(r[2], r[3]));
                let pairs = [a, c, b, d].map(|x| _mm512_castps_pd(x));
                quad[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(pairs[0], pairs[1]));
                quad[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(pairs[0], pairs[1]));
                quad[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(pairs[2], pairs[3]));
                quad[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(pairs[2], pairs[3]));
            });
        }
        for c in 0..4 {
            proven!({
                let even_low = _mm512_shuffle_f32x4::<0x88>(quads[0][c], quads[1][c]);
                let odd_low = _mm512_shuffle_f32x4::<0xDD>(quads[0][c], quads[1][c]);
                let even_high = _mm512_shuffle_f32x4::<0x88>(quads[2][c], quads[3][c]);
                let odd_high = _mm512_shuffle_f32x4::<0xDD>(quads[2][c], quads[3][c]);
                out[c] = _mm512_shuffle_f32x4::<0x88>(even_low, even_high);
                out[4 + c] = _mm512_shuffle_f32x4::<0x88>(odd_low, odd_high);
                out[8 + c] = _mm512_shuffle_f32x4::<0xDD>(even_low, even_high);
                out[12 + c] = _mm512_shuffle_f32x4::<0xDD>(odd_low, odd_high);
            });
        }
        out
    }
    #[inline(always)]
    fn scalar_mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl Avx512Lanes {
    /// The token of AVX2, which this level includes.
    #[inline(always)]
    fn narrow(self) -> Avx2Lanes {
        // SAFETY: the features of this level in `isa.rs` contain those of `avx2`.
        unsafe { Avx2Lanes::proven() }
    }

    /// Both vectors' sixteen partial sums added to eight, side by side.
    #[inline(always)]
    fn halves(self, a: __m512, b: __m512) -> __m512 {
        proven!({
            let low = _mm512_shuffle_f32x4::<0x44>(a, b);
            let high = _mm512_shuffle_f32x4::<0xEE>(a, b);
            _mm512_add_ps(low, high)
        })
    }

    /// Four vectors' eight partial sums added to four, side by side.
    #[inline(always)]
    fn quarters(self, a: __m512, b: __m512) -> __m512 {
        proven!({
            let low = _mm512_shuffle_f32x4::<0x88>(a, b);
            let high = _mm512_shuffle_f32x4::<0xDD>(a, b);
            _mm512_add_ps(low, high)
        })
    }
}
