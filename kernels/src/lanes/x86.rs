//! The lanes of x86-64: AVX2 and AVX-512 by their intrinsics.

use super::{Group, LANES, Lanes};
use std::arch::x86_64::*;

/// `$body` with the level's intrinsics callable.
macro_rules! level {
    ($body:expr) => {
        // SAFETY: needs the level's target features. Lanes are used only by kernels, which
        // run only through `Isa::run`, whose proof of the level `Isa::new` established.
        unsafe { $body }
    };
}

/// Level `avx2`: lanes 0–7 and 8–15.
pub(crate) struct Avx2Lanes;

impl Lanes for Avx2Lanes {
    type V = (__m256, __m256);
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn load(x: &Group) -> Self::V {
        // SAFETY: as `level!`; `x` holds 16 readable floats.
        unsafe { (_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(x.as_ptr().add(8))) }
    }
    #[inline(always)]
    fn store(v: Self::V, x: &mut Group) {
        // SAFETY: as `level!`; `x` holds 16 writable floats.
        unsafe {
            _mm256_storeu_ps(x.as_mut_ptr(), v.0);
            _mm256_storeu_ps(x.as_mut_ptr().add(8), v.1);
        }
    }
    #[inline(always)]
    fn splat(x: f32) -> Self::V {
        level!((_mm256_set1_ps(x), _mm256_set1_ps(x)))
    }
    #[inline(always)]
    fn bytes(words: [u64; 2]) -> Self::V {
        let half = |word: u64| {
            level!(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_set_epi64x(0, word as i64))))
        };
        (half(words[0]), half(words[1]))
    }
    #[inline(always)]
    fn add(a: Self::V, b: Self::V) -> Self::V {
        level!((_mm256_add_ps(a.0, b.0), _mm256_add_ps(a.1, b.1)))
    }
    #[inline(always)]
    fn sub(a: Self::V, b: Self::V) -> Self::V {
        level!((_mm256_sub_ps(a.0, b.0), _mm256_sub_ps(a.1, b.1)))
    }
    #[inline(always)]
    fn mul(a: Self::V, b: Self::V) -> Self::V {
        level!((_mm256_mul_ps(a.0, b.0), _mm256_mul_ps(a.1, b.1)))
    }
    #[inline(always)]
    fn div(a: Self::V, b: Self::V) -> Self::V {
        level!((_mm256_div_ps(a.0, b.0), _mm256_div_ps(a.1, b.1)))
    }
    #[inline(always)]
    fn sqrt(a: Self::V) -> Self::V {
        level!((_mm256_sqrt_ps(a.0), _mm256_sqrt_ps(a.1)))
    }
    #[inline(always)]
    fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        level!((_mm256_fmadd_ps(a.0, b.0, c.0), _mm256_fmadd_ps(a.1, b.1, c.1)))
    }
    #[inline(always)]
    fn relu(a: Self::V) -> Self::V {
        // The instruction returns its second operand where the first is not greater.
        level!({
            let zero = _mm256_setzero_ps();
            (_mm256_max_ps(zero, a.0), _mm256_max_ps(zero, a.1))
        })
    }
    #[inline(always)]
    fn gate(value: Self::V, gate: Self::V) -> Self::V {
        level!({
            let zero = _mm256_setzero_ps();
            let open0 = _mm256_cmp_ps::<_CMP_GT_OQ>(gate.0, zero);
            let open1 = _mm256_cmp_ps::<_CMP_GT_OQ>(gate.1, zero);
            (_mm256_and_ps(value.0, open0), _mm256_and_ps(value.1, open1))
        })
    }
    #[inline(always)]
    fn sums(v: &[Self::V; 8]) -> [f32; 8] {
        // Each step adds the halves of two vectors at once, so that the eight trees shrink
        // together: 8 + 4·3 + 2·3 + 3 instructions.
        let a = quarters(halves(v[0], v[4]), halves(v[1], v[5]));
        let b = quarters(halves(v[2], v[6]), halves(v[3], v[7]));
        level!({
            let low = _mm256_shuffle_ps::<0x88>(a, b);
            let high = _mm256_shuffle_ps::<0xDD>(a, b);
            let mut sums = [0.0; 8];
            _mm256_storeu_ps(sums.as_mut_ptr(), _mm256_add_ps(low, high));
            sums
        })
    }
    #[inline(always)]
    fn sums_of_four(v: &[Self::V; 4]) -> [f32; 4] {
        let a = quarters(halves(v[0], v[2]), halves(v[1], v[3]));
        level!({
            let (a, b) = (_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let low = _mm_shuffle_ps::<0x88>(a, b);
            let high = _mm_shuffle_ps::<0xDD>(a, b);
            let mut sums = [0.0; 4];
            _mm_storeu_ps(sums.as_mut_ptr(), _mm_add_ps(low, high));
            sums
        })
    }
    #[inline(always)]
    fn transpose(rows: &[Self::V; LANES]) -> [Self::V; LANES] {
        let block = |first: usize, high: bool| {
            let mut block = [rows[0].0; 8];
            for (row, part) in block.iter_mut().zip(&rows[first..]) {
                *row = if high { part.1 } else { part.0 };
            }
            transpose_8(block)
        };
        let [low, high] = [false, true].map(|high| (block(0, high), block(8, high)));
        let mut out = *rows;
        let (first, last) = out.split_at_mut(8);
        for (out, (left, right)) in [(first, low), (last, high)] {
            for (out, halves) in out.iter_mut().zip(left.into_iter().zip(right)) {
                *out = halves;
            }
        }
        out
    }
    #[inline(always)]
    fn scalar_mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

/// Both vectors' eight partial sums added to four, side by side.
#[inline(always)]
fn halves(a: (__m256, __m256), b: (__m256, __m256)) -> __m256 {
    level!({
        let (a, b) = (_mm256_add_ps(a.0, a.1), _mm256_add_ps(b.0, b.1));
        let low = _mm256_permute2f128_ps::<0x20>(a, b);
        let high = _mm256_permute2f128_ps::<0x31>(a, b);
        _mm256_add_ps(low, high)
    })
}

/// Four vectors' four partial sums added to two, in the order a, b within each half.
#[inline(always)]
fn quarters(a: __m256, b: __m256) -> __m256 {
    level!({
        let low = _mm256_shuffle_ps::<0x44>(a, b);
        let high = _mm256_shuffle_ps::<0xEE>(a, b);
        _mm256_add_ps(low, high)
    })
}

#[inline(always)]
fn transpose_8(r: [__m256; 8]) -> [__m256; 8] {
    let mut out = r;
    // Each four rows: half h of quads[k][c] holds their column 4h + c.
    let mut quads = [[r[0]; 4]; 2];
    for (quad, r) in quads.iter_mut().zip(r.as_chunks::<4>().0) {
        level!({
            let (a, b) = (_mm256_unpacklo_ps(r[0], r[1]), _mm256_unpackhi_ps(r[0], r[1]));
            let (c, d) = (_mm256_unpacklo_ps(r[2], r[3]), _mm256_unpackhi_ps(r[2], r[3]));
            quad[0] = _mm256_shuffle_ps::<0x44>(a, c);
            quad[1] = _mm256_shuffle_ps::<0xEE>(a, c);
            quad[2] = _mm256_shuffle_ps::<0x44>(b, d);
            quad[3] = _mm256_shuffle_ps::<0xEE>(b, d);
        });
    }
    for c in 0..4 {
        level!({
            out[c] = _mm256_permute2f128_ps::<0x20>(quads[0][c], quads[1][c]);
            out[4 + c] = _mm256_permute2f128_ps::<0x31>(quads[0][c], quads[1][c]);
        });
    }
    out
}

/// Level `avx512`: all 16 lanes in one register.
pub(crate) struct Avx512Lanes;

impl Lanes for Avx512Lanes {
    type V = __m512;
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn load(x: &Group) -> __m512 {
        // SAFETY: as `level!`; `x` holds 16 readable floats.
        unsafe { _mm512_loadu_ps(x.as_ptr()) }
    }
    #[inline(always)]
    fn store(v: __m512, x: &mut Group) {
        // SAFETY: as `level!`; `x` holds 16 writable floats.
        unsafe { _mm512_storeu_ps(x.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn splat(x: f32) -> __m512 {
        level!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn bytes(words: [u64; 2]) -> __m512 {
        level!({
            let bytes = _mm_set_epi64x(words[1] as i64, words[0] as i64);
            _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))
        })
    }
    #[inline(always)]
    fn add(a: __m512, b: __m512) -> __m512 {
        level!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(a: __m512, b: __m512) -> __m512 {
        level!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(a: __m512, b: __m512) -> __m512 {
        level!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(a: __m512, b: __m512) -> __m512 {
        level!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(a: __m512) -> __m512 {
        level!(_mm512_sqrt_ps(a))
    }
    #[inline(always)]
    fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        level!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn relu(a: __m512) -> __m512 {
        level!(_mm512_max_ps(_mm512_setzero_ps(), a))
    }
    #[inline(always)]
    fn gate(value: __m512, gate: __m512) -> __m512 {
        level!({
            let open = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_setzero_ps());
            _mm512_maskz_mov_ps(open, value)
        })
    }
    #[inline(always)]
    fn sums(v: &[__m512; 8]) -> [f32; 8] {
        // As on AVX2, over 128-bit quarters.
        let a = quarters_512(halves_512(v[0], v[2]), halves_512(v[4], v[6]));
        let b = quarters_512(halves_512(v[1], v[3]), halves_512(v[5], v[7]));
        level!({
            let low = _mm512_shuffle_ps::<0x44>(a, b);
            let high = _mm512_shuffle_ps::<0xEE>(a, b);
            let pairs = _mm512_add_ps(low, high);
            let low = _mm512_shuffle_ps::<0x88>(pairs, pairs);
            let high = _mm512_shuffle_ps::<0xDD>(pairs, pairs);
            // Quarter j now holds sums 2j and 2j+1, twice.
            let order = _mm512_setr_epi32(0, 1, 4, 5, 8, 9, 12, 13, 0, 0, 0, 0, 0, 0, 0, 0);
            let sums = _mm512_permutexvar_ps(order, _mm512_add_ps(low, high));
            let mut out = [0.0; 8];
            _mm256_storeu_ps(out.as_mut_ptr(), _mm512_castps512_ps256(sums));
            out
        })
    }
    #[inline(always)]
    fn sums_of_four(v: &[__m512; 4]) -> [f32; 4] {
        let sums = quarters_512(halves_512(v[0], v[2]), halves_512(v[1], v[3]));
        level!({
            // Quarters hold the four partial sums of v[0], v[2], v[1] and v[3].
            let (a, b) = (_mm512_castps512_ps256(sums), _mm512_extractf32x8_ps::<1>(sums));
            let pairs = quarters(a, b);
            let (a, b) = (_mm256_castps256_ps128(pairs), _mm256_extractf128_ps::<1>(pairs));
            let low = _mm_shuffle_ps::<0x88>(a, b);
            let high = _mm_shuffle_ps::<0xDD>(a, b);
            let mut sums = [0.0; 4];
            _mm_storeu_ps(sums.as_mut_ptr(), _mm_add_ps(low, high));
            sums
        })
    }
    #[inline(always)]
    fn transpose(rows: &[__m512; LANES]) -> [__m512; LANES] {
        let mut out = *rows;
        // Each four rows: quarter q of quads[k][c] holds their column 4q + c.
        let mut quads = [[rows[0]; 4]; 4];
        for (quad, r) in quads.iter_mut().zip(rows.as_chunks::<4>().0) {
            level!({
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
            level!({
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
    fn scalar_mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

/// Both vectors' sixteen partial sums added to eight, side by side.
#[inline(always)]
fn halves_512(a: __m512, b: __m512) -> __m512 {
    level!({
        let low = _mm512_shuffle_f32x4::<0x44>(a, b);
        let high = _mm512_shuffle_f32x4::<0xEE>(a, b);
        _mm512_add_ps(low, high)
    })
}

/// Four vectors' eight partial sums added to four, side by side.
#[inline(always)]
fn quarters_512(a: __m512, b: __m512) -> __m512 {
    level!({
        let low = _mm512_shuffle_f32x4::<0x88>(a, b);
        let high = _mm512_shuffle_f32x4::<0xDD>(a, b);
        _mm512_add_ps(low, high)
    })
}
