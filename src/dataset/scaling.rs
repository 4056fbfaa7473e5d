//! How raw values become the network's input: fitted on training samples only, and kept in the
//! model.

use super::values::Values;
use crate::grammar::named;
use serde::{Deserialize, Serialize};

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
    }
}

/// A normalisation with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Scaling {
    /// One for all values: x enters the network as `x·scale + shift`, in single precision.
    Uniform {
        /// Factor.
        scale: f32,
        /// Addend.
        shift: f32,
    },
    /// Each feature its own, as `x·scale + shift` in single precision: what models of tables had
    /// before.
    PerFeature {
        /// Factors, `[features]`.
        scale: Vec<f32>,
        /// Addends, `[features]`.
        shift: Vec<f32>,
    },
    /// Each feature its own: x enters as `(x − center)·factor`, in double precision and then
    /// rounded, so that large values keep their differences.
    Columns {
        /// What becomes 0, `[features]`.
        center: Vec<f64>,
        /// Factors, `[features]`.
        factor: Vec<f64>,
    },
}

impl Default for Scaling {
    fn default() -> Self {
        Scaling::Uniform { scale: 1.0, shift: 0.0 }
    }
}

impl Scaling {
    /// The scaling that brings training values where `normalize` says.
    ///
    /// What does not vary is only centred.
    ///
    /// **Shapes**: `train` `[samples, features]`.
    pub fn fit(train: &Values, features: usize, normalize: Normalize) -> Scaling {
        match train {
            Values::Bytes(values) => Scaling::fit_bytes(values, normalize),
            Values::Floats(values) | Values::Inputs(values) => {
                let rows: Vec<u32> = (0..(values.len() / features) as u32).collect();
                let number = |row: usize, feature: usize| values[row * features + feature].into();
                Scaling::fit_array(features, &[], normalize, &rows, number)
            }
        }
    }

    /// One scaling for all bytes.
    pub(super) fn fit_bytes<'a>(
        values: impl IntoIterator<Item = &'a u8>,
        normalize: Normalize,
    ) -> Scaling {
        let [scale, shift] = match normalize {
            Normalize::None => [1.0, 0.0],
            Normalize::Unit => [1.0 / 255.0, 0.0],
            // Most values of images are one: their quartiles say nothing.
            Normalize::Standard | Normalize::Robust => {
                // As fractions of 255.
                let mut histogram = [0u64; 256];
                values.into_iter().for_each(|&value| histogram[value as usize] += 1);
                let count = histogram.iter().sum::<u64>().max(1) as f64;
                let mean_of = |f: &dyn Fn(f64) -> f64| {
                    let terms =
                        (0..).zip(histogram).map(|(v, n)| n as f64 * f(f64::from(v) / 255.0));
                    terms.sum::<f64>() / count
                };
                let mean = mean_of(&|x| x);
                let deviation = mean_of(&|x| (x - mean).powi(2)).sqrt();
                let deviation = if deviation > 0.0 { deviation } else { 1.0 };
                [1.0 / (255.0 * deviation), -mean / deviation]
            }
        };
        Scaling::Uniform { scale: scale as f32, shift: shift as f32 }
    }

    /// A scaling for each feature of an array, from `number(row, feature)` of these rows; of
    /// features that are not to be scaled none. All are, if `is_scaled` is empty.
    pub(super) fn fit_array(
        features: usize,
        is_scaled: &[bool],
        normalize: Normalize,
        rows: &[u32],
        number: impl Fn(usize, usize) -> f64,
    ) -> Scaling {
        /// Numbers in memory at a time, at least one feature's.
        const AT_ONCE: usize = 4 << 20;
        let group = (AT_ONCE / rows.len().max(1)).clamp(1, 16);
        let (mut center, mut factor) = (Vec::new(), Vec::new());
        let mut numbers: Vec<Vec<f64>> = vec![Vec::with_capacity(rows.len()); group.min(features)];
        for first in (0..features).step_by(group) {
            let numbers = &mut numbers[..group.min(features - first)];
            numbers.iter_mut().for_each(Vec::clear);
            // Neighbours lie side by side in memory.
            for &row in rows {
                for (feature, numbers) in (first..).zip(numbers.iter_mut()) {
                    numbers.push(number(row as usize, feature));
                }
            }
            for (feature, numbers) in (first..).zip(numbers) {
                let fitted = match is_scaled.get(feature) {
                    Some(false) => (0.0, 1.0),
                    _ => normalize.fit(numbers),
                };
                center.push(fitted.0);
                factor.push(fitted.1);
            }
        }
        Scaling::Columns { center, factor }
    }

    /// Appends a row of raw values as it enters the network.
    ///
    /// **Panics** if the scaling is of another number of features.
    pub fn apply(&self, row: &[f64], inputs: &mut Vec<f32>) {
        let features = self.features().unwrap_or(row.len());
        assert_eq!(row.len(), features, "one value per feature");
        match self {
            Scaling::Uniform { scale, shift } => {
                inputs.extend(row.iter().map(|&x| (x as f32).mul_add(*scale, *shift)));
            }
            Scaling::PerFeature { scale, shift } => {
                let numbers = row.iter().zip(scale).zip(shift);
                inputs
                    .extend(numbers.map(|((&x, &scale), &shift)| (x as f32).mul_add(scale, shift)));
            }
            Scaling::Columns { center, factor } => {
                let numbers = row.iter().zip(center).zip(factor);
                inputs.extend(numbers.map(|((x, center), factor)| ((x - center) * factor) as f32));
            }
        }
    }

    /// The first feature of a row that is too far from the training data's to be computed with, if
    /// there is one.
    ///
    /// **Panics** if the scaling is of another number of features.
    pub fn too_far(&self, row: &[f64]) -> Option<usize> {
        let mut inputs = Vec::with_capacity(row.len());
        self.apply(row, &mut inputs);
        inputs.into_iter().position(is_far)
    }

    /// The number of features, if each has its own.
    pub fn features(&self) -> Option<usize> {
        match self {
            Scaling::Uniform { .. } => None,
            Scaling::PerFeature { scale, .. } => Some(scale.len()),
            Scaling::Columns { center, .. } => Some(center.len()),
        }
    }
}

/// Whether an input is too far out for a network to compute with: the squares of LayerNorm would
/// overflow.
pub(super) fn is_far(input: f32) -> bool {
    input.is_nan() || input.abs() > 1e15
}

/// 1 / x; 1 where that is no finite number, as of what does not vary.
fn inverse(x: f64) -> f64 {
    let inverse = 1.0 / x;
    if inverse.is_finite() && inverse > 0.0 { inverse } else { 1.0 }
}

impl Normalize {
    /// Center and factor for a feature with these training numbers.
    pub(super) fn fit(self, numbers: &[f64]) -> (f64, f64) {
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
            Normalize::Standard => fit_standard(numbers),
            Normalize::Robust => fit_robust(numbers),
        }
    }
}

/// Median and 1 / distance of the quartiles, between neighbours in proportion.
fn fit_robust(numbers: &[f64]) -> (f64, f64) {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| {
        let place = share * sorted.len().saturating_sub(1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        match (sorted.get(low), sorted.get(high)) {
            (Some(a), Some(b)) => a + (b - a) * place.fract(),
            _ => 0.0,
        }
    };
    let (median, distance) = (quantile(0.5), quantile(0.75) - quantile(0.25));
    match distance > 0.0 {
        true => (median, inverse(distance)),
        false => (median, fit_standard(numbers).1),
    }
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

    fn fit_bytes(values: &[u8]) -> Scaling {
        Scaling::fit(&Values::Bytes(values.to_vec()), 1, Normalize::Standard)
    }

    /// One row as it enters the network.
    fn apply(scaling: &Scaling, row: &[f64]) -> Vec<f64> {
        let mut inputs = Vec::new();
        scaling.apply(row, &mut inputs);
        inputs.into_iter().map(f64::from).collect()
    }

    #[test]
    fn standard_scaling_gives_mean_zero_and_deviation_one() {
        let scaling = fit_bytes(&[10, 20, 30, 200]);
        let x = apply(&scaling, &[10.0, 20.0, 30.0, 200.0]);
        let mean = x.iter().sum::<f64>() / 4.0;
        let variance = x.iter().map(|x| x * x).sum::<f64>() / 4.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean}, {variance}");
    }

    #[test]
    fn constant_data_is_only_centred() {
        let scaling = fit_bytes(&[51, 51]);
        assert!(apply(&scaling, &[51.0])[0].abs() < 1e-6);
    }

    #[test]
    fn tables_are_scaled_column_by_column() {
        // Columns 1, 3, 5 and 7, 7, 7.
        let values = Values::Floats(vec![1.0, 7.0, 3.0, 7.0, 5.0, 7.0]);
        let standard = Scaling::fit(&values, 2, Normalize::Standard);
        let deviation = (8f64 / 3.0).sqrt();
        let far = apply(&standard, &[5.0, 7.0]);
        assert!((far[0] - 2.0 / deviation).abs() < 1e-6 && far[1] == 0.0, "{far:?}");
        assert_eq!(apply(&standard, &[3.0, 7.0]), [0.0, 0.0]);
        let unit = Scaling::fit(&values, 2, Normalize::Unit);
        assert_eq!([1.0, 3.0, 5.0].map(|x| apply(&unit, &[x, 7.0])[0]), [0.0, 0.5, 1.0]);
        let none = Scaling::fit(&values, 2, Normalize::None);
        assert_eq!(apply(&none, &[2.5, 1e30]), [2.5, f64::from(1e30f32)]);
    }

    #[test]
    fn large_small_and_extreme_values_keep_their_differences() {
        for values in [
            [1.6e9 + 0.25, 1.6e9 + 0.5, 1.6e9 + 0.75],
            [1e8, 1e8 + 1.0, 1e8 + 2.0],
            [1e-41, 2e-41, 3e-41],
            [1e-300, 2e-300, 3e-300],
            [1e38, 2e38, 3e38],
            [1e300, 2e300, 3e300],
        ] {
            for (normalize, expected) in [
                (Normalize::Standard, [-1.5f64.sqrt(), 0.0, 1.5f64.sqrt()]),
                (Normalize::Unit, [0.0, 0.5, 1.0]),
            ] {
                let scaling =
                    Scaling::fit_array(1, &[], normalize, &[0, 1, 2], |row, _| values[row]);
                for (value, expected) in values.iter().zip(expected) {
                    let x = apply(&scaling, &[*value])[0];
                    assert!((x - expected).abs() < 1e-6, "{value}: {x}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn robust_scaling_is_by_quartiles() {
        // numpy.percentile: quartiles 2.75 and 6.25 about a median of 4; the outlier counts for
        // nothing.
        let numbers = [1.0, 2.0, 3.0, 4.0, 4.0, 6.0, 7.0, 1000.0];
        assert_eq!(Normalize::Robust.fit(&numbers), (4.0, 1.0 / 3.5));
        // Equal quartiles leave the standard deviation.
        let (center, factor) = Normalize::Robust.fit(&[0.0, 0.0, 0.0, 0.0, 0.0, 10.0]);
        assert_eq!(center, 0.0);
        assert!((1.0 / factor - (500.0f64 / 36.0).sqrt()).abs() < 1e-12, "{factor}");
    }

    #[test]
    fn categories_are_left_as_they_are() {
        let rows = [[10.0, 1.0], [20.0, 0.0]];
        let (is_scaled, number) = ([true, false], |row: usize, at: usize| rows[row][at]);
        let scaling = Scaling::fit_array(2, &is_scaled, Normalize::Standard, &[0, 1], number);
        assert_eq!(apply(&scaling, &[10.0, 1.0]), [-1.0, 1.0]);
    }

    #[test]
    fn a_models_scaling_survives_json() {
        let per_feature = Scaling::PerFeature { scale: vec![0.5, 2.0], shift: vec![0.0, -1.0] };
        let columns = Scaling::Columns { center: vec![0.1, 1.6e9], factor: vec![1e300, -1.0] };
        for scaling in [Scaling::Uniform { scale: 0.1, shift: -2.5 }, per_feature, columns] {
            let text = serde_json::to_string(&scaling).unwrap();
            assert_eq!(serde_json::from_str::<Scaling>(&text).unwrap(), scaling);
        }
    }
}
