//! Training: configuration, the optimiser step, the epoch loop, and the files a run leaves.

pub mod checkpoint;
mod classification;
mod config;
mod equilibrium;
mod gradient_ratio;
mod metrics;
mod model_file;
mod predict;
mod rewire;
mod run;
mod run_folder;
pub mod step;
mod trainer;

pub use classification::{ClassResult, Classification};
pub use config::{InitCcv, RunConfig, TrainConfig};
pub use equilibrium::start_at_equilibrium;
pub use gradient_ratio::gradient_ratios;
pub use metrics::{
    EpochMetrics, EpochReport, Evaluation, LayerSummary, LayerUpdate, NetworkSummary, StepReport,
    UpdateMetrics, peak_rss_bytes,
};
pub use model_file::ModelFile;
pub use predict::{Predictor, most_probable};
pub use rewire::{GrownState, RewireMethod};
pub use run::{Observer, fan_in_ccv, run};
pub use run_folder::RunFolder;
pub use trainer::{BestEpoch, Position, Trainer, evaluate};
