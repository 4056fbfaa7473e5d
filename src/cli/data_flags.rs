//! The flags that name a data set and say how it is read.

use super::Error;
use crate::dataset::{
    ClassWeight, Content, DataConfig, Dates, DecimalMark, Encoding, FileFormat, Header, Missing,
    Normalize, SparseInput, Task, Unknown,
};
use crate::grammar::path;
use crate::train::{RunConfig, SettingsError};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use toml::Table;

/// Heading of the flags for one's own files.
const OWN: &str = "Your own data";

/// The settings that only one's own files have.
pub(super) const OWN_KEYS: [&str; 32] = [
    "task",
    "train",
    "train-labels",
    "test",
    "test-labels",
    "validation",
    "validation-labels",
    "file-format",
    "label",
    "sample-weight",
    "folds",
    "fold",
    "header",
    "delimiter",
    "comment",
    "encoding",
    "decimal",
    "columns",
    "drop",
    "categorical",
    "dates",
    "missing-values",
    "missing",
    "unknown",
    "skip-unlabelled",
    "content",
    "features",
    "zero-based",
    "sparse-input",
    "test-fraction",
    "data-digest",
    "allow-unofficial",
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
    #[serde(serialize_with = "path::maybe::serialize")]
    pub(super) data_dir: Option<PathBuf>,
    /// Take a known data set in another size or content, and mark every result [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = "Data")]
    allow_unofficial: Option<bool>,
    /// How values enter the network: images as a whole, tables column by column
    /// [default: standard]
    #[arg(long, value_enum, help_heading = "Data")]
    normalize: Option<Normalize>,
    /// Fraction of the training samples held out for validation [default: 0]
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
    #[serde(serialize_with = "path::maybe::serialize")]
    train: Option<PathBuf>,
    /// Its labels, where they are a file of their own (.npy, IDX)
    #[arg(long, value_name = "FILE", help_heading = OWN)]
    #[serde(serialize_with = "path::maybe::serialize")]
    train_labels: Option<PathBuf>,
    /// Test file; without one --test-fraction of the rows is held out
    #[arg(long, value_name = "FILE", help_heading = OWN)]
    #[serde(serialize_with = "path::maybe::serialize")]
    test: Option<PathBuf>,
    /// Its labels
    #[arg(long, value_name = "FILE", help_heading = OWN)]
    #[serde(serialize_with = "path::maybe::serialize")]
    test_labels: Option<PathBuf>,
    /// Validation file of the same kind, instead of --validation-fraction
    #[arg(long, value_name = "FILE", help_heading = OWN)]
    #[serde(serialize_with = "path::maybe::serialize")]
    validation: Option<PathBuf>,
    /// Its labels, where they are a file of their own
    #[arg(long, value_name = "FILE", help_heading = OWN)]
    #[serde(serialize_with = "path::maybe::serialize")]
    validation_labels: Option<PathBuf>,
    /// What the files are [default: auto]
    #[arg(long, value_enum, help_heading = OWN)]
    file_format: Option<FileFormat>,
    /// What is learned of a row: its class, or numbers [default: classification]
    #[arg(long, value_enum, help_heading = OWN)]
    task: Option<Task>,
    /// The label's column: its name, or its number from 1, or from -1 at the end; for --task
    /// regression several with commas between them
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true, help_heading = OWN)]
    label: Option<String>,
    /// Whether the first line names the columns [default: auto]
    #[arg(long, value_enum, help_heading = OWN)]
    header: Option<Header>,
    /// What separates fields; a blank is any white space [default: found out from the first lines]
    #[arg(long, value_name = "CHAR", help_heading = OWN)]
    delimiter: Option<char>,
    /// What begins lines that are passed over
    #[arg(long, value_name = "CHAR", help_heading = OWN)]
    comment: Option<char>,
    /// How text is encoded [default: auto]
    #[arg(long, value_enum, help_heading = OWN)]
    encoding: Option<Encoding>,
    /// What separates the whole part of a number from its fraction [default: auto]
    #[arg(long, value_enum, help_heading = OWN)]
    decimal: Option<DecimalMark>,
    /// The columns to learn from: names, numbers from 1 (from -1 at the end), or ranges such as
    /// 3:7 or age:income; all but the label if none is named [default: ]
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS", allow_hyphen_values = true,
        help_heading = OWN)]
    columns: Option<Vec<String>>,
    /// Columns to leave out, said as for --columns [default: ]
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS", allow_hyphen_values = true,
        help_heading = OWN)]
    drop: Option<Vec<String>>,
    /// Columns of numbers that are names of categories, as are columns of texts [default: ]
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS", allow_hyphen_values = true,
        help_heading = OWN)]
    categorical: Option<Vec<String>>,
    /// What becomes of a column of dates or times [default: error]
    #[arg(long, value_enum, help_heading = OWN)]
    dates: Option<Dates>,
    /// What marks a missing value, instead of the usual marks: NA, N/A, NaN, null, None, ?, . and
    /// their kin. What is empty is always missing [default: ]
    #[arg(long, value_delimiter = ',', value_name = "MARKS", allow_hyphen_values = true,
        help_heading = OWN)]
    missing_values: Option<Vec<String>>,
    /// What a missing value counts as [default: auto]
    #[arg(long, value_enum, help_heading = OWN)]
    missing: Option<Missing>,
    /// What a category counts as that does not occur in the training file [default: error]
    #[arg(long, value_enum, help_heading = OWN)]
    unknown: Option<Unknown>,
    /// Leave out rows without a label [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = OWN)]
    skip_unlabelled: Option<bool>,
    /// Whether arrays are tables or images [default: auto]
    #[arg(long, value_enum, help_heading = OWN)]
    content: Option<Content>,
    /// Values of a sparse row, if more than occur in the file
    #[arg(long, value_name = "N", help_heading = OWN)]
    features: Option<usize>,
    /// The indices of sparse rows count from 0 [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", help_heading = OWN)]
    zero_based: Option<bool>,
    /// Whether rows of SVMlight and of SciPy matrices are kept by their values that are not 0,
    /// which are then scaled but not centred [default: auto]
    #[arg(long, value_enum, help_heading = OWN)]
    sparse_input: Option<SparseInput>,
    /// Column of text tables that says how much each training row's loss counts
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true, help_heading = OWN)]
    sample_weight: Option<String>,
    /// Cross-validation: cut the rows into so many parts, and hold each out in a training of its
    /// own
    #[arg(long, value_name = "K", help_heading = OWN)]
    folds: Option<usize>,
    /// Only the training that holds out this part, from 1
    #[arg(long, value_name = "N", requires = "folds", help_heading = OWN)]
    fold: Option<usize>,
    /// Fraction of the rows held out for testing, without a test file [default: 0.2]
    #[arg(long, value_name = "F", help_heading = OWN)]
    test_fraction: Option<f64>,
}

impl DataFlags {
    /// The settings of these flags, of the training file that is named or this one.
    ///
    /// **Errors**: [`Error::Flag`], [`SettingsError`] for a value.
    pub(super) fn config(&self, train: Option<PathBuf>) -> Result<DataConfig, Error> {
        let mut config =
            RunConfig::from_tables([Table::try_from(self)?]).map_err(SettingsError::from)?.data;
        config.train = train.or(config.train);
        Ok(config)
    }

    /// Puts files that are given in the places of those that a run began with.
    pub(super) fn other_files(&self, config: &mut DataConfig) {
        for (given, file) in [
            (&self.train, &mut config.train),
            (&self.train_labels, &mut config.train_labels),
            (&self.test, &mut config.test),
            (&self.test_labels, &mut config.test_labels),
            (&self.validation, &mut config.validation),
            (&self.validation_labels, &mut config.validation_labels),
        ] {
            *file = given.clone().or(file.take());
        }
    }

    /// Whether a known data set is named.
    pub(super) fn names_known(&self) -> bool {
        self.dataset.is_some()
    }
}

/// How a file for a model is read, where that differs from its training file.
#[derive(Args)]
pub(super) struct ReadFlags {
    /// What the file is [default: what its name or its content says]
    #[arg(long, value_enum)]
    file_format: Option<FileFormat>,
    /// Whether the first line names the columns [default: as of the training file]
    #[arg(long, value_enum)]
    header: Option<Header>,
    /// What separates fields; a blank is any white space [default: as of the training file]
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<char>,
    /// How text is encoded [default: as of the training file]
    #[arg(long, value_enum)]
    encoding: Option<Encoding>,
    /// What separates the whole part of a number from its fraction [default: as in training]
    #[arg(long, value_enum)]
    decimal: Option<DecimalMark>,
    /// What a missing value counts as [default: as in training]
    #[arg(long, value_enum)]
    missing: Option<Missing>,
    /// What a category counts as that does not occur in the training file [default: error]
    #[arg(long, value_enum)]
    unknown: Option<Unknown>,
}

impl ReadFlags {
    /// The settings of the training file with these in their places.
    pub(super) fn over(&self, mut config: DataConfig) -> DataConfig {
        config.file_format = self.file_format.unwrap_or(FileFormat::AUTO);
        config.header = self.header.unwrap_or(config.header);
        config.delimiter = self.delimiter.or(config.delimiter);
        config.encoding = self.encoding.unwrap_or(config.encoding);
        config.decimal = self.decimal.unwrap_or(config.decimal);
        config.missing = self.missing.unwrap_or(config.missing);
        config.unknown = self.unknown.unwrap_or(config.unknown);
        config
    }
}
