//! Data sets: file formats, the ones known by name, one's own, and how samples become tiles.
//!
//! | file | holds |
//! |---|---|
//! | `config.rs` | the settings: what names a data set, how it is read, split and scaled |
//! | `load.rs` | the story: read → describe → split → fit → samples → scale |
//! | `rows.rs` | rows for a model: to be answered, or to test it |
//! | `formats/` | the file formats, one file each, for training and prediction alike |
//! | `known/` | the data sets known by name, one file each; their places and their fetching |
//! | `field.rs`, `dates.rs` | what a field of text says |
//! | `table.rs`, `cells.rs`, `value.rs` | what every format is read into, and its values |
//! | `describe.rs` | what a table was understood to be |
//! | `fit.rs` | what is fitted on training rows |
//! | `schema.rs`, `scaling.rs`, `scale_sparse.rs` | what that is: kept in the model |
//! | `soundness.rs` | what it must be where a file says it |
//! | `normalize.rs` | what the numbers of a column are brought to |
//! | `encode.rs` | a table's rows as they enter the network |
//! | `split.rs` | which rows are held out |
//! | `values.rs`, `sparse_rows.rs`, `samples.rs` | samples in memory, and the loading of tiles |
//! | `error.rs`, `problem.rs` | what can be wrong, and within a file |
//!
//! A further file format is a file in `formats/` and a line in its list; so a further known data
//! set in `known/`.

mod cells;
mod config;
mod dates;
mod describe;
mod encode;
mod error;
mod field;
mod fit;
mod formats;
mod known;
mod load;
mod normalize;
mod problem;
mod rows;
mod samples;
mod scale_sparse;
mod scaling;
mod schema;
mod soundness;
mod sparse_rows;
mod split;
mod table;
mod value;
mod values;

pub use config::{ClassWeight, DataConfig};
pub use dates::Dates;
pub use describe::{ColumnDescription, Description};
pub use error::{Error, FetchProblem};
pub use field::DecimalMark;
pub use formats::{
    Content, Encoding, FileFormat, Header, Label, Row, RowSource, RowsFrom, SparseInput,
};
#[cfg(feature = "fetch")]
pub use known::{FetchPlace, Fetched, Progress, TIMEOUT, fetch};
pub use known::{
    KNOWN, Known, KnownColumn, KnownDataset, KnownFile, KnownSource, KnownTable, found_in, is_here,
    known, search_path, verify_file,
};
pub use load::{Dataset, load};
pub use normalize::Normalize;
pub use problem::DataProblem;
pub use rows::{LabelledRows, open_rows};
pub use samples::Samples;
pub use scaling::Scaling;
pub(crate) use scaling::is_far;
pub use schema::{Column, Kind, Layout, Missing, Schema, Target, Task, Unknown};
pub use sparse_rows::SparseRows;
pub use values::Values;
