//! Mean squared error, for numbers.

use super::interface::Loss;
use super::numbers::OfNumbers;
use crate::grammar::Entry;
use fanin_kernels::naive::NumberError;

/// The mean squared error in the list of losses.
pub(super) const ENTRY: Entry<Box<dyn Loss>> = Entry {
    name: "mse",
    about: "for numbers: the mean of (y − t)²",
    parameters: &[],
    make: |_| Ok(Box::new(OfNumbers { name: "mse", error: NumberError::Squared })),
};
