//! What the paper says of several numbers together, and what of it.
//!
//! A difference, a least and a largest mean are reproduced if the paper's lies in our 95 %
//! interval; what is said to be small, if ours is as small within it; what is said to be large, if
//! ours is as large. A difference with the paper's sign that is not reproduced is its direction
//! only.

use super::comparison::{At, CONFIDENCE, scale};
use super::significance::{cohens_d, difference_half_interval, half_interval, paired, welch};
use super::statistics::mean;
use super::verdict::{Cell, Verdict};
use crate::grammar::named;
use serde::{Deserialize, Serialize};

/// What the paper says of several numbers together.
#[derive(Clone, Debug, Deserialize)]
pub struct Claim {
    /// What kind of number it is.
    pub kind: ClaimKind,
    /// What it is of.
    pub about: String,
    /// The columns; all if none is named.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The rows; all if none is named.
    #[serde(default)]
    pub rows: Vec<String>,
    /// The number.
    pub paper: f64,
    /// Its p, where one is printed.
    #[serde(default)]
    pub p: Option<f64>,
    /// Its Cohen's d, where one is printed.
    #[serde(default)]
    pub d: Option<f64>,
}

named! {
    /// What number a claim has.
    pub enum ClaimKind as "claim" {
        /// The largest mean less the smallest: as small.
        Range = "range",
        /// The first row's mean less the second's, of each pair of rows over all seeds.
        Difference = "difference",
        /// The largest |difference| of a pair of rows: as small.
        LargestPair = "largest-pair",
        /// The mean |difference| of the pairs of rows: as small.
        MeanPair = "mean-pair",
        /// The smallest mean.
        Least = "least",
        /// The largest mean.
        Most = "most",
        /// The smallest mean: as large.
        AtLeast = "at-least",
        /// The first column's mean less the second's, over the rows.
        Drop = "drop",
        /// The least of any run after its first epoch: as large.
        FirstEpoch = "first-epoch",
        /// Best epoch less last, mean of the runs: as small.
        Gap = "gap",
        /// Best epoch less last, the largest of a run: as small.
        LargestGap = "largest-gap",
    }
}

/// A claim, ours and the paper's.
#[derive(Clone, Debug, Serialize)]
pub struct JudgedClaim {
    /// What it is of.
    pub about: String,
    /// The columns; none where it is of all.
    pub columns: Vec<String>,
    /// The paper's number.
    pub paper: f64,
    /// Ours at the last epoch.
    pub last: Option<OurClaim>,
    /// Ours at the best epoch, chosen on test samples; none of what is of epochs itself.
    pub best: Option<OurClaim>,
}

/// A claim's number, and its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OurClaim {
    /// The number.
    pub value: f64,
    /// Half its 95 % interval; of a range the widest of its rows'.
    pub half_interval: f64,
    /// Of a difference, how probable such a one is if there is none: Welch's, of several pairs the
    /// paired test's.
    pub p: Option<f64>,
    /// Of a difference of two rows in pooled standard deviations.
    pub cohens_d: Option<f64>,
    /// What of it.
    pub verdict: Verdict,
}

/// How a claim's number is held against the paper's.
enum Rule {
    Near,
    AsSmall,
    AsLarge,
}

impl Claim {
    /// Whether its kind has the rows and columns it needs.
    pub fn is_well_formed(&self) -> bool {
        use ClaimKind::{Difference, Drop, LargestPair, MeanPair};
        match self.kind {
            Difference | LargestPair | MeanPair => {
                !self.rows.is_empty() && self.rows.len().is_multiple_of(2)
            }
            Drop => self.columns.len() == 2,
            _ => true,
        }
    }

    fn rule(&self) -> Rule {
        use ClaimKind::{
            AtLeast, Difference, Drop, FirstEpoch, Gap, LargestGap, LargestPair, Least, MeanPair,
            Most, Range,
        };
        match self.kind {
            Range | LargestPair | MeanPair | Gap | LargestGap => Rule::AsSmall,
            AtLeast | FirstEpoch => Rule::AsLarge,
            Difference | Drop | Least | Most => Rule::Near,
        }
    }

    /// Judges it by `cells`: for each row, its columns.
    pub(super) fn judge(&self, cells: &[Vec<Cell<'_>>], metric: &str) -> JudgedClaim {
        let is_of_epochs =
            matches!(self.kind, ClaimKind::FirstEpoch | ClaimKind::Gap | ClaimKind::LargestGap);
        JudgedClaim {
            about: self.about.clone(),
            columns: self.columns.clone(),
            paper: self.paper,
            last: self.ours(cells, metric, At::Last),
            best: if is_of_epochs { None } else { self.ours(cells, metric, At::Best) },
        }
    }

    /// None unless every run is finished.
    fn ours(&self, cells: &[Vec<Cell<'_>>], metric: &str, at: At) -> Option<OurClaim> {
        let of = |at: At| -> Option<Vec<Vec<Vec<f64>>>> {
            let value = |cell: &Cell<'_>| cell.values(metric, at).filter(|_| cell.is_whole());
            cells.iter().map(|row| row.iter().map(value).collect()).collect()
        };
        let values = of(at)?;
        let flat: Vec<&Vec<f64>> = values.iter().flatten().collect();
        let means: Vec<f64> = flat.iter().filter_map(|values| mean(values)).collect();
        let (lowest, highest) = (least(&means)?, most(&means)?);
        let half = |values: &Vec<f64>| half_interval(values, CONFIDENCE).unwrap_or(0.0);
        let widest = flat.iter().map(|values| half(values)).fold(0.0, f64::max);
        let half_of = |mean: f64| {
            means.iter().position(|&other| other == mean).map_or(0.0, |at| half(flat[at]))
        };
        let pairs: Vec<[&Vec<f64>; 2]> = values
            .chunks(2)
            .filter(|pair| pair.len() == 2)
            .flat_map(|pair| pair[0].iter().zip(&pair[1]).map(|(a, b)| [a, b]))
            .collect();
        let apart = |[a, b]: &[&Vec<f64>; 2]| Some((mean(a)? - mean(b)?).abs());
        let apart: Vec<f64> = pairs.iter().filter_map(apart).collect();
        let (mut p, mut d) = (None, None);
        let (value, half_interval) = match self.kind {
            ClaimKind::Range => (highest - lowest, widest),
            ClaimKind::Least | ClaimKind::AtLeast => (lowest, half_of(lowest)),
            ClaimKind::Most => (highest, half_of(highest)),
            ClaimKind::LargestPair => (most(&apart)?, widest),
            ClaimKind::MeanPair => (mean(&apart)?, widest),
            ClaimKind::Difference if pairs.len() == 1 => {
                let [a, b] = pairs[0];
                (p, d) = (welch(a, b).map(|test| test.p), cohens_d(a, b));
                let half = difference_half_interval(a, b, CONFIDENCE).unwrap_or(0.0);
                (mean(a)? - mean(b)?, half)
            }
            ClaimKind::Difference => {
                let differences: Vec<f64> = pairs
                    .iter()
                    .flat_map(|[a, b]| a.iter().zip(b.iter()).map(|(a, b)| a - b))
                    .collect();
                p = paired(&differences).map(|test| test.p);
                (mean(&differences)?, half(&differences))
            }
            ClaimKind::Drop => {
                let drops: Option<Vec<f64>> =
                    values.iter().map(|row| Some(mean(&row[0])? - mean(&row[1])?)).collect();
                let drops = drops?;
                (mean(&drops)?, half(&drops).max(widest))
            }
            ClaimKind::FirstEpoch => {
                let runs = cells.iter().flatten().flat_map(|cell| &cell.runs);
                let first = |run: &&super::FinishedRun| {
                    Some(scale(metric) * run.epochs.first()?.values.get(metric)?)
                };
                let firsts: Option<Vec<f64>> = runs.map(first).collect();
                (least(&firsts?)?, 0.0)
            }
            ClaimKind::Gap | ClaimKind::LargestGap => {
                let best = of(At::Best)?;
                let ends = values.iter().flatten().flatten();
                let gaps =
                    best.iter().flatten().flatten().zip(ends).map(|(best, last)| best - last);
                let gaps: Vec<f64> = gaps.collect();
                match self.kind {
                    ClaimKind::Gap => (mean(&gaps)?, half(&gaps)),
                    _ => (most(&gaps)?, 0.0),
                }
            }
        };
        // What is equal but for the last bit is equal.
        let room = half_interval + 1e-9;
        let is_ours = match self.rule() {
            Rule::Near => (value - self.paper).abs() <= room,
            Rule::AsSmall => value <= self.paper + room,
            Rule::AsLarge => value >= self.paper - room,
        };
        let is_signed = matches!(self.kind, ClaimKind::Difference | ClaimKind::Drop);
        let verdict = match (is_ours, is_signed && value * self.paper > 0.0) {
            (true, _) => Verdict::Reproduced,
            (false, true) => Verdict::DirectionOnly,
            (false, false) => Verdict::NotReproduced,
        };
        Some(OurClaim { value, half_interval, p, cohens_d: d, verdict })
    }
}

fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().reduce(f64::min)
}

fn most(values: &[f64]) -> Option<f64> {
    values.iter().copied().reduce(f64::max)
}
