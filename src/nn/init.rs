//! Initial weights.

use crate::random::normal;
use rand_pcg::Pcg64;

/// `count` weights from N(0, 2 / mean_fan_in).
///
/// Equation: He et al. 2015 with the layer's realised mean fan-in (paper eq 9): one variance for
/// the whole layer, hubs and specialists alike.
///
/// **Panics** unless `mean_fan_in` is positive.
pub fn he_normal(rng: &mut Pcg64, mean_fan_in: f64, count: usize) -> Vec<f32> {
    assert!(mean_fan_in > 0.0, "a layer without connections has no variance to keep");
    normal(rng, (2.0 / mean_fan_in).sqrt(), count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    #[test]
    fn the_variance_is_two_over_the_mean_fan_in() {
        let weights = he_normal(&mut stream(1, Purpose::Init, 0), 78.4, 100_000);
        let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / 1e5;
        let variance = weights.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>() / 1e5;
        // Four standard errors of the mean and of the variance.
        let expected = 2.0 / 78.4;
        assert!(mean.abs() < 4.0 * (expected / 1e5f64).sqrt(), "{mean}");
        assert!((variance / expected - 1.0).abs() < 4.0 * (2.0 / 1e5f64).sqrt(), "{variance}");
    }
}
