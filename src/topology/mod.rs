//! Which connections a layer has: how many each neuron gets, and which.
//!
//! A [`Profile`] with a sparsity gives the fan-in of every neuron ([`fan_in`]); a [`Spread`] picks
//! the inputs; an [`Allocation`] divides the sparsity among layers. Everything is deterministic in the
//! seed.

mod allocate;
mod error;
mod file;
mod profiled;
mod stats;

pub use allocate::Allocation;
pub use error::{TopologyError, Warning};
pub use file::{read_topology, write_topology};
pub use profiled::{FanIn, FanInRule, Profile, Rounding, Spread, even_offset, fan_in};
pub use stats::{Distribution, GradientRatio, TopologyStats, gradient_ratio, histogram};

use crate::sparse::CsrPattern;

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
) -> Result<(CsrPattern, Vec<Warning>), TopologyError> {
    let FanIn { counts, warnings } =
        fan_in(rule, in_features, out_features, sparsity, seed, layer)?;
    Ok((spread.pattern(in_features, &counts, seed, layer), warnings))
}
