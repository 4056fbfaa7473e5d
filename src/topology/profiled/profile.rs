//! The shape of a layer's fan-in over its neurons.

use crate::grammar::{self, Arguments, Entry, Listed, Parameter};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A profile P(t): how the fan-in varies over a layer's neurons, t = i/m (paper §2.2).
///
/// As text: a name, and parameters after a colon, `exponential:alpha=4`; what is left out has the
/// paper's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
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
        /// Target CCV after clamping; 0 is the uniform profile.
        ccv: f64,
        /// Drawn at random and sorted, rather than the distribution's quantiles.
        sampled: bool,
    },
    /// Fan-in proportional to rank^−γ, γ chosen for a target CCV.
    PowerLaw {
        /// Target CCV after clamping; 0 is the uniform profile.
        ccv: f64,
    },
}

impl Profile {
    /// The paper's eight parametric profiles with its values: four, and their inverses in the same
    /// order.
    pub const EIGHT: [Profile; 8] = [
        Profile::Linear,
        Profile::Quadratic,
        Profile::Exponential { alpha: 3.0 },
        Profile::Bell { beta: 3.0 },
        Profile::InverseLinear,
        Profile::InverseQuadratic,
        Profile::InverseExponential { alpha: 3.0 },
        Profile::InverseBell { beta: 3.0 },
    ];

    /// The CCV that a profile is asked to have, if it is one of those given by it.
    pub fn target_ccv(&self) -> Option<f64> {
        match *self {
            Profile::Lognormal { ccv, .. } | Profile::PowerLaw { ccv } => Some(ccv),
            _ => None,
        }
    }

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
                let peak = |j: f64| (2.0 * j + 1.0) / (2.0 * k as f64);
                let height = |j: f64| (-beta * (t - peak(j)).powi(2)).exp();
                // The nearest peak is the highest; its neighbours, should t·k round to another.
                let nearest = (t * k as f64).floor();
                let near = [nearest - 1.0, nearest, nearest + 1.0].into_iter();
                near.filter(|j| (0.0..k as f64).contains(j)).map(height).fold(0.0, f64::max)
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

impl Listed for Profile {
    const WHAT: &'static str = "profile";

    fn list() -> Vec<Entry<Self>> {
        type Make = fn(&Arguments<'_>) -> Result<Profile, grammar::Error>;
        const ALPHA: &[Parameter] =
            &[Parameter { key: "alpha", default: Some("3"), about: "steepness" }];
        const BETA: &[Parameter] =
            &[Parameter { key: "beta", default: Some("3"), about: "sharpness" }];
        const PEAKS: &[Parameter] = &[
            Parameter { key: "k", default: None, about: "number of peaks" },
            Parameter { key: "beta", default: None, about: "sharpness" },
        ];
        const CCV: Parameter = Parameter {
            key: "ccv",
            default: None,
            about: "CCV to have once clamped; 0 is uniform",
        };
        const SAMPLED: Parameter = Parameter {
            key: "sampled",
            default: Some("false"),
            about: "drawn at random and sorted, instead of the quantiles",
        };
        let entry = |name, about, parameters, make: Make| Entry { name, about, parameters, make };
        vec![
            entry("uniform", "the same for every neuron", &[], |_| Ok(Profile::Uniform)),
            entry("linear", "1 − t (eq 1)", &[], |_| Ok(Profile::Linear)),
            entry("quadratic", "1 − t² (eq 2)", &[], |_| Ok(Profile::Quadratic)),
            entry("exponential", "exp(−α·t) (eq 3)", ALPHA, |given| {
                Ok(Profile::Exponential { alpha: given.positive("alpha")? })
            }),
            entry("bell", "exp(−β·(2(t − ½))²) (eq 4)", BETA, |given| {
                Ok(Profile::Bell { beta: given.positive("beta")? })
            }),
            entry("inverse-linear", "linear at 1 − t", &[], |_| Ok(Profile::InverseLinear)),
            entry("inverse-quadratic", "quadratic at 1 − t", &[], |_| {
                Ok(Profile::InverseQuadratic)
            }),
            entry("inverse-exponential", "exponential at 1 − t", ALPHA, |given| {
                Ok(Profile::InverseExponential { alpha: given.positive("alpha")? })
            }),
            entry("inverse-bell", "1 − bell: hubs at the layer's ends", BETA, |given| {
                Ok(Profile::InverseBell { beta: given.positive("beta")? })
            }),
            entry(
                "multipeak",
                "the highest of k peaks exp(−β·(t − c)²) (eq 10)",
                PEAKS,
                |given| {
                    let k = given.whole("k", 1)? as usize;
                    Ok(Profile::MultiPeak { k, beta: given.positive("beta")? })
                },
            ),
            entry("lognormal", "lognormal fan-ins (eq 5)", &[CCV, SAMPLED], |given| {
                let ccv = given.not_negative("ccv")?;
                Ok(Profile::Lognormal { ccv, sampled: given.flag("sampled")? })
            }),
            entry("powerlaw", "fan-ins by rank^−γ", &[CCV], |given| {
                Ok(Profile::PowerLaw { ccv: given.not_negative("ccv")? })
            }),
        ]
    }
}

impl FromStr for Profile {
    type Err = grammar::Error;

    fn from_str(text: &str) -> Result<Self, grammar::Error> {
        grammar::make(text)
    }
}

impl From<Profile> for String {
    fn from(profile: Profile) -> String {
        profile.to_string()
    }
}

impl TryFrom<String> for Profile {
    type Error = grammar::Error;

    fn try_from(text: String) -> Result<Self, grammar::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_and_every_profile_survives_its_text() {
        for Entry { name, parameters, .. } in Profile::list() {
            let needed = parameters.iter().filter(|parameter| parameter.default.is_none());
            let needed: Vec<String> = needed.map(|p| format!("{}=2", p.key)).collect();
            let profile: Profile = format!("{name}:{}", needed.join(",")).parse().unwrap();
            assert_eq!(profile.to_string().parse(), Ok(profile));
        }
        for profile in Profile::EIGHT {
            let text = profile.to_string();
            let name = text.split(':').next().unwrap();
            assert_eq!(name.parse(), Ok(profile), "the paper's values are the defaults");
        }
    }

    #[test]
    fn texts_in_files_stay_as_they_are() {
        for (text, written) in [
            ("exponential", "exponential:alpha=3"),
            ("exponential:alpha=4.0", "exponential:alpha=4"),
            ("inverse-bell:beta=0.5", "inverse-bell:beta=0.5"),
            ("multipeak:k=5,beta=50", "multipeak:k=5,beta=50"),
            ("lognormal:ccv=1.5", "lognormal:ccv=1.5"),
            ("lognormal:sampled,ccv=2.5", "lognormal:ccv=2.5,sampled"),
            ("lognormal:ccv=0", "lognormal:ccv=0"),
            ("powerlaw:ccv=0", "powerlaw:ccv=0"),
        ] {
            let profile: Profile = text.parse().unwrap();
            assert_eq!(profile.to_string(), written);
            assert_eq!(written.parse(), Ok(profile));
        }
    }

    #[test]
    fn the_nearest_peak_is_the_highest() {
        for k in [1, 2, 3, 7, 50] {
            for i in 0..1024 {
                let t = f64::from(i) / 1024.0;
                let peak = |j: u32| f64::from(2 * j + 1) / f64::from(2 * k);
                let heights = (0..k).map(|j| (-50.0 * (t - peak(j)).powi(2)).exp());
                let profile = Profile::MultiPeak { k: k as usize, beta: 50.0 };
                assert_eq!(profile.density(t), Some(heights.fold(0.0, f64::max)), "{k}, {t}");
            }
        }
        // As many peaks as there may be are no reason to compute for long.
        let density = Profile::MultiPeak { k: usize::MAX, beta: 50.0 }.density(0.25);
        assert!((density.unwrap() - 1.0).abs() < 1e-12);
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
        assert!(message("powerlaw:ccv=-1").contains("ccv must be a number of at least 0"));
        assert!(message("uniform:x").contains("no parameter 'x'"));
    }
}
