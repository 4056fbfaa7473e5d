//! How good a classifier is, class by class.

use super::most_probable;
use serde::Serialize;

/// A classifier's results on labelled samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classification {
    /// Samples.
    pub samples: usize,
    /// Fraction of samples that are right.
    pub accuracy: f64,
    /// Mean of −ln `p[label]`; a probability of 0 counts as the smallest normal f32.
    pub log_loss: f64,
    /// Mean of the classes' F1.
    pub macro_f1: f64,
    /// Each class.
    pub classes: Vec<ClassResult>,
    /// `confusion[label][predicted]`, in samples.
    pub confusion: Vec<Vec<usize>>,
}

/// One class's results; a ratio of nothing to nothing counts as 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassResult {
    /// Right among those predicted to be of the class.
    pub precision: f64,
    /// Right among those of the class.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Samples of the class.
    pub support: usize,
}

impl Classification {
    /// The results of `probabilities` `[samples, classes]` against `labels`.
    ///
    /// **Panics** if the shapes disagree, or there is no sample.
    pub fn of(probabilities: &[f32], labels: &[u16], classes: usize) -> Classification {
        assert!(!labels.is_empty(), "a classification of nothing");
        assert_eq!(probabilities.len(), labels.len() * classes, "one probability per class");
        let mut confusion = vec![vec![0; classes]; classes];
        let mut log_loss = 0.0;
        for (p, &label) in probabilities.chunks_exact(classes).zip(labels) {
            confusion[label as usize][most_probable(p)] += 1;
            log_loss -= f64::from(p[label as usize].max(f32::MIN_POSITIVE)).ln();
        }
        let ratio = |part: usize, whole: usize| match whole {
            0 => 0.0,
            _ => part as f64 / whole as f64,
        };
        let results: Vec<ClassResult> = (0..classes)
            .map(|class| {
                let right = confusion[class][class];
                let support = confusion[class].iter().sum();
                let predicted = confusion.iter().map(|row| row[class]).sum();
                ClassResult {
                    precision: ratio(right, predicted),
                    recall: ratio(right, support),
                    f1: ratio(2 * right, support + predicted),
                    support,
                }
            })
            .collect();
        let right: usize = (0..classes).map(|class| confusion[class][class]).sum();
        Classification {
            samples: labels.len(),
            accuracy: ratio(right, labels.len()),
            log_loss: log_loss / labels.len() as f64,
            macro_f1: results.iter().map(|class| class.f1).sum::<f64>() / classes as f64,
            classes: results,
            confusion,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_follow_from_the_confusion() {
        // Labels 0 0 0 1; predicted 0 0 1 1; class 2 never occurs.
        let p = [0.8, 0.1, 0.1, 0.5, 0.3, 0.2, 0.2, 0.7, 0.1, 0.0, 1.0, 0.0];
        let result = Classification::of(&p, &[0, 0, 0, 1], 3);
        assert_eq!(result.confusion, [[2, 1, 0], [0, 1, 0], [0, 0, 0]]);
        assert_eq!((result.accuracy, result.samples), (0.75, 4));
        let class = |c: usize| (result.classes[c].precision, result.classes[c].recall);
        assert_eq!((class(0), class(1), class(2)), ((1.0, 2.0 / 3.0), (0.5, 1.0), (0.0, 0.0)));
        let f1 = [0.8, 2.0 / 3.0, 0.0];
        assert!((result.macro_f1 - f1.iter().sum::<f64>() / 3.0).abs() < 1e-15);
        let log_loss = -(0.8f32 as f64 * 0.5 * 0.2f32 as f64).ln() / 4.0;
        assert!((result.log_loss - log_loss).abs() < 1e-12, "{}", result.log_loss);
    }

    #[test]
    fn a_probability_of_zero_costs_a_finite_loss() {
        let result = Classification::of(&[0.0, 1.0], &[0], 2);
        assert!(result.log_loss > 80.0 && result.log_loss.is_finite());
    }
}
