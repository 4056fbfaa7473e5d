//! The figures in a run's folder.

use super::{curves_figure, rewiring_figure};
use crate::experiment::{Error, RunFolder};

/// Draws how a run went into its folder and, if it has a method, what became of its connections.
///
/// **Errors**: [`Error::Format`].
pub fn draw_run(folder: &RunFolder, has_method: bool) -> Result<(), Error> {
    let updates = folder.updates()?;
    let curves = curves_figure(&folder.epochs()?, &updates);
    let rewiring = has_method.then(|| rewiring_figure(&updates));
    folder.write_figures(&curves, rewiring.as_deref())
}
