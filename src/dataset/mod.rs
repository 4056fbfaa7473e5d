//! Data sets: file formats, the ones known by name, and how samples become tiles.

mod catalog;
mod idx;
mod samples;

pub use catalog::{KNOWN, KnownDataset, KnownFile, load};
pub use idx::{IdxFile, read_idx};
pub use samples::{Dataset, Normalize, Samples, Scaling};
