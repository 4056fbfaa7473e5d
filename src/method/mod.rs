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
//! | `snip.rs`, `grasp.rs`, `synflow.rs` | what is kept is decided before training |
//! | `magnitude.rs`, `gradual.rs`, `lottery.rs` | what is kept is decided after or while training |
//! | `pruning.rs`, `saliency.rs` | what methods that begin with every connection have in common |
//! | `rigl.rs` | drop the smallest, grow where the gradient is largest, or at random |
//! | `set.rs` | SET as its authors wrote it |
//! | `srigl.rs` | RigL with one fan-in for all neurons, and ablation |
//! | `cannistraci_hebb.rs` | CHT, CHTs, CHTss: growth by the connections alone |
//! | `network.rs` | what a method sees |
//! | `plan.rs`, `rewiring.rs` | what it answers, as data |
//! | `sharing.rs` | neurons that share their inputs keep them in common |
//! | `drop.rs`, `grow.rs`, `draw.rs`, `scores.rs` | the choices that methods are made of |
//! | `link_score.rs`, `percolation.rs` | and those of Cannistraci-Hebb training |
//! | `schedule.rs`, `ramp.rs` | when, and how much |

mod cannistraci_hebb;
mod draw;
mod drop;
mod gradual;
mod grasp;
mod grow;
mod interface;
mod link_score;
mod lottery;
mod magnitude;
mod moment;
mod network;
mod percolation;
mod plan;
mod pruning;
mod ramp;
mod rewiring;
mod rigl;
mod saliency;
mod schedule;
mod scores;
mod set;
mod sharing;
mod snip;
mod srigl;
mod synflow;
#[cfg(test)]
mod testing;
mod unchanging;

pub use draw::draw;
pub use drop::{TieOrder, Ties, drop_nearest_to_zero, drop_smallest};
pub use grow::{Candidates, Grown, grow_at_random};
pub use interface::Method;
pub use link_score::LinkScore;
pub use moment::{Moment, RunLength};
pub use network::{LayerView, Network, Samples};
pub use percolation::percolate;
pub use plan::{LayerPlan, Parameters, Plan, Slots, StepIs, Weights};
pub use pruning::{KeptWeights, keep_largest};
pub use ramp::{Ramp, Shape, connections};
pub use rewiring::{Returned, Rewiring};
pub use rigl::{Growth, Rigl, Scope};
pub use saliency::Saliency;
pub use schedule::{Decay, Schedule, ScheduleSettings};
pub use scores::{GrowScore, Norm, Search, grow_by_gradient, grow_by_row};
pub use sharing::Folded;
pub use unchanging::Static;

use crate::grammar::{Entry, Listed};

impl Listed for Box<dyn Method> {
    const WHAT: &'static str = "method";

    fn list() -> Vec<Entry<Self>> {
        vec![
            unchanging::ENTRY,
            snip::ENTRY,
            grasp::ENTRY,
            synflow::ENTRY,
            magnitude::ENTRY,
            gradual::ENTRY,
            lottery::ENTRY,
            rigl::ENTRY,
            rigl::RANDOM_ENTRY,
            set::ENTRY,
            srigl::ENTRY,
            cannistraci_hebb::ENTRY,
            cannistraci_hebb::SOFT_ENTRY,
            cannistraci_hebb::RISING_ENTRY,
        ]
    }
}
