//! What a number of the paper is worth here, by a rule that was written before the runs.
//!
//! - reproduced: the paper's mean lies in our 95 % interval, widened by the paper's own standard
//!   error (its sd/√n; where it prints no deviation, that of its dense network on the same data);
//! - direction only: not that, and the difference to the baseline's row has the paper's sign;
//! - not reproduced: neither;
//! - not run: not all of the paper's seeds are finished.
//!
//! A difference is reproduced if the paper's lies in the 95 % interval of ours (Welch); a range, if
//! it is as small as the paper's within the widest interval of its rows.

use super::Error;
use super::comparison::{At, CONFIDENCE, scale, value};
use super::finished::FinishedRun;
use super::paper::{Claim, ClaimKind, Experiment, PaperRun, Printed};
use super::significance::{TTest, cohens_d, difference_half_interval, half_interval, welch};
use super::statistics::{deviation, mean};
use super::sweep::key_of;
use crate::grammar::named;
use serde::Serialize;
use std::collections::BTreeMap;

named! {
    /// What a number of the paper is worth here.
    pub enum Verdict as "verdict" {
        /// It is ours, too.
        Reproduced = "reproduced",
        /// Another number, which says the same of the row.
        DirectionOnly = "direction only",
        /// Neither.
        NotReproduced = "not reproduced",
        /// There are not all of its runs.
        NotRun = "not run",
    }
}

/// A row of an experiment in a column: ours, the paper's, and what of it.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// The row.
    pub row: String,
    /// The column.
    pub column: String,
    /// What the paper prints, if it does.
    pub paper: Option<f64>,
    /// Seeds that are finished, of those that there are to be.
    pub seeds: [usize; 2],
    /// At the last epoch.
    pub last: Option<Ours>,
    /// At the best epoch, chosen on test samples; none of what only the end has.
    pub best: Option<Ours>,
    /// Flops of a training, their mean.
    pub train_flops: Option<f64>,
    /// Seconds of an epoch beside other runs, their mean.
    pub seconds_per_epoch: Option<f64>,
}

/// A mean over seeds, and its verdict if the paper has a number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ours {
    /// The mean; of accuracies in per cent, as the paper has them.
    pub mean: f64,
    /// Sample standard deviation.
    pub sd: Option<f64>,
    /// Half the 95 % interval.
    pub half_interval: Option<f64>,
    /// What the paper's number is worth.
    pub verdict: Option<Verdict>,
}

/// A claim, ours and the paper's.
#[derive(Clone, Debug, Serialize)]
pub struct JudgedClaim {
    /// What it is of.
    pub about: String,
    /// The column.
    pub column: String,
    /// The paper's number.
    pub paper: f64,
    /// Ours at the last epoch.
    pub ours: Option<f64>,
    /// Half its 95 % interval.
    pub half_interval: Option<f64>,
    /// Of a difference, whether there is one.
    pub welch: Option<TTest>,
    /// Of a difference in pooled standard deviations.
    pub cohens_d: Option<f64>,
    /// What of it.
    pub verdict: Verdict,
}

/// An experiment's numbers, each with what it is worth.
#[derive(Clone, Debug, Serialize)]
pub struct Judgements {
    /// The experiment.
    pub name: String,
    /// Cell by cell.
    pub rows: Vec<Judged>,
    /// And what is said of several.
    pub claims: Vec<JudgedClaim>,
}

/// Finished runs by their keys.
#[derive(Default)]
pub struct Known(BTreeMap<String, FinishedRun>);

impl Known {
    /// Takes more runs; of those that are there already the first stays.
    ///
    /// **Errors**: [`Error::Settings`].
    pub fn add(&mut self, runs: impl IntoIterator<Item = FinishedRun>) -> Result<(), Error> {
        for run in runs {
            self.0.entry(key_of(&run.config()?)).or_insert(run);
        }
        Ok(())
    }

    /// The run of this key.
    pub fn get(&self, key: &str) -> Option<&FinishedRun> {
        self.0.get(key)
    }
}

/// The values of a cell's runs that are finished.
struct Cell<'a> {
    runs: Vec<&'a FinishedRun>,
    wanted: usize,
}

impl Cell<'_> {
    fn is_whole(&self) -> bool {
        self.runs.len() == self.wanted && self.wanted > 0
    }

    fn values(&self, metric: &str, at: At) -> Option<Vec<f64>> {
        let values = self.runs.iter().map(|run| Some(scale(metric) * value(run, metric, at).ok()?));
        values.collect::<Option<Vec<f64>>>().filter(|values| !values.is_empty())
    }
}

impl Experiment {
    /// Judges every number of the experiment's runs by those that are `known`.
    pub fn judge(&self, runs: &[PaperRun], known: &Known) -> Judgements {
        let mut columns: Vec<&str> = runs.iter().map(|run| run.column.as_str()).collect();
        columns.dedup();
        let cell = |row: usize, column: &str| {
            let of = |run: &&PaperRun| run.row == row && run.column == column;
            let wanted = runs.iter().filter(of).count();
            let found = runs.iter().filter(of).filter_map(|run| known.get(&run.run.key));
            Cell { runs: found.collect(), wanted }
        };
        let place = |label: &str| self.rows.iter().position(|row| row.label == label);
        let mut rows = Vec::new();
        for column in &columns {
            for (at, row) in self.rows.iter().enumerate() {
                let here = cell(at, column);
                let printed = self.printed(row, column);
                let baseline = self.baseline.as_deref().filter(|label| *label != row.label);
                let baseline = baseline.and_then(place).map(|at| {
                    (self.printed(&self.rows[at], column).map(|paper| paper.mean), cell(at, column))
                });
                let ours = |epoch: At| {
                    let values = here.values(&self.metric, epoch)?;
                    let base = baseline.as_ref().and_then(|(paper, cell)| {
                        let values = cell.values(&self.metric, epoch).filter(|_| cell.is_whole());
                        Some(((*paper)?, mean(&values?)?))
                    });
                    let verdict = printed.map(|printed| match here.is_whole() {
                        true => verdict(printed, &values, base),
                        false => Verdict::NotRun,
                    });
                    let (sd, half_interval) =
                        (deviation(&values), half_interval(&values, CONFIDENCE));
                    Some(Ours { mean: mean(&values)?, sd, half_interval, verdict })
                };
                let average = |of: &dyn Fn(&FinishedRun) -> Option<f64>| {
                    mean(&here.runs.iter().filter_map(|run| of(run)).collect::<Vec<f64>>())
                };
                rows.push(Judged {
                    row: row.label.clone(),
                    column: column.to_string(),
                    paper: printed.map(|printed| printed.mean),
                    seeds: [here.runs.len(), here.wanted],
                    last: ours(At::Last),
                    best: ours(At::Best),
                    train_flops: average(&|run| Some(run.result.train_flops as f64)),
                    seconds_per_epoch: average(&|run| run.result.seconds_per_epoch),
                });
            }
        }
        let claims = self.claims.iter().filter(|claim| columns.contains(&claim.column.as_str()));
        let claims = claims.map(|claim| {
            let cells: Vec<Cell<'_>> = claim
                .rows
                .iter()
                .filter_map(|label| Some(cell(place(label)?, &claim.column)))
                .collect();
            judge_claim(claim, &cells, &self.metric)
        });
        Judgements { name: self.name.clone(), rows, claims: claims.collect() }
    }
}

/// The rule for a mean; the baseline's is the paper's and ours.
fn verdict(paper: Printed, values: &[f64], baseline: Option<(f64, f64)>) -> Verdict {
    let ours = mean(values).expect("a cell has runs");
    let count = values.len() as f64;
    let room =
        half_interval(values, CONFIDENCE).unwrap_or(0.0) + paper.sd.unwrap_or(0.0) / count.sqrt();
    if (ours - paper.mean).abs() <= room {
        return Verdict::Reproduced;
    }
    match baseline {
        Some((of_paper, of_ours)) if (paper.mean - of_paper) * (ours - of_ours) > 0.0 => {
            Verdict::DirectionOnly
        }
        _ => Verdict::NotReproduced,
    }
}

fn judge_claim(claim: &Claim, cells: &[Cell<'_>], metric: &str) -> JudgedClaim {
    let mut judged = JudgedClaim {
        about: claim.about.clone(),
        column: claim.column.clone(),
        paper: claim.paper,
        ours: None,
        half_interval: None,
        welch: None,
        cohens_d: None,
        verdict: Verdict::NotRun,
    };
    let values: Option<Vec<Vec<f64>>> = cells
        .iter()
        .map(|cell| cell.values(metric, At::Last).filter(|_| cell.is_whole()))
        .collect();
    let Some(values) = values.filter(|values| values.len() == claim.rows.len()) else {
        return judged;
    };
    let means: Vec<f64> = values.iter().filter_map(|values| mean(values)).collect();
    let (ours, half, same_direction) = match claim.kind {
        ClaimKind::Range => {
            let most = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let least = means.iter().copied().fold(f64::INFINITY, f64::min);
            let halves = values.iter().filter_map(|values| half_interval(values, CONFIDENCE));
            let half = halves.fold(0.0, f64::max);
            // As small is what is said.
            (most - least, half, false)
        }
        ClaimKind::Difference => {
            let [a, b] = [&values[0], &values[1]];
            (judged.welch, judged.cohens_d) = (welch(a, b), cohens_d(a, b));
            let ours = means[0] - means[1];
            let half = difference_half_interval(a, b, CONFIDENCE).unwrap_or(0.0);
            (ours, half, ours * claim.paper > 0.0)
        }
    };
    (judged.ours, judged.half_interval) = (Some(ours), Some(half));
    let is_near = match claim.kind {
        ClaimKind::Range => ours <= claim.paper + half,
        ClaimKind::Difference => (ours - claim.paper).abs() <= half,
    };
    judged.verdict = match (is_near, same_direction) {
        (true, _) => Verdict::Reproduced,
        (false, true) => Verdict::DirectionOnly,
        (false, false) => Verdict::NotReproduced,
    };
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_the_one_that_is_written() {
        // Mean 98, half interval 2.776·.1581/√5 = .1963.
        let values = [97.8, 97.9, 98.0, 98.1, 98.2];
        let printed = |mean: f64, sd: Option<f64>| Printed { mean, sd };
        assert_eq!(verdict(printed(98.19, None), &values, None), Verdict::Reproduced);
        assert_eq!(verdict(printed(98.21, None), &values, None), Verdict::NotReproduced);
        // Widened by .1/√5 = .0447.
        assert_eq!(verdict(printed(98.21, Some(0.1)), &values, None), Verdict::Reproduced);
        assert_eq!(verdict(printed(98.25, Some(0.1)), &values, None), Verdict::NotReproduced);
        let above = Some((99.0, 97.5));
        assert_eq!(verdict(printed(99.5, None), &values, above), Verdict::DirectionOnly);
        let below = Some((99.0, 98.5));
        assert_eq!(verdict(printed(99.5, None), &values, below), Verdict::NotReproduced);
    }
}
