//! Which connections a layer has: how many each neuron gets, and which.
//!
//! A [`Profile`] with a sparsity gives the fan-in of every neuron ([`fan_in`]); a [`Spread`] picks
//! the inputs; an [`Allocation`] divides the sparsity among layers. Everything is deterministic in the
//! seed.

mod allocate;
mod fan_in;
mod file;
mod profile;
mod spread;
mod stats;

pub use allocate::Allocation;
pub use fan_in::{FanIn, FanInRule, Rounding, fan_in};
pub use file::{read_topology, write_topology};
pub use profile::Profile;
pub use spread::{Spread, even_offset};
pub use stats::{Distribution, GradientRatio, TopologyStats, gradient_ratio, histogram};

use crate::sparse::CsrPattern;

/// Why a layer's topology cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TopologyError {
    /// Sparsity outside `[0, 1)`.
    #[error("sparsity must be at least 0 and below 1, not {0}")]
    Sparsity(f64),
    /// The sparsity leaves less than the least fan-in: the paper's eq 7.
    #[error(
        "sparsity {sparsity} leaves less than {fan_in_min} of {in_features} inputs per neuron: at \
         most {ceiling:.6} can be reached (--clamp keeps {fan_in_min} per neuron instead)"
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
    /// No connection is left.
    #[error("no connection is left")]
    Empty,
    /// A profile that is nothing at every neuron of the layer.
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
    /// A profile's name is not known.
    #[error("unknown profile '{0}': the profiles are {known}", known = Profile::NAMES.join(", "))]
    UnknownProfile(String),
    /// A profile's parameter is not what it should be.
    #[error("profile '{text}': {problem}")]
    ProfileParameter {
        /// The profile as given.
        text: String,
        /// What is wrong.
        problem: String,
    },
    /// A spread's name is not known.
    #[error("unknown spread '{0}': the spreads are {known}", known = Spread::NAMES.join(", "))]
    UnknownSpread(String),
    /// A rounding's name is not known.
    #[error("unknown rounding '{0}': it is one of {known}", known = Rounding::NAMES.join(", "))]
    UnknownRounding(String),
    /// A division of the sparsity that is none.
    #[error("{0}")]
    Allocation(String),
    /// A topology made elsewhere does not fit the network.
    #[error("the topology file has {found:?} (neurons, inputs) where the network has {expected:?}")]
    Shape {
        /// Neurons and inputs in the file.
        found: [usize; 2],
        /// Neurons and inputs of the layer.
        expected: [usize; 2],
    },
}

/// The pattern of one layer, and what could not be met.
///
/// **Errors**: [`TopologyError`] where the sparsity cannot be had.
pub fn build(
    rule: &FanInRule,
    spread: Spread,
    [in_features, out_features]: [usize; 2],
    sparsity: f64,
    seed: u64,
    layer: usize,
) -> Result<(CsrPattern, Vec<String>), TopologyError> {
    let FanIn { counts, warnings } =
        fan_in(rule, in_features, out_features, sparsity, seed, layer)?;
    Ok((spread.pattern(in_features, &counts, seed, layer), warnings))
}
