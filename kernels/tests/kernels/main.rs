//! The second link of the chain of trust: every kernel against the f64 specification, on every
//! level and edge shape.

mod blocks;
mod common;
mod dense;
mod layer_norm;
mod losses;
mod optimizer;
mod samples;
mod sell;
mod shared;
mod sparse;
