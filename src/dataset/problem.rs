//! What can be wrong within a data file.
//!
//! Lines are the file's, counted from 1; columns, rows and samples count from 1 too, the rows of an
//! array as lines. One list of what is said, though longer than 400 lines.

use crate::memory::TooMuch;

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

    /// The content would take more memory than may be taken.
    #[error(transparent)]
    Memory(#[from] TooMuch),

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
    /// Text is not in its encoding.
    #[error("line {line} is not {encoding} (`encoding` says what it is)")]
    Encoding {
        /// The line.
        line: u64,
        /// The encoding's name.
        encoding: &'static str,
    },
    /// A quote that is never closed.
    #[error("line {line}: a quote is opened here and never closed")]
    OpenQuote {
        /// The line.
        line: u64,
    },
    /// A quoted field that holds what look like rows.
    #[error(
        "line {line}: a quote is opened here that makes one field of rows: it is closed only \
         {} further down", if *.lines == 2 { "a line".to_string() } else { format!("{} lines", lines - 1) }
    )]
    QuotedRows {
        /// The line.
        line: u64,
        /// Lines that the row goes over.
        lines: u64,
    },
    /// A first line that is a comment, as its mark says.
    #[error("line {line} begins with {mark}, as comments do: `comment` {mark} passes over such")]
    CommentLine {
        /// The line.
        line: u64,
        /// Its first character.
        mark: char,
    },
    /// Rows with one field more than the header.
    #[error(
        "line {line}: {found} fields where the first line has {expected}: if these are the rows' \
         names, as R writes them, name their column in the first line too"
    )]
    RowNames {
        /// The line.
        line: u64,
        /// Fields it has.
        found: usize,
        /// Fields of the first line.
        expected: usize,
    },
    /// A file of a kind that is not read.
    #[error("this is {kind}, which is not read: save it as CSV")]
    OtherKind {
        /// The kind.
        kind: &'static str,
    },
    /// A first line of which it cannot be said whether it names the columns.
    #[error(
        "line {line} ({fields}) may be the columns' names or a row: `header` yes or no says which"
    )]
    HeaderUnclear {
        /// The line.
        line: u64,
        /// Its first fields.
        fields: String,
    },
    /// A first line with neither the names that a model knows nor such values.
    #[error(
        "line {line} ({fields}) has neither the names of the model's columns nor values such as \
         they have: `header` no takes it as a row"
    )]
    NamesUnknown {
        /// The line.
        line: u64,
        /// Its first fields.
        fields: String,
    },
    /// Two delimiters that explain the lines equally badly.
    #[error("{one} or {other} may separate the fields: `delimiter` says which")]
    DelimiterUnclear {
        /// The one.
        one: &'static str,
        /// The other.
        other: &'static str,
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
    /// A text in a column of numbers.
    #[error(
        "line {line}, column {column}: '{text}' is not a finite number, as {numbers} of the {values} \
         values of column '{name}' are: `missing-values` {text} takes it as missing, `drop` {name} \
         leaves the column out, `categorical` {name} takes all its values as names"
    )]
    NotNumber {
        /// The line.
        line: u64,
        /// The column.
        column: usize,
        /// Its name.
        name: String,
        /// What stands there.
        text: String,
        /// Numbers that the column has.
        numbers: u64,
        /// Values that it has.
        values: u64,
    },
    /// Commas that separate fractions or thousands.
    #[error(
        "line {line}, column '{column}': the comma of '{text}' may separate a fraction or \
         thousands: `decimal` comma says that it is a fraction; without thousands separated it is \
         `decimal` point"
    )]
    CommaUnclear {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// Numbers with decimal commas and others with points.
    #[error(
        "line {line}, column '{column}': '{text}' has a decimal comma, other values have points"
    )]
    TwoDecimals {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// Columns with decimal commas beside columns with points.
    #[error(
        "column '{points}' has numbers with a point, and column '{commas}' has decimal commas: if the \
         points separate thousands, write them without (1234,5); `drop` leaves a column out"
    )]
    MixedDecimals {
        /// The column with points.
        points: String,
        /// The column with commas.
        commas: String,
    },
    /// A column without any value.
    #[error("column '{name}' ({number}) has no values: `drop` {number} leaves it out")]
    NoValues {
        /// Its name.
        name: String,
        /// Its number, from 1.
        number: usize,
    },
    /// Rows that end with a delimiter which the first line has not.
    #[error(
        "line {line} ends with a delimiter and the first line does not: {found} fields where that has \
         {expected}"
    )]
    TrailingDelimiter {
        /// The line.
        line: u64,
        /// Fields it has.
        found: usize,
        /// Fields of the first line.
        expected: usize,
    },
    /// Numbers in a form that is not read.
    #[error(
        "line {line}, column '{column}': '{text}': the column holds {form}, which are not read as \
         numbers: write them plainly (1234.5), or `drop` {column} leaves the column out, \
         `categorical` {column} takes its values as names"
    )]
    NumberForm {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        text: String,
        /// The form, in words.
        form: &'static str,
    },
    /// A column of dates or times.
    #[error(
        "line {line}, column '{column}': '{text}': the column holds dates or times: `dates` seconds \
         makes numbers of them, `drop` {column} leaves the column out, `categorical` {column} takes \
         them as names"
    )]
    Dates {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// A column of dates or times in an order that is not read.
    #[error(
        "line {line}, column '{column}': '{text}': the column holds dates or times, but not as \
         2026-11-26 14:30:05, which alone become seconds: `drop` {column} leaves the column out, \
         `categorical` {column} takes them as names"
    )]
    DatesOther {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// A date in an order that is not clear, or none.
    #[error(
        "line {line}, column '{column}': '{text}' is no date such as 2026-11-26, with or without \
         14:30:05Z: `drop` {column} leaves the column out"
    )]
    NotSeconds {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// More dates than a column keeps, or numbers among them.
    #[error(
        "column '{column}' holds numbers among its dates, or more than {most} different dates: \
         write them as numbers"
    )]
    ManyDates {
        /// The column.
        column: String,
        /// The most that it may have.
        most: usize,
    },
    /// A column with a text of its own for nearly every row.
    #[error(
        "column '{column}' has {different} different texts in {rows} rows: names, or numbers that \
         are not read as such; `drop` {column} leaves it out, `categorical` {column} takes each \
         text as a category"
    )]
    Identifier {
        /// The column.
        column: String,
        /// Different texts.
        different: u64,
        /// Rows that have one.
        rows: u64,
    },
    /// A value that is no byte, for a model of images.
    #[error(
        "line {line}, column '{column}': the value is no whole number from 0 to 255, and the \
         training data are images of such"
    )]
    NoByte {
        /// The line, or the row of an array.
        line: u64,
        /// The column.
        column: String,
    },
    /// A value that no single-precision number comes near once it is scaled.
    #[error(
        "line {line}, column '{column}': the value is too far from those of the training rows to \
         be scaled"
    )]
    TooFar {
        /// The line.
        line: u64,
        /// The column.
        column: String,
    },
    /// A row whose answer the network cannot compute.
    #[error("line {line}: the network's answer to these values is not finite")]
    NotFinite {
        /// The line.
        line: u64,
    },
    /// A value is missing.
    #[error(
        "line {line}, column '{column}': the value is missing (`missing` mean or zero fills such)"
    )]
    Missing {
        /// The line.
        line: u64,
        /// The column.
        column: String,
    },
    /// Texts, where numbers are to be learned.
    #[error("column '{0}' holds texts: `task` regression learns numbers")]
    TargetText(String),
    /// A row's weight that is none, or weights that are all 0.
    #[error(
        "line {line}, column '{column}': a `sample-weight` is a number of 0 and more, and not all \
         are 0"
    )]
    Weight {
        /// The line.
        line: u64,
        /// The column.
        column: String,
    },
    /// A row without a label.
    #[error(
        "line {line}, column '{column}': the value is missing, and it is the label \
         (`skip-unlabelled` leaves such rows out)"
    )]
    MissingLabel {
        /// The line, or the row of an array.
        line: u64,
        /// The column.
        column: String,
    },
    /// Numbers as labels that are no classes.
    #[error(
        "the label has {different} different numbers in {rows} rows: these are no classes but \
         numbers to be learned (`task` regression)"
    )]
    ContinuousLabel {
        /// Different labels.
        different: usize,
        /// Rows.
        rows: usize,
    },
    /// A sparse row with several labels.
    #[error("line {line}: '{text}' are several labels, of which a row has one")]
    SeveralLabels {
        /// The line.
        line: u64,
        /// The labels.
        text: String,
    },
    /// An index 0 where indices count from 1.
    #[error(
        "line {line}: index 0 is no index:value with ascending indices from 1 (`zero-based` counts from 0)"
    )]
    IndexZero {
        /// The line.
        line: u64,
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

    /// A time without its date, where others have theirs.
    #[error(
        "line {line}, column '{column}': '{text}' is a time without a date, and other rows have \
         dates (`drop` leaves the column out)"
    )]
    TimeAmongDates {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// A header that comes again.
    #[error("line {line} is the header again: files were put together with theirs")]
    HeaderAgain {
        /// The line.
        line: u64,
    },
    /// Text with bytes of 0.
    #[error(
        "there are bytes of 0, which text has not: UTF-16 without its mark (`encoding` utf-16 reads \
         it), or no text at all"
    )]
    Zeros,
    /// A Parquet file that cannot be read.
    #[cfg(feature = "parquet")]
    #[error("not a Parquet file that can be read: {0}")]
    Parquet(String),
    /// A Parquet file, where nobody reads such.
    #[cfg(not(feature = "parquet"))]
    #[error(
        "a Parquet file: a build with the feature `parquet` reads it (cargo install --features parquet)"
    )]
    IsParquet,
    /// Arrays that are no CSR matrix.
    #[error("the arrays are no matrix in CSR: places out of order, twice, or out of range")]
    SparseArrays,

    /// The header names a column twice.
    #[error("two columns are called '{0}'")]
    DuplicateColumn(String),
    /// A number that is one column's name and another's place.
    #[error(
        "'{0}' is the name of one column and the number of another: `header` yes takes it as the \
         name, `header` no as the number"
    )]
    NameOrNumber(String),
    /// Nothing is left to learn from.
    #[error("no column is left beside the label")]
    NoColumns,
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
