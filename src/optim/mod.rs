//! Optimisers: from gradients to parameters.
//!
//! A [`Rule`] says what an update does to a slice of parameters, and which numbers it keeps beside
//! each: its named slots. An [`Optimizer`] holds the slots of a whole network. The training step,
//! the checkpoint and rewiring go over slots and know no name, so a further rule is one more file
//! and one more line in the list.

mod adam;
mod averaged;
mod optimizer;
mod rule;
mod schedule;
mod sgd;

pub use adam::{Adam, GrownState};
pub use averaged::{AVERAGE, Averaged};
pub use optimizer::{Optimizer, Parts};
pub use rule::{MAX_SLOTS, Rule};
pub use schedule::LrSchedule;

use crate::grammar::{Entry, Listed};

impl Listed for Box<dyn Rule> {
    const WHAT: &'static str = "optimiser";

    fn list() -> Vec<Entry<Self>> {
        vec![adam::ENTRY, sgd::ENTRY]
    }
}
