//! From a profile and a sparsity to the fan-in of each neuron.
//!
//! Eq 6 of the paper scales P(t) by λ, rounds, and clamps to [f_min, n]. As printed, λ ignores what
//! clamping takes away or adds, and rounding up adds half a connection per neuron; so the
//! default here is another: λ is re-found for the clamped sum, and largest remainders make the
//! layer's count exact. The printed forms are options.

use super::arrangement::Arrangement;
use super::profile::Profile;
use super::quantile::normal_quantile;
use crate::grammar::named;
use crate::random::{Purpose, stream};
use crate::topology::error::{TopologyError, Warning};
use crate::topology::stats::Distribution;
use rand::RngExt;
use rand_distr::StandardNormal;

named! {
    /// How real fan-ins become whole.
    pub enum Rounding as "rounding" {
        /// The sum is the budget to the connection: largest remainder among the unsaturated
        /// neurons, ties to the lower index.
        Exact = "exact",
        /// ⌊λP⌋: reproduces most of the paper's printed numbers.
        Floor = "floor",
        /// ⌈λP⌉: eq 6 as printed.
        Ceil = "ceil",
        /// ⌊λP + ½⌋.
        Round = "round",
    }
}

impl Rounding {
    /// λP to a whole number. A value that is whole but for f64's rounding counts as whole.
    fn apply(self, x: f64) -> f64 {
        const SLACK: f64 = 1e-9;
        match self {
            Rounding::Exact | Rounding::Floor => (x + SLACK).floor(),
            Rounding::Ceil => (x - SLACK).ceil(),
            Rounding::Round => (x + 0.5 + SLACK).floor(),
        }
    }
}

/// How a profile is matched to a sparsity.
#[derive(Clone, Debug, PartialEq)]
pub struct FanInRule {
    /// The shape.
    pub profile: Profile,
    /// How real fan-ins become whole.
    pub rounding: Rounding,
    /// Re-find λ for the clamped sum where eq 6 as printed would not (`Exact` always does).
    pub match_budget: bool,
    /// Least fan-in of a neuron (f_min; 1 in all of the paper's experiments).
    pub fan_in_min: usize,
    /// Above eq 7's ceiling give every neuron `fan_in_min` instead of an error.
    pub clamp: bool,
    /// Which neuron gets which fan-in.
    pub arrangement: Arrangement,
}

impl FanInRule {
    /// A profile with everything else at its default.
    pub fn new(profile: Profile) -> FanInRule {
        FanInRule {
            profile,
            rounding: Rounding::Exact,
            match_budget: false,
            fan_in_min: 1,
            clamp: false,
            arrangement: Arrangement::Profile,
        }
    }
}

/// The fan-in of each neuron of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct FanIn {
    /// One per neuron.
    pub counts: Vec<usize>,
    /// What could not be met.
    pub warnings: Vec<Warning>,
}

/// Largest σ that the search for a lognormal's CCV tries; the paper's maximum of about 2.8 at 90 %
/// is what it reaches there.
const SIGMA_MAX: f64 = 8.0;
/// Largest exponent that the search for a power law's CCV tries (the paper's maximum of about 2.1
/// belongs to 1.4).
const GAMMA_MAX: f64 = 8.0;
/// A target CCV counts as met within this: the second decimal, to which the paper prints them.
/// Rounding to whole fan-ins alone moves a CCV by up to ½ / mean fan-in, which is less from a mean
/// of 50 on: the paper's wide layers at 90 % are silent where nothing else is amiss.
const CCV_TOLERANCE: f64 = 0.01;

/// The fan-in of each of `out_features` neurons, in [fan_in_min, in_features].
///
/// With t = i/m and λ such that the mean of λ·P(t) is (1 − sparsity)·n: `f_i =
/// clamp(round(λ·P(i/m)))` (paper eq 6). `Exact`: Σf = round((1 − sparsity)·n·m). Lognormal: P =
/// exp(σ·z_i), z_i the normal quantiles at mid-ranks, descending; power law: P = (i + 1)^−γ; σ and
/// γ by bisection, so that σ_f/μ_f of the clamped fan-ins is the target, λ re-found within, or else
/// as large as can be.
///
/// `seed` and `layer` matter to the sampled lognormal and to scattered neurons alone.
///
/// **Errors**: [`TopologyError::Sparsity`] outside [0, 1); [`TopologyError::FanInMin`];
/// [`TopologyError::Vanishing`]; unless the rule clamps, [`TopologyError::Ceiling`] (eq 7), and
/// [`TopologyError::Full`] where a sparsity above 0 would leave every connection.
///
/// **Panics** if there is no input or no neuron.
pub fn fan_in(
    rule: &FanInRule,
    in_features: usize,
    out_features: usize,
    sparsity: f64,
    seed: u64,
    layer: usize,
) -> Result<FanIn, TopologyError> {
    assert!(in_features > 0 && out_features > 0, "a layer {in_features} → {out_features}");
    if !(0.0..1.0).contains(&sparsity) {
        return Err(TopologyError::Sparsity(sparsity));
    }
    let fan_in_min = rule.fan_in_min;
    if fan_in_min > in_features {
        return Err(TopologyError::FanInMin { fan_in_min, in_features });
    }
    let mean = (1.0 - sparsity) * in_features as f64;
    let budget = (mean * out_features as f64).round() as usize;
    let above_ceiling = budget < out_features * fan_in_min;
    if above_ceiling && !rule.clamp {
        let ceiling = 1.0 - fan_in_min as f64 / in_features as f64;
        return Err(TopologyError::Ceiling { sparsity, fan_in_min, in_features, ceiling });
    }
    let counts = if above_ceiling && rule.rounding == Rounding::Exact {
        vec![fan_in_min; out_features]
    } else {
        let range = Range { min: fan_in_min as f64, max: in_features as f64 };
        let weights = weights(&rule.profile, range, mean, out_features, seed, layer);
        whole(rule, &weights, range, mean, budget)?
    };
    let positions = in_features * out_features;
    let stored: usize = counts.iter().sum();
    let full = sparsity > 0.0 && stored == positions;
    if full && !rule.clamp {
        return Err(TopologyError::Full { sparsity, in_features, out_features });
    }
    let mut warnings = Vec::new();
    if full || above_ceiling {
        let realised = 1.0 - stored as f64 / positions as f64;
        warnings.push(Warning::Sparsity { target: sparsity, realised });
    }
    if let Some(target) = rule.profile.target_ccv() {
        let realised = Distribution::of(counts.iter().copied()).ccv;
        if (realised - target).abs() > CCV_TOLERANCE {
            warnings.push(Warning::Ccv { target, realised });
        }
    }
    Ok(FanIn { counts: rule.arrangement.arrange(counts, seed, layer), warnings })
}

/// Whole fan-ins proportional to `weights`, one per neuron, but for their bounds [1, in_features];
/// their sum is the budget to the connection.
///
/// **Errors**: [`TopologyError::Sparsity`], [`TopologyError::Ceiling`].
///
/// **Panics** if there is no input or no neuron.
pub(in crate::topology) fn proportional(
    weights: &[f64],
    in_features: usize,
    sparsity: f64,
) -> Result<Vec<usize>, TopologyError> {
    // The uniform profile's conditions are those of any.
    let rule = FanInRule::new(Profile::Uniform);
    let uniform = fan_in(&rule, in_features, weights.len(), sparsity, 0, 0)?;
    let range = Range { min: 1.0, max: in_features as f64 };
    Ok(exact(weights, range, uniform.counts.iter().sum()))
}

/// Whole fan-ins proportional to P but for their bounds.
fn whole(
    rule: &FanInRule,
    weights: &[f64],
    range: Range,
    mean: f64,
    budget: usize,
) -> Result<Vec<usize>, TopologyError> {
    // Less, and the scale would overflow.
    const LEAST_TOTAL: f64 = 1e-290;
    let total: f64 = weights.iter().sum();
    // The budget of a single neuron is its fan-in, whatever P(0) is.
    let needs_scale = rule.rounding != Rounding::Exact || weights.len() > 1;
    if needs_scale && total < LEAST_TOTAL {
        let profile = rule.profile.to_string();
        return Err(TopologyError::Vanishing { profile, out_features: weights.len() });
    }
    if rule.rounding == Rounding::Exact {
        return Ok(exact(weights, range, budget));
    }
    let lambda = match rule.match_budget || rule.profile.target_ccv().is_some() {
        true => range.scale(weights, mean),
        // Eq 6 as printed: the unclamped mean of λ·P is `mean`.
        false => mean * weights.len() as f64 / total,
    };
    Ok(weights.iter().map(|p| range.clamp(rule.rounding.apply(lambda * p)) as usize).collect())
}

/// The bounds of a fan-in.
#[derive(Clone, Copy)]
struct Range {
    min: f64,
    max: f64,
}

impl Range {
    fn clamp(self, x: f64) -> f64 {
        x.clamp(self.min, self.max)
    }

    /// λ such that the mean of clamp(λ·p) is `mean`, as nearly as bisection comes; where neurons
    /// with P = 0 keep it below, a λ at which all others are full.
    fn scale(self, weights: &[f64], mean: f64) -> f64 {
        // Less is as good as 0: λ to lift it would overflow.
        const LEAST: f64 = 1e-290;
        let target = mean * weights.len() as f64;
        let sum = |lambda: f64| weights.iter().map(|p| self.clamp(lambda * p)).sum::<f64>();
        let positive = weights.iter().copied().filter(|p| *p > 0.0);
        let smallest = positive.fold(f64::INFINITY, f64::min);
        bisect(0.0, self.max / smallest.max(LEAST), |lambda| sum(lambda) < target)
    }

    /// σ/μ (population) of the clamped fan-ins whose mean is `mean`.
    fn ccv(self, weights: &[f64], mean: f64) -> f64 {
        let lambda = self.scale(weights, mean);
        let fan_in: Vec<f64> = weights.iter().map(|p| self.clamp(lambda * p)).collect();
        let count = fan_in.len() as f64;
        let mean = fan_in.iter().sum::<f64>() / count;
        let variance = fan_in.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / count;
        variance.sqrt() / mean
    }
}

/// The point in [low, high] where `below` turns false: bisection in the logarithm once low is
/// positive, so that it comes to full precision over any range.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..2000 {
        let geometric = (low > 0.0 && high / low > 4.0).then(|| low.sqrt() * high.sqrt());
        let tiny_low = (low == 0.0 && high > 1e-9).then_some(high / 1024.0);
        let middle = geometric.or(tiny_low).unwrap_or(low + (high - low) / 2.0);
        if middle <= low || middle >= high {
            break;
        }
        if below(middle) { low = middle } else { high = middle }
    }
    high
}

/// P at every neuron.
fn weights(
    profile: &Profile,
    range: Range,
    mean: f64,
    out_features: usize,
    seed: u64,
    layer: usize,
) -> Vec<f64> {
    // A CCV of 0 is the uniform profile.
    if profile.target_ccv() == Some(0.0) {
        return vec![1.0; out_features];
    }
    let ranks = 0..out_features;
    // Beyond reach, bisection ends at the limit.
    let search = |target: f64, limit: f64, weights: &dyn Fn(f64) -> Vec<f64>| {
        weights(bisect(0.0, limit, |exponent| range.ccv(&weights(exponent), mean) < target))
    };
    match *profile {
        Profile::Lognormal { ccv, sampled } => {
            let normals = if sampled {
                let rng = &mut stream(seed, Purpose::FanIn, layer as u64);
                let mut draws: Vec<f64> =
                    ranks.map(|_| rng.sample::<f64, _>(StandardNormal)).collect();
                draws.sort_by(|a, b| b.total_cmp(a));
                draws
            } else {
                let rank = |i| 1.0 - (i as f64 + 0.5) / out_features as f64;
                ranks.map(|i| normal_quantile(rank(i))).collect()
            };
            // Divided by the largest, which the scale undoes: no overflow at any σ.
            let top = normals.first().copied().unwrap_or(0.0);
            search(ccv, SIGMA_MAX, &|sigma| {
                normals.iter().map(|z| (sigma * (z - top)).exp()).collect()
            })
        }
        Profile::PowerLaw { ccv } => search(ccv, GAMMA_MAX, &|gamma| {
            ranks.clone().map(|i| (i as f64 + 1.0).powf(-gamma)).collect()
        }),
        ref profile => {
            let density = |i| profile.density(i as f64 / out_features as f64);
            ranks.map(|i| density(i).expect("a function of t")).collect()
        }
    }
}

/// Whole fan-ins with exactly `budget` connections: λ for the clamped sum, then the largest
/// remainders among the unsaturated neurons, ties to the lower index.
///
/// A neuron with P = 0 has its least; once all others are full, those share what is left, one
/// connection each in turn.
fn exact(weights: &[f64], range: Range, budget: usize) -> Vec<usize> {
    let lambda = range.scale(weights, budget as f64 / weights.len() as f64);
    let real: Vec<f64> = weights.iter().map(|p| range.clamp(lambda * p)).collect();
    let mut counts: Vec<usize> = real.iter().map(|&f| Rounding::Floor.apply(f) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..real.len()).collect();
    // In units of 1e-9, so that neurons of equal P tie exactly.
    let remainder = |row: usize| ((real[row] - counts[row] as f64).max(0.0) * 1e9).round() as u64;
    by_remainder.sort_by_key(|&row| (std::cmp::Reverse(remainder(row)), row));
    let mut missing = budget as i64 - counts.iter().sum::<usize>() as i64;
    let (min, max) = (range.min as usize, range.max as usize);
    while missing > 0 {
        for &row in &by_remainder {
            if counts[row] < max && missing > 0 {
                counts[row] += 1;
                missing -= 1;
            }
        }
    }
    while missing < 0 {
        for &row in by_remainder.iter().rev() {
            if counts[row] > min && missing < 0 {
                counts[row] -= 1;
                missing += 1;
            }
        }
    }
    counts
}
