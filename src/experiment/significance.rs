//! Whether two sets of numbers differ, and by how much: intervals, t tests, effect sizes, and what
//! becomes of them when there are many.

use super::statistics::{deviation, mean};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A difference that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct TTest {
    /// Student's t.
    pub t: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Probability of such a t, or one further from 0 on either side, if there is no difference.
    pub p: f64,
}

impl TTest {
    fn of(t: f64, df: f64) -> Option<TTest> {
        let distribution = StudentsT::new(0.0, 1.0, df).ok()?;
        let p = 2.0 * distribution.sf(t.abs());
        Some(TTest { t, df, p })
    }
}

/// Half the width of the interval around the mean of `values` that holds the true mean with
/// probability `confidence`: t·s/√n with t of n − 1 degrees of freedom. `None` of fewer than two.
pub fn half_interval(values: &[f64], confidence: f64) -> Option<f64> {
    let (count, deviation) = (values.len() as f64, deviation(values)?);
    let t = StudentsT::new(0.0, 1.0, count - 1.0).ok()?.inverse_cdf(0.5 + confidence / 2.0);
    Some(t * deviation / count.sqrt())
}

/// Half the width of the interval around the difference of two means that holds the true one with
/// probability `confidence`, with Welch's degrees of freedom. `None` where [`welch`] has none.
pub fn difference_half_interval(a: &[f64], b: &[f64], confidence: f64) -> Option<f64> {
    let df = welch(a, b)?.df;
    let t = StudentsT::new(0.0, 1.0, df).ok()?.inverse_cdf(0.5 + confidence / 2.0);
    Some(t * (squared_error(a)? + squared_error(b)?).sqrt())
}

/// Welch's t test of `a` against `b`, which may vary differently, with the degrees of freedom of
/// Welch and Satterthwaite. `None` of fewer than two of either, or where neither varies.
pub fn welch(a: &[f64], b: &[f64]) -> Option<TTest> {
    let (of_a, of_b) = (squared_error(a)?, squared_error(b)?);
    let both = of_a + of_b;
    if both == 0.0 {
        return None;
    }
    let freedom = |share: f64, values: &[f64]| share.powi(2) / (values.len() as f64 - 1.0);
    let df = both.powi(2) / (freedom(of_a, a) + freedom(of_b, b));
    TTest::of((mean(a)? - mean(b)?) / both.sqrt(), df)
}

/// The squared standard error of a mean.
fn squared_error(values: &[f64]) -> Option<f64> {
    Some(deviation(values)?.powi(2) / values.len() as f64)
}

/// The t test of the differences of pairs, such as two methods with the same seed. `None` of fewer
/// than two, or where the differences do not vary.
pub fn paired(differences: &[f64]) -> Option<TTest> {
    let (count, deviation) = (differences.len() as f64, deviation(differences)?);
    if deviation == 0.0 {
        return None;
    }
    TTest::of(mean(differences)? / (deviation / count.sqrt()), count - 1.0)
}

/// Cohen's d: the difference of the means in pooled standard deviations. `None` of fewer than two
/// of either, or where neither varies.
pub fn cohens_d(a: &[f64], b: &[f64]) -> Option<f64> {
    let squares = |values: &[f64]| Some(deviation(values)?.powi(2) * (values.len() - 1) as f64);
    let pooled = (squares(a)? + squares(b)?) / (a.len() + b.len() - 2) as f64;
    (pooled > 0.0).then_some((mean(a)? - mean(b)?) / pooled.sqrt())
}

/// Holm's adjustment of the p of several tests: each times how many are as large or larger, never
/// below a smaller one's, at most 1. In the order given.
pub fn holm(ps: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ps.len()).collect();
    order.sort_by(|&a, &b| ps[a].total_cmp(&ps[b]));
    let (mut adjusted, mut least) = (vec![0.0; ps.len()], 0.0f64);
    for (rank, &test) in order.iter().enumerate() {
        least = least.max(ps[test] * (ps.len() - rank) as f64).min(1.0);
        adjusted[test] = least;
    }
    adjusted
}

/// Pearson's correlation of pairs. `None` of fewer than two, or where either does not vary.
pub fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let (mean_x, mean_y) = (mean(&x)?, mean(&y)?);
    let (sd_x, sd_y) = (deviation(&x)?, deviation(&y)?);
    let products: f64 = pairs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let all = sd_x * sd_y * (pairs.len() - 1) as f64;
    (all > 0.0).then_some(products / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [f64; 5] = [88.44, 88.61, 88.30, 88.52, 88.75];
    const B: [f64; 4] = [88.20, 88.41, 88.05, 88.33];

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found} {expected}");
    }

    /// Against SciPy 1.17.1: `stats.t.interval`, `ttest_ind(equal_var=False)`, `ttest_rel`,
    /// `pearsonr`.
    #[test]
    fn numbers_are_those_of_scipy() {
        near(half_interval(&A, 0.95).unwrap(), 0.21119240986530);
        let test = welch(&A, &B).unwrap();
        near(test.t, 2.52490358430362);
        near(test.df, 6.78092215114605);
        near(test.p, 0.04057307158742);
        let differences: Vec<f64> = A.iter().zip(&B).map(|(a, b)| a - b).collect();
        let test = paired(&differences).unwrap();
        near(test.t, 14.9460568507091);
        near(test.df, 3.0);
        near(test.p, 0.00065003362974);
        near(cohens_d(&A, &B).unwrap(), 1.67743077991285);
        let pairs: Vec<(f64, f64)> = A.into_iter().zip(B).collect();
        near(correlation(&pairs).unwrap(), 0.99547624545499);
    }

    #[test]
    fn holm_multiplies_the_smallest_most_and_never_turns_the_order() {
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn what_does_not_vary_has_no_test() {
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]), None);
        assert_eq!(welch(&[1.0], &[2.0, 3.0]), None);
        assert_eq!(paired(&[0.5, 0.5]), None);
        assert_eq!(cohens_d(&[1.0, 1.0], &[2.0, 2.0]), None);
        assert_eq!(half_interval(&[1.0], 0.95), None);
        assert_eq!(correlation(&[(1.0, 2.0), (1.0, 3.0)]), None);
    }
}
