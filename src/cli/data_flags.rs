//! The flags that name a data set and say how it is read.

use crate::dataset::{ClassWeight, FileFormat, Header, Missing, Normalize};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Heading of the flags for one's own files.
const OWN: &str = "Your own data";

/// The settings that only one's own files have.
pub(super) const OWN_KEYS: [&str; 11] = [
    "train",
    "train-labels",
    "test",
    "test-labels",
    "file-format",
    "label",
    "header",
    "delimiter",
    "categorical",
    "missing",
    "test-fraction",
];

/// Settings of the data.
#[derive(Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct DataFlags {
    /// Known data set: see `fanin data list` [default: mnist]
    #[arg(long, value_name = "NAME", conflicts_with = "train", help_heading = "Data")]
    dataset: Option<String>,
    /// Folder of the data set [default: FANIN_DATA_DIR, the repository's data/, the user's cache]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    pub(super) data_dir: Option<PathBuf>,
    /// Take a known data set in another size or content, and mark every result [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Data")]
    allow_unofficial: Option<bool>,
    /// How values enter the network: images as a whole, tables column by column
    /// [default: standard]
    #[arg(long, value_enum, help_heading = "Data")]
    normalize: Option<Normalize>,
    /// Fraction of the training samples held out for validation [default: 0.0]
    #[arg(long, value_name = "F", help_heading = "Data")]
    validation_fraction: Option<f64>,
    /// Hold out each class by its share [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Data")]
    stratify: Option<bool>,
    /// Seed of what is held out, apart from --seed [default: 42]
    #[arg(long, value_name = "SEED", help_heading = "Data")]
    #[arg(value_parser = clap::value_parser!(u64).range(..1 << 63))]
    split_seed: Option<u64>,
    /// How much the loss of each class counts [default: none]
    #[arg(long, value_enum, help_heading = "Data")]
    class_weight: Option<ClassWeight>,
    /// Training file, of any --file-format; text and IDX may be gzipped
    #[arg(long, value_name = "FILE", help_heading = OWN)]
    train: Option<PathBuf>,
    /// Its labels, where they are a file of their own (.npy, IDX)
    #[arg(long, value_name = "FILE", help_heading = OWN)]
    train_labels: Option<PathBuf>,
    /// Test file; without one --test-fraction of the rows is held out
    #[arg(long, value_name = "FILE", help_heading = OWN)]
    test: Option<PathBuf>,
    /// Its labels
    #[arg(long, value_name = "FILE", help_heading = OWN)]
    test_labels: Option<PathBuf>,
    /// What the files are [default: auto]
    #[arg(long, value_enum, help_heading = OWN)]
    file_format: Option<FileFormat>,
    /// The label's column: its name, or its number from 1, or from -1 at the end
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true, help_heading = OWN)]
    label: Option<String>,
    /// Whether the first line names the columns [default: auto]
    #[arg(long, value_enum, help_heading = OWN)]
    header: Option<Header>,
    /// What separates fields [default: found out from the first line]
    #[arg(long, value_name = "CHAR", help_heading = OWN)]
    delimiter: Option<char>,
    /// Columns of numbers that are names of categories, as are columns of texts [default: ]
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS", help_heading = OWN)]
    categorical: Option<Vec<String>>,
    /// What a missing value counts as [default: error]
    #[arg(long, value_enum, help_heading = OWN)]
    missing: Option<Missing>,
    /// Fraction of the rows held out for testing, without a test file [default: 0.2]
    #[arg(long, value_name = "F", help_heading = OWN)]
    test_fraction: Option<f64>,
}

impl DataFlags {
    /// Whether a known data set is named.
    pub(super) fn names_known(&self) -> bool {
        self.dataset.is_some()
    }
}
