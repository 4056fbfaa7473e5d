//! What an experiment's numbers are worth here: each of the paper's beside ours, with its verdict.

use super::Error;
use super::claims::JudgedClaim;
use super::comparison::{At, CONFIDENCE};
use super::finished::FinishedRun;
use super::paper::{Experiment, PaperRun, PrintedMean};
use super::significance::half_interval;
use super::statistics::{deviation, mean};
use super::sweep::key_of;
use super::verdict::{Cell, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

/// A row of an experiment in a column: ours, the paper's, and what of it.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// The row.
    pub row: String,
    /// The column; of a stand-in for its data marked as one.
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

/// An experiment's numbers, each with what it is worth.
#[derive(Clone, Debug, Serialize)]
pub struct Judgements {
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

    /// All of them.
    pub fn runs(&self) -> impl Iterator<Item = &FinishedRun> {
        self.0.values()
    }

    /// All of them, taken out.
    pub fn into_runs(self) -> impl Iterator<Item = FinishedRun> {
        self.0.into_values()
    }

    /// The run of this key.
    pub fn get(&self, key: &str) -> Option<&FinishedRun> {
        self.0.get(key)
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
            let printed = self.printed(&self.rows[row], column).map(|printed| printed.mean);
            Cell { runs: found.collect(), wanted, printed }
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
                    column: self.marked(column, &here),
                    paper: printed.map(|printed| printed.mean),
                    seeds: [here.runs.len(), here.wanted],
                    last: ours(At::Last),
                    best: ours(At::Best),
                    train_flops: average(&|run| Some(run.result.train_flops as f64)),
                    seconds_per_epoch: average(&|run| run.result.seconds_per_epoch),
                });
            }
        }
        let claims = self.claims.iter().filter_map(|claim| {
            let all = || columns.iter().map(ToString::to_string).collect();
            let of = if claim.columns.is_empty() { all() } else { claim.columns.clone() };
            if !of.iter().all(|column| columns.contains(&column.as_str())) {
                return None;
            }
            let labels = || self.rows.iter().map(|row| row.label.clone()).collect();
            let rows: Vec<String> =
                if claim.rows.is_empty() { labels() } else { claim.rows.clone() };
            let cells = rows.iter().map(|label| {
                let row = place(label).expect("a test reads the file");
                of.iter().map(|column| cell(row, column)).collect()
            });
            Some(claim.judge(&cells.collect::<Vec<Vec<Cell<'_>>>>(), &self.metric))
        });
        Judgements { rows, claims: claims.collect() }
    }

    /// A column's name, marked where its runs had a stand-in for its data.
    fn marked(&self, column: &str, cell: &Cell<'_>) -> String {
        let dataset = self.dataset(column);
        let other = cell.runs.iter().find(|run| run.result.data != dataset);
        match other.and_then(|run| run.result.data.strip_prefix(dataset)) {
            Some(mark) => format!("{column}{mark}"),
            None => column.to_string(),
        }
    }
}

/// The rule for a mean; the baseline's is the paper's and ours.
fn verdict(paper: PrintedMean, values: &[f64], baseline: Option<(f64, f64)>) -> Verdict {
    let ours = mean(values).expect("a cell has runs");
    let (count, sd) = (values.len() as f64, paper.sd.unwrap_or(0.0));
    let room = match half_interval(values, CONFIDENCE) {
        Some(half) => half + sd / count.sqrt(),
        // Of one seed: both may lie as far from the mean as runs do.
        None => 1.96 * 2f64.sqrt() * sd,
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_the_one_that_is_written() {
        // Mean 98, half interval 2.776·.1581/√5 = .1963.
        let values = [97.8, 97.9, 98.0, 98.1, 98.2];
        let printed = |mean: f64, sd: Option<f64>| PrintedMean { mean, sd };
        assert_eq!(verdict(printed(98.19, None), &values, None), Verdict::Reproduced);
        assert_eq!(verdict(printed(98.21, None), &values, None), Verdict::NotReproduced);
        // Widened by .1/√5 = .0447.
        assert_eq!(verdict(printed(98.21, Some(0.1)), &values, None), Verdict::Reproduced);
        assert_eq!(verdict(printed(98.25, Some(0.1)), &values, None), Verdict::NotReproduced);
        // Of one seed: 1.96·√2·.1 = .2772.
        assert_eq!(verdict(printed(98.27, Some(0.1)), &[98.0], None), Verdict::Reproduced);
        assert_eq!(verdict(printed(98.28, Some(0.1)), &[98.0], None), Verdict::NotReproduced);
        let above = Some((99.0, 97.5));
        assert_eq!(verdict(printed(99.5, None), &values, above), Verdict::DirectionOnly);
        let below = Some((99.0, 98.5));
        assert_eq!(verdict(printed(99.5, None), &values, below), Verdict::NotReproduced);
    }
}
