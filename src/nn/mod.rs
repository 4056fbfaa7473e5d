//! The network: layers, their gradients, loss, initialisation, and the proof that they are right.
//!
//! A tile of 64 samples runs the whole chain, forward and back, on one core ([`Mlp::forward`],
//! [`Mlp::backward`]); the weight gradients are then computed by blocks of rows over all tiles
//! ([`add_gradient_rows`]). Layers know neither optimiser nor rewiring nor experiment.

pub mod gradcheck;
mod init;
mod linear;
mod mlp;
mod tensors;
mod tile;
mod twin;

pub use init::he_normal;
pub use linear::{DenseLinear, Linear, SparseLinear};
pub use mlp::{Engine, Layer, Mlp, NORM_EPS, add_gradient_rows};
pub use tensors::{LayerBlock, LayerSlices, LayerTensors, TENSOR_NAMES};
pub use tile::{LayerTile, Tile};
pub use twin::Twin;
