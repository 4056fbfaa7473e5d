//! How raw values become the network's input: fitted on training samples only, and kept in the
//! model.

use super::normalize::{ColumnScale, Normalize, normal_score};
use super::sparse_rows::SparseRows;
use super::values::Values;
use serde::{Deserialize, Serialize};

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
        /// Where x enters as the normal score of its place among the training values instead: their
        /// quantiles at even distances, `[features]`; none of a feature that is not.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        quantiles: Vec<Vec<f64>>,
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
            // As they enter the network already.
            Values::Sparse(_) => Scaling::default(),
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
            // Most values of images are one: their quantiles say nothing.
            Normalize::Standard | Normalize::Robust | Normalize::Quantile => {
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
        let mut scales = Vec::with_capacity(features);
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
                scales.push(match is_scaled.get(feature) {
                    Some(false) => ColumnScale::NONE,
                    _ => normalize.fit(numbers),
                });
            }
        }
        Scaling::of_columns(scales)
    }

    /// The scaling of features that have each its own.
    pub(super) fn of_columns(scales: Vec<ColumnScale>) -> Scaling {
        let (mut center, mut factor, mut quantiles) = (Vec::new(), Vec::new(), Vec::new());
        for scale in scales {
            center.push(scale.center);
            factor.push(scale.factor);
            quantiles.push(scale.quantiles);
        }
        if quantiles.iter().all(Vec::is_empty) {
            quantiles.clear();
        }
        Scaling::Columns { center, factor, quantiles }
    }

    /// Center and factor of a feature that has each its own, and no quantiles.
    pub(super) fn linear(&self, feature: usize) -> Option<(f64, f64)> {
        match self {
            Scaling::Columns { center, factor, quantiles }
                if quantiles.get(feature).is_none_or(Vec::is_empty) =>
            {
                Some((center[feature], factor[feature]))
            }
            _ => None,
        }
    }

    /// How the numbers of a feature enter, of those that have each its own.
    ///
    /// **Panics** if they have not, or there is no such.
    pub(super) fn column(&self, feature: usize) -> impl Fn(f64) -> f32 {
        let Scaling::Columns { center, factor, quantiles } = self else {
            panic!("features have a scale each");
        };
        let (center, factor) = (center[feature], factor[feature]);
        let quantiles = quantiles.get(feature).map_or(&[][..], |quantiles| &quantiles[..]);
        move |x| match quantiles {
            [] => ((x - center) * factor) as f32,
            quantiles => normal_score(quantiles, x) as f32,
        }
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
            Scaling::Columns { center, factor, quantiles } if quantiles.is_empty() => {
                let numbers = row.iter().zip(center).zip(factor);
                inputs.extend(numbers.map(|((x, center), factor)| ((x - center) * factor) as f32));
            }
            columns => {
                inputs.extend(row.iter().enumerate().map(|(at, &x)| columns.column(at)(x)));
            }
        }
    }

    /// Adds a row by its values that are not 0, as they enter the network; returns the first
    /// feature that is too far from the training data's, if there is one.
    ///
    /// **Panics** if the scaling moves 0.
    pub(crate) fn apply_sparse(
        &self,
        entries: &[(u32, f64)],
        rows: &mut SparseRows<f32>,
    ) -> Option<usize> {
        let Scaling::Columns { factor, .. } = self else {
            panic!("sparse rows have a scale for each column");
        };
        let mut far = None;
        for &(id, x) in entries {
            let input = (x * factor[id as usize]) as f32;
            far = far.or(is_far(input).then_some(id as usize));
            rows.push(id, input);
        }
        rows.end_row();
        far
    }

    /// The first feature of a row that is too far from the training data's to be computed with, if
    /// there is one.
    ///
    /// **Panics** if the scaling is of another number of features.
    pub fn too_far(&self, row: &[f64]) -> Option<usize> {
        assert!(self.features().is_none_or(|n| n == row.len()), "one value per feature");
        // Not to the last bit, which is the kernels': the limit is no matter of rounding.
        let single = |(&x, (scale, shift)): (&f64, (f32, f32))| {
            is_far((f64::from(x as f32) * f64::from(scale) + f64::from(shift)) as f32)
        };
        match self {
            Scaling::Uniform { scale, shift } => {
                row.iter().zip(std::iter::repeat((*scale, *shift))).position(single)
            }
            Scaling::PerFeature { scale, shift } => {
                let numbers = scale.iter().copied().zip(shift.iter().copied());
                row.iter().zip(numbers).position(single)
            }
            Scaling::Columns { .. } => {
                let mut inputs = Vec::with_capacity(row.len());
                self.apply(row, &mut inputs);
                inputs.into_iter().position(is_far)
            }
        }
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
pub(crate) fn is_far(input: f32) -> bool {
    input.is_nan() || input.abs() > 1e15
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
    fn categories_are_left_as_they_are() {
        let rows = [[10.0, 1.0], [20.0, 0.0]];
        let (is_scaled, number) = ([true, false], |row: usize, at: usize| rows[row][at]);
        let scaling = Scaling::fit_array(2, &is_scaled, Normalize::Standard, &[0, 1], number);
        assert_eq!(apply(&scaling, &[10.0, 1.0]), [-1.0, 1.0]);
    }

    #[test]
    fn a_models_scaling_survives_json() {
        let per_feature = Scaling::PerFeature { scale: vec![0.5, 2.0], shift: vec![0.0, -1.0] };
        let (center, factor) = (vec![0.1, 1.6e9], vec![1e300, -1.0]);
        let quantiles = vec![vec![0.1, 0.2], vec![]];
        let columns = Scaling::Columns { center, factor, quantiles };
        for scaling in [Scaling::Uniform { scale: 0.1, shift: -2.5 }, per_feature, columns] {
            let text = serde_json::to_string(&scaling).unwrap();
            assert_eq!(serde_json::from_str::<Scaling>(&text).unwrap(), scaling);
        }
    }
}
