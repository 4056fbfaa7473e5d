//! What a method of sparse training is.

use super::moment::{Moment, RunLength};
use super::network::Network;
use super::plan::Plan;
use crate::grammar::Card;
use crate::nn::Mlp;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// A method of sparse training.
pub trait Method: Debug + Send {
    /// Where it is from and what it does, in words.
    fn card(&self) -> Card {
        Card::default()
    }

    /// Learns how long the run is: called once, before all else.
    fn begin(&mut self, _run: RunLength) {}

    /// Whether it acts at this moment.
    fn due(&self, moment: Moment) -> bool;

    /// Acts: called at every moment that is due.
    fn act(&mut self, moment: Moment, network: &Network<'_>) -> Plan;

    /// Flops per sample of the products of an action, beyond those of the step itself.
    fn flops_per_sample(&self, _network: &Network<'_>) -> u64 {
        0
    }

    /// Whether it has nothing to do in a network whose hidden layers all have every connection.
    fn needs_sparse_layers(&self) -> bool {
        self.starting_sparsity().is_some()
    }

    /// The sparsity of the hidden layers when the run begins, if the method reaches the one that is
    /// asked for by itself: 0 has every connection.
    fn starting_sparsity(&self) -> Option<f64> {
        None
    }

    /// Whether it can act on neurons that share their inputs.
    fn takes_shared_inputs(&self) -> bool {
        self.starting_sparsity().is_none()
    }

    /// Whether it wants [`Network::initial_weights`], which cost memory.
    fn needs_initial_weights(&self) -> bool {
        false
    }

    /// How many trainings a run has: [`Moment::PhaseEnd`] comes between two of them.
    fn phases(&self) -> u64 {
        1
    }

    /// The step that trainings after the first go back to, and so begin behind; 0 is the beginning.
    fn goes_back_to(&self) -> u64 {
        0
    }

    /// What a checkpoint must keep, by name.
    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        BTreeMap::new()
    }

    /// Restores what [`Method::state`] returned in a training of `model`, which is the checkpoint's
    /// network; false, and nothing changed, if it is not this method's, or not of this network.
    fn restore(&mut self, state: BTreeMap<String, Vec<f32>>, _model: &Mlp) -> bool {
        state.is_empty()
    }
}
