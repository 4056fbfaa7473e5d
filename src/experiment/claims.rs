//! What the paper says of several numbers together, and what of it.
//!
//! A number is reproduced if the paper's lies in our 95 % interval, widened by what printing takes:
//! half a unit, a tenth of what is said to be about right.
//! What is said to be small (or large) is reproduced if ours is as small (or large), and too
//! uncertain if only our interval reaches so far. So is a difference whose interval holds the
//! paper's and says nothing: if the paper's is significant and ours is not, or if the interval is
//! wider than the difference. A difference of the paper's sign that is not reproduced is its
//! direction only. What the paper's own printed means contradict cannot hold.

mod measured;

use super::comparison::{At, CONFIDENCE};
use super::printed::Printed;
use super::significance::{cohens_d, difference_half_interval, paired, welch};
use super::statistics::mean;
use super::verdict::{Cell, Verdict};
use crate::grammar::named;
use measured::{
    Measured, Values, against_first, crossing, differences, extreme_run, first_epoch, half, least,
    mean_by_seed, most, pairs,
};
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
    pub paper: Printed,
    /// Its p, where one is printed.
    #[serde(default)]
    pub p: Option<f64>,
    /// Its Cohen's d, where one is printed.
    #[serde(default)]
    pub d: Option<f64>,
    /// Whether the paper says that it is significant, where it says so.
    #[serde(default)]
    pub significant: Option<bool>,
    /// Standard deviation of a run, for a difference of single runs.
    #[serde(default)]
    pub sd: Option<f64>,
}

named! {
    /// What number a claim has.
    pub enum ClaimKind as "claim" {
        /// The largest mean less the smallest: as small.
        Range = "range",
        /// The first row's mean less the second's, mean of the pairs of rows.
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
        /// The smallest value of a run.
        LeastRun = "least-run",
        /// The largest value of a run.
        MostRun = "most-run",
        /// The first column's mean less the second's, mean of the rows.
        Drop = "drop",
        /// The least p (Welch) of a row against the first: as large.
        LeastP = "least-p",
        /// The least p (Welch) of a row that is above the first; 1 if none is: as large.
        LeastPAbove = "least-p-above",
        /// The first row's mean less the largest of the others, the least of the columns: as large.
        Lead = "lead",
        /// The least of any run after its first epoch: as large.
        FirstEpoch = "first-epoch",
        /// The epoch from which the first row's mean stays above all others'; one beyond the last
        /// if it ends below.
        Crossing = "crossing",
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
    pub paper: Printed,
    /// Its p, where one is printed.
    pub paper_p: Option<f64>,
    /// Its Cohen's d, where one is printed.
    pub paper_d: Option<f64>,
    /// Whether the means that the paper prints contradict it: then no run is needed to say so.
    pub is_contradicted: bool,
    /// Ours at the last epoch.
    pub last: Option<OurClaim>,
    /// Ours at the best epoch, chosen on test samples; none of what is of epochs itself.
    pub best: Option<OurClaim>,
}

impl JudgedClaim {
    /// What of it, by one of ours.
    pub fn verdict(&self, ours: Option<OurClaim>) -> Verdict {
        match ours {
            Some(ours) => ours.verdict,
            None if self.is_contradicted => Verdict::CannotHold,
            None => Verdict::NotRun,
        }
    }
}

/// A claim's number, and its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OurClaim {
    /// The number.
    pub value: f64,
    /// Half its 95 % interval over seeds; of what is the largest or the smallest, that one's.
    pub half_interval: f64,
    /// Of a difference, how probable such a one is if there is none: Welch's, of several pairs the
    /// paired test's over seeds.
    pub p: Option<f64>,
    /// Of a difference of two rows in pooled standard deviations.
    pub cohens_d: Option<f64>,
    /// What of it.
    pub verdict: Verdict,
}

impl Claim {
    /// Whether its kind has the rows and columns it needs.
    pub fn is_well_formed(&self) -> bool {
        use ClaimKind::{Crossing, Difference, Drop, LargestPair, MeanPair};
        match self.kind {
            Difference | LargestPair | MeanPair => {
                !self.rows.is_empty() && self.rows.len().is_multiple_of(2)
            }
            Drop => self.columns.len() == 2,
            Crossing => self.columns.len() == 1 && self.rows.len() > 1,
            _ => true,
        }
    }

    /// Judges it by `cells`: for each row, its columns.
    pub(super) fn judge(&self, cells: &[Vec<Cell<'_>>], metric: &str) -> JudgedClaim {
        use ClaimKind::{Crossing, FirstEpoch, Gap, LargestGap};
        let is_of_epochs = matches!(self.kind, Crossing | FirstEpoch | Gap | LargestGap);
        JudgedClaim {
            about: self.about.clone(),
            columns: self.columns.clone(),
            paper: self.paper.clone(),
            paper_p: self.p,
            paper_d: self.d,
            is_contradicted: self.is_contradicted(cells),
            last: self.ours(cells, metric, At::Last),
            best: if is_of_epochs { None } else { self.ours(cells, metric, At::Best) },
        }
    }

    /// None unless every run is finished.
    fn ours(&self, cells: &[Vec<Cell<'_>>], metric: &str, at: At) -> Option<OurClaim> {
        let of = |at: At| -> Option<Values> {
            let value = |cell: &Cell<'_>| cell.values(metric, at).filter(|_| cell.is_whole());
            cells.iter().map(|row| row.iter().map(value).collect()).collect()
        };
        let values = of(at)?;
        let measured = match self.kind {
            ClaimKind::FirstEpoch => first_epoch(cells, metric)?,
            ClaimKind::Crossing => crossing(cells, metric)?,
            ClaimKind::Gap | ClaimKind::LargestGap => self.gap(&values, &of(At::Best)?)?,
            _ => self.measure(&values)?,
        };
        let Measured { value, half, p, d } = measured;
        let verdict = match self.is_contradicted(cells) {
            true => Verdict::CannotHold,
            false => self.verdict(&measured),
        };
        Some(OurClaim { value, half_interval: half, p, cohens_d: d, verdict })
    }

    fn measure(&self, values: &Values) -> Option<Measured> {
        let flat = || values.iter().flatten();
        let means: Vec<f64> = flat().map(|values| mean(values)).collect::<Option<_>>()?;
        let cell_of = |wanted: f64| flat().zip(&means).find(|(_, mean)| **mean == wanted);
        let of_cell = |mean: f64| Some(Measured::new(mean, half(cell_of(mean)?.0)));
        match self.kind {
            ClaimKind::Range => {
                let widest = most(flat().map(|values| half(values)))?;
                let range = most(means.iter().copied())? - least(means.iter().copied())?;
                Some(Measured::new(range, widest))
            }
            ClaimKind::Least | ClaimKind::AtLeast => of_cell(least(means.iter().copied())?),
            ClaimKind::Most => of_cell(most(means.iter().copied())?),
            ClaimKind::LeastRun => extreme_run(flat(), least),
            ClaimKind::MostRun => extreme_run(flat(), most),
            ClaimKind::LargestPair | ClaimKind::MeanPair => self.pairs_apart(values),
            ClaimKind::Difference => self.difference(values),
            ClaimKind::Drop => {
                let rows: Vec<Vec<f64>> =
                    values.iter().map(|row| differences(&row[0], &row[1])).collect();
                Measured::over_seeds(&mean_by_seed(&rows)?)
            }
            ClaimKind::LeastP => {
                let ps =
                    against_first(values)?.filter_map(|[row, first]| Some(welch(row, first)?.p));
                Some(Measured::new(least(ps)?, 0.0))
            }
            ClaimKind::LeastPAbove => {
                let above = against_first(values)?.filter(|[row, first]| mean(row) > mean(first));
                let ps = above.filter_map(|[row, first]| Some(welch(row, first)?.p));
                Some(Measured::new(least(ps).unwrap_or(1.0), 0.0))
            }
            ClaimKind::Lead => {
                let lead = |[row, first]: [&Vec<f64>; 2]| {
                    let half = difference_half_interval(row, first, CONFIDENCE).unwrap_or(0.0);
                    Some(Measured::new(mean(first)? - mean(row)?, half))
                };
                let leads = against_first(values)?.filter_map(lead);
                leads.min_by(|a, b| a.value.total_cmp(&b.value))
            }
            ClaimKind::FirstEpoch
            | ClaimKind::Crossing
            | ClaimKind::Gap
            | ClaimKind::LargestGap => None,
        }
    }

    fn pairs_apart(&self, values: &Values) -> Option<Measured> {
        let mut apart = Vec::new();
        for [a, b] in pairs(values) {
            let half = difference_half_interval(a, b, CONFIDENCE).unwrap_or(0.0);
            apart.push(Measured::new((mean(a)? - mean(b)?).abs(), half));
        }
        let largest = apart.iter().copied().max_by(|a, b| a.value.total_cmp(&b.value))?;
        match self.kind {
            ClaimKind::LargestPair => Some(largest),
            _ => {
                let all: Vec<f64> = apart.iter().map(|pair| pair.value).collect();
                Some(Measured::new(mean(&all)?, largest.half))
            }
        }
    }

    fn difference(&self, values: &Values) -> Option<Measured> {
        let pairs: Vec<[&Vec<f64>; 2]> = pairs(values).collect();
        if let [[a, b]] = pairs[..] {
            let single = self.sd.filter(|_| a.len() == 1).map(|sd| 1.96 * 2f64.sqrt() * sd);
            let half = difference_half_interval(a, b, CONFIDENCE).or(single).unwrap_or(0.0);
            let (p, d) = (welch(a, b).map(|test| test.p), cohens_d(a, b));
            return Some(Measured { value: mean(a)? - mean(b)?, half, p, d });
        }
        let rows: Vec<Vec<f64>> = pairs.iter().map(|[a, b]| differences(a, b)).collect();
        let by_seed = mean_by_seed(&rows)?;
        let p = paired(&by_seed).map(|test| test.p);
        Some(Measured { p, ..Measured::over_seeds(&by_seed)? })
    }

    fn gap(&self, last: &Values, best: &Values) -> Option<Measured> {
        let cells = best.iter().flatten().zip(last.iter().flatten());
        let gaps: Vec<Vec<f64>> = cells.map(|(best, last)| differences(best, last)).collect();
        match self.kind {
            ClaimKind::Gap => Measured::over_seeds(&mean_by_seed(&gaps)?),
            _ => Some(Measured::new(most(gaps.into_iter().flatten())?, 0.0)),
        }
    }

    /// Whether the means that the paper prints give another number than it says they do.
    fn is_contradicted(&self, cells: &[Vec<Cell<'_>>]) -> bool {
        // Means are printed to .01, and their differences are as exact.
        const MEANS: f64 = 0.01;
        if matches!(self.kind, ClaimKind::LeastRun | ClaimKind::MostRun) {
            return false;
        }
        let mean = |cell: &Cell<'_>| Some(vec![cell.printed?]);
        let printed: Option<Values> =
            cells.iter().map(|row| row.iter().map(mean).collect()).collect();
        let own = printed.and_then(|printed| self.measure(&printed)).map(|own| own.value);
        let room = self.paper.rounding() + MEANS + 1e-9;
        own.is_some_and(|own| match self.asks() {
            Asks::Near => !self.paper.is(own, MEANS),
            Asks::AsSmall => own > self.paper.value + room,
            Asks::AsLarge => own < self.paper.value - room,
        })
    }

    fn verdict(&self, ours: &Measured) -> Verdict {
        let &Measured { value, half, p, .. } = ours;
        let (paper, rounding) = (self.paper.value, self.paper.rounding() + 1e-9);
        let beyond = match self.asks() {
            Asks::AsSmall => value - (paper + rounding),
            Asks::AsLarge => (paper - rounding) - value,
            Asks::Near => return self.near(value, half, p),
        };
        match beyond {
            beyond if beyond <= 0.0 => Verdict::Reproduced,
            beyond if beyond <= half => Verdict::TooUncertain,
            _ => Verdict::NotReproduced,
        }
    }

    fn near(&self, value: f64, half: f64, p: Option<f64>) -> Verdict {
        let is_difference = matches!(self.kind, ClaimKind::Difference | ClaimKind::Drop);
        let same_sign = value * self.paper.value > 0.0;
        let is_significant = p.is_some_and(|p| p < 1.0 - CONFIDENCE);
        match self.paper.is(value, half) {
            false if is_difference && same_sign => Verdict::DirectionOnly,
            false => Verdict::NotReproduced,
            true if !is_difference => Verdict::Reproduced,
            true => match self.significant {
                Some(true) if !is_significant => Verdict::TooUncertain,
                Some(false) if is_significant => Verdict::NotReproduced,
                Some(false) | None if half >= self.paper.value.abs() => Verdict::TooUncertain,
                _ => Verdict::Reproduced,
            },
        }
    }

    fn asks(&self) -> Asks {
        use ClaimKind::{
            AtLeast, Crossing, Difference, Drop, FirstEpoch, Gap, LargestGap, LargestPair, Lead,
            Least, LeastP, LeastPAbove, LeastRun, MeanPair, Most, MostRun, Range,
        };
        match self.kind {
            Range | LargestPair | MeanPair | Gap | LargestGap => Asks::AsSmall,
            AtLeast | Lead | LeastP | LeastPAbove | FirstEpoch => Asks::AsLarge,
            Crossing | Difference | Drop | Least | Most | LeastRun | MostRun => Asks::Near,
        }
    }
}

/// What a number must be beside the paper's.
enum Asks {
    Near,
    AsSmall,
    AsLarge,
}
