//! What a file format is: a name, suffixes, and two ways of reading.

use crate::dataset::error::Error;
use crate::dataset::raw::RawTable;
use crate::dataset::schema::{Missing, Schema};
use crate::grammar::named;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// A file format; the list of all is in `mod.rs`.
pub(crate) trait Format: Sync {
    /// Its name in settings.
    fn name(&self) -> &'static str;

    /// What it is, in a line of help.
    fn about(&self) -> &'static str;

    /// How names of such files end, in small letters and without `.gz`.
    fn suffixes(&self) -> &'static [&'static str];

    /// Whether it is a table of text, to which the settings of [`ReadOptions`] apply.
    fn is_text_table(&self) -> bool {
        false
    }

    /// Reads a whole file of labelled rows.
    ///
    /// **Errors**: what is wrong with the file, and where in it.
    fn read(
        &self,
        source: &Source<'_>,
        options: &ReadOptions,
        before: Before<'_>,
    ) -> Result<RawTable, Error>;

    /// Opens rows to be answered: `features` values each, encoded as `schema` says. Labels, where
    /// the file has them, are passed over.
    ///
    /// **Errors**: what is wrong with the beginning of the file, or with all of it where it is read
    /// as a whole.
    fn rows(
        &self,
        from: RowsFrom<'_>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error>;
}

/// A file of labelled rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// The file.
    pub(crate) path: &'a Path,
    /// Its labels, where they are a file of their own.
    pub(crate) labels: Option<&'a Path>,
}

impl<'a> Source<'a> {
    /// The file of the labels.
    ///
    /// **Errors**: [`Error::NoLabels`].
    pub(crate) fn labels(&self) -> Result<&'a Path, Error> {
        self.labels.ok_or_else(|| Error::NoLabels(self.path.to_path_buf()))
    }
}

/// What is known of a file by another of its kind that was read before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before<'a> {
    /// Its columns and classes.
    pub(crate) schema: Option<&'a Schema>,
    /// How many values its rows have.
    pub(crate) features: Option<usize>,
}

impl<'a> Before<'a> {
    /// The classes, in order.
    pub(crate) fn classes(&self) -> Option<&'a [String]> {
        self.schema.map(|schema| schema.classes.as_slice())
    }
}

/// Where rows to be answered come from.
pub enum RowsFrom<'a> {
    /// A file.
    File(&'a Path),
    /// Anything else, read as it comes.
    Stream {
        /// What it is called in messages.
        name: PathBuf,
        /// The stream, gzipped or not.
        reader: Box<dyn BufRead>,
    },
}

/// Rows to be answered, in batches.
pub trait RowSource {
    /// Appends at most `limit` encoded rows; returns how many. Fewer than `limit` are the last.
    ///
    /// Formats of text read no further than these rows.
    ///
    /// **Errors**: what is wrong with a row, and where; `rows` may then hold a part of the batch.
    fn next_batch(&mut self, limit: usize, rows: &mut Vec<f32>) -> Result<usize, Error>;
}

named! {
    /// Whether the first line names the columns.
    #[derive(Default)]
    pub enum Header as "kind of header" {
        /// If no number is in it, or the names that are looked for are all in it.
        #[default]
        Auto = "auto",
        /// It does.
        Yes = "yes",
        /// It is a row like any other.
        No = "no",
    }
}

/// How a table of text is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ReadOptions {
    /// Whether the first line names the columns.
    pub(crate) header: Header,
    /// What separates fields; found out from the first line if it is not given.
    pub(crate) delimiter: Option<u8>,
    /// The label's column: a name, or a number from 1, or from −1 at the end.
    pub(crate) label: Option<String>,
    /// Columns of numbers that are names of categories.
    pub(crate) categorical: Vec<String>,
    /// What a missing value counts as.
    pub(crate) missing: Missing,
}
