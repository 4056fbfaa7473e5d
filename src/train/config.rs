//! The network and how it is trained: settings and their ranges.

use super::{Error, Regularization};
use crate::grammar::{Choice, named, path};
use crate::method::{Method, Static};
use crate::nn::{Activation, Engine, Loss, MAX_WIDTH, Mixture};
use crate::optim::{LrSchedule, Rule};
use crate::topology::{Allocation, Arrangement, FanInRule, Generator, Profile, Rounding, Spread};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A network and how it is trained; the default is the paper's MNIST network at 90 % sparsity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TrainConfig {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Fraction of the hidden layers' connections that do not exist.
    pub sparsity: f64,
    /// Fan-in over the neurons of a layer.
    pub profile: Profile,
    /// How real fan-ins become whole.
    pub rounding: Rounding,
    /// Re-find the scale for the clamped sum, where the rounding would not.
    pub match_budget: bool,
    /// Least inputs of a neuron.
    pub fan_in_min: usize,
    /// Above the highest possible sparsity keep the least fan-in instead of refusing.
    pub clamp: bool,
    /// Which neuron gets which fan-in.
    pub arrangement: Arrangement,
    /// Which inputs each neuron gets.
    pub spread: Spread,
    /// Neighbouring neurons that have the same inputs, each its own weights.
    pub share: usize,
    /// How the sparsity is divided among the sparse layers.
    pub allocation: Allocation,
    /// Another generator of topologies, instead of profile and spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator: Option<Choice<Box<dyn Generator>>>,
    /// Whether the first hidden layer keeps every connection.
    pub dense_first: bool,
    /// Several networks behind a gate, each with these hidden layers; or one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixture: Option<Choice<Mixture>>,
    /// Files with the sparse layers' connections, instead of all of the above; or none.
    #[serde(with = "path::list")]
    pub topology: Vec<PathBuf>,
    /// Whether the output layer is as sparse as the hidden ones.
    pub sparse_output: bool,
    /// Whether the hidden layers keep every connection.
    pub dense_hidden: bool,
    /// What follows LayerNorm in the hidden layers.
    pub activation: Choice<Activation>,
    /// What the network is trained towards.
    pub loss: Choice<Box<dyn Loss>>,
    /// How connections change before, while and after weights are trained.
    pub method: Choice<Box<dyn Method>>,
    /// Where a run with a method starts from.
    pub init_ccv: InitCcv,
    /// How the layers are stored.
    pub engine: Choice<Box<dyn Engine>>,
    /// How parameters follow from gradients.
    pub optimizer: Choice<Box<dyn Rule>>,
    /// How the learning rate changes over the steps.
    pub lr_schedule: Choice<LrSchedule>,
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples per step; the last batch of an epoch may be smaller.
    pub batch: usize,
    /// The learning rate.
    pub lr: f64,
    /// What keeps the network from learning its samples by heart.
    #[serde(flatten)]
    pub regularization: Regularization,
    /// Epochs without a smaller validation loss after which training ends with the best network; 0
    /// trains to the last epoch and keeps its network.
    pub patience: usize,
    /// Seed of every random stream.
    pub seed: u64,
    /// Threads; 0 is one per core. Changes no bit of the result.
    pub threads: usize,
}

named! {
    /// Where a run with a method starts from.
    pub enum InitCcv as "start" {
        /// From its profile.
        Profile = "profile",
        /// From a lognormal at the CCV that a first run from the profile settles to.
        Equilibrium = "equilibrium",
    }
}

/// A choice that is in its list.
fn listed<T: crate::grammar::Listed>(text: &str) -> Choice<T> {
    text.parse().expect("defaults are in their lists")
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            hidden: vec![1024, 1024],
            sparsity: 0.9,
            profile: Profile::Uniform,
            rounding: Rounding::Exact,
            match_budget: false,
            fan_in_min: 1,
            clamp: false,
            arrangement: Arrangement::Profile,
            spread: Spread::Random,
            share: 1,
            allocation: Allocation::Uniform,
            generator: None,
            mixture: None,
            dense_first: false,
            topology: vec![],
            sparse_output: false,
            dense_hidden: false,
            activation: listed("relu"),
            loss: listed("cross-entropy"),
            method: listed(Static::NAME),
            init_ccv: InitCcv::Profile,
            engine: listed("sparse"),
            optimizer: listed("adam"),
            lr_schedule: listed("constant"),
            epochs: 10,
            batch: 128,
            lr: 1e-3,
            regularization: Regularization::default(),
            patience: 0,
            seed: 42,
            threads: 0,
        }
    }
}

/// What tables of one's own are trained with unless it is said otherwise (`results/own-data`): the
/// paper's settings are for images.
mod own {
    use std::ops::RangeInclusive;

    /// Up to so many samples are few, and make small batches, so that an epoch has some steps.
    pub(super) const FEW: usize = 2048;
    pub(super) const LR: f64 = 3e-3;
    pub(super) const LR_SCHEDULE: &str = "cosine";

    /// What differs between classes and numbers.
    pub(super) struct Recipe {
        /// Samples per step: of few samples, of up to [`SOME`], of more.
        pub(super) batches: [usize; 3],
        /// Steps, in no fewer and no more epochs than these. More steps learn rows by heart.
        pub(super) steps: usize,
        pub(super) epochs: RangeInclusive<usize>,
    }

    pub(super) const SOME: usize = 1 << 15;
    pub(super) const CLASSES: Recipe =
        Recipe { batches: [8, 128, 128], steps: 1500, epochs: 10..=100 };
    pub(super) const NUMBERS: Recipe =
        Recipe { batches: [16, 64, 128], steps: 4000, epochs: 10..=20 };
}

/// A layer with fewer inputs is narrow: it keeps the least fan-in whatever the sparsity.
pub(super) const NARROW: usize = 64;

/// The largest group of neurons that share their inputs.
pub const MAX_SHARE: usize = 256;

impl TrainConfig {
    /// Refuses values outside their range, and settings that contradict each other.
    ///
    /// **Errors**: [`Error::Range`] naming the setting; [`Error::NoEquilibrium`],
    /// [`Error::TwoTopologies`], [`Error::SharedFile`], [`Error::UnusedTopology`].
    pub fn validate(&self) -> Result<(), Error> {
        let in_range = |setting, holds: bool, value: &dyn ToString, allowed| match holds {
            true => Ok(()),
            false => Err(Error::Range { setting, value: value.to_string(), allowed }),
        };
        for width in &self.hidden {
            let allowed = "a layer has 1 to 16777216 neurons";
            in_range("hidden", (1..=MAX_WIDTH).contains(width), width, allowed)?;
        }
        let batch = (1..=1 << 20).contains(&self.batch);
        in_range("batch", batch, &self.batch, "1 to 1048576 samples are possible")?;
        // As the kernels have it: what is too small for f32 would train nothing.
        let lr = self.lr as f32;
        let lr = lr.is_finite() && lr > 0.0;
        in_range("lr", lr, &self.lr, "a learning rate is a positive number")?;
        let Regularization { dropout, label_smoothing, input_noise, clip_norm, weight_average } =
            self.regularization;
        for (setting, share) in [
            ("dropout", dropout),
            ("label-smoothing", label_smoothing),
            ("weight-average", weight_average),
        ] {
            let holds = (0.0..1.0).contains(&share);
            in_range(setting, holds, &share, "it is at least 0 and below 1")?;
        }
        for (setting, size) in [("input-noise", input_noise), ("clip-norm", clip_norm)] {
            let holds = size >= 0.0 && size.is_finite();
            in_range(setting, holds, &size, "it is 0 or a positive number")?;
        }
        if label_smoothing > 0.0 && self.loss.make().takes_numbers() {
            return Err(Error::NothingToSmooth);
        }
        let sparsity = (0.0..1.0).contains(&self.sparsity);
        in_range("sparsity", sparsity, &self.sparsity, "it is at least 0 and below 1")?;
        let share = (1..=MAX_SHARE).contains(&self.share);
        in_range("share", share, &self.share, "groups of 1 to 256 neurons are possible")?;
        if self.share > 1 && !self.topology.is_empty() {
            return Err(Error::SharedFile);
        }
        let brings_topology = !self.topology.is_empty() || self.generator.is_some();
        if !self.topology.is_empty() && self.generator.is_some() {
            return Err(Error::TwoTopologies);
        }
        if self.mixture.is_some() {
            self.suits_mixture(self.has_method())?;
        }
        if self.init_ccv == InitCcv::Equilibrium {
            if !self.has_method() {
                return Err(Error::NoEquilibrium);
            }
            if brings_topology {
                return Err(Error::EquilibriumTopology);
            }
        }
        if brings_topology && self.engine.make().is_dense() {
            return Err(Error::UnusedTopology);
        }
        self.suits_method(&*self.method.make())
    }

    /// Whether a mixture can do what is asked for.
    ///
    /// **Errors**: [`Error::Mixture`].
    pub(super) fn suits_mixture(&self, has_method: bool) -> Result<(), Error> {
        let contradicts = [
            ("method", has_method),
            ("topology", !self.topology.is_empty()),
            ("input-noise", self.regularization.input_noise > 0.0),
        ];
        match contradicts.into_iter().find(|(_, is_given)| *is_given) {
            Some((setting, _)) => Err(Error::Mixture { setting }),
            None => Ok(()),
        }
    }

    /// Whether a method can do what is asked for.
    ///
    /// **Errors**: [`Error::MethodShare`], [`Error::MethodTopology`], [`Error::BeginsSparser`].
    pub(super) fn suits_method(&self, method: &dyn Method) -> Result<(), Error> {
        if self.share > 1 && !method.takes_shared_inputs() {
            return Err(Error::MethodShare);
        }
        let sparsity = self.sparsity;
        if let Some(from) = method.starting_sparsity().filter(|&from| from > sparsity) {
            return Err(Error::BeginsSparser { from, sparsity });
        }
        let brings_fan_in = self.generator.is_some() || self.profile != Profile::Uniform;
        let decides = match method.starting_sparsity() {
            None => false,
            Some(0.0) => brings_fan_in || !self.topology.is_empty() || self.sparse_output,
            Some(_) => !self.topology.is_empty() || self.sparse_output,
        };
        if decides { Err(Error::MethodTopology) } else { Ok(()) }
    }

    /// The settings of the network that a method begins with, which reaches their sparsity itself.
    pub(super) fn starting_at(&self, sparsity: Option<f64>) -> TrainConfig {
        let Some(sparsity) = sparsity else { return self.clone() };
        let allocation = match &self.allocation {
            Allocation::Erk if sparsity > 0.0 => Allocation::Erk,
            _ => Allocation::Uniform,
        };
        TrainConfig { sparsity: sparsity.min(self.sparsity), allocation, ..self.clone() }
    }

    /// Makes the settings that are not `given` fit for a table of one's own, of so many training
    /// samples with numbers or classes: a loss, small batches of few samples, epochs enough for
    /// some steps, a learning rate that ends at 0.
    pub fn suit_own_table(
        &mut self,
        samples: usize,
        has_numbers: bool,
        given: impl Fn(&str) -> bool,
    ) {
        if has_numbers && !given("loss") {
            self.loss = listed("mse");
        }
        let recipe = if has_numbers { own::NUMBERS } else { own::CLASSES };
        if !given("batch") {
            let sizes = [own::FEW, own::SOME];
            self.batch = recipe.batches[sizes.iter().filter(|&&size| samples > size).count()];
        }
        if !given("epochs") {
            let steps_per_epoch = samples.div_ceil(self.batch).max(1);
            let (least, most) = (*recipe.epochs.start(), *recipe.epochs.end());
            self.epochs = recipe.steps.div_ceil(steps_per_epoch).clamp(least, most);
        }
        // A rate that is given is kept throughout.
        let is_default = self.optimizer.name() == TrainConfig::default().optimizer.name();
        if is_default && !given("lr") && !given("lr-schedule") {
            self.lr_schedule = listed(own::LR_SCHEDULE);
            self.lr = own::LR;
        }
    }

    /// Whether connections may change.
    pub fn has_method(&self) -> bool {
        self.method.name() != Static::NAME
    }

    /// The sparsity that the sparse layers have together, as configured: 0 if there are none, and
    /// none where a list, a file or a generator gives each layer its own.
    pub fn sparsity_target(&self) -> Option<f64> {
        let any_sparse = (0..=self.hidden.len()).any(|layer| self.is_sparse(layer));
        let listed = matches!(self.allocation, Allocation::List(_));
        let elsewhere = listed || !self.topology.is_empty() || self.generator.is_some();
        match (any_sparse, elsewhere) {
            (false, _) => Some(0.0),
            (true, true) => None,
            (true, false) => Some(self.sparsity),
        }
    }

    /// How fan-ins are found.
    pub fn rule(&self) -> FanInRule {
        FanInRule {
            profile: self.profile.clone(),
            rounding: self.rounding,
            match_budget: self.match_budget,
            fan_in_min: self.fan_in_min,
            clamp: self.clamp,
            arrangement: self.arrangement,
        }
    }

    /// Whether layer `index` lacks connections.
    pub(crate) fn is_sparse(&self, index: usize) -> bool {
        let is_output = index == self.hidden.len();
        let keeps_all = match is_output {
            true => !self.sparse_output,
            false => self.dense_hidden || (self.dense_first && index == 0),
        };
        !keeps_all && !self.engine.make().is_dense()
    }
}
