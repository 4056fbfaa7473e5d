//! Labelled samples in memory, and how they are normalised into tiles.
//!
//! Images stay u8 (47 MB for MNIST's 60,000) and become normalised f32 as a batch is loaded.

use crate::error::DataProblem;
use crate::nn::Tile;
use fanin_kernels::{Isa, TILE, normalize_tile};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One split of a data set.
#[derive(Clone, Debug)]
pub struct Samples {
    features: usize,
    classes: usize,
    values: Vec<u8>,
    labels: Vec<u16>,
}

impl Samples {
    /// Samples of `features` values each, with their labels.
    ///
    /// **Shapes**: `values` `[samples, features]`, `labels` `[samples]`.
    ///
    /// **Errors**: [`DataProblem::Count`] if the numbers differ, [`DataProblem::Label`] for a label
    /// that is not below `classes`.
    pub fn new(
        features: usize,
        classes: usize,
        values: Vec<u8>,
        labels: Vec<u16>,
    ) -> Result<Samples, DataProblem> {
        if features == 0 || values.len() != labels.len() * features {
            let samples = values.len().checked_div(features).unwrap_or(0);
            return Err(DataProblem::Count { samples, labels: labels.len() });
        }
        let bad = labels.iter().position(|&label| label as usize >= classes);
        if let Some(sample) = bad {
            return Err(DataProblem::Label { label: labels[sample], sample, classes });
        }
        Ok(Samples { features, classes, values, labels })
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values per sample.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The labels.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The first `count` samples.
    ///
    /// **Panics** if there are fewer.
    pub fn first(&self, count: usize) -> Samples {
        Samples {
            values: self.values[..count * self.features].to_vec(),
            labels: self.labels[..count].to_vec(),
            features: self.features,
            classes: self.classes,
        }
    }

    /// The values of one sample.
    pub fn sample(&self, index: usize) -> &[u8] {
        &self.values[index * self.features..][..self.features]
    }

    /// Lays the samples of these indices into a tile, normalised.
    ///
    /// **Panics** if there are more than a tile holds, or one is out of range.
    pub fn load_tile(&self, isa: Isa, scaling: Scaling, indices: &[u32], tile: &mut Tile) {
        let mut samples: [&[u8]; TILE] = [&[]; TILE];
        for ((slot, label), &index) in samples.iter_mut().zip(&mut tile.labels).zip(indices) {
            *slot = self.sample(index as usize);
            *label = self.labels[index as usize];
        }
        tile.samples = indices.len();
        let samples = &samples[..indices.len()];
        normalize_tile(isa, samples, scaling.scale, scaling.shift, &mut tile.input);
    }

    /// Mean and standard deviation of all values, as fractions of 255.
    fn moments(&self) -> (f64, f64) {
        let mut histogram = [0u64; 256];
        for &value in &self.values {
            histogram[value as usize] += 1;
        }
        let count = self.values.len() as f64;
        let mean_of = |f: &dyn Fn(f64) -> f64| {
            let terms = (0..).zip(histogram).map(|(v, n)| n as f64 * f(f64::from(v) / 255.0));
            terms.sum::<f64>() / count
        };
        let mean = mean_of(&|x| x);
        (mean, mean_of(&|x| (x - mean).powi(2)).sqrt())
    }
}

/// How u8 values become the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// 0..=255 as they are.
    None,
    /// 0..=1.
    Unit,
    /// Mean 0 and standard deviation 1 over all training values.
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Factor.
    pub scale: f32,
    /// Addend.
    pub shift: f32,
}

/// A training and a test split, and the scaling fitted on the first.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Training samples.
    pub train: Samples,
    /// Test samples.
    pub test: Samples,
    /// Fitted on the training samples only.
    pub scaling: Scaling,
}

impl Dataset {
    /// A data set whose scaling is fitted on `train`.
    ///
    /// **Panics** if the splits differ in features or classes.
    pub fn new(train: Samples, test: Samples, normalize: Normalize) -> Dataset {
        assert_eq!(train.features, test.features, "both splits have the same features");
        assert_eq!(train.classes, test.classes, "both splits have the same classes");
        let scaling = match normalize {
            Normalize::None => Scaling { scale: 1.0, shift: 0.0 },
            Normalize::Unit => Scaling { scale: (1.0 / 255.0) as f32, shift: 0.0 },
            Normalize::Standard => {
                let (mean, deviation) = train.moments();
                let deviation = if deviation > 0.0 { deviation } else { 1.0 };
                let (scale, shift) = (1.0 / (255.0 * deviation), -mean / deviation);
                Scaling { scale: scale as f32, shift: shift as f32 }
            }
        };
        Dataset { train, test, scaling }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_scaling_gives_mean_zero_and_deviation_one() {
        let samples = Samples::new(2, 1, vec![10, 20, 30, 200], vec![0, 0]).unwrap();
        let Scaling { scale, shift } =
            Dataset::new(samples.clone(), samples.clone(), Normalize::Standard).scaling;
        let x: Vec<f64> =
            samples.values.iter().map(|&v| f64::from(f32::from(v) * scale + shift)).collect();
        let mean = x.iter().sum::<f64>() / 4.0;
        let variance = x.iter().map(|x| x * x).sum::<f64>() / 4.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean}, {variance}");
    }

    #[test]
    fn constant_data_is_only_centred() {
        let samples = Samples::new(1, 1, vec![51, 51], vec![0, 0]).unwrap();
        let data = Dataset::new(samples.clone(), samples, Normalize::Standard);
        let x = 51.0 * data.scaling.scale + data.scaling.shift;
        assert!(x.abs() < 1e-6, "{x}");
    }

    #[test]
    fn labels_and_counts_are_checked() {
        let label = DataProblem::Label { label: 3, sample: 1, classes: 3 };
        assert_eq!(Samples::new(1, 3, vec![0, 0], vec![2, 3]).unwrap_err(), label);
        let count = DataProblem::Count { samples: 1, labels: 2 };
        assert_eq!(Samples::new(2, 3, vec![0, 0], vec![0, 0]).unwrap_err(), count);
    }
}
