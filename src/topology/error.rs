//! Why a topology cannot be built, and warnings about what it meets only approximately.

use std::fmt;

/// Why a layer's topology cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Sparsity outside `[0, 1)`.
    #[error("sparsity must be at least 0 and below 1, not {0}")]
    Sparsity(f64),
    /// The sparsity leaves less than the least fan-in: the paper's eq 7.
    #[error(
        "sparsity {sparsity} leaves less than {fan_in_min} of {in_features} inputs per neuron: at \
         most {ceiling:.6} can be reached (`clamp` keeps {fan_in_min} per neuron instead)"
    )]
    Ceiling {
        /// The sparsity asked for.
        sparsity: f64,
        /// Least inputs of a neuron.
        fan_in_min: usize,
        /// Inputs.
        in_features: usize,
        /// The highest sparsity that gives every neuron its least, 1 − f_min/n.
        ceiling: f64,
    },
    /// The sparsity takes no connection away.
    #[error(
        "sparsity {sparsity} takes none of the {in_features} × {out_features} connections away: ask \
         for 0, or for more"
    )]
    Full {
        /// The sparsity asked for.
        sparsity: f64,
        /// Inputs.
        in_features: usize,
        /// Neurons.
        out_features: usize,
    },
    /// No connection is left.
    #[error("no connection is left")]
    Empty,
    /// A profile that is 0 at every neuron.
    #[error("profile '{profile}' is 0 at all of {out_features} neurons: it has no scale")]
    Vanishing {
        /// The profile.
        profile: String,
        /// Neurons.
        out_features: usize,
    },
    /// A least fan-in above the number of inputs.
    #[error("a least fan-in of {fan_in_min} is more than the {in_features} inputs there are")]
    FanInMin {
        /// Least inputs of a neuron.
        fan_in_min: usize,
        /// Inputs.
        in_features: usize,
    },
    /// A matrix that would take too much memory.
    #[error(transparent)]
    Memory(#[from] crate::memory::TooMuch),
    /// A generator that looks at training data has none.
    #[error(
        "this topology is made from training data, and there is none here: a run of no `epochs` \
         makes it, and its model shows it"
    )]
    NoInputs,
    /// Neurons that share their inputs, by a generator of single ones.
    #[error("this generator's density, weights or blocks are of single neurons: leave out `share`")]
    NotOfGroups,
    /// A text that is no allocation.
    #[error("'{0}' is neither uniform nor erk nor a list of sparsities like 0.9;0.95")]
    Allocation(String),
    /// A list of sparsities of another length.
    #[error("{given} sparsities for {layers} sparse layers")]
    SparsityCount {
        /// Sparsities in the list.
        given: usize,
        /// Layers that are sparse.
        layers: usize,
    },
    /// A topology made elsewhere has another number of layers.
    #[error("the topology has {found} layers; {expected} of the network's are sparse")]
    LayerCount {
        /// Layers in the file.
        found: usize,
        /// Sparse layers of the network.
        expected: usize,
    },
    /// A topology made elsewhere does not fit the network.
    #[error(
        "the topology file has {found:?} (neurons, inputs) where the network has {expected:?}{}",
        transposed(found, expected)
    )]
    Shape {
        /// Neurons and inputs in the file.
        found: [usize; 2],
        /// Neurons and inputs of the layer.
        expected: [usize; 2],
    },
}

/// What to do about a matrix whose sides are exchanged.
fn transposed(found: &[usize; 2], expected: &[usize; 2]) -> &'static str {
    match found[0] != found[1] && [found[1], found[0]] == *expected {
        true => ": it is transposed, save it with a row for each neuron",
        false => "",
    }
}

/// What a topology that could be built does not meet.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Another sparsity: each neuron keeps its least fan-in.
    Sparsity {
        /// What was asked for.
        target: f64,
        /// What it is.
        realised: f64,
    },
    /// Another CCV: the fan-ins are whole and have bounds.
    Ccv {
        /// What was asked for.
        target: f64,
        /// What it is.
        realised: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Sparsity { target, realised } => {
                write!(f, "sparsity {target} cannot be had here: realised {realised:.6}")
            }
            Warning::Ccv { target, realised } => {
                write!(f, "CCV {target} cannot be had here: realised {realised:.3}")
            }
        }
    }
}
