//! Results for people: figures.

mod figure;
mod rewiring_figure;
mod topology_figure;

pub use rewiring_figure::rewiring_figure;
pub use topology_figure::{network_figure, topology_figure};
