//! Data sets: file formats, the ones known by name, one's own, and how samples become tiles.
//!
//! | file | holds |
//! |---|---|
//! | `config.rs` | what names a data set, and its loading: known or one's own, split, scaled |
//! | `known.rs`, `catalog.rs`, `fetch.rs` | the data sets known by name; where they are; how they are fetched |
//! | `rows.rs` and `table.rs`, `svmlight.rs`, `arrays.rs`, `idx.rs` | the formats, each read into `raw.rs` |
//! | `schema.rs`, `scaling.rs` | what a training file says and its training rows give, kept in the model |
//! | `split.rs` | which rows are held out |
//! | `samples.rs` | samples in memory, and the loading of tiles |

mod arrays;
mod catalog;
mod config;
mod fetch;
mod idx;
mod input;
mod known;
mod raw;
mod rows;
mod samples;
mod scaling;
mod schema;
mod split;
mod svmlight;
mod table;

pub use catalog::{found_in, load, search_path, verify_file};
pub use config::{ClassWeight, DataConfig, Dataset, FileFormat};
pub use fetch::{FetchPlace, Fetched, Progress, fetch};
pub use idx::{IdxFile, read_idx};
pub use known::{KNOWN, Known, KnownDataset, KnownFile, Source, known};
pub use rows::{Header, ReadProblem, RowReader, number};
pub use samples::{Samples, Values};
pub use scaling::{Normalize, Scaling};
pub use schema::{Column, Kind, Schema};
pub use split::{Split, hold_out};
pub use table::{Missing, SchemaReader, TableOptions};
