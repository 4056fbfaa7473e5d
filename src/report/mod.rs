//! Results for people: figures, and a page that has them all.

#[cfg(feature = "cli")]
mod benchmark_figure;
mod contact_sheet;
mod curves_figure;
mod escape;
mod event_file;
mod figure;
mod html;
mod rewiring_figure;
mod run_figures;
mod topology_figure;

#[cfg(feature = "cli")]
pub use benchmark_figure::benchmark_figure;
#[cfg(feature = "cli")]
pub(crate) use benchmark_figure::percent;
pub use contact_sheet::{ContactSheet, contact_sheet_png, contact_sheet_svg};
pub use curves_figure::curves_figure;
pub use event_file::event_file;
pub use html::HtmlReport;
pub use rewiring_figure::rewiring_figure;
pub use run_figures::draw_run;
pub use topology_figure::{network_figure, topology_figure};
