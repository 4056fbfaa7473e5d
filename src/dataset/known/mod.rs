//! The data sets known by name: a file each, and a line in the list here.

mod emnist_balanced;
mod entry;
mod fashion_mnist;
#[cfg(feature = "fetch")]
mod fetch;
mod forest_cover;
mod mnist;
mod read;
mod search;

pub use entry::{Known, KnownColumn, KnownDataset, KnownFile, KnownSource, KnownTable};
#[cfg(feature = "fetch")]
pub use fetch::{FetchPlace, Fetched, Progress, TIMEOUT, fetch};
pub use read::verify_file;
pub(super) use read::{Content, read_known};
pub use search::{found_in, is_here, search_path};

use super::error::Error;

/// Every known data set.
pub const KNOWN: &[KnownDataset] = &[
    mnist::MNIST,
    fashion_mnist::FASHION_MNIST,
    emnist_balanced::EMNIST_BALANCED,
    forest_cover::FOREST_COVER,
];

/// The known data set of this name.
///
/// **Errors**: [`Error::UnknownDataset`] naming those there are.
pub fn known(name: &str) -> Result<&'static KnownDataset, Error> {
    KNOWN.iter().find(|known| known.name == name).ok_or_else(|| Error::UnknownDataset {
        name: name.to_string(),
        known: KNOWN.iter().map(|known| known.name).collect(),
    })
}
