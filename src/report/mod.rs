//! Results for people: figures.

mod benchmark_figure;
mod contact_sheet;
mod figure;
mod rewiring_figure;
mod topology_figure;

pub use benchmark_figure::benchmark_figure;
pub use contact_sheet::{ContactSheet, contact_sheet_png, contact_sheet_svg};
pub use rewiring_figure::rewiring_figure;
pub use topology_figure::{network_figure, topology_figure};
