//! How raw values become the network's input: fitted on training samples only, and kept in the model.

use super::samples::Samples;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What values are brought to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// As they are.
    None,
    /// 0..=1: of images by 255, of tables by each column's least and most.
    Unit,
    /// Mean 0 and standard deviation 1: of images over all values, of tables column by column.
    #[default]
    Standard,
}

impl fmt::Display for Normalize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Normalize::None => "none",
            Normalize::Unit => "unit",
            Normalize::Standard => "standard",
        })
    }
}

/// A normalisation with its numbers: a value x enters the network as `x·scale + shift`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
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

impl Scaling {
    /// The scaling that brings `train` where `normalize` says.
    ///
    /// What does not vary is only centred.
    pub fn fit(train: &Samples, normalize: Normalize) -> Scaling {
        match train.floats() {
            None => fit_bytes(train.bytes().unwrap_or_default(), normalize),
            Some(values) => {
                let pairs = fit_columns(values, train.features(), normalize);
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
    use super::super::samples::Values;
    use super::*;

    fn bytes(values: &[u8]) -> Samples {
        Samples::new(1, 1, values.to_vec(), vec![0; values.len()]).unwrap()
    }

    fn apply(scaling: &Scaling, feature: usize, x: f32) -> f64 {
        let (scale, shift) = scaling.of(feature);
        f64::from(x * scale + shift)
    }

    #[test]
    fn standard_scaling_gives_mean_zero_and_deviation_one() {
        let scaling = Scaling::fit(&bytes(&[10, 20, 30, 200]), Normalize::Standard);
        let x = [10.0, 20.0, 30.0, 200.0].map(|x| apply(&scaling, 0, x));
        let mean = x.iter().sum::<f64>() / 4.0;
        let variance = x.iter().map(|x| x * x).sum::<f64>() / 4.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean}, {variance}");
    }

    #[test]
    fn constant_data_is_only_centred() {
        let scaling = Scaling::fit(&bytes(&[51, 51]), Normalize::Standard);
        assert!(apply(&scaling, 0, 51.0).abs() < 1e-6);
    }

    #[test]
    fn tables_are_scaled_column_by_column() {
        // Columns 1, 3, 5 and 7, 7, 7.
        let values = Values::Floats(vec![1.0, 7.0, 3.0, 7.0, 5.0, 7.0]);
        let samples = Samples::with_values(2, 1, values, vec![0; 3]).unwrap();
        let standard = Scaling::fit(&samples, Normalize::Standard);
        let deviation = (8f64 / 3.0).sqrt();
        assert!((apply(&standard, 0, 5.0) - 2.0 / deviation).abs() < 1e-6);
        assert!(apply(&standard, 0, 3.0).abs() < 1e-6 && apply(&standard, 1, 7.0) == 0.0);
        let unit = Scaling::fit(&samples, Normalize::Unit);
        assert_eq!([1.0, 3.0, 5.0].map(|x| apply(&unit, 0, x)), [0.0, 0.5, 1.0]);
        assert_eq!(apply(&unit, 1, 7.0), 0.0);
        let none = Scaling::fit(&samples, Normalize::None);
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
