//! The network: layers, their gradients, losses, initialisation, and the proof that they are right.
//!
//! A tile of 64 samples runs the whole chain, forward and back, on one core ([`Mlp::run`]); the
//! weight gradients are then computed by blocks of rows over all tiles ([`add_gradient_rows`]).
//! Layers know neither optimiser nor method nor experiment.
//!
//! | file | holds |
//! |---|---|
//! | `mlp.rs`, `chain.rs` | the network; layers one behind the other, forward and back |
//! | `flops.rs` | what its products cost |
//! | `mixture/`, `routing.rs` | several networks behind a gate; a batch on its way through them |
//! | `layer.rs`, `tensors.rs` | a layer: stored weights and a head; its four tensors |
//! | `storage/` | how weights are stored, and the three products that makes |
//! | `loss/`, `activation.rs` | what is trained towards; what follows LayerNorm |
//! | `tile.rs`, `tile_memory.rs` | the memory of 64 samples, the loop over tiles |
//! | `input.rs` | how samples enter |
//! | `init.rs`, `dropout.rs` | initial weights; what training leaves out at random |
//! | `twin.rs`, `gradcheck.rs` | the specification in f64, and the chain of trust |

mod activation;
mod chain;
mod curvature;
mod dropout;
mod flops;
pub mod gradcheck;
mod init;
mod input;
mod layer;
pub mod loss;
mod mixture;
mod mlp;
mod routing;
pub mod storage;
mod tensors;
mod tile;
mod tile_memory;
mod twin;

pub use activation::Activation;
pub use chain::NORM_EPS;
pub use curvature::{Batch, Curvature, DenseLayer};
pub use dropout::Dropout;
pub use init::he_normal;
pub use input::TileInput;
pub use layer::{Head, Layer, MAX_WIDTH, add_gradient_rows};
pub use loss::{Loss, METRICS, Targets, TileLoss, TileTargets};
pub use mixture::{Chains, Gates, Mixture};
pub use mlp::{LayerStart, Mlp};
pub use routing::{forward_batch, run_mixture};
pub use storage::{Engine, LayerInput, Place, Storage};
pub use tensors::{LayerBlock, LayerSlices, LayerTensors, Tensor};
pub use tile::{LayerTile, Passed, Routes, Tile, each_tile, of_tile};
pub use twin::{Twin, TwinLayer};
