//! The shape of a layer's fan-in over its neurons.

use crate::topology::error::TopologyError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A profile P(t): how the fan-in varies over a layer's neurons, t = i/m (paper §2.2).
///
/// As text: a name, and parameters after a colon, `exponential:alpha=4`; what is left out has the
/// paper's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Profile {
    /// The same for every neuron: the paper's random baseline, CCV 0.
    Uniform,
    /// 1 − t (eq 1).
    Linear,
    /// 1 − t² (eq 2).
    Quadratic,
    /// exp(−α·t) (eq 3), α = 3.
    Exponential {
        /// Steepness.
        alpha: f64,
    },
    /// exp(−β·(2(t − ½))²) (eq 4), β = 3.
    Bell {
        /// Sharpness.
        beta: f64,
    },
    /// t: the linear profile at 1 − t.
    InverseLinear,
    /// 1 − (1 − t)²: the quadratic profile at 1 − t.
    InverseQuadratic,
    /// exp(−α·(1 − t)): the exponential profile at 1 − t.
    InverseExponential {
        /// Steepness.
        alpha: f64,
    },
    /// 1 − P_bell(t): hubs at the layer's ends.
    InverseBell {
        /// Sharpness.
        beta: f64,
    },
    /// The maximum of k Gaussian peaks exp(−β·(t − c_j)²) at c_j = (2j + 1)/2k (eq 10).
    MultiPeak {
        /// Number of peaks.
        k: usize,
        /// Sharpness.
        beta: f64,
    },
    /// Lognormal fan-ins in descending order, σ chosen for a target CCV (eq 5).
    Lognormal {
        /// Target CCV after clamping.
        ccv: f64,
        /// Drawn at random and sorted, rather than the distribution's quantiles.
        sampled: bool,
    },
    /// Fan-in proportional to rank^−γ, γ chosen for a target CCV.
    PowerLaw {
        /// Target CCV after clamping.
        ccv: f64,
    },
}

impl Profile {
    /// Every profile's name.
    pub const NAMES: &[&str] = &[
        "uniform",
        "linear",
        "quadratic",
        "exponential",
        "bell",
        "inverse-linear",
        "inverse-quadratic",
        "inverse-exponential",
        "inverse-bell",
        "multipeak",
        "lognormal",
        "powerlaw",
    ];

    /// P(t) of the profiles that are a function of t; none of those given by a target CCV.
    pub fn density(&self, t: f64) -> Option<f64> {
        let bell = |beta: f64| (-beta * (2.0 * (t - 0.5)).powi(2)).exp();
        Some(match *self {
            Profile::Uniform => 1.0,
            Profile::Linear => 1.0 - t,
            Profile::Quadratic => 1.0 - t * t,
            Profile::Exponential { alpha } => (-alpha * t).exp(),
            Profile::Bell { beta } => bell(beta),
            // P(1 − t), with 1 − t itself rounded as the paper's code must have it.
            Profile::InverseLinear => 1.0 - (1.0 - t),
            Profile::InverseQuadratic => 1.0 - (1.0 - t).powi(2),
            Profile::InverseExponential { alpha } => (-alpha * (1.0 - t)).exp(),
            Profile::InverseBell { beta } => 1.0 - bell(beta),
            Profile::MultiPeak { k, beta } => {
                let peak = |j: usize| (2 * j + 1) as f64 / (2 * k) as f64;
                let height = |j: usize| (-beta * (t - peak(j)).powi(2)).exp();
                (0..k).map(height).fold(0.0, f64::max)
            }
            Profile::Lognormal { .. } | Profile::PowerLaw { .. } => return None,
        })
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Profile::Uniform => f.write_str("uniform"),
            Profile::Linear => f.write_str("linear"),
            Profile::Quadratic => f.write_str("quadratic"),
            Profile::Exponential { alpha } => write!(f, "exponential:alpha={alpha}"),
            Profile::Bell { beta } => write!(f, "bell:beta={beta}"),
            Profile::InverseLinear => f.write_str("inverse-linear"),
            Profile::InverseQuadratic => f.write_str("inverse-quadratic"),
            Profile::InverseExponential { alpha } => write!(f, "inverse-exponential:alpha={alpha}"),
            Profile::InverseBell { beta } => write!(f, "inverse-bell:beta={beta}"),
            Profile::MultiPeak { k, beta } => write!(f, "multipeak:k={k},beta={beta}"),
            Profile::Lognormal { ccv, sampled: false } => write!(f, "lognormal:ccv={ccv}"),
            Profile::Lognormal { ccv, sampled: true } => write!(f, "lognormal:ccv={ccv},sampled"),
            Profile::PowerLaw { ccv } => write!(f, "powerlaw:ccv={ccv}"),
        }
    }
}

/// The parameters of a profile's text, each to be taken once.
struct Parameters<'a> {
    text: &'a str,
    left: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Parameters<'a> {
    fn refuse(&self, problem: impl Into<String>) -> TopologyError {
        TopologyError::ProfileParameter { text: self.text.to_string(), problem: problem.into() }
    }

    fn take(&mut self, key: &str) -> Option<Option<&'a str>> {
        let at = self.left.iter().position(|(name, _)| *name == key)?;
        Some(self.left.remove(at).1)
    }

    /// A positive number, or the default; without a default it must be given.
    fn positive(&mut self, key: &str, default: Option<f64>) -> Result<f64, TopologyError> {
        let value = match (self.take(key), default) {
            (Some(text), _) => text.and_then(|text| text.parse().ok()),
            (None, Some(default)) => Some(default),
            (None, None) => return Err(self.refuse(format!("{key} is missing, as in {key}=1.5"))),
        };
        let positive = |value: &f64| value.is_finite() && *value > 0.0;
        value
            .filter(positive)
            .ok_or_else(|| self.refuse(format!("{key} must be a positive number")))
    }
}

impl FromStr for Profile {
    type Err = TopologyError;

    fn from_str(text: &str) -> Result<Self, TopologyError> {
        let (name, parameters) = text.split_once(':').unwrap_or((text, ""));
        let items = parameters.split(',').filter(|item| !item.is_empty());
        let left = items.map(|item| match item.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (item, None),
        });
        let mut parameters = Parameters { text, left: left.collect() };
        let p = &mut parameters;
        let profile = match name {
            "uniform" => Profile::Uniform,
            "linear" => Profile::Linear,
            "quadratic" => Profile::Quadratic,
            "exponential" => Profile::Exponential { alpha: p.positive("alpha", Some(3.0))? },
            "bell" => Profile::Bell { beta: p.positive("beta", Some(3.0))? },
            "inverse-linear" => Profile::InverseLinear,
            "inverse-quadratic" => Profile::InverseQuadratic,
            "inverse-exponential" => {
                Profile::InverseExponential { alpha: p.positive("alpha", Some(3.0))? }
            }
            "inverse-bell" => Profile::InverseBell { beta: p.positive("beta", Some(3.0))? },
            "multipeak" => {
                let k = p.positive("k", None)?;
                if k.fract() != 0.0 || k > 1e6 {
                    return Err(p.refuse("k must be a whole number of peaks"));
                }
                Profile::MultiPeak { k: k as usize, beta: p.positive("beta", None)? }
            }
            "lognormal" => Profile::Lognormal {
                ccv: p.positive("ccv", None)?,
                sampled: match p.take("sampled") {
                    None => false,
                    Some(None) => true,
                    Some(Some(_)) => return Err(p.refuse("sampled takes no value")),
                },
            },
            "powerlaw" => Profile::PowerLaw { ccv: p.positive("ccv", None)? },
            _ => return Err(TopologyError::UnknownProfile(text.to_string())),
        };
        match parameters.left.first() {
            None => Ok(profile),
            Some((key, _)) => Err(parameters.refuse(format!("it has no parameter '{key}'"))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_and_every_profile_survives_its_text() {
        for name in Profile::NAMES {
            let text = match *name {
                "multipeak" => "multipeak:k=5,beta=50".to_string(),
                "lognormal" | "powerlaw" => format!("{name}:ccv=1.5"),
                _ => name.to_string(),
            };
            let profile: Profile = text.parse().unwrap();
            assert_eq!(profile.to_string().parse(), Ok(profile));
        }
        assert_eq!("exponential:alpha=4".parse(), Ok(Profile::Exponential { alpha: 4.0 }));
        let sampled = Profile::Lognormal { ccv: 2.5, sampled: true };
        assert_eq!("lognormal:ccv=2.5,sampled".parse(), Ok(sampled.clone()));
        assert_eq!(sampled.to_string().parse(), Ok(sampled));
    }

    #[test]
    fn bad_texts_are_errors_that_say_what() {
        let message = |text: &str| text.parse::<Profile>().unwrap_err().to_string();
        assert!(message("triangle").contains("unknown profile 'triangle'"));
        assert!(message("lognormal").contains("ccv is missing"));
        assert!(message("exponential:alpha=-1").contains("alpha must be a positive number"));
        assert!(message("exponential:alpha=x").contains("alpha must be a positive number"));
        assert!(message("bell:alpha=3").contains("no parameter 'alpha'"));
        assert!(message("multipeak:k=2.5,beta=3").contains("whole number"));
        assert!(message("uniform:x").contains("no parameter 'x'"));
    }
}
