//! Mixtures of experts (Shazeer et al. 2017): several networks, of which a gate asks a few for each
//! sample.
//!
//! y = Σₑ gₑ(x)·expertₑ(x), over the `top` experts that the gate prefers. Experts are chains of
//! layers of the same widths; the gate is one full layer on the samples, whose first rows are the
//! preferences xW_g, whose later ones decide how much noise is added to them while training
//! ([`Gates`]); unlike the paper's it has biases, as every layer here.

mod chains;
mod gates;
mod settings;

pub use chains::Chains;
pub use gates::Gates;
pub use settings::Mixture;
