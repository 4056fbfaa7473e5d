//! The paper's experiments as data: settings that ask the same of this engine, and what it printed.
//!
//! `data/paper.json` has both. A row of an experiment meets each of its columns with each seed; a
//! run that several experiments ask for is the same run, since it is known by what determines it.

use super::claims::Claim;
use super::sweep::{Sweep, SweepRun};
use super::untrained::Untrained;
use crate::train::SettingsProblem;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::Table;

/// An experiment of the paper.
#[derive(Clone, Debug, Deserialize)]
pub struct Experiment {
    /// What it is called here.
    pub name: String,
    /// Where the paper has it.
    #[serde(rename = "where")]
    pub place: String,
    /// What it is.
    pub about: String,
    /// The value of a run that is compared; accuracies are printed in per cent.
    pub metric: String,
    /// The paper's seeds.
    pub seeds: Vec<u64>,
    /// The row that others are held against for their direction.
    pub baseline: Option<String>,
    /// Settings of all runs.
    settings: Table,
    /// Columns by name, with their settings.
    columns: Vec<(String, Table)>,
    /// Standard deviations by column, where a number is printed without.
    #[serde(default)]
    sd: BTreeMap<String, f64>,
    /// Rows.
    pub rows: Vec<Row>,
    /// What is said of several numbers together.
    #[serde(default)]
    pub claims: Vec<Claim>,
}

/// A row of an experiment.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Its name.
    pub label: String,
    /// Its settings.
    settings: Table,
    /// Its settings in some columns.
    #[serde(default)]
    cells: BTreeMap<String, Table>,
    /// What is printed, by column.
    pub values: BTreeMap<String, PrintedMean>,
}

/// A number that the paper prints.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct PrintedMean {
    /// The mean over the seeds.
    pub mean: f64,
    /// Their standard deviation, where it is printed.
    pub sd: Option<f64>,
}

/// A run of an experiment: its row, its column, its seed.
#[derive(Clone, Debug)]
pub struct PaperRun {
    /// Place among the rows.
    pub row: usize,
    /// Name of the column.
    pub column: String,
    /// The seed.
    pub seed: u64,
    /// The run.
    pub run: SweepRun,
}

#[derive(Deserialize)]
struct Paper {
    experiments: Vec<Experiment>,
    untrained: Vec<Untrained>,
}

impl Paper {
    fn read() -> Paper {
        serde_json::from_str(include_str!("../../data/paper.json"))
            .expect("the file is a part of the program, and read by a test")
    }
}

/// All experiments, in the order in which they are worth doing.
pub fn experiments() -> Vec<Experiment> {
    Paper::read().experiments
}

/// What needs no training.
pub fn untrained() -> Vec<Untrained> {
    Paper::read().untrained
}

impl Experiment {
    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The data set of a column.
    pub fn dataset(&self, column: &str) -> &str {
        let of = |table: &Table| table.get("dataset").and_then(|name| name.as_str()).is_some();
        let settings = self.columns.iter().find(|(name, _)| name == column).map(|(_, table)| table);
        let table = settings.filter(|table| of(table)).unwrap_or(&self.settings);
        table.get("dataset").and_then(|name| name.as_str()).unwrap_or("mnist")
    }

    /// What the paper prints for a row and a column, with the deviation that stands for one that is
    /// not printed.
    pub fn printed(&self, row: &Row, column: &str) -> Option<PrintedMean> {
        let PrintedMean { mean, sd } = *row.values.get(column)?;
        Some(PrintedMean { mean, sd: sd.or_else(|| self.sd.get(column).copied()) })
    }

    /// Every run, of the data sets asked for.
    ///
    /// **Errors**: [`SettingsProblem`]; none of those that are built in has one.
    pub fn runs(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<PaperRun>, SettingsProblem> {
        let mut runs = Vec::new();
        for (column, of_column) in &self.columns {
            if !wanted(self.dataset(column)) {
                continue;
            }
            for (at, row) in self.rows.iter().enumerate() {
                let mut settings = self.settings.clone();
                settings.extend(of_column.clone());
                settings.extend(row.settings.clone());
                settings.extend(row.cells.get(column).cloned().unwrap_or_default());
                for &seed in &self.seeds {
                    let label = format!("{}, {}, {column}, seed {seed}", self.name, row.label);
                    let of_seed = Table::from_iter([("seed".to_string(), (seed as i64).into())]);
                    let run = SweepRun::new([settings.clone(), of_seed], label)?;
                    runs.push(PaperRun { row: at, column: column.clone(), seed, run });
                }
            }
        }
        Ok(runs)
    }
}

/// The runs of several experiments, each once.
pub fn together(runs: impl IntoIterator<Item = PaperRun>) -> Sweep {
    let mut known = BTreeSet::new();
    let runs = runs.into_iter().map(|run| run.run).filter(|run| known.insert(run.key.clone()));
    Sweep { runs: runs.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_experiment_has_runs_that_can_be_configured_and_rows_that_its_claims_name() {
        let all = experiments();
        assert!(all.len() >= 12);
        for experiment in &all {
            let name = &experiment.name;
            let runs = experiment.runs(|_| true).unwrap_or_else(|e| panic!("{name}: {e}"));
            let columns: Vec<&str> = experiment.columns().collect();
            let rows: Vec<&str> = experiment.rows.iter().map(|row| row.label.as_str()).collect();
            assert_eq!(runs.len(), columns.len() * rows.len() * experiment.seeds.len(), "{name}");
            for run in &runs {
                run.run.config.train.validate().unwrap_or_else(|e| panic!("{name}: {e}"));
                run.run.config.data.validate().unwrap_or_else(|e| panic!("{name}: {e}"));
            }
            let keys: BTreeSet<&str> = runs.iter().map(|run| run.run.key.as_str()).collect();
            assert_eq!(keys.len(), runs.len(), "{name}: two cells are one run");
            for row in &experiment.rows {
                let named = row.values.keys().chain(row.cells.keys());
                named.for_each(|column| assert!(columns.contains(&column.as_str()), "{column}"));
            }
            for claim in &experiment.claims {
                claim.columns.iter().for_each(|of| assert!(columns.contains(&of.as_str()), "{of}"));
                claim.rows.iter().for_each(|row| assert!(rows.contains(&row.as_str()), "{row}"));
                assert!(claim.is_well_formed(), "{name}: {}", claim.about);
            }
            let baseline = experiment.baseline.as_deref();
            assert!(baseline.is_none_or(|label| rows.contains(&label)), "{name}");
        }
    }

    /// Table 6 and section 2.8 of the paper: 8 rows, 4 data sets, 5 seeds; 24·3·5 = 360.
    #[test]
    fn the_papers_counts_are_ours_and_shared_runs_are_one() {
        let all = experiments();
        let count = |name: &str| {
            let experiment = all.iter().find(|experiment| experiment.name == name).unwrap();
            experiment.runs(|_| true).unwrap().len()
        };
        assert_eq!((count("table6"), count("multipeak")), (160, 360));
        let runs = |names: [&str; 2]| {
            let chosen = all.iter().filter(|e| names.contains(&e.name.as_str()));
            together(chosen.flat_map(|e| e.runs(|_| true).unwrap())).runs.len()
        };
        // Both tables have the same random rows: 9 sparsities of 5 seeds.
        assert_eq!(runs(["table5", "table5-random"]), 2 * 225 - 45);
    }
}
