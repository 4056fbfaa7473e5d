//! What a file format is: a name, suffixes, and two ways of reading.

use super::decode::Encoding;
use crate::dataset::dates::Dates;
use crate::dataset::error::Error;
use crate::dataset::field::DecimalMark;
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::{Missing, Schema, Task, Unknown};
use crate::dataset::table::Table;
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

    /// Whether its labels are a file of their own.
    fn labels_apart(&self) -> bool {
        false
    }

    /// Whether its columns may have names, of which one is the label's.
    fn names_columns(&self) -> bool {
        self.is_text_table()
    }

    /// Whether a file begins as one of this format, where its name does not say.
    fn is_begun_by(&self, _start: &[u8]) -> bool {
        false
    }

    /// Reads a whole file of labelled rows of which nothing is known.
    ///
    /// **Errors**: what is wrong with the file, and where in it.
    fn read(&self, source: &Source<'_>, options: &ReadOptions) -> Result<Table, Error>;

    /// Opens rows of `features` values each, encoded as `schema` says; with their labels if they
    /// are wanted, which are else passed over.
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

/// Where rows come from.
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

/// Rows for a model, one after the other.
pub trait RowSource {
    /// Appends the inputs of the next row, before they are scaled; none at the end. Those of a row
    /// with a problem are left out.
    ///
    /// Formats of text read no further than this row.
    ///
    /// **Errors**: what makes the rest unreadable.
    fn next_row(&mut self, inputs: &mut Vec<f64>) -> Result<Option<Row>, Error>;

    /// As [`RowSource::next_row`], but appends only inputs that are not 0, with their places,
    /// ascending.
    ///
    /// **Errors**: as [`RowSource::next_row`].
    fn next_entries(&mut self, entries: &mut Vec<(u32, f64)>) -> Result<Option<Row>, Error> {
        let mut inputs = Vec::new();
        let row = self.next_row(&mut inputs)?;
        entries.extend((0..).zip(inputs).filter(|(_, value)| *value != 0.0));
        Ok(row)
    }

    /// What was decided about the file on thin evidence.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The error for a row's problem.
    fn problem(&self, problem: DataProblem) -> Error;
}

/// A row that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The file's line, or the number of an array's row, from 1.
    pub line: u64,
    /// Its label, if labels are wanted; or what is wrong with the row.
    pub label: Result<Option<Label>, DataProblem>,
}

/// What a row should give.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// A class.
    Class(u16),
    /// The targets' values.
    Numbers(Vec<f64>),
}

named! {
    /// Whether the first line names the columns.
    #[derive(Default)]
    pub enum Header as "kind of header" {
        /// If it holds names that are looked for, or texts where all other rows have numbers, or
        /// texts that do not occur again where others do.
        #[default]
        Auto = "auto",
        /// It does.
        Yes = "yes",
        /// It is a row like any other.
        No = "no",
    }
}

named! {
    /// What arrays of numbers are.
    #[derive(Default)]
    pub enum Content as "kind of content" {
        /// Bytes in rows and columns are images, all else is a table.
        #[default]
        Auto = "auto",
        /// A table: each column has its own scale.
        Table = "table",
        /// Images: all values have one scale.
        Image = "image",
    }
}

named! {
    /// How rows of sparse formats are kept: SVMlight's, and SciPy's matrices.
    #[derive(Default)]
    pub enum SparseInput as "kind of sparse input" {
        /// By their values that are not 0, if less than a tenth of all are.
        #[default]
        Auto = "auto",
        /// By their values that are not 0: 0 stays 0, so that values are scaled but not centred.
        Yes = "yes",
        /// By all values.
        No = "no",
    }
}

impl SparseInput {
    /// Whether rows in which this share of the values is not 0 are kept by those.
    pub(crate) fn keeps(self, density: f64) -> bool {
        match self {
            SparseInput::Auto => density < 0.1,
            SparseInput::Yes => true,
            SparseInput::No => false,
        }
    }
}

/// How text becomes records.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TextOptions {
    /// What separates fields; found out if it is not given. A blank stands for any white space.
    pub(crate) delimiter: Option<u8>,
    /// What begins a line that is passed over.
    pub(crate) comment: Option<u8>,
    /// How it is encoded.
    pub(crate) encoding: Encoding,
}

/// How files are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ReadOptions {
    /// How text becomes records.
    pub(crate) text: TextOptions,
    /// Whether the first line names the columns.
    pub(crate) header: Header,
    /// What is learned of a row.
    pub(crate) task: Task,
    /// The label's column: a name, or a number from 1, or from −1 at the end; of a regression
    /// several with commas between them.
    pub(crate) label: Option<String>,
    /// The column that says how much each row counts.
    pub(crate) sample_weight: Option<String>,
    /// The columns that become inputs; all if there are none.
    pub(crate) columns: Vec<String>,
    /// Columns that do not.
    pub(crate) drop: Vec<String>,
    /// Columns of numbers that are names of categories.
    pub(crate) categorical: Vec<String>,
    /// What marks missing values; the usual marks if there are none.
    pub(crate) missing_values: Vec<String>,
    /// What a missing value counts as.
    pub(crate) missing: Missing,
    /// What a category counts as that is not known.
    pub(crate) unknown: Unknown,
    /// What separates the whole part of a number.
    pub(crate) decimal: DecimalMark,
    /// What becomes of dates.
    pub(crate) dates: Dates,
    /// Whether rows without a label are passed over.
    pub(crate) skip_unlabelled: bool,
    /// Whether rows for a model come with their labels, and in which file they are, if not in
    /// their own.
    pub(crate) wants_labels: bool,
    /// The labels' own file.
    pub(crate) labels: Option<PathBuf>,
    /// Values of a sparse row, if they are more than occur.
    pub(crate) features: Option<usize>,
    /// Whether the indices of sparse rows count from 0.
    pub(crate) zero_based: bool,
    /// What arrays are.
    pub(crate) content: Content,
    /// How rows of sparse formats are kept.
    pub(crate) sparse_input: SparseInput,
}

impl ReadOptions {
    /// Columns that are named, or numbered.
    pub(super) fn named(&self) -> impl Iterator<Item = &String> {
        let lists = self.columns.iter().chain(&self.drop).chain(&self.categorical);
        self.label.iter().chain(&self.sample_weight).chain(lists)
    }

    /// Names that a header would have; a number may be a place.
    pub(super) fn sought(&self) -> impl Iterator<Item = &String> {
        self.named().filter(|name| name.parse::<f64>().is_err())
    }
}
