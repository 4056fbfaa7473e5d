//! What a run reports: the network, each step, each epoch.

use crate::nn::{Layer, Mlp};
use crate::topology::GradientRatio;
use serde::{Deserialize, Serialize};

/// Where a run is after an optimiser step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Steps of this epoch done.
    pub step: usize,
    /// Samples of this epoch done.
    pub samples: usize,
    /// Mean loss of the step's batch, before its update.
    pub loss: f64,
    /// The epoch's means, if this was its last step.
    pub epoch: Option<EpochReport>,
    /// What became of the connections, if this step rewired them.
    pub update: Option<UpdateMetrics>,
}

/// The means of one pass over the training samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochReport {
    /// Mean loss over the epoch's samples, each before its step's update.
    pub loss: f64,
    /// Fraction of samples that were right before their step's update.
    pub accuracy: f64,
}

/// One epoch's result, a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Counted from 1.
    pub epoch: usize,
    /// Optimiser steps of the whole run so far.
    pub step: u64,
    /// Mean loss over the epoch's samples, each seen before its step's update.
    pub train_loss: f64,
    /// Fraction of the epoch's samples that were right before their step's update.
    pub train_accuracy: f64,
    /// Mean loss over the test samples.
    pub test_loss: f64,
    /// Fraction of test samples that are right.
    pub test_accuracy: f64,
    /// Mean loss over the validation samples, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Fraction of validation samples that are right, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
    /// σ/μ of the fan-in of each layer that lacks connections.
    pub fan_in_ccv: Vec<f64>,
    /// Seconds of the epoch's steps, loading included, evaluation excluded.
    pub seconds: f64,
    /// Seconds of the evaluation.
    pub eval_seconds: f64,
}

/// What an update did to the connections, a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateMetrics {
    /// The step of the whole run, counted from 1; updates count as steps.
    pub update: u64,
    /// The fraction of connections that was to be dropped.
    pub drop_fraction: f64,
    /// Mean of the layers' CCVs.
    pub ccv: f64,
    /// Each layer that is rewired.
    pub layers: Vec<LayerUpdate>,
    /// Seconds of the update, its own gradient included, the batch's passes excluded.
    pub seconds: f64,
}

/// What an update did to a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerUpdate {
    /// Counted from 1.
    pub layer: usize,
    /// Connections afterwards.
    pub nnz: usize,
    /// σ/μ of the fan-in afterwards.
    pub ccv: f64,
    /// Neurons by fan-in afterwards: (least fan-in of the bin, neurons).
    pub fan_in_histogram: Vec<(usize, usize)>,
    /// Connections dropped, those that came back included.
    pub dropped: usize,
    /// Connections grown, those that came back included.
    pub grown: usize,
    /// Connections that were dropped and grown again at once.
    pub returned: usize,
    /// Share of the connections before the update that exist after it.
    pub overlap_previous: f64,
    /// Share of the run's first connections that exist.
    pub overlap_first: f64,
    /// Share of all positions that ever were a connection.
    pub ever_active: f64,
    /// Neurons without an input.
    pub dead_neurons: usize,
    /// Inputs without a neuron.
    pub dead_inputs: usize,
    /// Gradient at hubs / at specialists on this batch, before the update.
    pub gradient_ratio: Option<GradientRatio>,
}

/// How a network does on a set of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Fraction of samples that are right.
    pub accuracy: f64,
    /// Mean loss.
    pub loss: f64,
}

/// A network in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkSummary {
    /// Each layer.
    pub layers: Vec<LayerSummary>,
    /// Parameters that exist.
    pub parameters: usize,
    /// Connections that exist.
    pub nnz: usize,
    /// 1 − connections / positions over the hidden layers (over all if there is none).
    pub sparsity_realised: f64,
    /// Flops of the products of one training sample: forward, dW, and dX but for the first layer.
    pub train_flops_per_sample: u64,
    /// Flops of the products of one prediction.
    pub inference_flops_per_sample: u64,
    /// The same if every connection existed.
    pub inference_flops_per_sample_dense: u64,
}

/// A layer in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct LayerSummary {
    /// Inputs.
    pub in_features: usize,
    /// Neurons.
    pub out_features: usize,
    /// Connections.
    pub nnz: usize,
    /// Connections / positions.
    pub density: f64,
    /// Least inputs of a neuron.
    pub fan_in_min: usize,
    /// Mean inputs of a neuron.
    pub fan_in_mean: f64,
    /// Most inputs of a neuron.
    pub fan_in_max: usize,
    /// Connections, biases, γ and β.
    pub parameters: usize,
    /// Flops of this layer's product for one prediction, 2·nnz.
    pub flops: u64,
    /// The same if every connection existed.
    pub flops_dense: u64,
}

impl NetworkSummary {
    /// The summary of a model.
    pub fn of(model: &Mlp) -> NetworkSummary {
        let layers: Vec<LayerSummary> = model.layers().iter().map(LayerSummary::of).collect();
        let hidden = match layers.len() {
            1 => &layers[..],
            count => &layers[..count - 1],
        };
        let positions: usize = hidden.iter().map(|l| l.in_features * l.out_features).sum();
        let stored: usize = hidden.iter().map(|l| l.nnz).sum();
        let inference: u64 = layers.iter().map(|l| l.flops).sum();
        NetworkSummary {
            parameters: model.parameters(),
            nnz: model.nnz(),
            sparsity_realised: 1.0 - stored as f64 / positions as f64,
            train_flops_per_sample: model.flops_per_sample(true),
            inference_flops_per_sample: inference,
            inference_flops_per_sample_dense: layers.iter().map(|l| l.flops_dense).sum(),
            layers,
        }
    }
}

impl LayerSummary {
    fn of(layer: &Layer) -> LayerSummary {
        let (rows, cols) = (layer.linear.out_features(), layer.linear.in_features());
        let nnz = layer.linear.nnz();
        let (min, max) = match layer.linear.pattern() {
            Some(pattern) => pattern
                .fan_in()
                .fold((usize::MAX, 0), |(min, max), fan_in| (min.min(fan_in), max.max(fan_in))),
            None => (cols, cols),
        };
        LayerSummary {
            in_features: cols,
            out_features: rows,
            nnz,
            density: nnz as f64 / (rows * cols) as f64,
            fan_in_min: min,
            fan_in_mean: nnz as f64 / rows as f64,
            fan_in_max: max,
            parameters: layer.parameters(),
            flops: 2 * nnz as u64,
            flops_dense: 2 * (rows * cols) as u64,
        }
    }
}

/// The most memory this process ever held, where the system tells (Linux).
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
