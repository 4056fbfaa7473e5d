//! The standard normal distribution's inverse, for the lognormal profile's mid-ranks.
//!
//! A start that is good to three digits, and two of Halley's steps, each of which triples them, on
//! libm's `erf` and `erfc`. A crate for this one function would be two, and many functions.

use libm::{erf, erfc, exp, log, sqrt};
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2, TAU};

/// What 1/√2 is more than its nearest f64.
const FRAC_1_SQRT_2_REST: f64 = -4.833646656726457e-17;

/// x with Φ(x) = `p`, Φ the standard normal's cumulative distribution function.
///
/// Within 2 ulp of the exact value for `p` from 1e-300 to 1 − 2⁻⁵³, and exactly antisymmetric:
/// x(1 − p) = −x(p) wherever 1 − p is exact.
///
/// **Panics** unless 0 < `p` < 1.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    assert!(0.0 < p && p < 1.0, "a probability strictly between 0 and 1, not {p}");
    if p > 0.75 {
        // Exact: p is at least half of 1.
        -tail(1.0 - p)
    } else if p < 0.25 {
        tail(p)
    } else {
        center(p - 0.5)
    }
}

/// x with Φ(x) − ½ = `q`, |q| ≤ ¼: there ½·erf(x/√2) is exact to the last bits of a small x.
fn center(q: f64) -> f64 {
    // The series of the inverse in v = q·√(2π), to v⁷.
    let v = q * sqrt(TAU);
    let v2 = v * v;
    let start = v * (1.0 + v2 * (1.0 / 6.0 + v2 * (7.0 / 120.0 + v2 * (127.0 / 5040.0))));
    refined(start, |t| 0.5 * erf(t) - q)
}

/// x with Φ(x) = `p` < ¼: there ½·erfc(−x/√2) has all digits of a small p.
fn tail(p: f64) -> f64 {
    // Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.23: within 4.5e-4.
    let t = sqrt(-2.0 * log(p));
    let above = 2.515517 + t * (0.802853 + t * 0.010328);
    let below = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
    refined(above / below - t, |t| 0.5 * erfc(-t) - p)
}

/// Two of Halley's steps towards the x where `excess`, a function of x/√2, is Φ(x) − p = 0.
///
/// With u = (Φ(x) − p)/φ(x) and φ' = −x·φ a step is x ← x − u/(1 + x·u/2).
fn refined(mut x: f64, excess: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..2 {
        // x/√2 = t + rest: in the tail rounding t alone would cost the last bit of x.
        let t = x * FRAC_1_SQRT_2;
        let rest = x.mul_add(FRAC_1_SQRT_2, -t) + x * FRAC_1_SQRT_2_REST;
        let density = exp(-0.5 * x * x) / sqrt(TAU);
        let u = excess(t) / density + SQRT_2 * rest;
        x -= u / (1.0 + 0.5 * x * u);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By mpmath 1.4.1 with 60 digits, of the f64 nearest to what is written.
    const KNOWN: [(f64, f64); 14] = [
        (1e-300, -37.0470962993612),
        (1e-100, -21.273453560965326),
        (1e-20, -9.262340089798407),
        (1e-10, -6.361340902404057),
        (1e-5, -4.264890793922825),
        (0.001, -3.0902323061678136),
        (0.02425, -1.972961051311885),
        (0.1, -1.2815515655446004),
        (0.25, -0.6744897501960817),
        (0.3, -0.5244005127080408),
        (0.45, -0.12566134685507402),
        (0.499999999, -2.5066283428845328e-09),
        (0.9, 1.2815515655446006),
        (0.9999999999999999, 8.209536151601387),
    ];

    fn ulps(a: f64, b: f64) -> u64 {
        assert_eq!(a.signum(), b.signum());
        a.to_bits().abs_diff(b.to_bits())
    }

    #[test]
    fn quantiles_are_those_of_sixty_digits_within_2_ulp() {
        for (p, x) in KNOWN {
            assert!(ulps(normal_quantile(p), x) <= 2, "{p}: {} not {x}", normal_quantile(p));
        }
    }

    /// Up to the edges of what f64 can tell from 0 and 1.
    #[test]
    fn quantiles_are_antisymmetric_and_rise() {
        assert_eq!(normal_quantile(0.5), 0.0);
        let mut before = f64::INFINITY;
        for n in 1..=53 {
            let p = 0.5f64.powi(n);
            let x = normal_quantile(p);
            assert_eq!(normal_quantile(1.0 - p), -x, "2^-{n}");
            assert!(x < before);
            before = x;
        }
        for n in 1..1000 {
            let (p, next) = (f64::from(n) / 1024.0, f64::from(n + 1) / 1024.0);
            assert_eq!(normal_quantile(1.0 - p), -normal_quantile(p));
            assert!(normal_quantile(p) < normal_quantile(next));
        }
    }

    /// Φ(x) differs from p by no more than moving x by 3 ulp makes, and erfc's last two bits.
    #[test]
    fn the_distribution_function_undoes_the_quantile() {
        for n in 0..10_000 {
            let p = 10f64.powf(-300.0 * f64::from(n) / 10_000.0) * 0.4999;
            let x = normal_quantile(p);
            let density = exp(-0.5 * x * x) / sqrt(TAU);
            let error = (0.5 * erfc(-x * FRAC_1_SQRT_2) - p).abs();
            let bound = f64::EPSILON * (3.0 * x.abs() * density + 2.0 * p);
            assert!(error <= bound, "{p}: {error} of {bound}");
        }
    }

    #[test]
    fn only_probabilities_have_quantiles() {
        for p in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(std::panic::catch_unwind(|| normal_quantile(p)).is_err(), "{p}");
        }
    }
}
