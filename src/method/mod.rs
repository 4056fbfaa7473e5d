//! Methods of sparse training: which connections exist, decided before, while and after weights are
//! trained.
//!
//! A [`Method`] acts at the [`Moment`]s it names. It sees the [`Network`] and answers with a
//! [`Plan`]: a [`Rewiring`] per layer, whether the optimiser takes its step, and what becomes of
//! its slots. Carrying a plan out, telling of it, and the checkpoint are the trainer's. A further
//! method is one more file and one more line in the list.
//!
//! | file | holds |
//! |---|---|
//! | `interface.rs`, `moment.rs` | what a method is; when it may act |
//! | `rigl.rs` | drop the smallest, grow where the gradient is largest, or at random |
//! | `set.rs` | SET as its authors wrote it |
//! | `network.rs` | what a method sees |
//! | `plan.rs`, `rewiring.rs` | what it answers, as data |
//! | `sharing.rs` | neurons that share their inputs keep them in common |
//! | `drop.rs`, `grow.rs`, `scores.rs`, `schedule.rs` | the choices that methods are made of |

mod drop;
mod grow;
mod interface;
mod moment;
mod network;
mod plan;
mod rewiring;
mod rigl;
mod schedule;
mod scores;
mod set;
mod sharing;
mod unchanging;

pub use drop::{TieOrder, Ties, drop_nearest_to_zero, drop_smallest};
pub use grow::{Candidates, Grown, grow_at_random};
pub use interface::Method;
pub use moment::{Moment, RunLength};
pub use network::{LayerView, Network, Samples};
pub use plan::{LayerPlan, Plan, Slots, StepIs, Weights};
pub use rewiring::{Returned, Rewiring};
pub use rigl::{Growth, Rigl, Scope};
pub use schedule::{Decay, Schedule, ScheduleSettings};
pub use scores::{GrowScore, Norm, Search, grow_by_gradient, grow_by_row};
pub use sharing::Folded;
pub use unchanging::Static;

use crate::grammar::{Entry, Listed};

impl Listed for Box<dyn Method> {
    const WHAT: &'static str = "method";

    fn list() -> Vec<Entry<Self>> {
        vec![unchanging::ENTRY, rigl::ENTRY, rigl::RANDOM_ENTRY, set::ENTRY]
    }
}
