//! The results of a cross-validation: a training for each part of the rows that is held out.

use super::RunResult;
use super::statistics::{deviation, mean};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The results of all folds.
#[derive(Clone, Debug, Serialize)]
pub struct CrossValidation {
    /// Each fold's.
    pub folds: Vec<RunResult>,
    /// The mean of each value on the rows held out.
    pub mean: BTreeMap<String, f64>,
    /// Its sample standard deviation (n − 1) over the folds.
    pub sd: BTreeMap<String, f64>,
}

impl CrossValidation {
    /// Of the folds' results.
    pub fn of(folds: Vec<RunResult>) -> CrossValidation {
        let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for result in &folds {
            let of_test = result.values.iter().filter(|(name, _)| name.starts_with("test_"));
            let f1 = result.macro_f1.map(|f1| ("macro_f1".to_string(), f1));
            for (name, value) in of_test.map(|(name, value)| (name.clone(), *value)).chain(f1) {
                values.entry(name).or_default().push(value);
            }
        }
        let of = |statistic: fn(&[f64]) -> Option<f64>| {
            let named =
                |(name, values): (&String, &Vec<f64>)| Some((name.clone(), statistic(values)?));
            values.iter().filter_map(named).collect()
        };
        CrossValidation { mean: of(mean), sd: of(deviation), folds }
    }
}

/// In a line: mean ± standard deviation of each value.
impl fmt::Display for CrossValidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} folds", self.folds.len())?;
        for (name, mean) in &self.mean {
            let sd = self.sd.get(name).unwrap_or(&f64::NAN);
            let (name, is_share) = (name.replace('_', " "), name.ends_with("accuracy"));
            match is_share {
                true => write!(f, "; {name} {:.2} ± {:.2} %", 100.0 * mean, 100.0 * sd)?,
                false => write!(f, "; {name} {mean:.4} ± {sd:.4}")?,
            }
        }
        write!(f, " (mean ± standard deviation)")
    }
}
