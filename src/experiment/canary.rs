//! Whether the core is left alone: a small kernel beside every sample of a bench.
//!
//! On a machine that is shared a core runs at 60 to 70 % now and then, and its FMA peak does not
//! show it: what suffers is the way from L1. A kernel that lives in L1 does show it, so it sings
//! before and after each sample; medians and ratios are then taken within one state.

use super::statistics::Timing;
use fanin_kernels::{Arena, Isa, Rows, SHARED, spmm_shared};
use std::time::Instant;

/// How a core was while a sample was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The canary was as fast as it can be, before and after.
    Quiet,
    /// It was slow before and after.
    Disturbed,
    /// Neither.
    Between,
}

/// Of its best rate, at least so much is quiet …
const QUIET: f64 = 0.93;
/// … and less than this is disturbed.
const DISTURBED: f64 = 0.85;

impl State {
    /// From the canary's rates before and after, of its best.
    pub fn of(before: f64, after: f64) -> State {
        match (before.min(after), before.max(after)) {
            (least, _) if least >= QUIET => State::Quiet,
            (_, most) if most < DISTURBED => State::Disturbed,
            _ => State::Between,
        }
    }
}

/// A kernel of a few microseconds whose operands fit L1.
#[derive(Debug)]
pub struct Canary {
    isa: Isa,
    row_ptr: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
    x: Rows,
    y: Rows,
    /// Seconds of its fastest call.
    best: f64,
    /// Seconds of its last.
    last: f64,
}

/// Rows of X and of Y: 16 KB each.
const ROWS: usize = 64;
/// Entries of a row.
const ENTRIES: usize = 128;

impl Canary {
    /// One that has warmed up.
    pub fn new(isa: Isa) -> Canary {
        let mut arena = Arena::new(2 * ROWS);
        let columns = (0..ROWS * ENTRIES).map(|entry| (entry * 29 % ROWS) as u32).collect();
        let mut canary = Canary {
            isa,
            row_ptr: (0..=ROWS).map(|row| row * ENTRIES).collect(),
            columns,
            values: vec![0.5; ROWS * ENTRIES],
            x: arena.take(ROWS),
            y: arena.take(ROWS),
            best: f64::INFINITY,
            last: f64::INFINITY,
        };
        for _ in 0..300 {
            canary.sing();
        }
        canary
    }

    /// Its rate now, of the best so far.
    fn sing(&mut self) -> f64 {
        const CALLS: usize = 3;
        debug_assert!(ROWS.is_multiple_of(SHARED), "whole groups");
        let Canary { isa, row_ptr, columns, values, x, y, .. } = self;
        spmm_shared(*isa, row_ptr, columns, values, None, x, y);
        let started = Instant::now();
        for _ in 0..CALLS {
            spmm_shared(*isa, row_ptr, columns, values, None, x, y);
        }
        self.last = started.elapsed().as_secs_f64();
        self.best = self.best.min(self.last);
        self.best / self.last
    }

    /// How the core was since it sang last, and sings.
    pub fn state(&mut self) -> State {
        let before = self.best / self.last;
        let after = self.sing();
        State::of(before, after)
    }
}

/// Samples of one function, by the core's state.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    seconds: Vec<(f64, State)>,
}

/// The fewest samples that a median of quiet ones is taken of.
const ENOUGH: usize = 5;

impl Samples {
    /// Takes note of a sample.
    pub fn push(&mut self, seconds: f64, state: State) {
        self.seconds.push((seconds, state));
    }

    /// How many there are of a state.
    pub fn count(&self, state: State) -> usize {
        self.seconds.iter().filter(|(_, of)| *of == state).count()
    }

    /// Of the quiet samples, or of all where too few were quiet.
    ///
    /// **Panics** if there are none.
    pub fn timing(&self) -> Timing {
        let is_enough = self.count(State::Quiet) >= ENOUGH;
        let counts = |(_, state): &&(f64, State)| !is_enough || *state == State::Quiet;
        let seconds: Vec<f64> = self.seconds.iter().filter(counts).map(|(s, _)| *s).collect();
        Timing::of(&seconds)
    }

    /// Calls several functions in turn, `samples` times each after three to warm up, so that a
    /// noisy minute hits all of them, with the canary beside every call.
    pub fn in_turn(
        canary: &mut Canary,
        samples: usize,
        functions: &mut [&mut dyn FnMut()],
    ) -> Vec<Samples> {
        const WARM_UP: usize = 3;
        let mut all = vec![Samples::default(); functions.len()];
        for sample in 0..samples + WARM_UP {
            for (f, of) in functions.iter_mut().zip(&mut all) {
                canary.sing();
                let call = Instant::now();
                f();
                let seconds = call.elapsed().as_secs_f64();
                let state = canary.state();
                if sample >= WARM_UP {
                    of.push(seconds, state);
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_needs_both_canaries() {
        assert_eq!(State::of(0.95, 1.0), State::Quiet);
        assert_eq!(State::of(0.7, 0.65), State::Disturbed);
        assert_eq!(State::of(0.7, 1.0), State::Between);
        assert_eq!(State::of(0.9, 0.9), State::Between);
    }

    #[test]
    fn quiet_samples_count_where_there_are_enough() {
        let mut samples = Samples::default();
        (0..4).for_each(|_| samples.push(1.0, State::Quiet));
        (0..9).for_each(|_| samples.push(2.0, State::Disturbed));
        assert_eq!(samples.timing().median, 2.0);
        samples.push(1.0, State::Quiet);
        assert_eq!((samples.timing().median, samples.timing().max), (1.0, 1.0));
        assert_eq!((samples.count(State::Quiet), samples.count(State::Between)), (5, 0));
    }

    #[test]
    fn functions_are_called_in_turn() {
        let (mut a, mut b) = (0, 0);
        let mut canary = Canary::new(Isa::detect());
        let functions: &mut [&mut dyn FnMut()] = &mut [&mut || a += 1, &mut || b += 1];
        let samples = Samples::in_turn(&mut canary, 4, functions);
        assert_eq!((samples.len(), samples[0].seconds.len(), a, b), (2, 4, 7, 7));
    }
}
