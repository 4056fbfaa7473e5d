//! Sweeps: many runs from one definition, several at once, each in a folder named by its key.
//!
//! A run that is finished is not done again, and one that was interrupted goes on from its
//! checkpoint, so that the same command continues a sweep that was stopped. Several processes may
//! work on the same folder: who finds a run locked takes the next one.

mod definition;
mod execute;
mod merge;
mod shard;
mod work;

pub use definition::{Definition, MAX_RUNS, Sweep, SweepRun, key_of, setting_of};
pub use execute::{Ended, Options, SweepObserver, Tally};
pub use merge::{Merged, merge};
pub use shard::Shard;
