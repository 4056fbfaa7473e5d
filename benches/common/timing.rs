//! Timing for the benches: median, minimum and spread.

/// Seconds of one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Timing {
    /// The statistics of samples.
    pub(crate) fn of(mut seconds: Vec<f64>) -> Timing {
        seconds.sort_by(f64::total_cmp);
        let last = seconds.len() - 1;
        Timing { median: seconds[last / 2], min: seconds[0], max: seconds[last] }
    }
}
