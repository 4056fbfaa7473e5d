//! Optimisers: from gradients to parameters.

mod adam;

pub use adam::{Adam, AdamSettings, Ages};
