//! The shape of a layer's fan-in over its neurons.

use super::TopologyError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A profile P(t): how the fan-in varies over a layer's neurons, t = i/m (paper §2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Profile {
    /// The same for every neuron: the paper's random baseline, CCV 0.
    Uniform,
}

impl Profile {
    /// Every profile's name.
    pub const NAMES: &[&str] = &["uniform"];
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Profile::Uniform => "uniform",
        })
    }
}

impl FromStr for Profile {
    type Err = TopologyError;

    fn from_str(text: &str) -> Result<Self, TopologyError> {
        match text {
            "uniform" => Ok(Profile::Uniform),
            _ => Err(TopologyError::UnknownProfile(text.to_string())),
        }
    }
}

impl From<Profile> for String {
    fn from(profile: Profile) -> String {
        profile.to_string()
    }
}

impl TryFrom<String> for Profile {
    type Error = TopologyError;

    fn try_from(text: String) -> Result<Self, TopologyError> {
        text.parse()
    }
}
