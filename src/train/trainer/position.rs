//! Where a run is.

use crate::nn::METRICS;
use serde::{Deserialize, Deserializer, Serialize};

/// Where a run is: what a checkpoint must hold beside the model and the optimiser's slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Whole epochs done.
    pub epochs: usize,
    /// Samples of the epoch at hand done.
    pub samples: usize,
    /// Σ of their weighted losses, each before its step's update.
    pub loss_sum: f64,
    /// Σ of their weights.
    #[serde(default)]
    pub weight: f64,
    /// Sums of what the loss's named values are made of.
    #[serde(default)]
    pub sums: [f64; METRICS],
    /// Flops of the products of the whole run's steps so far, those of a method's dense gradients
    /// included.
    #[serde(default)]
    pub flops: u64,
    /// Seconds that the method took so far: no part of what determines the run, so that a
    /// checkpoint holds none.
    #[serde(skip)]
    pub rewire_seconds: f64,
    /// The epoch of the smallest validation loss so far, if it is watched.
    #[serde(default)]
    pub best: Option<BestEpoch>,
}

/// The best epoch so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestEpoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Its validation loss.
    #[serde(deserialize_with = "number_or_none")]
    pub loss: f64,
}

/// A number; in files of earlier versions one that is not finite is none, and every other less.
fn number_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::INFINITY))
}
