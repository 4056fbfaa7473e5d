//! exp, exp − 1 and ln as one polynomial each, the same on every level.
//!
//! The standard library's differ between platforms, and they cannot be vectorised. These are
//! element-wise `mul_add`s in a fixed order; LLVM vectorises loops over them at each level.

use crate::lanes::Lanes;

/// Adding 1.5·2^23 rounds to an integer, which then stands in the low bits.
const ROUND: f32 = 12_582_912.0;

/// k + [`ROUND`] and r of x = k·ln 2 + r with |r| ≤ ln 2 / 2, for x in −87..=88.
#[inline(always)]
fn reduce<L: Lanes>(lanes: L, x: f32) -> [f32; 2] {
    // ln 2 in two parts, the first with trailing zeros so that k·LN2_HIGH is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let shifted = lanes.scalar_mul_add(x, std::f32::consts::LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = lanes.scalar_mul_add(k, -LN2_LOW, lanes.scalar_mul_add(k, -LN2_HIGH, x));
    [shifted, r]
}

/// 2^k by its bits, of k + [`ROUND`].
#[inline(always)]
fn power_of_two(shifted: f32) -> f32 {
    let bits = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    f32::from_bits(bits.wrapping_add(127) << 23)
}

/// e^x, to 2 units in the last place for x in −87..=88; 0 below, +∞ above, NaN for NaN.
///
/// x = k·ln 2 + r with |r| ≤ ln 2 / 2; e^r by its Taylor polynomial of degree 7 (remainder below
/// 6e-9), 2^k by its bits.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(lanes: L, x: f32) -> f32 {
    let [shifted, r] = reduce(lanes, x.clamp(-87.0, 88.0));
    let mut p = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = lanes.scalar_mul_add(p, r, coefficient);
    }
    let y = p * power_of_two(shifted);
    let y = if x < -87.0 { 0.0 } else { y };
    let y = if x > 88.0 { f32::INFINITY } else { y };
    if x.is_nan() { x } else { y }
}

/// e^x − 1, to 3 units in the last place for x in −87..=0, also near 0, where e^x would lose it;
/// −1 below, NaN for NaN.
///
/// As [`exp`], in the form 2^k·(e^r − 1) + (2^k − 1): the polynomial goes without its 1.
#[inline(always)]
pub(crate) fn exp_m1<L: Lanes>(lanes: L, x: f32) -> f32 {
    let [shifted, r] = reduce(lanes, x.clamp(-87.0, 0.0));
    let mut p = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0] {
        p = lanes.scalar_mul_add(p, r, coefficient);
    }
    let power = power_of_two(shifted);
    let y = lanes.scalar_mul_add(power, p * r, power - 1.0);
    if x.is_nan() { x } else { y }
}

/// ln x, to 2 units in the last place (2e-7 absolute near 1) for finite normal x > 0; NaN for NaN.
///
/// x = 2^k·m with m in [√½, √2); with s = (m−1)/(m+1), ln m = 2·(s + s³/3 + s⁵/5 + …), whose terms
/// beyond s⁹ are below 3e-9.
#[inline(always)]
pub(crate) fn ln<L: Lanes>(lanes: L, x: f32) -> f32 {
    const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let k = (shifted as i32 >> 23) as f32;
    let m = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(SQRT_HALF_BITS));
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut p = 2.0 / 9.0;
    for coefficient in [2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0, 2.0] {
        p = lanes.scalar_mul_add(p, square, coefficient);
    }
    let y = lanes.scalar_mul_add(k, std::f32::consts::LN_2, p * s);
    if x.is_nan() { x } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{FusedLanes, UnfusedLanes};

    fn ulps(got: f32, expected: f64) -> f64 {
        (f64::from(got) - expected).abs() / (expected.abs() * 2f64.powi(-24)).max(1e-45)
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for i in -87_000..=88_000 {
            let x = (i as f32 * 1e-3).clamp(-87.0, 88.0);
            let expected = f64::from(x).exp();
            assert!(ulps(exp(FusedLanes, x), expected) <= 4.0, "exp({x})");
            assert!(ulps(exp(UnfusedLanes, x), expected) <= 6.0, "exp({x}), two roundings");
        }
        assert_eq!(exp(FusedLanes, 0.0), 1.0);
        assert_eq!(exp(FusedLanes, -1000.0), 0.0);
        assert_eq!(exp(FusedLanes, 1000.0), f32::INFINITY);
        assert!(exp(FusedLanes, f32::NAN).is_nan());
    }

    #[test]
    fn exp_m1_is_within_three_units_in_the_last_place_also_near_zero() {
        let near = (1..60).map(|i| -0.5f32.powi(i));
        for x in (0..=87_000).map(|i| i as f32 * -1e-3).chain(near) {
            let expected = f64::from(x).exp_m1();
            assert!(ulps(exp_m1(FusedLanes, x), expected) <= 6.0, "exp_m1({x})");
            assert!(ulps(exp_m1(UnfusedLanes, x), expected) <= 9.0, "exp_m1({x}), two roundings");
        }
        assert_eq!(exp_m1(FusedLanes, 0.0), 0.0);
        assert_eq!(exp_m1(FusedLanes, -1000.0), -1.0);
        assert!(exp_m1(FusedLanes, f32::NAN).is_nan());
    }

    #[test]
    fn ln_is_within_two_units_in_the_last_place() {
        let mut x = 1e-30f32;
        while x < 1e30 {
            let expected = f64::from(x).ln();
            let error = (f64::from(ln(FusedLanes, x)) - expected).abs();
            assert!(error <= 2.4e-7 * expected.abs().max(1.0), "ln({x}): {error}");
            x *= 1.0013;
        }
        assert_eq!(ln(FusedLanes, 1.0), 0.0);
        assert!(ln(FusedLanes, f32::NAN).is_nan() && ln(FusedLanes, -f32::NAN).is_nan());
    }
}
