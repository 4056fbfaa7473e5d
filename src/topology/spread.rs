//! Which inputs a neuron gets, once its fan-in is known (paper §2.4).

use super::TopologyError;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A rule that picks a neuron's inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Spread {
    /// Uniformly at random without replacement.
    Random,
}

impl Spread {
    /// Every spread's name.
    pub const NAMES: &[&str] = &["random"];

    /// `fan_in` distinct columns below `in_features`, ascending.
    pub fn columns(self, in_features: usize, fan_in: usize, rng: &mut Pcg64) -> Vec<u32> {
        match self {
            Spread::Random => {
                let chosen = rand::seq::index::sample(rng, in_features, fan_in);
                let mut columns: Vec<u32> = chosen.into_iter().map(|col| col as u32).collect();
                columns.sort_unstable();
                columns
            }
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Spread::Random => "random",
        })
    }
}

impl FromStr for Spread {
    type Err = TopologyError;

    fn from_str(text: &str) -> Result<Self, TopologyError> {
        match text {
            "random" => Ok(Spread::Random),
            _ => Err(TopologyError::UnknownSpread(text.to_string())),
        }
    }
}

impl From<Spread> for String {
    fn from(spread: Spread) -> String {
        spread.to_string()
    }
}

impl TryFrom<String> for Spread {
    type Error = TopologyError;

    fn try_from(text: String) -> Result<Self, TopologyError> {
        text.parse()
    }
}
