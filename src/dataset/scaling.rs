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
    }
}

/// A normalisation with its numbers: a value x enters the network as `x·scale + shift`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Scaling {
    /// One for all values.
    Uniform {
        /// Factor.
        scale: f32,
        /// Addend.
        shift: f32,
    },
    /// Each feature its own.
    PerFeature {
        /// Factors, `[features]`.
        scale: Vec<f32>,
        /// Addends, `[features]`.
        shift: Vec<f32>,
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
            Values::Bytes(values) => fit_bytes(values, normalize),
            Values::Floats(values) => {
                let pairs = fit_columns(values, features, normalize);
                let (scale, shift) = pairs.into_iter().unzip();
                Scaling::PerFeature { scale, shift }
            }
        }
    }

    /// The scale and shift of a feature.
    pub fn of(&self, feature: usize) -> (f32, f32) {
        match self {
            Scaling::Uniform { scale, shift } => (*scale, *shift),
            Scaling::PerFeature { scale, shift } => (scale[feature], shift[feature]),
        }
    }

    /// The number of features, if each has its own.
    pub fn features(&self) -> Option<usize> {
        match self {
            Scaling::Uniform { .. } => None,
            Scaling::PerFeature { scale, .. } => Some(scale.len()),
        }
    }
}

fn fit_bytes(values: &[u8], normalize: Normalize) -> Scaling {
    let [scale, shift] = match normalize {
        Normalize::None => [1.0, 0.0],
        Normalize::Unit => [1.0 / 255.0, 0.0],
        Normalize::Standard => {
            // As fractions of 255.
            let mut histogram = [0u64; 256];
            values.iter().for_each(|&value| histogram[value as usize] += 1);
            let count = values.len() as f64;
            let mean_of = |f: &dyn Fn(f64) -> f64| {
                let terms = (0..).zip(histogram).map(|(v, n)| n as f64 * f(f64::from(v) / 255.0));
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

/// (scale, shift) of each column of `[rows, width]`.
fn fit_columns(values: &[f32], width: usize, normalize: Normalize) -> Vec<(f32, f32)> {
    let rows = || values.chunks_exact(width);
    let count = (values.len() / width).max(1) as f64;
    // Row by row, since columns are far apart in memory.
    let sums = |add: &dyn Fn(usize, f64) -> f64| {
        let mut sums = vec![0.0; width];
        for row in rows() {
            for (column, (sum, &x)) in sums.iter_mut().zip(row).enumerate() {
                *sum += add(column, f64::from(x));
            }
        }
        sums
    };
    let by_range = |low: f64, range: f64| {
        let range = if range > 0.0 { range } else { 1.0 };
        ((1.0 / range) as f32, (-low / range) as f32)
    };
    match normalize {
        Normalize::None => vec![(1.0, 0.0); width],
        Normalize::Unit => {
            let mut ends = vec![(f32::MAX, f32::MIN); width];
            for row in rows() {
                for ((low, high), &x) in ends.iter_mut().zip(row) {
                    (*low, *high) = (low.min(x), high.max(x));
                }
            }
            ends.iter()
                .map(|&(low, high)| by_range(low.into(), f64::from(high) - f64::from(low)))
                .collect()
        }
        Normalize::Standard => {
            let means: Vec<f64> = sums(&|_, x| x).iter().map(|sum| sum / count).collect();
            let squares = sums(&|column, x| (x - means[column]).powi(2));
            let deviation = |sum: &f64| (sum / count).sqrt();
            means.iter().zip(squares.iter().map(deviation)).map(|(&m, d)| by_range(m, d)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit_bytes(values: &[u8]) -> Scaling {
        Scaling::fit(&Values::Bytes(values.to_vec()), 1, Normalize::Standard)
    }

    fn apply(scaling: &Scaling, feature: usize, x: f32) -> f64 {
        let (scale, shift) = scaling.of(feature);
        f64::from(x * scale + shift)
    }

    #[test]
    fn standard_scaling_gives_mean_zero_and_deviation_one() {
        let scaling = fit_bytes(&[10, 20, 30, 200]);
        let x = [10.0, 20.0, 30.0, 200.0].map(|x| apply(&scaling, 0, x));
        let mean = x.iter().sum::<f64>() / 4.0;
        let variance = x.iter().map(|x| x * x).sum::<f64>() / 4.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean}, {variance}");
    }

    #[test]
    fn constant_data_is_only_centred() {
        let scaling = fit_bytes(&[51, 51]);
        assert!(apply(&scaling, 0, 51.0).abs() < 1e-6);
    }

    #[test]
    fn tables_are_scaled_column_by_column() {
        // Columns 1, 3, 5 and 7, 7, 7.
        let values = Values::Floats(vec![1.0, 7.0, 3.0, 7.0, 5.0, 7.0]);
        let standard = Scaling::fit(&values, 2, Normalize::Standard);
        let deviation = (8f64 / 3.0).sqrt();
        assert!((apply(&standard, 0, 5.0) - 2.0 / deviation).abs() < 1e-6);
        assert!(apply(&standard, 0, 3.0).abs() < 1e-6 && apply(&standard, 1, 7.0) == 0.0);
        let unit = Scaling::fit(&values, 2, Normalize::Unit);
        assert_eq!([1.0, 3.0, 5.0].map(|x| apply(&unit, 0, x)), [0.0, 0.5, 1.0]);
        assert_eq!(apply(&unit, 1, 7.0), 0.0);
        let none = Scaling::fit(&values, 2, Normalize::None);
        assert_eq!(none, Scaling::PerFeature { scale: vec![1.0; 2], shift: vec![0.0; 2] });
    }

    #[test]
    fn a_models_scaling_survives_json() {
        let per_feature = Scaling::PerFeature { scale: vec![0.5, 2.0], shift: vec![0.0, -1.0] };
        for scaling in [Scaling::Uniform { scale: 0.1, shift: -2.5 }, per_feature] {
            let text = serde_json::to_string(&scaling).unwrap();
            assert_eq!(serde_json::from_str::<Scaling>(&text).unwrap(), scaling);
        }
    }
}
