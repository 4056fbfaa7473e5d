//! What several tests share.

use fanin::dataset::{self, Dataset, Normalize};
use std::sync::Arc;

/// MNIST's first `train` training and `test` test samples, normalised as the whole.
pub(crate) fn mnist(train: usize, test: usize) -> Arc<Dataset> {
    let whole = dataset::load("mnist", None, Normalize::Standard).expect("data/mnist is shipped");
    Arc::new(Dataset { train: whole.train.first(train), test: whole.test.first(test), ..whole })
}
