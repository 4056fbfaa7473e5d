//! A mixture's settings, in the list of what can be chosen.

use crate::grammar::{Arguments, Card, Entry, Listed, Parameter};
use fanin_kernels::TILE;
use std::fmt;

/// How many experts there are, how many of them answer, and how even their work is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixture {
    /// How many experts.
    pub experts: usize,
    /// How many of them answer each sample: 1 to all.
    pub top: usize,
    /// What CV² of the experts' importance, Σ gₑ over a batch, counts in the loss.
    pub importance: f64,
    /// What CV² of their load, how many samples they are likely to get, counts in the loss.
    pub load: f64,
}

impl Listed for Mixture {
    const WHAT: &'static str = "mixture";

    fn list() -> Vec<Entry<Self>> {
        const PARAMETERS: &[Parameter] = &[
            Parameter { key: "experts", default: Some("10"), about: "networks there are" },
            Parameter { key: "top", default: Some("1"), about: "of them answer each sample" },
            Parameter {
                key: "importance",
                default: Some("0.1"),
                about: "what uneven sums of gates add to the loss: this times their CV²",
            },
            Parameter {
                key: "load",
                default: Some("0.1"),
                about: "what uneven numbers of samples add to it, likewise",
            },
        ];
        let make = |given: &Arguments<'_>| {
            let experts = given.whole_up_to("experts", 1, MAX_EXPERTS)?;
            Ok(Mixture {
                experts: experts as usize,
                top: given.whole_up_to("top", 1, experts)? as usize,
                importance: given.not_negative("importance")?,
                load: given.not_negative("load")?,
            })
        };
        let about = "experts by noisy top-k gating; `hidden` are the widths of each";
        vec![Entry { name: "noisy-top-k", about, parameters: PARAMETERS, make }]
    }
}

impl fmt::Display for Mixture {
    /// The text that the list makes it from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mixture { experts, top, importance, load } = self;
        write!(f, "noisy-top-k:experts={experts},top={top},importance={importance},load={load}")
    }
}

/// A bound that keeps numbers of layers small.
const MAX_EXPERTS: u64 = 4096;

impl Mixture {
    /// The most tiles that experts fill with the samples of a batch.
    pub fn tiles(&self, samples: usize) -> usize {
        // Each full one holds 64, and each expert has at most one that is not.
        samples * self.top / TILE + self.experts.min(samples * self.top)
    }

    /// What is published about it.
    pub fn card(&self) -> Card {
        Card {
            paper: "Shazeer et al.: Outrageously large neural networks: the sparsely-gated \
                mixture-of-experts layer, 2017, arXiv 1701.06538; the gate of one expert a sample \
                as Fedus et al.: Switch transformers, 2022, arXiv 2101.03961",
            decides: "which networks answer a sample, by a gate that learns with them",
            when: "at every sample, in training and after",
            cost: "the gate, 2nE products a sample; of the experts those that answer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused() {
        let message = |text: &str| crate::grammar::make::<Mixture>(text).unwrap_err().to_string();
        assert!(message("noisy-top-k:experts=4,top=5").ends_with("from 1 to 4, not '5'"));
        assert!(message("noisy-top-k:experts=0").ends_with("from 1 to 4096, not '0'"));
        assert!(message("noisy-top-k:load=-1").contains("at least 0"));
        let text = "noisy-top-k:experts=7,top=2,importance=0.25,load=0";
        assert_eq!(crate::grammar::make::<Mixture>(text).unwrap().to_string(), text);
    }
}
