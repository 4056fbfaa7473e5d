//! Which connections a layer has: how many each neuron gets, and which.
//!
//! A [`Profile`] with a sparsity gives the fan-in of every neuron ([`fan_in`]); a [`Spread`] picks
//! the inputs. Together they make a [`CsrPattern`], deterministic in the seed.

mod fan_in;
mod profile;
mod spread;

pub use fan_in::fan_in;
pub use profile::Profile;
pub use spread::Spread;

use crate::random::{Purpose, stream};
use crate::sparse::CsrPattern;

/// Why a layer's topology cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TopologyError {
    /// Sparsity outside `[0, 1)`.
    #[error("sparsity must be at least 0 and below 1, not {0}")]
    Sparsity(f64),
    /// Fewer connections than neurons: the paper's eq 7.
    #[error(
        "sparsity {sparsity} leaves {budget} connections for {out_features} neurons, and each \
         needs one: with {in_features} inputs at most {ceiling:.6} can be reached"
    )]
    Ceiling {
        /// The sparsity asked for.
        sparsity: f64,
        /// Connections it leaves.
        budget: usize,
        /// Neurons.
        out_features: usize,
        /// Inputs.
        in_features: usize,
        /// The highest sparsity that gives every neuron an input, 1 − 1/in_features.
        ceiling: f64,
    },
    /// A profile's name is not known.
    #[error("unknown profile '{0}': the profiles are {known}", known = Profile::NAMES.join(", "))]
    UnknownProfile(String),
    /// A spread's name is not known.
    #[error("unknown spread '{0}': the spreads are {known}", known = Spread::NAMES.join(", "))]
    UnknownSpread(String),
}

/// The pattern of one layer.
///
/// **Errors**: [`TopologyError`] where the sparsity cannot be had.
pub fn build(
    in_features: usize,
    out_features: usize,
    sparsity: f64,
    profile: &Profile,
    spread: Spread,
    seed: u64,
    layer: usize,
) -> Result<CsrPattern, TopologyError> {
    let fan_in = fan_in(profile, in_features, out_features, sparsity)?;
    let mut rng = stream(seed, Purpose::Spread, layer as u64);
    let mut row_ptr = vec![0];
    let mut col_idx = Vec::with_capacity(fan_in.iter().sum());
    for fan_in in fan_in {
        col_idx.extend(spread.columns(in_features, fan_in, &mut rng));
        row_ptr.push(col_idx.len());
    }
    let pattern = CsrPattern::new(in_features, row_ptr, col_idx);
    Ok(pattern.expect("a spread gives sorted, distinct columns below in_features"))
}
