//! Rows to be answered by a model, read as its training file was.

use super::config::DataConfig;
use super::error::Error;
use super::formats::{Format, RowSource, RowsFrom};
use super::schema::Schema;

/// Opens rows for a model that takes `features` values and was trained on data of `config` and
/// `schema`.
///
/// The format is [`DataConfig::file_format`], else what a file's name says, and CSV for a stream.
/// Labels, where the file has them, are passed over. CSV and SVMlight are read as rows are asked
/// for, the other formats whole.
///
/// **Errors**: [`Error::Io`], [`Error::Gzip`], [`Error::Format`], [`Error::Data`] for what is wrong
/// with the file's beginning; [`Error::Stream`] for a format that cannot be read from a stream.
///
/// **Panics** if `features` is 0.
pub fn open_rows(
    source: RowsFrom<'_>,
    config: &DataConfig,
    schema: &Schema,
    features: usize,
) -> Result<Box<dyn RowSource>, Error> {
    assert!(features > 0, "a row has values");
    let format: &dyn Format = match &source {
        RowsFrom::File(path) => config.file_format.of(path),
        RowsFrom::Stream { .. } => config.file_format.of("".as_ref()),
    };
    format.rows(source, &config.read_options(), schema, features)
}
