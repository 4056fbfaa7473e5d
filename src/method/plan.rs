//! What a method answers.

use super::rewiring::Rewiring;

/// What a method decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The layers whose connections or weights change.
    pub layers: Vec<LayerPlan>,
    /// At [`Moment::Gradient`]: whether the optimiser takes its step all the same, after the
    /// change.
    ///
    /// [`Moment::Gradient`]: super::Moment::Gradient
    pub step: StepIs,
    /// What becomes of the optimiser's slots.
    pub slots: Slots,
    /// Numbers to be told with the update, by name.
    pub values: Vec<(&'static str, f64)>,
}

/// New connections of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerPlan {
    /// The layer, counted from 0.
    pub layer: usize,
    /// Its connections afterwards.
    pub rewiring: Rewiring,
    /// Its weights afterwards.
    pub weights: Weights,
}

/// The weights of rewired connections.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Weights {
    /// Old connections keep theirs, new ones have that of their [`Grown`](super::Grown).
    Carried,
    /// These, one per connection in CSR order.
    Given(Vec<f32>),
}

/// What becomes of the optimiser's step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepIs {
    /// It is taken.
    Taken,
    /// The action stands in its place.
    Skipped,
}

/// What becomes of the optimiser's slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slots {
    /// They follow their connections; new ones are the rule's [`fresh`](crate::optim::Rule::fresh).
    Follow,
    /// All begin anew, and the optimiser counts its steps from 0.
    Reset,
}
