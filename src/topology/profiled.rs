//! Fan-ins by a profile, inputs by a spread (Profiled Sparse Networks, arXiv 2604.10560, §2).
//!
//! A [`Profile`] with a sparsity gives the fan-in of every neuron ([`fan_in`]); a [`Spread`] picks
//! the inputs.

mod arrangement;
mod fan_in;
mod profile;
mod quantile;

pub(crate) use quantile::normal_quantile;
mod spread;

pub use arrangement::Arrangement;
pub(super) use fan_in::proportional;
pub use fan_in::{FanIn, FanInRule, Rounding, fan_in};
pub use profile::Profile;
pub use spread::{Spread, even_offset};

use super::error::TopologyError;
use super::generator::{Generated, Generator, Request};

/// Profiled Sparse Networks: a profile's fan-ins, and a spread's inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Profiled {
    /// How many inputs each neuron gets.
    pub rule: FanInRule,
    /// Which.
    pub spread: Spread,
    /// A layer with fewer inputs than these keeps the rule's least fan-in, above the highest
    /// possible sparsity too.
    pub narrow: usize,
}

impl Generator for Profiled {
    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let &Request { shape: [in_features, out_features], sparsity, seed, layer, .. } = request;
        let clamp = self.rule.clamp || in_features < self.narrow;
        let rule = FanInRule { clamp, ..self.rule.clone() };
        let FanIn { counts, warnings } =
            fan_in(&rule, in_features, out_features, sparsity, seed, layer)?;
        let pattern = self.spread.pattern(in_features, &counts, seed, layer);
        Ok(Generated { pattern, weights: None, warnings })
    }
}
