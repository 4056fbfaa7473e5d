//! What the numbers of a feature are brought to, and the sums and quantiles that takes.

use crate::grammar::named;
use crate::topology::normal_quantile;

named! {
    /// What values are brought to.
    #[derive(Default)]
    pub enum Normalize as "normalisation" {
        /// As they are.
        None = "none",
        /// 0 to 1: images by 255, tables by each column's least and most.
        Unit = "unit",
        /// Mean 0, standard deviation 1: images over all values, tables column by column.
        #[default]
        Standard = "standard",
        /// Median 0, distance of the quartiles 1, which outliers do not move; where the quartiles
        /// are equal, standard deviation 1.
        Robust = "robust",
        /// Each column's values to the normal distribution, by their places among the training
        /// rows'; images as standard.
        Quantile = "quantile",
    }
}

/// Most quantiles of a feature that are kept.
const QUANTILES: usize = 256;

/// 1 / x; 1 where that is no finite number, as of what does not vary.
pub(super) fn inverse(x: f64) -> f64 {
    let inverse = 1.0 / x;
    if inverse.is_finite() && inverse > 0.0 { inverse } else { 1.0 }
}

/// How a feature's numbers enter the network: as (x − center)·factor, or, if there are quantiles,
/// as the normal score of x's place among them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ColumnScale {
    pub(super) center: f64,
    pub(super) factor: f64,
    pub(super) quantiles: Vec<f64>,
}

impl ColumnScale {
    /// As they are.
    pub(super) const NONE: ColumnScale =
        ColumnScale { center: 0.0, factor: 1.0, quantiles: Vec::new() };
}

impl Normalize {
    /// The scale of a feature with these training numbers.
    pub(super) fn fit(self, numbers: &[f64]) -> ColumnScale {
        let (center, factor) = self.fit_linear(numbers);
        let is_varied = || numbers.iter().any(|x| *x != numbers[0]);
        let quantiles = match self {
            Normalize::Quantile if is_varied() => {
                let sorted = sorted(numbers);
                let last = sorted.len().min(QUANTILES) - 1;
                (0..=last).map(|at| quantile(&sorted, at as f64 / last as f64)).collect()
            }
            _ => Vec::new(),
        };
        ColumnScale { center, factor, quantiles }
    }

    /// Center and factor for a feature with these training numbers.
    pub(super) fn fit_linear(self, numbers: &[f64]) -> (f64, f64) {
        match self {
            Normalize::None => (0.0, 1.0),
            Normalize::Unit => {
                let ends = numbers.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| {
                    (f64::min(low, x), f64::max(high, x))
                });
                match numbers.is_empty() {
                    true => (0.0, 1.0),
                    false => (ends.0, inverse(ends.1 - ends.0)),
                }
            }
            Normalize::Standard | Normalize::Quantile => fit_standard(numbers),
            Normalize::Robust => fit_robust(numbers),
        }
    }
}

fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The value below which this share of sorted numbers lies, between neighbours in proportion; 0 of
/// none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(a), Some(b)) => a + (b - a) * place.fract(),
        _ => 0.0,
    }
}

/// The median; 0 of no numbers.
pub(super) fn median(numbers: &[f64]) -> f64 {
    quantile(&sorted(numbers), 0.5)
}

/// Median and 1 / distance of the quartiles.
fn fit_robust(numbers: &[f64]) -> (f64, f64) {
    let sorted = sorted(numbers);
    let distance = quantile(&sorted, 0.75) - quantile(&sorted, 0.25);
    match distance > 0.0 {
        true => (quantile(&sorted, 0.5), inverse(distance)),
        false => (quantile(&sorted, 0.5), fit_standard(numbers).1),
    }
}

/// x of the standard normal that has as much below it as `x` has among training values with these
/// quantiles: between neighbours in proportion, of equal ones the middle, and no nearer to 0 or 1
/// than 1e-7, as scikit-learn's QuantileTransformer has it. (But there the least value is at the
/// end, even if it is that of most rows.)
pub(super) fn normal_score(quantiles: &[f64], x: f64) -> f64 {
    let last = quantiles.len() - 1;
    // The place of x from below and from above: they differ where several quantiles are x.
    let (first, end) = (
        quantiles.partition_point(|&quantile| quantile < x),
        quantiles.partition_point(|&quantile| quantile <= x),
    );
    let place = if first < end {
        (first + end - 1) as f64 / 2.0
    } else if first == 0 {
        0.0
    } else if first > last {
        last as f64
    } else {
        let (low, high) = (quantiles[first - 1], quantiles[first]);
        (first - 1) as f64 + (x - low) / (high - low)
    };
    normal_quantile((place / last as f64).clamp(1e-7, 1.0 - 1e-7))
}

/// A fold over numbers in eight lanes, a number to lane i mod 8, which do not wait for each other.
fn in_lanes(numbers: &[f64], start: f64, fold: impl Fn(f64, f64) -> f64) -> [f64; 8] {
    let mut lanes = [start; 8];
    let (groups, rest) = numbers.as_chunks();
    for group in groups {
        let group: &[f64; 8] = group;
        lanes.iter_mut().zip(group).for_each(|(lane, &x)| *lane = fold(*lane, x));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = fold(*lane, x));
    lanes
}

/// The mean of numbers; 0 of none.
pub(super) fn mean(numbers: &[f64]) -> f64 {
    let count = numbers.len().max(1) as f64;
    let sum: f64 = in_lanes(numbers, 0.0, |sum, x| sum + x).iter().sum();
    match sum.is_finite() {
        true => sum / count,
        false => in_lanes(numbers, 0.0, |sum, x| sum + x / count).iter().sum(),
    }
}

/// Mean and 1 / standard deviation.
///
/// The deviations are taken relative to the largest, so that their squares neither overflow nor
/// vanish; their own mean corrects the first.
fn fit_standard(numbers: &[f64]) -> (f64, f64) {
    let first = numbers.first().copied().unwrap_or(0.0);
    if numbers.iter().all(|&x| x == first) {
        return (first, 1.0);
    }
    let (count, mean) = (numbers.len() as f64, mean(numbers));
    let farthest = in_lanes(numbers, 0.0, |farthest, x| f64::max(farthest, (x - mean).abs()));
    let unit = inverse(farthest.into_iter().fold(0.0, f64::max));
    let sum: f64 = in_lanes(numbers, 0.0, |sum, x| sum + (x - mean) * unit).iter().sum();
    let rest = sum / count;
    let square = |sum: f64, x: f64| {
        let deviation = (x - mean) * unit - rest;
        sum + deviation * deviation
    };
    let variance = in_lanes(numbers, 0.0, square).iter().sum::<f64>() / count;
    (mean + rest / unit, unit * inverse(variance.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robust_scaling_is_by_quartiles() {
        // numpy.percentile: quartiles 2.75 and 6.25 about a median of 4; the outlier counts for
        // nothing.
        let numbers = [1.0, 2.0, 3.0, 4.0, 4.0, 6.0, 7.0, 1000.0];
        assert_eq!(Normalize::Robust.fit_linear(&numbers), (4.0, 1.0 / 3.5));
        // Equal quartiles leave the standard deviation.
        let (center, factor) = Normalize::Robust.fit_linear(&[0.0, 0.0, 0.0, 0.0, 0.0, 10.0]);
        assert_eq!(center, 0.0);
        assert!((1.0 / factor - (500.0f64 / 36.0).sqrt()).abs() < 1e-12, "{factor}");
    }

    #[test]
    fn quantiles_are_scikit_learns() {
        // QuantileTransformer(n_quantiles=256, output_distribution="normal", subsample=None) of
        // scikit-learn 1.9.1.
        let text = include_str!("../../tests/fixtures/quantiles.json");
        let cases: Vec<[Vec<f64>; 3]> = serde_json::from_str(text).unwrap();
        assert!(cases.len() >= 5);
        for [numbers, asked, expected] in cases {
            let ColumnScale { quantiles, .. } = Normalize::Quantile.fit(&numbers);
            for (&x, expected) in asked.iter().zip(expected) {
                let found = normal_score(&quantiles, x);
                assert!((found - expected).abs() < 1e-9, "{x}: {found}, not {expected}");
            }
        }
        assert_eq!(Normalize::Quantile.fit(&[3.0; 9]).quantiles, [0.0; 0]);
    }
}
