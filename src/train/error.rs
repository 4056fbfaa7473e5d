//! Why a network cannot be trained as asked.
//!
//! Settings are named in backticks, as configuration files have them. Layers, epochs and steps
//! count from 1.

use crate::nn::MAX_WIDTH;
use crate::topology::TopologyError;
use crate::{memory, parallel, topology};

/// What can go wrong between a configuration and a trained network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting outside its range.
    #[error("`{setting}` {value}: {allowed}")]
    Range {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// There is nothing to learn from, or to evaluate on.
    #[error("there are no samples")]
    NoSamples,
    /// Label smoothing of numbers.
    #[error("`label-smoothing` is for classes: this `loss` learns numbers")]
    NothingToSmooth,
    /// Noise on samples that are kept by their values that are not 0.
    #[error("`input-noise` would make every 0 of sparse samples another number")]
    SparseNoise,
    /// Early stopping without validation samples.
    #[error(
        "`patience` watches validation samples: hold some out with `validation-fraction`, or \
         name a `validation` file"
    )]
    NothingToWatch,
    /// Early stopping of a method that trains several times.
    #[error("`patience` would end a `method` of several trainings in its first")]
    PatienceAndPhases,
    /// A method that goes back to a step that no training has.
    #[error("a `method` goes back to step {step}, and a training ends with step {steps}")]
    BackTo {
        /// The step.
        step: u64,
        /// The steps of a training.
        steps: u64,
    },
    /// A method on layers that keep every connection.
    #[error("a `method` needs layers that can lose connections: this `engine` has none")]
    DenseEngine,
    /// A method that prunes to less than it begins with.
    #[error("a `method` that begins with sparsity {from} cannot end with {sparsity}")]
    BeginsSparser {
        /// The sparsity that it begins with.
        from: f64,
        /// The sparsity that is asked for.
        sparsity: f64,
    },
    /// A method without a layer to work on.
    #[error("no hidden layer lacks connections: `method` has nothing to change")]
    NothingToRewire,
    /// A start at the equilibrium of a run whose connections do not move.
    #[error("`init-ccv` equilibrium needs a `method` that settles to one")]
    NoEquilibrium,
    /// A start at the equilibrium's topology and from another.
    #[error("`init-ccv` equilibrium makes its own topology: leave out `topology` and `generator`")]
    EquilibriumTopology,
    /// Connections from a file and from a generator.
    #[error("`topology` and `generator` both say what the connections are: leave one out")]
    TwoTopologies,
    /// Sharing asked of connections from a file.
    #[error("a `topology` file says itself which neurons have the same inputs: leave `share` out")]
    SharedFile,
    /// Connections of one's own for a method that decides itself which stay.
    #[error(
        "this `method` begins with every connection, and decides itself which stay: leave out \
         `topology`, `generator`, `profile` and `sparse-output`"
    )]
    MethodTopology,
    /// A mixture with what is for a single network.
    #[error("`mixture` has no use for `{setting}`, which is for a single network: leave it out")]
    Mixture {
        /// What is for a single network.
        setting: &'static str,
    },
    /// Sharing asked of a method that decides over single connections.
    #[error(
        "this `method` decides over single connections, not those of groups: leave out `share` \
         (static, rigl, set-rigl, set and srigl can share)"
    )]
    MethodShare,
    /// A topology for a network that has every connection.
    #[error("this `engine` has every connection: it has no use for `topology` and `generator`")]
    UnusedTopology,
    /// A topology file, or a list of sparsities, that is not for this network.
    #[error(transparent)]
    OtherTopology(TopologyError),
    /// A topology that cannot be built.
    #[error("layer {layer}: {source}")]
    Topology {
        /// The layer, counted from 1.
        layer: usize,
        /// Why not.
        source: TopologyError,
    },
    /// A loss of numbers for samples with classes, or the other way round.
    #[error("`loss` {loss} is for {}", if *takes_numbers {
        "numbers, and these samples have classes"
    } else {
        "classes, and these samples have numbers"
    })]
    OtherTargets {
        /// The loss.
        loss: &'static str,
        /// Whether it is one of numbers.
        takes_numbers: bool,
    },
    /// A network, or an optimiser's state, of other shapes.
    #[error("the network is another: its layers or connections do not fit")]
    OtherNetwork,
    /// The loss is not a finite number any more.
    #[error(
        "the loss is not finite at epoch {epoch}, step {step}: {layer} was the first to \
         overflow{}; try a smaller `lr`", last_loss.map_or(String::new(),
            |loss| format!(" (last finite loss {loss:.4})"))
    )]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The step within it, counted from 1.
        step: usize,
        /// The first layer with a non-finite output.
        layer: String,
        /// The loss of the step before, if there was one.
        last_loss: Option<f64>,
    },
    /// Samples of more values than a layer takes in.
    #[error("{0} inputs: a layer has no more than {MAX_WIDTH}")]
    TooManyInputs(usize),
    /// More memory than may be taken.
    #[error(transparent)]
    Memory(#[from] memory::TooMuch),
    /// Threads or an instruction set that cannot be had.
    #[error(transparent)]
    Parallel(#[from] parallel::Error),
    /// A topology's file.
    #[error(transparent)]
    TopologyFile(#[from] topology::Error),
}
