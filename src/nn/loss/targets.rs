//! What samples should give, and how it is laid into tiles.

use fanin_kernels::{Rows, TILE};

/// What samples should give.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Targets {
    /// One class each.
    Classes {
        /// Indices of classes.
        labels: Vec<u16>,
        /// How many classes there are.
        classes: usize,
    },
    /// Numbers, `[samples, width]`.
    Numbers {
        /// The numbers.
        values: Vec<f32>,
        /// Numbers per sample.
        width: usize,
    },
}

impl Targets {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        match self {
            Targets::Classes { labels, .. } => labels.len(),
            Targets::Numbers { values, width } => values.len() / width.max(&1),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Outputs of a network that learns them.
    pub fn outputs(&self) -> usize {
        match self {
            Targets::Classes { classes, .. } => *classes,
            Targets::Numbers { width, .. } => *width,
        }
    }

    /// Whether samples have numbers, not a class.
    pub fn are_numbers(&self) -> bool {
        matches!(self, Targets::Numbers { .. })
    }

    /// The labels; empty if the targets are numbers.
    pub fn labels(&self) -> &[u16] {
        match self {
            Targets::Classes { labels, .. } => labels,
            Targets::Numbers { .. } => &[],
        }
    }

    /// The targets of these samples.
    ///
    /// **Panics** if one is out of range.
    pub fn select(&self, indices: impl Iterator<Item = usize>) -> Targets {
        match self {
            Targets::Classes { labels, classes } => {
                Targets::Classes { labels: indices.map(|i| labels[i]).collect(), classes: *classes }
            }
            &Targets::Numbers { ref values, width } => {
                let of_sample = |i: usize| &values[i * width..(i + 1) * width];
                let values = indices.flat_map(of_sample).copied().collect();
                Targets::Numbers { values, width }
            }
        }
    }

    /// Lays the targets of these samples into a tile; every sample counts 1, and nothing is
    /// smoothed.
    ///
    /// **Panics** if there are more than a tile holds, or one is out of range.
    pub fn load(&self, indices: &[u32], tile: &mut TileTargets) {
        tile.weights[..indices.len()].fill(1.0);
        tile.smoothing = 0.0;
        match self {
            Targets::Classes { labels, .. } => {
                for (class, &index) in tile.classes[..indices.len()].iter_mut().zip(indices) {
                    *class = labels[index as usize];
                }
            }
            Targets::Numbers { values, width } => {
                assert_eq!(tile.numbers.len(), *width, "one row per number");
                for (sample, &index) in indices.iter().enumerate() {
                    let of_sample = &values[index as usize * width..][..*width];
                    for (row, value) in tile.numbers.iter_mut().zip(of_sample) {
                        row.0[sample] = *value;
                    }
                }
            }
        }
    }
}

/// A tile's targets.
#[derive(Debug)]
pub struct TileTargets {
    /// Of samples that have a class.
    pub classes: [u16; TILE],
    /// Of samples that have numbers, one row per output.
    pub numbers: Rows,
    /// How much each sample's loss counts.
    pub weights: [f32; TILE],
    /// Of classes: the share of the target that all have alike (label smoothing, Szegedy et al.
    /// 2016).
    pub smoothing: f32,
}
