//! Timing for the benches: warm up, take samples in turn, report median, minimum and spread.

use std::time::Instant;

/// Samples per measurement.
pub(crate) const SAMPLES: usize = 31;

/// Seconds of one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Timing {
    fn of(mut seconds: Vec<f64>) -> Timing {
        seconds.sort_by(f64::total_cmp);
        let last = seconds.len() - 1;
        Timing { median: seconds[last / 2], min: seconds[0], max: seconds[last] }
    }
}

/// Times each function [`SAMPLES`] times, in turn, so that a noisy minute hits all of them.
pub(crate) fn time_in_turn(functions: &mut [&mut dyn FnMut()]) -> Vec<Timing> {
    let mut seconds = vec![Vec::new(); functions.len()];
    for sample in 0..SAMPLES + 3 {
        for (f, seconds) in functions.iter_mut().zip(&mut seconds) {
            let started = Instant::now();
            f();
            // The first three warm up.
            if sample >= 3 {
                seconds.push(started.elapsed().as_secs_f64());
            }
        }
    }
    seconds.into_iter().map(Timing::of).collect()
}
