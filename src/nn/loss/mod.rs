//! What a network is trained towards: losses with their gradients, answers and named values.
//!
//! A [`Loss`] owns the meaning of the targets: classes or numbers. A further loss is one more file
//! and one more line in the list.

mod absolute_error;
mod cross_entropy;
mod huber;
mod interface;
mod numbers;
mod squared_error;
mod targets;

pub use cross_entropy::CrossEntropy;
pub use interface::{Loss, METRICS, TileLoss};
pub use targets::{Targets, TileTargets};

use crate::grammar::{Entry, Listed};

impl Listed for Box<dyn Loss> {
    const WHAT: &'static str = "loss";

    fn list() -> Vec<Entry<Self>> {
        vec![cross_entropy::ENTRY, squared_error::ENTRY, absolute_error::ENTRY, huber::ENTRY]
    }
}
