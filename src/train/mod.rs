//! Training: configuration, the optimiser step, the epoch loop, what it reports.

mod config;
mod metrics;
pub mod run_folder;
pub mod step;
mod trainer;

pub use config::TrainConfig;
pub use metrics::{
    EpochMetrics, EpochReport, Evaluation, LayerSummary, NetworkSummary, StepReport, peak_rss_bytes,
};
pub use trainer::{Position, Trainer, evaluate};
