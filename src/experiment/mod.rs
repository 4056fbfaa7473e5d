//! Experiments: a run with its folder and what it leaves; what sparsity is worth on a machine; the
//! statistics of both.
//!
//! | file | holds |
//! |---|---|
//! | `run.rs`, `observer.rs` | a run from its settings to its result, and who hears of it |
//! | `folder.rs` | the folder it is kept in |
//! | `cross_validation.rs` | the results of a training for each part of the rows |
//! | `record.rs` | what it leaves beside the model: machine, program, result |
//! | `benchmark.rs` | a training step timed, sparse beside dense (feature `cli`) |
//! | `canary.rs` | whether a core was left alone while it was timed |
//! | `statistics.rs` | means, medians, timings |

#[cfg(feature = "cli")]
pub mod benchmark;
pub mod canary;
mod cross_validation;
mod error;
mod folder;
mod judgement;
mod observer;
mod record;
mod run;
pub mod statistics;

pub use cross_validation::CrossValidation;
pub use error::Error;
pub use folder::{MAY_CHANGE, RunFolder, forgo_locks};
pub use observer::Observer;
pub use record::{Change, FINISHED, Machine, RunRecord, RunResult, peak_rss_bytes, program};
pub use run::{Outcome, Run};
