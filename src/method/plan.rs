//! What a method answers.

use super::rewiring::Rewiring;
use crate::nn::Head;

/// What a method decides; by default nothing.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// Parameters that are set, once connections have changed.
    pub set: Vec<Parameters>,
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

/// Parameters of a layer, the output layer as any.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// The layer, counted from 0.
    pub layer: usize,
    /// Its weights, one per connection in CSR order; none where they stay.
    pub weights: Option<Vec<f32>>,
    /// Its biases, γ and β.
    pub head: Head,
}

/// What becomes of the optimiser's step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepIs {
    /// It is taken.
    #[default]
    Taken,
    /// The action stands in its place.
    Skipped,
}

/// What becomes of the optimiser's slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slots {
    /// They follow their connections; new ones are the rule's [`fresh`](crate::optim::Rule::fresh).
    #[default]
    Follow,
    /// All begin anew, and the optimiser counts its steps from 0.
    Reset,
}
