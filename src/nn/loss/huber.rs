//! Huber's loss, for numbers with outliers: ½r² for |r| ≤ δ, else δ·(|r| − δ/2) (Huber 1964).

use super::interface::Loss;
use super::numbers::OfNumbers;
use crate::grammar::{Entry, Parameter};
use fanin_kernels::naive::NumberError;

/// Huber's loss in the list of losses.
pub(super) const ENTRY: Entry<Box<dyn Loss>> = Entry {
    name: "huber",
    about: "for numbers with outliers: a square up to delta, then a line",
    parameters: &[Parameter {
        key: "delta",
        default: Some("1"),
        about: "where the square becomes a line",
    }],
    make: |given| {
        // As the kernel has it.
        let delta = f64::from(given.positive("delta")? as f32);
        Ok(Box::new(OfNumbers { name: "huber", error: NumberError::Huber(delta) }))
    },
};
