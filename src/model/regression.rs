//! How good a model of numbers is, target by target.

use serde::{Deserialize, Serialize};

/// A model's results on samples with numbers, as scikit-learn defines them: means over the targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// Samples.
    pub samples: usize,
    /// Root mean square of the differences.
    pub rmse: f64,
    /// Mean absolute difference.
    pub mae: f64,
    /// 1 − Σ(y − t)² / Σ(t − mean t)²; of targets that do not vary 1 if all are right, else 0.
    pub r2: f64,
    /// Each target.
    pub targets: Vec<TargetResult>,
}

/// One target's results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetResult {
    /// Its name.
    pub name: String,
    /// Root mean square of the differences.
    pub rmse: f64,
    /// Mean absolute difference.
    pub mae: f64,
    /// 1 − Σ(y − t)² / Σ(t − mean t)².
    pub r2: f64,
}

impl Regression {
    /// The results of `answers` against `truth`, both `[samples, names]`.
    ///
    /// **Panics** if the shapes disagree, or there is no sample.
    pub fn of(answers: &[f64], truth: &[f64], names: &[String]) -> Regression {
        let width = names.len();
        assert!(!truth.is_empty() && truth.len().is_multiple_of(width), "whole samples");
        assert_eq!(answers.len(), truth.len(), "an answer for each number");
        let samples = truth.len() / width;
        let target = |(at, name): (usize, &String)| {
            let pairs = || {
                let of_target =
                    |values: &'_ [f64]| values[at..].iter().step_by(width).copied().collect();
                let (y, t): (Vec<f64>, Vec<f64>) = (of_target(answers), of_target(truth));
                y.into_iter().zip(t)
            };
            let count = samples as f64;
            let mean = pairs().map(|(_, t)| t).sum::<f64>() / count;
            let square: f64 = pairs().map(|(y, t)| (y - t).powi(2)).sum();
            let total: f64 = pairs().map(|(_, t)| (t - mean).powi(2)).sum();
            let r2 = match (square == 0.0, total == 0.0) {
                (true, true) => 1.0,
                (false, true) => 0.0,
                _ => 1.0 - square / total,
            };
            let absolute: f64 = pairs().map(|(y, t)| (y - t).abs()).sum();
            let (rmse, mae) = ((square / count).sqrt(), absolute / count);
            TargetResult { name: name.clone(), rmse, mae, r2 }
        };
        let targets: Vec<TargetResult> = names.iter().enumerate().map(target).collect();
        let mean =
            |of: fn(&TargetResult) -> f64| targets.iter().map(of).sum::<f64>() / width as f64;
        let (rmse, mae, r2) = (mean(|t| t.rmse), mean(|t| t.mae), mean(|t| t.r2));
        Regression { samples, rmse, mae, r2, targets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case of `tests/fixtures/regressions.json`, made by scikit-learn.
    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        width: usize,
        answers: Vec<f64>,
        truth: Vec<f64>,
        expected: [f64; 3],
    }

    #[test]
    fn results_are_scikit_learns() {
        let text = include_str!("../../tests/fixtures/regressions.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(cases.len() >= 5);
        for Case { name, width, answers, truth, expected } in cases {
            let names: Vec<String> = (0..width).map(|at| at.to_string()).collect();
            let Regression { rmse, mae, r2, .. } = Regression::of(&answers, &truth, &names);
            for (found, expected) in [rmse, mae, r2].into_iter().zip(expected) {
                let bound = 1e-12 * expected.abs().max(1.0);
                assert!((found - expected).abs() <= bound, "{name}: {found}, not {expected}");
            }
        }
    }
}
