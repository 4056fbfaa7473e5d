//! Data sets: file formats, the ones known by name, one's own, and how samples become tiles.
//!
//! | file | holds |
//! |---|---|
//! | `config.rs` | what names a data set, and its loading: known or one's own, split, scaled |
//! | `catalog.rs`, `fetch.rs` | the data sets known by name; where they are and how they are fetched |
//! | `table.rs`, `svmlight.rs`, `arrays.rs`, `idx.rs` | the formats, each read into `raw.rs` |
//! | `schema.rs`, `scaling.rs` | what is fitted on training rows and kept in the model |
//! | `split.rs` | which rows are held out |
//! | `samples.rs` | samples in memory, and the loading of tiles |

mod arrays;
mod catalog;
mod config;
mod fetch;
mod idx;
mod input;
mod raw;
mod samples;
mod scaling;
mod schema;
mod split;
mod svmlight;
mod table;

pub use catalog::{
    KNOWN, Known, KnownDataset, KnownFile, Source, found_in, known, load, search_path, verify_file,
};
pub use config::{ClassWeight, DataConfig, Dataset, FileFormat};
pub use fetch::{FetchPlace, Fetched, Progress, fetch};
pub use idx::{IdxFile, read_idx};
pub use samples::{Samples, Values};
pub use scaling::{Normalize, Scaling};
pub use schema::{Column, Kind, Schema};
pub use split::{Split, hold_out};
pub use table::{Header, Missing, ReadProblem, RowReader, SchemaReader, TableOptions, number};
