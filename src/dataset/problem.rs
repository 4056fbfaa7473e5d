//! What can be wrong within a data file.
//!
//! Lines are the file's, counted from 1; columns, rows and samples count from 1 too, the rows of an
//! array as lines.

/// What is wrong with a data file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataProblem {
    /// There is nothing in it.
    #[error("there are no rows of values in it")]
    Empty,
    /// The content would take too much memory.
    #[error("the content would take {bytes} bytes of memory, far more than the file is worth")]
    TooLarge {
        /// The bytes.
        bytes: u64,
    },

    /// The IDX magic number is another.
    #[error("not an IDX file of {expected}: it starts with 0x{found:08x}")]
    Magic {
        /// What the file should hold.
        expected: &'static str,
        /// Its first four bytes, big-endian.
        found: u32,
    },
    /// The file ends early.
    #[error("truncated: {found} bytes of content where the header promises {expected}")]
    Truncated {
        /// Bytes promised after the header.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// The file goes on after its content.
    #[error("bytes follow the {expected} that the header promises")]
    TrailingBytes {
        /// Bytes promised after the header.
        expected: u64,
    },
    /// The dimensions are zero or overflow.
    #[error("impossible dimensions {0:?}")]
    Dimensions(Vec<u32>),

    /// A line is too long to be one.
    #[error("a line is longer than {limit} bytes: this is no table")]
    LongLine {
        /// The most bytes a line may have.
        limit: usize,
    },
    /// Text is not UTF-8.
    #[error("line {line} is not UTF-8")]
    Encoding {
        /// The line.
        line: u64,
    },
    /// A row has another number of fields than the first.
    #[error("line {line}: {found} fields where there are {expected} before")]
    Ragged {
        /// The line.
        line: u64,
        /// Fields it has.
        found: usize,
        /// Fields of the lines before.
        expected: usize,
    },
    /// A row has another number of values than the model.
    #[error("line {line}: {found} values where the model takes {expected}")]
    Width {
        /// The line, or the row of an array.
        line: u64,
        /// Values it has.
        found: usize,
        /// Values it should have.
        expected: usize,
    },
    /// A field is not a finite number.
    #[error("line {line}, column {column}: '{text}' is not a finite number")]
    Number {
        /// The line, or the row of an array.
        line: u64,
        /// The column.
        column: usize,
        /// What stands there.
        text: String,
    },
    /// A value is missing.
    #[error(
        "line {line}, column '{column}': the value is missing (`missing` mean or zero fills such, \
         but for labels)"
    )]
    Missing {
        /// The line.
        line: u64,
        /// The column.
        column: String,
    },
    /// An entry of a sparse row is not `index:value`, or out of order.
    #[error(
        "line {line}: '{text}' is no index:value with ascending indices from 1 and a finite value"
    )]
    Entry {
        /// The line.
        line: u64,
        /// The entry.
        text: String,
    },
    /// Sparse rows are wider than the model or the training data.
    #[error("a row has a value {found}, where the training data has {expected} values")]
    Wide {
        /// The largest index.
        found: usize,
        /// The width it should not exceed.
        expected: usize,
    },

    /// The header names a column twice.
    #[error("two columns are called '{0}'")]
    DuplicateColumn(String),
    /// No column has this name or number.
    #[error("there is no column '{name}': the columns are {columns}")]
    UnknownColumn {
        /// The name or number.
        name: String,
        /// Those that are there.
        columns: String,
    },
    /// Columns that a model needs are not there.
    #[error(
        "the model needs {}, which {} not there",
        columns(.0),
        if .0.len() == 1 { "is" } else { "are" }
    )]
    MissingColumns(Vec<String>),
    /// A column of texts, in a file that has only numbers.
    #[error("column '{0}' of the training data holds texts, which only a table of text has")]
    TextColumn(String),
    /// A text that a categorical column has not had in training.
    #[error("line {line}, column '{column}': '{text}' does not occur in the training data")]
    UnknownCategory {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// The text.
        text: String,
    },
    /// A column of texts has too many of them.
    #[error("column '{column}' has more than {most} different texts: it is no category")]
    ManyCategories {
        /// The column.
        column: String,
        /// The most that it may have.
        most: usize,
    },

    /// Nothing says which column is the label.
    #[error(
        "which column is the label? `label` names it, or numbers it from 1 (from -1 at the end)"
    )]
    NoLabel,
    /// A label that is none of the classes.
    #[error("line {line}: '{text}' is no class of the training data")]
    UnknownLabel {
        /// The line, or the row of an array.
        line: u64,
        /// The label.
        text: String,
    },
    /// Too many classes.
    #[error("more than 65536 classes: is the label the right column?")]
    ManyClasses,
    /// A label beyond the classes.
    #[error("label {label} of sample {sample} is out of range: there are {classes} classes")]
    Label {
        /// The label.
        label: u16,
        /// The sample.
        sample: usize,
        /// The number of classes.
        classes: usize,
    },
    /// Samples and labels differ in number.
    #[error("{labels} labels for {samples} samples")]
    Count {
        /// Samples.
        samples: usize,
        /// Labels.
        labels: usize,
    },

    /// The images of a known data set have another shape.
    #[error("images of {found:?} pixels, not of {expected:?}")]
    Shape {
        /// Height, width, and channels if there are several.
        found: Vec<usize>,
        /// What they should be.
        expected: Vec<usize>,
    },
    /// A known data set in another size.
    #[error(
        "{what} where the official file has {expected}: this is another data set under its name \
         (`allow-unofficial` takes it, and marks every result)"
    )]
    Unofficial {
        /// What was found.
        what: String,
        /// What should be there.
        expected: String,
    },
    /// The content is not the known file's.
    #[error("SHA-256 of the content is {found}, not {expected}: the file is damaged or another")]
    Digest {
        /// The digest it should have.
        expected: &'static str,
        /// The digest it has.
        found: String,
    },
}

/// Columns as words.
fn columns(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("column{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
}
