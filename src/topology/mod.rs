//! Which connections a layer has.
//!
//! A [`Generator`] makes them: [`Profiled`] by a profile of fan-ins and a spread of inputs,
//! [`FileTopology`] from a file, and those of the list by their names: a further one is a file
//! in `generators`, and a line in its list. [`Share`] makes any of them one of groups of neurons.
//! An [`Allocation`] divides the sparsity among layers, and [`TopologyStats`] describe what came
//! of it. Everything is deterministic in the seed.

mod allocate;
mod error;
mod file;
mod generator;
mod generators;
mod profiled;
mod share;
mod stats;

pub use allocate::Allocation;
pub use error::{TopologyError, Warning};
pub use file::{Error, FileTopology, read_topology, write_topology};
pub use generator::{Generated, Generator, Inputs, Request};
pub(crate) use profiled::normal_quantile;
pub use profiled::{
    Arrangement, FanIn, FanInRule, Profile, Profiled, Rounding, Spread, even_offset, fan_in,
};
pub use share::Share;
pub use stats::{
    Distribution, GradientRatio, TopologyStats, activation_ratio, gradient_ratio, histogram,
};

use crate::sparse::CsrPattern;

/// The connections of one layer by [`Profiled`], and warnings about what is met only
/// approximately.
///
/// **Errors**: [`TopologyError`] where the sparsity cannot be had.
pub fn build(
    rule: &FanInRule,
    spread: Spread,
    shape: [usize; 2],
    sparsity: f64,
    seed: u64,
    layer: usize,
) -> Result<(CsrPattern, Vec<Warning>), TopologyError> {
    let profiled = Profiled { rule: rule.clone(), spread, narrow: 0 };
    let request = Request { shape, sparsity, seed, layer, inputs: None };
    profiled.generate(&request).map(|made| (made.pattern, made.warnings))
}
