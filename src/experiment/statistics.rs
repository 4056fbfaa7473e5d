//! Statistics of few numbers, and of how long something takes.

use std::time::{Duration, Instant};

/// The mean; `None` for an empty slice.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample standard deviation, of n − 1; `None` for fewer than two values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// The median, between the two in the middle if there are two; `None` for an empty slice.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

/// How long calls took, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Half were shorter.
    pub median: f64,
    /// The shortest.
    pub min: f64,
    /// The longest.
    pub max: f64,
}

impl Timing {
    /// Of measured seconds.
    ///
    /// **Panics** if there are none.
    pub fn of(seconds: &[f64]) -> Timing {
        let min = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let max = seconds.iter().copied().fold(0.0, f64::max);
        Timing { median: median(seconds).expect("a call was measured"), min, max }
    }

    /// Calls `f` `warm_up` times, and then as often as `least` says and until `budget` is spent.
    pub fn measure(warm_up: usize, least: usize, budget: Duration, mut f: impl FnMut()) -> Timing {
        (0..warm_up).for_each(|_| f());
        let (started, mut seconds) = (Instant::now(), Vec::new());
        while seconds.len() < least.max(1) || started.elapsed() < budget {
            let call = Instant::now();
            f();
            seconds.push(call.elapsed().as_secs_f64());
        }
        Timing::of(&seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_lie_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!((median(&[]), mean(&[]), mean(&[1.0, 3.0])), (None, None, Some(2.0)));
    }

    #[test]
    fn calls_are_counted_as_asked() {
        let mut calls = 0;
        let timing = Timing::measure(2, 5, Duration::ZERO, || calls += 1);
        assert_eq!(calls, 7);
        assert!(timing.min <= timing.median && timing.median <= timing.max);
    }
}
