//! What a claim's numbers are measured by.

use crate::experiment::comparison::{CONFIDENCE, scale};
use crate::experiment::finished::FinishedRun;
use crate::experiment::significance::half_interval;
use crate::experiment::statistics::{deviation, mean};
use crate::experiment::verdict::Cell;

/// Values by row, column and seed.
pub(super) type Values = Vec<Vec<Vec<f64>>>;

/// A number and half its interval.
#[derive(Clone, Copy)]
pub(super) struct Measured {
    pub(super) value: f64,
    pub(super) half: f64,
    pub(super) p: Option<f64>,
    pub(super) d: Option<f64>,
}

impl Measured {
    pub(super) fn new(value: f64, half: f64) -> Measured {
        Measured { value, half, p: None, d: None }
    }

    /// The mean of a value per seed.
    pub(super) fn over_seeds(by_seed: &[f64]) -> Option<Measured> {
        Some(Measured::new(mean(by_seed)?, half(by_seed)))
    }
}

/// The cells of neighbouring rows, the first with the second, the third with the fourth.
pub(super) fn pairs(values: &Values) -> impl Iterator<Item = [&Vec<f64>; 2]> {
    let rows = values.chunks_exact(2);
    rows.flat_map(|rows| rows[0].iter().zip(&rows[1]).map(|(a, b)| [a, b]))
}

/// The cells of each later row, each with the first row's of the same column.
pub(super) fn against_first(values: &Values) -> Option<impl Iterator<Item = [&Vec<f64>; 2]>> {
    let (first, others) = values.split_first()?;
    Some(others.iter().flat_map(move |row| row.iter().zip(first)).map(|(row, first)| [row, first]))
}

/// Of each seed.
pub(super) fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// For each seed the mean over `rows`, since runs of a seed have their order of samples in common.
pub(super) fn mean_by_seed(rows: &[Vec<f64>]) -> Option<Vec<f64>> {
    let seeds = rows.iter().map(Vec::len).min()?;
    (0..seeds).map(|seed| mean(&rows.iter().map(|row| row[seed]).collect::<Vec<f64>>())).collect()
}

pub(super) fn first_epoch(cells: &[Vec<Cell<'_>>], metric: &str) -> Option<Measured> {
    let runs = cells.iter().flatten().flat_map(|cell| &cell.runs);
    let first = |run: &&FinishedRun| Some(scale(metric) * run.epochs.first()?.values.get(metric)?);
    let firsts: Vec<f64> = runs.map(first).collect::<Option<_>>()?;
    Some(Measured::new(least(firsts.into_iter())?, 0.0))
}

/// The epoch (the first is 1) from which the first row's mean stays above all others'; one beyond
/// the last if it ends below.
pub(super) fn crossing(cells: &[Vec<Cell<'_>>], metric: &str) -> Option<Measured> {
    let (first, others) = cells.split_first()?;
    let lengths = || cells.iter().flatten().flat_map(|cell| &cell.runs).map(|run| run.epochs.len());
    let epochs = lengths().min()?;
    let at = |cell: &Cell<'_>, epoch: usize| {
        let value = |run: &FinishedRun| run.epochs[epoch].values.get(metric).copied();
        mean(&cell.runs.iter().map(|run| value(run)).collect::<Option<Vec<f64>>>()?)
    };
    let mut since = epochs + 1;
    for epoch in (0..epochs).rev() {
        let own = at(first.first()?, epoch)?;
        let others = others.iter().flatten().map(|cell| at(cell, epoch));
        if others.collect::<Option<Vec<f64>>>()?.iter().any(|&other| other >= own) {
            break;
        }
        since = epoch + 1;
    }
    Some(Measured::new(since as f64, 0.0))
}

/// The run that is furthest; it may vary as its cell's runs do.
pub(super) fn extreme_run<'a>(
    cells: impl Iterator<Item = &'a Vec<f64>>,
    furthest: fn(std::vec::IntoIter<f64>) -> Option<f64>,
) -> Option<Measured> {
    let all: Vec<f64> = cells.flatten().copied().collect();
    let spread = 2.0 * deviation(&all).unwrap_or(0.0);
    Some(Measured::new(furthest(all.into_iter())?, spread))
}

pub(super) fn half(values: &[f64]) -> f64 {
    half_interval(values, CONFIDENCE).unwrap_or(0.0)
}

pub(super) fn least(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::min)
}

pub(super) fn most(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::max)
}
