//! Results for people: figures.

mod figure;
mod topology_figure;

pub use topology_figure::{network_figure, topology_figure};
