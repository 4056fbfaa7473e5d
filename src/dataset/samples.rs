//! Samples with their targets in memory, and how they are laid into tiles.
//!
//! Images stay u8 (47 MB for MNIST's 60,000) and become normalised f32 as a batch is loaded; tables
//! are f32, as they enter the network.

use super::problem::DataProblem;
use super::scaling::Scaling;
use super::values::Values;
use crate::format::fingerprint::Fingerprint;
use crate::nn::{Targets, Tile};
use fanin_kernels::{Isa, TILE, normalize_tile, prefetch, standardize_tile, transpose_tile};

/// One split of a data set.
#[derive(Clone, Debug)]
pub struct Samples {
    features: usize,
    values: Values,
    targets: Targets,
    /// How much the loss of each class counts; empty if all count alike.
    class_weights: Vec<f32>,
    /// The same of each sample.
    sample_weights: Vec<f32>,
}

impl Samples {
    /// Samples of `features` bytes each, with their labels.
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
        Samples::with_values(features, classes, Values::Bytes(values), labels)
    }

    /// As [`Samples::new`] of values of either type.
    ///
    /// **Errors**: as [`Samples::new`].
    pub fn with_values(
        features: usize,
        classes: usize,
        values: Values,
        labels: Vec<u16>,
    ) -> Result<Samples, DataProblem> {
        let bad = labels.iter().position(|&label| label as usize >= classes);
        if let Some(sample) = bad {
            let label = labels[sample];
            return Err(DataProblem::Label { label, sample: sample + 1, classes });
        }
        Samples::with_targets(features, values, Targets::Classes { labels, classes })
    }

    /// Samples whose targets are whatever a loss takes; labels are taken to be below their classes.
    ///
    /// **Errors**: [`DataProblem::Count`] if the numbers differ.
    pub fn with_targets(
        features: usize,
        values: Values,
        targets: Targets,
    ) -> Result<Samples, DataProblem> {
        if features == 0 || values.len() != targets.len() * features {
            let samples = values.len().checked_div(features).unwrap_or(0);
            return Err(DataProblem::Count { samples, labels: targets.len() });
        }
        let (class_weights, sample_weights) = (Vec::new(), Vec::new());
        Ok(Samples { features, values, targets, class_weights, sample_weights })
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Values per sample.
    pub fn features(&self) -> usize {
        self.features
    }

    /// What they should give.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Outputs of a network that learns them: classes, or numbers of a sample.
    pub fn outputs(&self) -> usize {
        self.targets.outputs()
    }

    /// The labels; none of samples with numbers.
    pub fn labels(&self) -> &[u16] {
        self.targets.labels()
    }

    /// The samples of these indices.
    ///
    /// **Panics** if one is out of range.
    pub fn select(&self, indices: impl IntoIterator<Item = usize> + Clone) -> Samples {
        let width = self.features;
        let weights = &self.sample_weights;
        let sample_weights = match weights.is_empty() {
            true => Vec::new(),
            false => indices.clone().into_iter().map(|index| weights[index]).collect(),
        };
        let targets = self.targets.select(indices.clone().into_iter());
        let ranges = indices.clone().into_iter().map(|index| index * width..(index + 1) * width);
        let values = match &self.values {
            Values::Bytes(values) => {
                Values::Bytes(ranges.flat_map(|range| &values[range]).copied().collect())
            }
            Values::Floats(values) => {
                Values::Floats(ranges.flat_map(|range| &values[range]).copied().collect())
            }
            Values::Inputs(values) => {
                Values::Inputs(ranges.flat_map(|range| &values[range]).copied().collect())
            }
            Values::Sparse(rows) => Values::Sparse(rows.select(indices.into_iter())),
        };
        Samples {
            values,
            targets,
            class_weights: self.class_weights.clone(),
            sample_weights,
            features: self.features,
        }
    }

    /// The first `count` samples.
    ///
    /// **Panics** if there are fewer.
    pub fn first(&self, count: usize) -> Samples {
        self.select(0..count)
    }

    /// The values, row-major.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The values if they are bytes.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.values {
            Values::Bytes(values) => Some(values),
            _ => None,
        }
    }

    /// The values if they are as they enter the network.
    pub fn inputs(&self) -> Option<&[f32]> {
        match &self.values {
            Values::Inputs(values) => Some(values),
            _ => None,
        }
    }

    /// The values as they enter the network.
    ///
    /// **Panics** if the scaling is of another number of features.
    pub(super) fn scaled(mut self, scaling: &Scaling) -> Samples {
        if let Values::Floats(values) = &self.values {
            let (mut row, mut inputs) = (Vec::new(), Vec::with_capacity(values.len()));
            for values in values.chunks_exact(self.features) {
                row.clear();
                row.extend(values.iter().map(|&value| f64::from(value)));
                scaling.apply(&row, &mut inputs);
            }
            self.values = Values::Inputs(inputs);
        }
        self
    }

    /// Adds everything that training sees of them.
    pub(super) fn fingerprint(&self, to: &mut Fingerprint) {
        match &self.values {
            Values::Bytes(values) => to.bytes(values),
            Values::Floats(values) | Values::Inputs(values) => to.floats(values),
            Values::Sparse(rows) => {
                let (row_ptr, ids, values) = rows.arrays();
                row_ptr.iter().for_each(|&at| to.word(at as u64));
                ids.iter().for_each(|&id| to.word(id.into()));
                to.floats(values);
            }
        }
        match &self.targets {
            Targets::Numbers { values, .. } => to.floats(values),
            classes => classes.labels().iter().for_each(|&label| to.word(label.into())),
        }
        if !self.sample_weights.is_empty() {
            to.floats(&self.sample_weights);
        }
    }

    /// The bytes of one sample; none of a table's.
    pub fn sample(&self, index: usize) -> &[u8] {
        let row = index * self.features..(index + 1) * self.features;
        self.bytes().map_or(&[], |bytes| &bytes[row])
    }

    /// Lets the loss of each class count n / (classes·n_c) of its n_c among n samples, so that all
    /// classes count the same together; a batch's mean is by these weights. Samples with numbers
    /// all count 1.
    pub fn balance_classes(&mut self) {
        let Targets::Classes { labels, classes } = &self.targets else { return };
        let mut counts = vec![0usize; *classes];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        let all = labels.len() as f64 / *classes as f64;
        // A class without samples is never looked up.
        let weight = |&count: &usize| (all / count.max(1) as f64) as f32;
        self.class_weights = counts.iter().map(weight).collect();
    }

    /// Lets the loss of each sample count as much; a batch's mean is by these weights.
    ///
    /// **Panics** unless there is one weight per sample.
    pub fn set_weights(&mut self, weights: Vec<f32>) {
        assert_eq!(weights.len(), self.len(), "one weight per sample");
        self.sample_weights = weights;
    }

    /// How much a sample's loss counts.
    fn weight_of(&self, index: u32) -> f32 {
        let of_class = || {
            let class = *self.targets.labels().get(index as usize)?;
            self.class_weights.get(usize::from(class)).copied()
        };
        let of_sample = self.sample_weights.get(index as usize).copied();
        of_sample.unwrap_or(1.0) * of_class().unwrap_or(1.0)
    }

    /// What the weights of the samples of these indices add up to: their number, if all count 1.
    ///
    /// **Panics** if one is out of range.
    pub fn weight(&self, indices: &[u32]) -> f64 {
        match self.class_weights.is_empty() && self.sample_weights.is_empty() {
            true => indices.len() as f64,
            false => indices.iter().map(|&index| f64::from(self.weight_of(index))).sum(),
        }
    }

    /// Has the samples of these indices brought near while others are at work: they lie all over
    /// memory, and to wait for them costs more than to lay them into a tile.
    ///
    /// **Panics** if one is out of range.
    pub fn prefetch(&self, indices: &[u32]) {
        for index in indices.iter().map(|&index| index as usize) {
            let row = index * self.features..(index + 1) * self.features;
            match &self.values {
                Values::Bytes(values) => prefetch(&values[row]),
                Values::Floats(values) | Values::Inputs(values) => prefetch(&values[row]),
                Values::Sparse(rows) => {
                    prefetch(rows.row(index).0);
                    prefetch(rows.row(index).1);
                }
            }
        }
    }

    /// Whether the values that are 0 are left out.
    pub fn is_sparse(&self) -> bool {
        matches!(self.values, Values::Sparse(_))
    }

    /// Lays the samples of these indices into a tile, normalised.
    ///
    /// **Panics** if there are more than a tile holds, one is out of range, or the scaling is of
    /// another number of features.
    pub fn load_tile(&self, isa: Isa, scaling: &Scaling, indices: &[u32], tile: &mut Tile) {
        self.targets.load(indices, &mut tile.targets);
        if !(self.class_weights.is_empty() && self.sample_weights.is_empty()) {
            let weights = tile.targets.weights.iter_mut();
            weights.zip(indices).for_each(|(weight, &index)| *weight = self.weight_of(index));
        }
        (tile.samples, tile.dropout) = (indices.len(), None);
        match (&self.values, scaling) {
            (Values::Bytes(values), &Scaling::Uniform { scale, shift }) => {
                let mut samples: [&[u8]; TILE] = [&[]; TILE];
                let samples = rows(values, self.features, indices, &mut samples);
                normalize_tile(isa, samples, scale, shift, tile.input.rows_mut());
            }
            (Values::Inputs(values), _) => {
                let mut samples: [&[f32]; TILE] = [&[]; TILE];
                let samples = rows(values, self.features, indices, &mut samples);
                transpose_tile(isa, samples, tile.input.rows_mut());
            }
            (Values::Floats(values), Scaling::PerFeature { scale, shift }) => {
                let mut samples: [&[f32]; TILE] = [&[]; TILE];
                let samples = rows(values, self.features, indices, &mut samples);
                standardize_tile(isa, samples, scale, shift, tile.input.rows_mut());
            }
            (Values::Sparse(rows), _) => {
                tile.input.set_sparse(indices.iter().map(|&index| rows.row(index as usize)));
            }
            (Values::Bytes(_), _) => panic!("bytes have one scale for all"),
            (Values::Floats(_), _) => panic!("floats are scaled before they are loaded"),
        }
    }
}

/// The rows of these indices, in the first places of `slots`.
fn rows<'a, 'b, T>(
    values: &'a [T],
    width: usize,
    indices: &[u32],
    slots: &'b mut [&'a [T]; TILE],
) -> &'b [&'a [T]] {
    for (slot, &index) in slots.iter_mut().zip(indices) {
        *slot = &values[index as usize * width..][..width];
    }
    &slots[..indices.len()]
}
