//! What can be measured without training: of a layer, of a fresh network, of data.

use crate::experiment::statistics::mean;
use crate::grammar::named;
use crate::sparse::CsrPattern;
use crate::topology::TopologyStats;
use crate::train::{HubRatios, TrainConfig, Trainer, hub_ratios};

named! {
    /// What is measured of a layer, of a network, of data.
    pub enum Statistic as "statistic" {
        /// Connections of a layer.
        Connections = "connections",
        /// Positions of a layer.
        Positions = "positions",
        /// Least inputs of a neuron.
        FanInMin = "fan-in-min",
        /// Mean inputs of a neuron.
        FanInMean = "fan-in-mean",
        /// Most inputs of a neuron.
        FanInMax = "fan-in-max",
        /// Most / least.
        FanInRatio = "fan-in-ratio",
        /// Standard deviation / mean of the fan-ins.
        Ccv = "ccv",
        /// Neurons that have one input.
        OneInput = "neurons-of-one-input",
        /// Least neurons of an input.
        FanOutMin = "fan-out-min",
        /// Most neurons of an input.
        FanOutMax = "fan-out-max",
        /// Standard deviation of the fan-outs.
        FanOutSd = "fan-out-sd",
        /// Inputs that no neuron has.
        DeadInputs = "dead-inputs",
        /// Highest possible sparsity in per cent (paper eq 7).
        Ceiling = "ceiling",
        /// Weights, biases, γ and β of a network.
        Parameters = "parameters",
        /// Gradient at hubs / at specialists over full rows, mean of the sparse layers (§2.9).
        GradientRatio = "gradient-ratio",
        /// The same over the connections that exist.
        ActiveGradientRatio = "active-gradient-ratio",
        /// Mean activation at hubs / at specialists, mean of the sparse layers (§2.6).
        ActivationRatio = "activation-ratio",
        /// Mean inputs of a neuron in a network's first layer.
        FirstFanIn = "first-fan-in",
        /// Training samples.
        TrainSamples = "train-samples",
        /// Test samples.
        TestSamples = "test-samples",
    }
}

/// How a statistic is had.
pub(super) enum Source {
    /// From the settings alone.
    Settings(fn(&TrainConfig, [usize; 2]) -> f64),
    /// From a layer's connections.
    Layer(fn(&TopologyStats, &CsrPattern) -> f64),
    /// From a fresh network and its data.
    Network(fn(&Trainer) -> Option<f64>),
    /// From the hubs of a fresh network: the mean of the layers that have it.
    Hubs(fn(&HubRatios) -> Option<f64>),
}

impl Statistic {
    /// How it is had.
    pub(super) fn source(self) -> Source {
        use Source::{Hubs, Layer, Network, Settings};
        match self {
            Statistic::Positions => Settings(|_, [inputs, neurons]| (inputs * neurons) as f64),
            Statistic::Ceiling => Settings(|config, [inputs, _]| {
                100.0 * (1.0 - config.fan_in_min as f64 / inputs as f64)
            }),
            Statistic::Connections => Layer(|stats, _| stats.nnz as f64),
            Statistic::FanInMin => Layer(|stats, _| stats.fan_in.min as f64),
            Statistic::FanInMean => Layer(|stats, _| stats.fan_in.mean),
            Statistic::FanInMax => Layer(|stats, _| stats.fan_in.max as f64),
            Statistic::FanInRatio => Layer(|stats, _| stats.fan_in_ratio),
            Statistic::Ccv => Layer(|stats, _| stats.fan_in.ccv),
            Statistic::OneInput => {
                Layer(|_, layer| layer.fan_in().filter(|&f| f == 1).count() as f64)
            }
            Statistic::FanOutMin => Layer(|stats, _| stats.fan_out.min as f64),
            Statistic::FanOutMax => Layer(|stats, _| stats.fan_out.max as f64),
            Statistic::FanOutSd => Layer(|stats, _| stats.fan_out.std),
            Statistic::DeadInputs => Layer(|stats, _| stats.dead_inputs as f64),
            Statistic::Parameters => Network(|trainer| Some(trainer.model().parameters() as f64)),
            Statistic::FirstFanIn => Network(|trainer| {
                let first = trainer.model().layers().first()?;
                Some(first.nnz() as f64 / first.out_features() as f64)
            }),
            Statistic::TrainSamples => Network(|trainer| Some(trainer.data().train.len() as f64)),
            Statistic::TestSamples => Network(|trainer| Some(trainer.data().test.len() as f64)),
            Statistic::GradientRatio => Hubs(|of| Some(of.gradient?.full_rows)),
            Statistic::ActiveGradientRatio => Hubs(|of| Some(of.gradient?.active_only)),
            Statistic::ActivationRatio => Hubs(|of| of.activation),
        }
    }

    /// Whether it follows from definitions, without samples and their chances.
    pub(super) fn follows(self) -> bool {
        !matches!(
            self,
            Statistic::GradientRatio
                | Statistic::ActiveGradientRatio
                | Statistic::ActivationRatio
                | Statistic::TrainSamples
                | Statistic::TestSamples
        )
    }

    /// The value that would say nothing: of a ratio 1.
    pub(super) fn neutral(self) -> Option<f64> {
        match self {
            Statistic::GradientRatio
            | Statistic::ActiveGradientRatio
            | Statistic::ActivationRatio => Some(1.0),
            _ => None,
        }
    }
}

/// What the hubs of a network are on the first training batch, of the layers that lack connections.
pub(super) fn hubs(trainer: &Trainer) -> Vec<HubRatios> {
    let (data, batch) = (trainer.data(), trainer.config().batch);
    let batch = batch.min(data.train.len());
    let (executor, model) = (trainer.executor(), trainer.model());
    let ratios = hub_ratios(executor, model, &data.train, &data.scaling, batch);
    ratios.into_iter().flatten().collect()
}

/// The CCV of a fresh network, mean of its layers that lack connections.
pub(super) fn ccv(trainer: &Trainer) -> Option<f64> {
    let patterns = trainer.model().layers().iter().filter_map(|layer| layer.storage().pattern());
    let sparse = patterns.filter(|pattern| pattern.density() < 1.0);
    mean(&sparse.map(|pattern| TopologyStats::of(pattern).fan_in.ccv).collect::<Vec<f64>>())
}
