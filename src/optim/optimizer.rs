//! A rule with its slots for a whole network.

use super::rule::{MAX_SLOTS, Rule};
use crate::nn::{Layer, LayerTensors, Mlp};

/// A rule with its slots for every parameter of a network.
#[derive(Clone, Debug)]
pub struct Optimizer {
    rule: Box<dyn Rule>,
    steps: u64,
    /// Per slot, per layer.
    slots: Vec<Vec<LayerTensors>>,
}

/// What a step of all layers works with: the rule, and each slot's tensors by layer; slots that
/// the rule has not are empty.
pub type Parts<'a> = (&'a dyn Rule, [&'a mut [LayerTensors]; MAX_SLOTS]);

impl Optimizer {
    /// A rule at its beginning, for this network.
    ///
    /// **Panics** if the rule has more than [`MAX_SLOTS`] slots.
    pub fn new(rule: Box<dyn Rule>, model: &Mlp) -> Optimizer {
        let zeros = |_: &&str| model.layers().iter().map(Layer::zeros).collect();
        let slots = rule.slots().iter().map(zeros).collect();
        Optimizer::restore(rule, 0, slots)
    }

    /// A rule after `steps` steps that left these slots, each with one set of tensors per
    /// layer.
    ///
    /// **Panics** if there is another number of slots than the rule's, or more than [`MAX_SLOTS`].
    pub fn restore(
        mut rule: Box<dyn Rule>,
        steps: u64,
        slots: Vec<Vec<LayerTensors>>,
    ) -> Optimizer {
        assert_eq!(slots.len(), rule.slots().len(), "one set of tensors per slot");
        assert!(slots.len() <= MAX_SLOTS, "{} slots, at most {MAX_SLOTS}", slots.len());
        rule.resume(steps);
        Optimizer { rule, steps, slots }
    }

    /// The rule.
    pub fn rule(&self) -> &dyn Rule {
        &*self.rule
    }

    /// Steps begun so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// A slot's tensors by layer; none if the rule has no slot of this name.
    pub fn slot(&self, name: &str) -> Option<&[LayerTensors]> {
        let at = self.rule.slots().iter().position(|slot| *slot == name)?;
        Some(&self.slots[at])
    }

    /// Every slot's name with its tensors by layer.
    pub fn slots(&self) -> impl Iterator<Item = (&'static str, &[LayerTensors])> {
        self.rule.slots().iter().copied().zip(self.slots.iter().map(Vec::as_slice))
    }

    /// Begins the next step at this learning rate, and hands out what it works with.
    pub fn begin(&mut self, lr: f32) -> Parts<'_> {
        self.steps += 1;
        self.rule.begin(lr);
        let mut parts: [&mut [LayerTensors]; MAX_SLOTS] = Default::default();
        for (part, slot) in parts.iter_mut().zip(&mut self.slots) {
            *part = slot;
        }
        (&*self.rule, parts)
    }

    /// Changes every slot of a layer's weights: `change` gets the rule, the slot's number and its
    /// values.
    pub(crate) fn change_weights(
        &mut self,
        layer: usize,
        mut change: impl FnMut(&dyn Rule, usize, &mut Vec<f32>),
    ) {
        for (at, slot) in self.slots.iter_mut().enumerate() {
            change(&*self.rule, at, &mut slot[layer].weight);
        }
    }

    /// Begins anew: no step yet, every slot 0 and in the shapes of this network.
    pub fn reset(&mut self, model: &Mlp) {
        *self = Optimizer::new(self.rule.boxed(), model);
    }
}
