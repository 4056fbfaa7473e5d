//! A topology in numbers: how uneven its fan-in is, and how well its inputs are covered.

use crate::sparse::CsrPattern;
use serde::{Deserialize, Serialize};

/// One layer's connectivity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopologyStats {
    /// Stored connections.
    pub nnz: usize,
    /// 1 − connections / positions.
    pub sparsity: f64,
    /// Inputs per neuron.
    pub fan_in: Distribution,
    /// Neurons per input.
    pub fan_out: Distribution,
    /// Neurons without an input.
    pub dead_neurons: usize,
    /// Inputs without a neuron.
    pub dead_inputs: usize,
    /// Most inputs of a neuron / least inputs of a neuron that has any.
    pub fan_in_ratio: f64,
}

/// A distribution of counts; deviations are the population's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distribution {
    /// Least.
    pub min: usize,
    /// Mean.
    pub mean: f64,
    /// Most.
    pub max: usize,
    /// Standard deviation.
    pub std: f64,
    /// Standard deviation / mean; of fan-ins the paper's CCV.
    pub ccv: f64,
    /// Gini coefficient: 0 where all are equal, towards 1 where one has all.
    pub gini: f64,
}

impl Distribution {
    /// The distribution of `counts`.
    ///
    /// **Panics** if there is none.
    pub fn of(counts: impl Iterator<Item = usize>) -> Distribution {
        let mut counts: Vec<usize> = counts.collect();
        counts.sort_unstable();
        let (first, last) = (counts.first(), counts.last());
        let (min, max) = (*first.expect("a layer has neurons"), *last.expect("and inputs"));
        let count = counts.len() as f64;
        let sum = counts.iter().sum::<usize>() as f64;
        let mean = sum / count;
        let squares = counts.iter().map(|&c| (c as f64 - mean).powi(2)).sum::<f64>();
        let std = (squares / count).sqrt();
        // Σ (2i − n + 1)·x_i / (n·Σx) over ascending x, i from 0.
        let weighted = (0..).zip(&counts).map(|(i, &c)| (2 * i + 1) as f64 * c as f64).sum::<f64>();
        let of_mean = |x: f64| if sum > 0.0 { x } else { 0.0 };
        Distribution {
            min,
            mean,
            max,
            std,
            ccv: of_mean(std / mean),
            gini: of_mean(weighted / (count * sum) - 1.0),
        }
    }
}

impl TopologyStats {
    /// The numbers of a pattern.
    pub fn of(pattern: &CsrPattern) -> TopologyStats {
        let mut fan_out = vec![0; pattern.cols()];
        for &col in pattern.col_idx() {
            fan_out[col as usize] += 1;
        }
        let fan_in = Distribution::of(pattern.fan_in());
        let least = pattern.fan_in().filter(|&fan_in| fan_in > 0).min();
        TopologyStats {
            nnz: pattern.nnz(),
            sparsity: 1.0 - pattern.density(),
            dead_neurons: pattern.fan_in().filter(|&fan_in| fan_in == 0).count(),
            dead_inputs: fan_out.iter().filter(|&&fan_out| fan_out == 0).count(),
            fan_in_ratio: least.map_or(0.0, |least| fan_in.max as f64 / least as f64),
            fan_out: Distribution::of(fan_out.into_iter()),
            fan_in,
        }
    }
}

/// Bins of a histogram.
const BINS: usize = 10;

/// Neurons by fan-in as (least fan-in of the bin, neurons), in at most ten bins of equal width from
/// the least to the most.
pub fn histogram(fan_in: &[usize]) -> Vec<(usize, usize)> {
    let (Some(&min), Some(&max)) = (fan_in.iter().min(), fan_in.iter().max()) else {
        return Vec::new();
    };
    let width = (max - min + 1).div_ceil(BINS);
    let mut bins: Vec<(usize, usize)> = (min..=max).step_by(width).map(|from| (from, 0)).collect();
    for fan_in in fan_in {
        bins[(fan_in - min) / width].1 += 1;
    }
    bins
}

/// How much larger gradients are at hubs than at specialists (paper §3.1).
///
/// Hubs are the ⌈m/2⌉ neurons with the largest fan-in, the lower index first among equals. The
/// paper's ratio averages |∂L/∂W| over whole rows, the zeros of absent connections included, and so
/// repeats the ratio of fan-ins; over the connections that exist it is about 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradientRatio {
    /// Mean over full rows: hubs / specialists.
    pub full_rows: f64,
    /// Mean over stored connections: hubs / specialists.
    pub active_only: f64,
}

/// The gradient ratio of a layer.
///
/// **Shapes**: `dw` `[nnz]`, in the pattern's order.
///
/// None where specialists have no gradient, as with a single neuron.
///
/// **Panics** if the shapes disagree.
pub fn gradient_ratio(pattern: &CsrPattern, dw: &[f32]) -> Option<GradientRatio> {
    assert_eq!(dw.len(), pattern.nnz(), "one gradient per connection");
    let [hubs, specialists] = hubs_and_specialists(pattern);
    let sums = |rows: &[usize]| {
        let entries = rows.iter().flat_map(|&row| pattern.entries(row));
        let total: f64 = entries.map(|entry| f64::from(dw[entry].abs())).sum();
        let stored: usize = rows.iter().map(|&row| pattern.entries(row).len()).sum();
        (total / rows.len().max(1) as f64, total / stored.max(1) as f64)
    };
    let ((hub_row, hub_entry), (row, entry)) = (sums(&hubs), sums(&specialists));
    let ratio = GradientRatio { full_rows: hub_row / row, active_only: hub_entry / entry };
    (row > 0.0).then_some(ratio)
}

/// How much larger what neurons give is at hubs than at specialists, of the same neurons as
/// [`gradient_ratio`] (paper §2.6).
///
/// **Shapes**: `magnitudes` `[rows]`, the mean |h| of each neuron.
///
/// None where specialists give nothing, as with a single neuron.
///
/// **Panics** if the shapes disagree.
pub fn activation_ratio(pattern: &CsrPattern, magnitudes: &[f64]) -> Option<f64> {
    assert_eq!(magnitudes.len(), pattern.rows(), "one magnitude per neuron");
    let mean = |rows: &[usize]| {
        rows.iter().map(|&row| magnitudes[row]).sum::<f64>() / rows.len().max(1) as f64
    };
    let [hubs, specialists] = hubs_and_specialists(pattern);
    let of_specialists = mean(&specialists);
    (of_specialists > 0.0).then(|| mean(&hubs) / of_specialists)
}

/// The ⌈m/2⌉ neurons with the largest fan-in, the lower index first among equals; the others.
fn hubs_and_specialists(pattern: &CsrPattern) -> [Vec<usize>; 2] {
    let mut rows: Vec<usize> = (0..pattern.rows()).collect();
    rows.sort_by_key(|&row| (std::cmp::Reverse(pattern.entries(row).len()), row));
    let specialists = rows.split_off(rows.len().div_ceil(2));
    [rows, specialists]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_of_a_small_pattern() {
        let pattern = CsrPattern::new(4, vec![0, 3, 3, 4], vec![0, 1, 2, 1]).unwrap();
        let stats = TopologyStats::of(&pattern);
        assert_eq!((stats.nnz, stats.dead_neurons, stats.dead_inputs), (4, 1, 1));
        assert_eq!((stats.fan_in.min, stats.fan_in.max, stats.fan_in_ratio), (0, 3, 3.0));
        // Fan-ins 0, 1, 3: mean 4/3, variance 14/9, Gini Σ|xi − xj| / (2n²·mean) = 12/(18·4/3).
        assert!((stats.fan_in.ccv - (14f64 / 9.0).sqrt() / (4.0 / 3.0)).abs() < 1e-15);
        assert!((stats.fan_in.gini - 0.5).abs() < 1e-15, "{}", stats.fan_in.gini);
        // Fan-outs 1, 2, 1, 0.
        assert_eq!((stats.fan_out.min, stats.fan_out.max, stats.fan_out.mean), (0, 2, 1.0));
    }

    #[test]
    fn every_neuron_is_in_one_bin() {
        assert_eq!(histogram(&[3, 3, 4]), [(3, 2), (4, 1)]);
        let bins = histogram(&(0..95).collect::<Vec<_>>());
        assert_eq!((bins.len(), bins[0], bins[9]), (10, (0, 10), (90, 5)));
        assert!(histogram(&[]).is_empty());
    }

    #[test]
    fn ratios_of_hubs_to_specialists_count_zeros_or_not() {
        // The hub (row 1) has three connections, the specialist one; all gradients equal.
        let pattern = CsrPattern::new(4, vec![0, 1, 4], vec![2, 0, 1, 3]).unwrap();
        let ratio = gradient_ratio(&pattern, &[-0.5, 0.5, 0.5, -0.5]).unwrap();
        assert_eq!(gradient_ratio(&CsrPattern::full(1, 2), &[1.0, 1.0]), None);
        assert_eq!((ratio.full_rows, ratio.active_only), (3.0, 1.0));
        assert_eq!(activation_ratio(&pattern, &[0.5, 2.0]), Some(4.0));
        assert_eq!(activation_ratio(&pattern, &[0.0, 2.0]), None);
    }
}
