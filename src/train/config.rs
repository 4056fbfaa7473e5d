//! Everything that determines a training run.

use super::{GrownState, RewireMethod};
use crate::Error;
use crate::dataset::DataConfig;
use crate::error::FileProblem;
use crate::nn::{Engine, Mlp};
use crate::rewire::{Candidates, Decay, GrowScore, Reading, Scope, TieOrder};
use crate::sparse::CsrPattern;
use crate::topology::{
    self, Allocation, FanInRule, FileTopology, Generator, Profile, Request, Rounding, Spread,
    TopologyError, read_topology,
};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use toml::Table;

/// A network and how it is trained; the default is the paper's MNIST network at 90 % sparsity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// Which inputs each neuron gets.
    pub spread: Spread,
    /// How the sparsity is divided among the sparse layers.
    pub allocation: Allocation,
    /// Whether the first hidden layer keeps every connection.
    pub dense_first: bool,
    /// Files with the sparse layers' connections, instead of all of the above; or none.
    pub topology: Vec<PathBuf>,
    /// Whether the output layer is as sparse as the hidden ones.
    pub sparse_output: bool,
    /// Whether the hidden layers keep every connection.
    pub dense_hidden: bool,
    /// How connections change while the network trains.
    pub rewire: RewireMethod,
    /// Steps between updates of the connections (ΔT).
    pub rewire_every: u64,
    /// Fraction of a layer's connections dropped at first (α).
    pub drop_fraction: f64,
    /// How that fraction decays.
    pub drop_decay: Decay,
    /// Fraction of all steps after which connections stay (T_end).
    pub rewire_end: f64,
    /// Adam's moments of a grown connection.
    pub grown_state: GrownState,
    /// Whether an update of the connections follows an optimiser step, rather than replacing it.
    pub step_on_update: bool,
    /// Over what the smallest weights and the largest gradients are sought.
    pub rewire_scope: Scope,
    /// No neuron is dropped below this fan-in.
    pub rewire_fan_in_min: usize,
    /// Which positions may be grown.
    pub grow_from: Candidates,
    /// What a position's score is.
    pub grow_score: GrowScore,
    /// What decides between equal weights and between equal scores.
    pub tie: TieOrder,
    /// Where a rewired run starts from.
    pub init_ccv: InitCcv,
    /// How the layers compute.
    pub engine: Engine,
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples per optimiser step; the last batch of an epoch may be smaller.
    pub batch: usize,
    /// Adam's learning rate.
    pub lr: f64,
    /// Epochs without a smaller validation loss after which training ends with the best network; 0
    /// trains to the last epoch and keeps its network.
    pub patience: usize,
    /// Seed of every random stream.
    pub seed: u64,
    /// Threads; 0 is one per core. Changes no bit of the result.
    pub threads: usize,
}

/// Where a rewired run starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitCcv {
    /// From its profile.
    Profile,
    /// From a lognormal at the CCV that a first run from the profile settles to.
    Equilibrium,
}

impl Default for TrainConfig {
    fn default() -> Self {
        let reading = Reading::default();
        TrainConfig {
            hidden: vec![1024, 1024],
            sparsity: 0.9,
            profile: Profile::Uniform,
            rounding: Rounding::Exact,
            match_budget: false,
            fan_in_min: 1,
            clamp: false,
            spread: Spread::Random,
            allocation: Allocation::Uniform,
            dense_first: false,
            topology: vec![],
            sparse_output: false,
            dense_hidden: false,
            rewire: RewireMethod::Static,
            rewire_every: 100,
            drop_fraction: 0.3,
            drop_decay: Decay::Cosine,
            rewire_end: 0.75,
            grown_state: GrownState::Zero,
            step_on_update: false,
            rewire_scope: reading.scope,
            rewire_fan_in_min: reading.fan_in_min,
            grow_from: reading.candidates,
            grow_score: reading.score,
            tie: reading.ties,
            init_ccv: InitCcv::Profile,
            engine: Engine::Sparse,
            epochs: 10,
            batch: 128,
            lr: 1e-3,
            patience: 0,
            seed: 42,
            threads: 0,
        }
    }
}

/// The widest layer: two of them can be connected sparsely without overflow.
const MAX_WIDTH: usize = 1 << 24;

impl TrainConfig {
    /// Refuses values outside their range.
    ///
    /// **Errors**: [`Error::Config`] naming the setting.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::Config(problem));
        if let Some(width) = self.hidden.iter().find(|width| **width == 0) {
            return refuse(format!("a hidden layer of width {width}"));
        }
        if self.batch == 0 || self.batch > 1 << 20 {
            return refuse(format!("a batch of {} samples: 1 to 1048576 are possible", self.batch));
        }
        if let Some(width) = self.hidden.iter().find(|width| **width > MAX_WIDTH) {
            return refuse(format!(
                "a hidden layer of width {width}: at most {MAX_WIDTH} is possible"
            ));
        }
        // As Adam has it: what is too small for f32 would train nothing.
        let lr = self.lr as f32;
        if !(lr.is_finite() && lr > 0.0) {
            return refuse(format!("a learning rate of {}: it must be positive", self.lr));
        }
        for (name, fraction) in
            [("drop fraction", self.drop_fraction), ("rewiring end", self.rewire_end)]
        {
            if !(0.0..=1.0).contains(&fraction) {
                return refuse(format!("a {name} of {fraction}: it is a fraction, 0 to 1"));
            }
        }
        self.validate_rewiring()?;
        if self.rewire_every == 0 {
            return refuse("an update of the connections every 0 steps".to_string());
        }
        if !(0.0..1.0).contains(&self.sparsity) {
            return refuse(format!(
                "a sparsity of {}: it is at least 0 and below 1",
                self.sparsity
            ));
        }
        Ok(())
    }

    /// Refuses readings of RigL where they mean nothing.
    fn validate_rewiring(&self) -> Result<(), Error> {
        let (reading, plain) = (self.reading(), Reading::default());
        let scored = (reading.scope, reading.score) != (plain.scope, plain.score);
        let problem = match self.rewire {
            RewireMethod::SetRigl if scored => {
                "set-rigl grows at random: it has no use for --rewire-scope and --grow-score"
            }
            RewireMethod::Rigl
                if reading.scope == Scope::Network && self.engine == Engine::Masked =>
            {
                "--rewire-scope network is for the sparse engine: a mask may fill up"
            }
            RewireMethod::Set if reading != plain || self.step_on_update => {
                "set has one reading: --rewire-scope, --rewire-fan-in-min, --grow-from, \
                 --grow-score, --tie and --step-on-update belong to rigl and set-rigl"
            }
            RewireMethod::Static if self.init_ccv == InitCcv::Equilibrium => {
                "--init-ccv equilibrium needs a --rewire that settles to one"
            }
            _ if self.init_ccv == InitCcv::Equilibrium && !self.topology.is_empty() => {
                "--init-ccv equilibrium makes its own topology: leave out --topology"
            }
            _ => return Ok(()),
        };
        Err(Error::Config(problem.to_string()))
    }

    /// The sparsity that the sparse layers have together, as configured: 0 if there are none, and
    /// none where a list or a file gives each layer its own.
    pub fn sparsity_target(&self) -> Option<f64> {
        let any_sparse = (0..=self.hidden.len()).any(|layer| self.is_sparse(layer));
        let listed = matches!(self.allocation, Allocation::List(_)) || !self.topology.is_empty();
        match (any_sparse, listed) {
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
        }
    }

    /// Whether layer `index` lacks connections.
    fn is_sparse(&self, index: usize) -> bool {
        let is_output = index == self.hidden.len();
        let keeps_all = match is_output {
            true => !self.sparse_output,
            false => self.dense_hidden || (self.dense_first && index == 0),
        };
        self.engine != Engine::Dense && !keeps_all
    }

    /// Builds the network for this many inputs and classes; also returns what could not be met.
    ///
    /// **Errors**: [`Error::Topology`] naming the layer that cannot be built; [`Error::Io`] and
    /// [`Error::File`] for a topology file.
    pub fn build(&self, in_features: usize, classes: usize) -> Result<(Mlp, Vec<String>), Error> {
        self.validate()?;
        let (patterns, warnings) = self.patterns(in_features, classes)?;
        Ok((Mlp::new(self.engine, patterns, self.seed), warnings))
    }

    fn patterns(
        &self,
        in_features: usize,
        classes: usize,
    ) -> Result<(Vec<CsrPattern>, Vec<String>), Error> {
        let widths: Vec<usize> =
            [in_features].into_iter().chain(self.hidden.iter().copied()).chain([classes]).collect();
        let shapes: Vec<[usize; 2]> = widths.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        let sparse: Vec<usize> = (0..shapes.len()).filter(|&layer| self.is_sparse(layer)).collect();
        let sparse_shapes: Vec<[usize; 2]> = sparse.iter().map(|&layer| shapes[layer]).collect();
        // A sparse layer is never held dense, not even for a moment.
        let full = |(layer, &[cols, rows]): (usize, &[usize; 2])| match sparse.contains(&layer) {
            true => CsrPattern::full(0, cols),
            false => CsrPattern::full(rows, cols),
        };
        let mut patterns: Vec<CsrPattern> = shapes.iter().enumerate().map(full).collect();
        let mut warnings = Vec::new();
        let error = |layer: usize| move |source| Error::Topology { layer: layer + 1, source };
        let empty = |patterns: &[CsrPattern]| {
            patterns.iter().position(|pattern| pattern.nnz() == 0).map_or(Ok(()), |layer| {
                Err(Error::Topology { layer: layer + 1, source: TopologyError::Empty })
            })
        };
        if !self.topology.is_empty() && self.engine != Engine::Dense {
            let config = |problem: TopologyError| Error::Config(problem.to_string());
            let made = read_topology(&self.topology)?;
            let file = FileTopology::new(made, &sparse).map_err(config)?;
            for &layer in &sparse {
                let (sparsity, seed) = (self.sparsity, self.seed);
                let request = Request { shape: shapes[layer], sparsity, seed, layer, inputs: None };
                patterns[layer] = file.generate(&request).map_err(error(layer))?.pattern;
            }
            empty(&patterns)?;
            return Ok((patterns, warnings));
        }
        let sparsities =
            self.allocation.sparsities(&sparse_shapes, self.sparsity).map_err(error(0))?;
        for (&layer, sparsity) in sparse.iter().zip(sparsities) {
            let (rule, shape) = (self.rule(), shapes[layer]);
            let (pattern, unmet) =
                topology::build(&rule, self.spread, shape, sparsity, self.seed, layer)
                    .map_err(error(layer))?;
            patterns[layer] = pattern;
            warnings.extend(unmet.iter().map(|unmet| format!("layer {}: {unmet}", layer + 1)));
        }
        empty(&patterns)?;
        Ok((patterns, warnings))
    }
}

/// Everything that determines a run: the data, the network, the training. Its TOML form has the
/// flags' names as keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunConfig {
    /// The data.
    #[serde(flatten)]
    pub data: DataConfig,
    /// The network and its training.
    #[serde(flatten)]
    pub train: TrainConfig,
}

impl RunConfig {
    /// The defaults, overlaid with tables of settings, later ones over earlier ones.
    ///
    /// **Errors**: [`FileProblem::UnknownKey`] with the nearest name, [`FileProblem::Syntax`] for a
    /// value of another type.
    pub fn from_tables(tables: impl IntoIterator<Item = Table>) -> Result<RunConfig, FileProblem> {
        let syntax = |problem: toml::de::Error| FileProblem::Syntax(problem.message().to_string());
        let mut effective = RunConfig::default().to_table();
        for table in tables {
            for (key, value) in table {
                let optional = DataConfig::OPTIONAL;
                if !optional.contains(&key.as_str()) && !effective.contains_key(&key) {
                    let names = effective.keys().map(String::as_str).chain(optional);
                    let nearest = nearest(&key, names);
                    return Err(FileProblem::UnknownKey { key, nearest });
                }
                effective.insert(key, value);
            }
        }
        effective.try_into().map_err(syntax)
    }

    /// Reads a TOML file of settings.
    ///
    /// **Errors**: [`Error::Io`]; [`Error::File`] with the line of a syntax error.
    pub fn read_table(path: &Path) -> Result<Table, Error> {
        let text = fs::read_to_string(path).map_err(Error::io(path))?;
        text.parse().map_err(|problem: toml::de::Error| {
            let line = problem.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            let problem = format!("line {line}: {}", problem.message());
            Error::file(path, FileProblem::Syntax(problem))
        })
    }

    /// Reads a whole configuration.
    ///
    /// **Errors**: as [`RunConfig::read_table`] and [`RunConfig::from_tables`].
    pub fn read(path: &Path) -> Result<RunConfig, Error> {
        let table = RunConfig::read_table(path)?;
        RunConfig::from_tables([table]).map_err(|problem| Error::file(path, problem))
    }

    fn to_table(&self) -> Table {
        Table::try_from(self).expect("a configuration is a table of plain values")
    }

    /// The configuration as TOML.
    pub fn to_toml(&self) -> String {
        self.to_table().to_string()
    }
}

/// The name nearest to `key`, if one is near enough to be meant.
fn nearest<'a>(key: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = names.map(|name| (strsim::jaro_winkler(key, name), name));
    let (score, name) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.7).then(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dense_mnist_net_has_the_papers_parameters() {
        // Paper §2.1, notes G23: weights, biases, and LayerNorm's γ and β.
        let config = TrainConfig { engine: Engine::Dense, ..TrainConfig::default() };
        assert_eq!(config.build(784, 10).unwrap().0.parameters(), 1_867_786);
    }

    #[test]
    fn hidden_and_output_layers_are_sparse_as_asked() {
        let config = TrainConfig { hidden: vec![20], sparsity: 0.75, ..TrainConfig::default() };
        let nnz = |config: &TrainConfig| {
            let model = config.build(16, 8).unwrap().0;
            model.layers().iter().map(|layer| layer.linear.nnz()).collect::<Vec<_>>()
        };
        assert_eq!(nnz(&config), [80, 160]);
        assert_eq!(nnz(&TrainConfig { sparse_output: true, ..config.clone() }), [80, 40]);
        let dense_first = TrainConfig { dense_first: true, ..config.clone() };
        assert_eq!(nnz(&dense_first), [320, 160]);
        let dense_hidden = TrainConfig { dense_hidden: true, sparse_output: true, ..config };
        assert_eq!(nnz(&dense_hidden), [320, 40]);
    }

    #[test]
    fn a_configuration_survives_toml() {
        let mut config = RunConfig::default();
        config.data = DataConfig {
            data_dir: Some("x".into()),
            train: Some("own.csv".into()),
            delimiter: Some(';'),
            categorical: vec!["a".into(), "3".into()],
            ..config.data
        };
        config.train = TrainConfig { hidden: vec![7, 9], lr: 0.003, seed: 1 << 60, ..config.train };
        let table: Table = config.to_toml().parse().unwrap();
        assert_eq!(RunConfig::from_tables([table]), Ok(config));
    }

    #[test]
    fn later_tables_win_and_unknown_keys_name_the_nearest() {
        let table = |text: &str| text.parse::<Table>().unwrap();
        let config = RunConfig::from_tables([
            table("sparsity = 0.5\nsparse-output = true"),
            table("sparsity = 0"),
        ]);
        let train = config.unwrap().train;
        assert_eq!((train.sparsity, train.sparse_output), (0.0, true));
        let unknown = |key: &str, nearest: Option<&str>| {
            let nearest = nearest.map(String::from);
            Err(FileProblem::UnknownKey { key: key.to_string(), nearest })
        };
        assert_eq!(
            RunConfig::from_tables([table("sparcity = 1")]),
            unknown("sparcity", Some("sparsity"))
        );
        assert_eq!(RunConfig::from_tables([table("qq = 1")]), unknown("qq", None));
        let wrong_type = RunConfig::from_tables([table("epochs = 'many'")]);
        assert!(matches!(wrong_type, Err(FileProblem::Syntax(_))), "{wrong_type:?}");
    }
}
