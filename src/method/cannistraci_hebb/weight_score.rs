//! Which connections may go, and which of several are the best.

use super::super::Ties;
use crate::grammar::named;
use crate::sparse::CsrPattern;

named! {
    /// The score of a connection that may go.
    pub(super) enum WeightScore as "score" {
        /// |w|.
        Magnitude = "magnitude",
        /// |w| as a share of its neuron's and of its input's.
        Relative = "relative",
    }
}

/// What each connection scores among those that may go.
pub(super) fn weight_scores(score: WeightScore, pattern: &CsrPattern, weights: &[f32]) -> Vec<f64> {
    let size = |&weight: &f32| f64::from(weight.abs());
    if score == WeightScore::Magnitude {
        return weights.iter().map(size).collect();
    }
    let (mut of_row, mut of_col) = (vec![0.0; pattern.rows()], vec![0.0; pattern.cols()]);
    for (row, of_row) in of_row.iter_mut().enumerate() {
        for entry in pattern.entries(row) {
            *of_row += size(&weights[entry]);
            of_col[pattern.col_idx()[entry] as usize] += size(&weights[entry]);
        }
    }
    let share = |size: f64, sum: f64| if sum > 0.0 { size / sum } else { 0.0 };
    let score = |row: usize, entry: usize| {
        let size = size(&weights[entry]);
        share(size, of_row[row]) + share(size, of_col[pattern.col_idx()[entry] as usize])
    };
    let rows = 0..pattern.rows();
    rows.flat_map(|row| pattern.entries(row).map(move |entry| (row, entry)))
        .map(|(row, entry)| score(row, entry))
        .collect()
}

/// Marks the `count` largest.
pub(super) fn largest(scores: &[f64], count: usize, ties: Ties) -> Vec<bool> {
    largest_by(scores, count, |at| ties.key(at as u64))
}

/// Marks the `count` largest; what differs by rounding alone counts as equal, and equals go by
/// their keys.
pub(super) fn largest_by(scores: &[f64], count: usize, key: impl Fn(usize) -> u64) -> Vec<bool> {
    /// The bits of a score in which sums of the same terms in another order may differ.
    const ROUNDING: u32 = 12;
    let rank = |at: u32| (scores[at as usize].to_bits() + (1 << (ROUNDING - 1))) >> ROUNDING;
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    if count > 0 && count < scores.len() {
        order.select_nth_unstable_by(count - 1, |&a, &b| {
            let by_score = rank(b).cmp(&rank(a));
            by_score.then_with(|| (key(a as usize), a).cmp(&(key(b as usize), b)))
        });
    }
    let mut marked = vec![false; scores.len()];
    order[..count].iter().for_each(|&at| marked[at as usize] = true);
    marked
}
