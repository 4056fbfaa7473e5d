//! Cannistraci-Hebb training: weights say what goes, and the connections themselves, without any
//! gradient, what comes.
//!
//! CHT (Zhang et al. 2024, "Epitopological learning and Cannistraci-Hebb network shape
//! intelligence", ICLR) keeps the largest weights and grows the likeliest links; CHTs (Zhang et al.
//! 2025, arXiv 2501.19107) draws both, and CHTss does so while the sparsity rises. Between the two,
//! what leads nowhere goes as well.

mod cards;
mod update;
mod weight_score;

use super::{Method, ScheduleSettings};
use crate::grammar::{Entry, Parameter};
use update::{CannistraciHebb, Rising, Soft};

/// CHT in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "cht",
    about: "keep the largest weights, grow the likeliest links (Zhang et al. 2024)",
    parameters: &[DROP, EVERY, END, DECAY, score("ch3-l3p"), WEIGHT, EARLY_STOP],
    make: |given| Ok(Box::new(CannistraciHebb::of(given, None, None)?)),
};

/// CHTs in the list of methods.
pub(super) const SOFT_ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "chts",
    about: "CHT with draws in place of the largest (Zhang et al. 2025)",
    parameters: &[
        DROP,
        EVERY,
        END,
        DECAY,
        score("ch2-l3n"),
        WEIGHT,
        TEMPERATURE,
        TEMPERATURE_END,
        EARLY_STOP,
    ],
    make: |given| {
        let soft = Soft::from_arguments(given)?;
        Ok(Box::new(CannistraciHebb::of(given, Some(soft), None)?))
    },
};

/// CHTss in the list of methods.
pub(super) const RISING_ENTRY: Entry<Box<dyn Method>> = Entry {
    name: "chtss",
    about: "CHTs while the sparsity rises (Zhang et al. 2025)",
    parameters: &[
        DROP,
        EVERY,
        END,
        DECAY,
        score("ch2-l3n"),
        WEIGHT,
        TEMPERATURE,
        TEMPERATURE_END,
        Parameter { key: "from", default: Some("0.5"), about: "sparsity at first" },
        Parameter {
            key: "shape",
            default: Some("sigmoid"),
            about: "how the sparsity rises until the end: sigmoid, cubic",
        },
    ],
    make: |given| {
        let rising = Rising { from: given.below_one("from")?, shape: given.one_of("shape")? };
        let soft = Soft::from_arguments(given)?;
        Ok(Box::new(CannistraciHebb::of(given, Some(soft), Some(rising))?))
    },
};

const DROP: Parameter = ScheduleSettings::PARAMETERS[0];
const END: Parameter = ScheduleSettings::PARAMETERS[2];
const DECAY: Parameter = ScheduleSettings::PARAMETERS[3];
const EVERY: Parameter =
    Parameter { key: "every", default: Some("0"), about: "steps between updates, 0 for an epoch" };
const WEIGHT: Parameter = Parameter {
    key: "weight",
    default: Some("magnitude"),
    about: "score of a connection that may go: magnitude, or relative to its neuron's and input's",
};
const TEMPERATURE: Parameter = Parameter {
    key: "temperature",
    default: Some("1"),
    about: "exponent of that score in the draw at first",
};
const TEMPERATURE_END: Parameter =
    Parameter { key: "temperature-end", default: Some("3"), about: "and at last" };
const EARLY_STOP: Parameter = Parameter {
    key: "early-stop",
    default: Some("0.9"),
    about: "stay as they are once this share of what comes had just gone in every layer; 1 never",
};

const fn score(default: &'static str) -> Parameter {
    Parameter {
        key: "score",
        default: Some(default),
        about: "likelihood of a link: ch3-l3p, ch2-l3p, ch3-l3n, ch2-l3n",
    }
}
