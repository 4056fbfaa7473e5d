//! Mean absolute error, for numbers with outliers.

use super::interface::Loss;
use super::numbers::OfNumbers;
use crate::grammar::Entry;
use fanin_kernels::naive::NumberError;

/// The mean absolute error in the list of losses.
pub(super) const ENTRY: Entry<Box<dyn Loss>> = Entry {
    name: "mae",
    about: "for numbers with outliers: the mean of |y − t|",
    parameters: &[],
    make: |_| Ok(Box::new(OfNumbers { name: "mae", error: NumberError::Absolute })),
};
