//! What a run reports: the network, each step, each epoch.

use crate::nn::{Layer, Loss, METRICS, Mlp};
use crate::topology::GradientRatio;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Numbers by name.
pub type Values = BTreeMap<String, f64>;

/// Where a run is after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Steps of this epoch done.
    pub step: usize,
    /// Samples of this epoch done.
    pub samples: usize,
    /// Mean loss of the step's batch, before its update.
    pub loss: f64,
    /// The epoch's means, if this was its last step.
    pub epoch: Option<Evaluation>,
    /// What the method did in this step, if it acted.
    pub updates: Vec<UpdateMetrics>,
}

/// How a network does on a set of samples: means over them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Mean loss, by the samples' weights where they have such.
    pub loss: f64,
    /// The loss's named values, such as `accuracy`.
    pub values: Values,
}

impl Evaluation {
    /// From a mean loss, and the sums of `samples` samples.
    pub fn of(loss: &dyn Loss, mean: f64, sums: [f64; METRICS], samples: usize) -> Evaluation {
        let count = samples as f64;
        let values = loss.metrics().iter().zip(loss.values(sums, count));
        let values = values.map(|(name, value)| (name.to_string(), value)).collect();
        Evaluation { loss: mean, values }
    }

    /// A named value.
    ///
    /// **Panics** if the loss has none of this name.
    pub fn value(&self, name: &str) -> f64 {
        *self.values.get(name).unwrap_or_else(|| panic!("this loss has no value '{name}'"))
    }

    /// The loss and the values, named after the samples: those that are finite, since a file has
    /// no other numbers.
    pub fn named(&self, samples: &str) -> Values {
        let loss = ("loss", self.loss);
        let values = self.values.iter().map(|(name, &value)| (name.as_str(), value));
        let all = [loss].into_iter().chain(values).filter(|(_, value)| value.is_finite());
        all.map(|(name, value)| (format!("{samples}_{name}"), value)).collect()
    }

    /// Fraction of samples that are right, where samples have classes.
    pub fn accuracy(&self) -> Option<f64> {
        self.values.get("accuracy").copied()
    }
}

/// One epoch's result, a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Counted from 1.
    pub epoch: usize,
    /// Optimiser steps so far; from 0 again where a method resets the optimiser.
    pub step: u64,
    /// σ/μ of the fan-in of each layer that lacks connections.
    pub fan_in_ccv: Vec<f64>,
    /// Seconds of the epoch's steps, loading included, evaluation excluded.
    pub seconds: f64,
    /// Seconds of the evaluation.
    pub eval_seconds: f64,
    /// `train_loss`, `test_loss` and, with such samples, `validation_loss`, and the same for each
    /// of the loss's named values; none that is not finite. Training values are measured before the
    /// step that uses the sample.
    #[serde(flatten)]
    pub values: Values,
}

impl EpochMetrics {
    /// Puts in what a network gave on samples called `name`.
    pub fn add(&mut self, name: &str, evaluation: &Evaluation) {
        self.values.extend(evaluation.named(name));
    }
}

/// What a method did to the connections, a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateMetrics {
    /// The step of the whole run, counted from 1, in which the method acted; 0 before the first.
    pub update: u64,
    /// Mean of the layers' CCVs.
    pub ccv: f64,
    /// Each layer that is rewired.
    pub layers: Vec<LayerUpdate>,
    /// Seconds of the update. The method's own gradients count; the batch's passes and the
    /// computation of these figures do not.
    pub seconds: f64,
    /// What the method tells, by name: `drop_fraction`, the fraction that was to be dropped.
    #[serde(flatten)]
    pub values: Values,
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

/// A network in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkSummary {
    /// Each layer; of a mixture those of each expert, and the gate.
    pub layers: Vec<LayerSummary>,
    /// How many experts there are; none of a single network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experts: Option<usize>,
    /// Parameters that exist.
    pub parameters: usize,
    /// Connections that exist.
    pub nnz: usize,
    /// 1 − connections / positions over the layers that lack connections; 0 if none does.
    pub sparsity_of_sparse_layers: f64,
    /// 1 − connections / positions over the hidden layers (over all if there is none).
    pub sparsity_of_hidden_layers: f64,
    /// Flops of the products of one training sample, as the layers are stored: forward, dW, and dX
    /// but for the first layer.
    pub train_flops_per_sample: u64,
    /// Flops of the products of one prediction, as the layers are stored; of a mixture's experts
    /// those that answer.
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
    /// Flops of this layer's product for one prediction: two per position that it computes.
    pub flops: u64,
    /// The same if every connection existed.
    pub flops_dense: u64,
}

impl NetworkSummary {
    /// The summary of a model.
    pub fn of(model: &Mlp) -> NetworkSummary {
        let layers: Vec<LayerSummary> = model.layers().iter().map(LayerSummary::of).collect();
        let sparsity = |layers: &mut dyn Iterator<Item = &LayerSummary>| {
            let (stored, positions) = layers.fold((0, 0), |(stored, positions), layer| {
                (stored + layer.nnz, positions + layer.in_features * layer.out_features)
            });
            1.0 - stored as f64 / positions.max(1) as f64
        };
        let lacking = || layers.iter().filter(|layer| layer.density < 1.0);
        let of_lacking = if lacking().next().is_some() { sparsity(&mut lacking()) } else { 0.0 };
        let of_hidden = sparsity(&mut model.hidden().into_iter().map(|layer| &layers[layer]));
        NetworkSummary {
            experts: model.mixture().map(|mixture| mixture.experts),
            parameters: model.parameters(),
            nnz: model.nnz(),
            sparsity_of_sparse_layers: of_lacking,
            sparsity_of_hidden_layers: of_hidden,
            train_flops_per_sample: model.flops_per_sample(true),
            inference_flops_per_sample: model.flops_per_answer(),
            inference_flops_per_sample_dense: model.flops_per_dense_answer(),
            layers,
        }
    }
}

impl LayerSummary {
    fn of(layer: &Layer) -> LayerSummary {
        let (rows, cols) = (layer.out_features(), layer.in_features());
        let (nnz, storage) = (layer.nnz(), layer.storage());
        let (min, max) = match storage.pattern() {
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
            flops: 2 * storage.products() as u64,
            flops_dense: 2 * (rows * cols) as u64,
        }
    }
}
