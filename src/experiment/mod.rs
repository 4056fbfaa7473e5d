//! Experiments: a run with its folder and what it leaves; what sparsity is worth on a machine; the
//! statistics of both.
//!
//! | file | holds |
//! |---|---|
//! | `run.rs`, `training.rs` | a run from its settings to its result, and its trainings |
//! | `observer.rs` | who hears of it |
//! | `sweep.rs` | many runs from one definition, several at once, in parts |
//! | `paper.rs` | the paper's experiments: settings, and what it prints |
//! | `verdict.rs` | what a number of the paper's can be worth here |
//! | `reproduction.rs`, `claims.rs` | its means, and what it says of several, with their verdicts |
//! | `untrained.rs` | its numbers that need no training, with theirs |
//! | `printed.rs` | a number as it prints it |
//! | `folder.rs`, `lock.rs` | the folder it is kept in, which one process owns |
//! | `finished.rs`, `comparison.rs` | finished runs read back, and side by side |
//! | `datasets.rs` | the data that several runs share |
//! | `cross_validation.rs` | the results of a training for each part of the rows |
//! | `record.rs` | what it leaves beside the model: machine, program, result |
//! | `benchmark.rs` | a training step timed, sparse beside dense (feature `cli`) |
//! | `canary.rs` | whether a core was left alone while it was timed |
//! | `statistics.rs` | means, medians, timings |
//! | `significance.rs` | intervals, t tests, effect sizes |

#[cfg(feature = "cli")]
pub mod benchmark;
pub mod canary;
pub mod claims;
pub mod comparison;
mod cross_validation;
mod datasets;
mod error;
mod finished;
mod folder;
mod judgement;
mod lock;
mod observer;
pub mod paper;
pub mod printed;
mod record;
pub mod reproduction;
mod run;
pub mod significance;
pub mod statistics;
pub mod sweep;
mod training;
pub mod untrained;
pub mod verdict;

pub use cross_validation::CrossValidation;
pub use datasets::Datasets;
pub use error::Error;
pub use finished::{FinishedRun, FinishedRuns};
pub use folder::{Keep, MAY_CHANGE, RunFolder};
pub use lock::forgo_locks;
pub use observer::Observer;
pub use record::{Change, FINISHED, Machine, RunRecord, RunResult, peak_rss_bytes, program};
pub use run::{Outcome, Run};
