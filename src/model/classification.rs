//! How good a classifier is, class by class.

use super::most_probable;
use serde::Serialize;

/// A classifier's results on labelled samples, as scikit-learn defines them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classification {
    /// Samples.
    pub samples: usize,
    /// Fraction of samples that are right.
    pub accuracy: f64,
    /// Mean recall of the classes that have samples.
    pub balanced_accuracy: f64,
    /// Mean of −ln `p[label]`, p between ε and 1 − ε, the ε of f64.
    pub log_loss: f64,
    /// Mean F1 of the classes that occur among labels or answers.
    pub macro_f1: f64,
    /// The same, each class weighted by its samples.
    pub weighted_f1: f64,
    /// Area under the receiver's curve: of two classes the second's; of more the mean over those
    /// that have samples, each against all others. None if no class has both sides.
    pub roc_auc: Option<f64>,
    /// Average precision: of two classes the second's; of more the mean over those that have
    /// samples. None if there is none.
    pub average_precision: Option<f64>,
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
            log_loss -= f64::from(p[label as usize]).clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
        }
        let predicted = |class: usize| confusion.iter().map(|row| row[class]).sum::<usize>();
        let results: Vec<ClassResult> = (0..classes)
            .map(|class| {
                let right = confusion[class][class];
                let support = confusion[class].iter().sum();
                ClassResult {
                    precision: ratio(right, predicted(class)),
                    recall: ratio(right, support),
                    f1: ratio(2 * right, support + predicted(class)),
                    support,
                }
            })
            .collect();
        let right: usize = (0..classes).map(|class| confusion[class][class]).sum();
        let has_samples = |class: &usize| results[*class].support > 0;
        let occurs = |class: &usize| has_samples(class) || predicted(*class) > 0;
        let over = |which: &dyn Fn(&usize) -> bool, value: &dyn Fn(usize) -> f64| {
            mean((0..classes).filter(which).map(value)).unwrap_or(0.0)
        };
        let weighted = results.iter().map(|class| class.f1 * class.support as f64).sum::<f64>();
        let ranked = if classes == 2 { 1..2 } else { 0..classes };
        let rankings: Vec<Ranking> =
            ranked.map(|class| Ranking::of(probabilities, labels, classes, class)).collect();
        Classification {
            samples: labels.len(),
            accuracy: ratio(right, labels.len()),
            balanced_accuracy: over(&has_samples, &|class| results[class].recall),
            log_loss: log_loss / labels.len() as f64,
            macro_f1: over(&occurs, &|class| results[class].f1),
            weighted_f1: weighted / labels.len() as f64,
            roc_auc: mean(rankings.iter().filter_map(Ranking::roc_auc)),
            average_precision: mean(rankings.iter().filter_map(Ranking::average_precision)),
            classes: results,
            confusion,
        }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Samples in the order of a class's probability, the most probable first: of each probability how
/// many are of the class, and how many are not.
struct Ranking(Vec<[usize; 2]>);

impl Ranking {
    fn of(probabilities: &[f32], labels: &[u16], classes: usize, class: usize) -> Ranking {
        let of_class = probabilities.chunks_exact(classes).map(|p| p[class]);
        let mut ranked: Vec<(f32, bool)> =
            of_class.zip(labels.iter().map(|&label| usize::from(label) == class)).collect();
        ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let same = ranked.chunk_by(|(a, _), (b, _)| a == b);
        let count = |group: &[(f32, bool)]| {
            let hits = group.iter().filter(|(_, is_hit)| *is_hit).count();
            [hits, group.len() - hits]
        };
        Ranking(same.map(count).collect())
    }

    fn totals(&self) -> [usize; 2] {
        self.0.iter().fold([0; 2], |[hits, misses], group| [hits + group[0], misses + group[1]])
    }

    /// The chance that a sample of the class stands before one that is not; at the same place it
    /// counts half.
    fn roc_auc(&self) -> Option<f64> {
        let [hits, misses] = self.totals();
        // Twice the pairs in order: a whole number.
        let (mut twice, mut before) = (0u128, 0u128);
        for &[of_class, others] in &self.0 {
            twice += others as u128 * (2 * before + of_class as u128);
            before += of_class as u128;
        }
        let pairs = 2 * hits as u128 * misses as u128;
        (pairs > 0).then(|| twice as f64 / pairs as f64)
    }

    /// Σ (recall − recall before)·precision over the places.
    fn average_precision(&self) -> Option<f64> {
        let [hits, _] = self.totals();
        let (mut found, mut seen, mut sum) = (0, 0, 0.0);
        for [of_class, others] in &self.0 {
            (found, seen) = (found + of_class, seen + of_class + others);
            sum += ratio(*of_class, hits) * ratio(found, seen);
        }
        (hits > 0).then_some(sum)
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
        // The third class occurs neither among labels nor among answers.
        assert!((result.macro_f1 - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-15);
        let log_loss = -(0.8f32 as f64 * 0.5 * 0.2f32 as f64).ln() / 4.0;
        assert!((result.log_loss - log_loss).abs() < 1e-12, "{}", result.log_loss);
    }

    #[test]
    fn a_probability_of_zero_costs_a_finite_loss() {
        let result = Classification::of(&[0.0, 1.0], &[0], 2);
        assert_eq!(result.log_loss, -f64::EPSILON.ln());
        assert_eq!((result.roc_auc, result.average_precision), (None, None));
    }

    /// A case of `tests/fixtures/metrics.json`, made by scikit-learn.
    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        classes: usize,
        labels: Vec<u16>,
        probabilities: Vec<f32>,
        expected: std::collections::BTreeMap<String, Option<f64>>,
    }

    #[test]
    fn results_are_scikit_learns() {
        let text = include_str!("../../tests/fixtures/metrics.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(cases.len() >= 12);
        for case in cases {
            let result = Classification::of(&case.probabilities, &case.labels, case.classes);
            let result = serde_json::to_value(&result).unwrap();
            for (name, expected) in case.expected {
                let found = result[&name].as_f64();
                let is_same = match (found, expected) {
                    (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
                    (found, expected) => found == expected,
                };
                assert!(is_same, "{}, {name}: {found:?}, not {expected:?}", case.name);
            }
        }
    }
}
