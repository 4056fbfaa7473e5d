//! Training: settings, the step, the epoch loop, checkpoints.
//!
//! | file | holds |
//! |---|---|
//! | `config.rs`, `build.rs` | the network and how it is trained; the network itself |
//! | `settings.rs`, `settings_error.rs` | all settings as text, and what can be wrong with them |
//! | `aliases.rs` | settings under their earlier names |
//! | `trainer.rs`, `trainer/steps.rs` | a run in progress; its steps |
//! | `step.rs` | one optimiser step, by tiles and by rows |
//! | `rewire.rs` | a method's plan carried out |
//! | `phases.rs` | a run as a list of trainings |
//! | `evaluate.rs`, `hubs.rs` | what a network does |
//! | `metrics.rs` | what is told of it |
//! | `checkpoint.rs` | a run in mid-flight as a file |

mod aliases;
mod build;
pub mod checkpoint;
mod config;
mod error;
mod evaluate;
mod hubs;
mod metrics;
mod phases;
mod regularization;
mod rewire;
mod settings;
mod settings_error;
pub mod step;
mod trainer;

pub use aliases::{OF_METHOD, OF_OPTIMIZER, OLD_METHOD_KEY};
pub use config::{InitCcv, MAX_SHARE, TrainConfig};
pub use error::Error;
pub use evaluate::evaluate;
pub use hubs::{HubRatios, hub_ratios};
pub use metrics::{
    EpochMetrics, Evaluation, LayerSummary, LayerUpdate, NetworkSummary, StepReport, UpdateMetrics,
    Values,
};
pub use phases::{EQUILIBRIUM, Phase, Start};
pub use regularization::Regularization;
pub use settings::{Changed, RunConfig};
pub use settings_error::{SettingsError, SettingsProblem};
pub use trainer::{BestEpoch, OwnParts, Position, Trainer};
