//! What the formats of arrays share: values without names, all of them numbers.

use super::format::{Content, ReadOptions, Row, RowSource};
use super::input::Input;
use super::labels::{KnownLabels, LabelsInOrder};
use crate::dataset::error::Error;
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::{Schema, Task};
use crate::dataset::sparse_rows::SparseRows;
use crate::dataset::table::{Cells, Table};
use crate::format;
use crate::format::FileProblem;
use crate::format::npy::{Array, Header, product};
use crate::format::npz::{header_of_first, read_first_of};
use crate::nn::MAX_WIDTH;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The number of samples in a NumPy array called `name`, and their values.
///
/// **Errors**: [`Error::Format`] for another element type, [`Error::Data`] for what is not finite.
pub(super) fn values(
    path: &Path,
    array: Array,
    name: &str,
    content: Content,
) -> Result<(usize, Cells), Error> {
    let rows = array.shape.first().copied().unwrap_or(0);
    let width = product(&array.shape[1.min(array.shape.len())..]).max(1);
    let is_image = match content {
        Content::Auto => array.is_bytes() && array.shape.len() > 2,
        Content::Image => true,
        Content::Table => false,
    };
    if is_image {
        return match array.is_bytes() {
            true => Ok((rows, Cells::Bytes(array.in_order()))),
            false => Err(Error::NotBytes(path.to_path_buf())),
        };
    }
    let not_finite = |at: usize, value: f64| {
        let (line, column) = ((at / width) as u64 + 1, at % width + 1);
        Error::data(path)(DataProblem::Number { line, column, text: value.to_string() })
    };
    if let Some(singles) = array.singles() {
        let bad = singles.iter().position(|value| !value.is_finite());
        return match bad {
            Some(at) => Err(not_finite(at, singles[at].into())),
            None => Ok((rows, Cells::Singles(singles))),
        };
    }
    let numbers = array.numbers(name).map_err(format::Error::file(path))?;
    match numbers.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(not_finite(at, numbers[at])),
        None => Ok((rows, Cells::Doubles(numbers))),
    }
}

/// Values in memory per byte of a file's entries, at most: it may leave out 98 % of them and more.
const DENSE_RATIO: u64 = 128;
/// Values that any file may have.
const DENSE_FLOOR: u64 = 1 << 16;

/// The values of a matrix of which most may be 0, whose entries take `bytes` where they are read
/// from: as they are, or with the zeros, as the options and the density say.
///
/// **Errors**: [`DataProblem::TooLarge`] for more columns or zeros than such a file means.
pub(super) fn sparse_or_dense(
    rows: SparseRows<f64>,
    bytes: u64,
    options: &ReadOptions,
) -> Result<Cells, DataProblem> {
    let width = rows.width();
    if width > MAX_WIDTH {
        return Err(DataProblem::TooLarge { bytes: width as u64 * size_of::<[f64; 2]>() as u64 });
    }
    if options.sparse_input.keeps(rows.density()) && width > 0 {
        return Ok(Cells::Sparse(rows));
    }
    let count = rows.rows() as u64 * width as u64;
    if count > DENSE_FLOOR.max(bytes.saturating_mul(DENSE_RATIO)) {
        return Err(DataProblem::TooLarge { bytes: count.saturating_mul(8) });
    }
    let mut values = vec![0.0; count as usize];
    for (row, values) in values.chunks_exact_mut(width.max(1)).enumerate() {
        rows.fill(row, values);
    }
    Ok(Cells::Doubles(values))
}

/// Samples with as many labels as [`expect_labels`] wants, and the file that holds those.
///
/// **Errors**: [`Error::Data`] for what is wrong with a label.
pub(super) fn with_labels(
    path: &Path,
    cells: Cells,
    rows: usize,
    (labels_path, texts): (&Path, &[String]),
    options: &ReadOptions,
) -> Result<Table, Error> {
    let width = labels_of_row(rows, texts.len(), options);
    let mut labels = LabelsInOrder::new(options, width);
    let mut unlabelled = Vec::new();
    for (row, label) in texts.chunks_exact(width).enumerate() {
        if !labels.push(label, row as u64 + 1).map_err(Error::data(labels_path))? {
            unlabelled.push(row);
        }
    }
    let cells = cells.without(rows, &unlabelled);
    // The rows are numbered as in the array.
    let kept = (0..rows).filter(|row| unlabelled.binary_search(row).is_err()).enumerate();
    let lines = kept.map(|(at, row)| (at, row as u64 + 1)).collect();
    let lines = if unlabelled.is_empty() { Vec::new() } else { lines };
    labels.table(cells, lines).map_err(Error::data(path))
}

/// Refuses labels that are not as many for each row as a model's `schema` or the options say. By
/// what stands before rows and labels it spares the reading of either.
///
/// **Errors**: [`DataProblem::Count`].
pub(super) fn expect_labels(
    rows: usize,
    labels: usize,
    path: &Path,
    schema: Option<&Schema>,
    options: &ReadOptions,
) -> Result<(), Error> {
    let width = match schema {
        Some(schema) => schema.targets.len().max(1),
        None => labels_of_row(rows, labels, options),
    };
    match rows.checked_mul(width) == Some(labels) {
        true => Ok(()),
        false => Err(Error::data(path)(DataProblem::Count { samples: rows, labels })),
    }
}

/// Labels of each row: of a regression as many as come out even, else one.
fn labels_of_row(rows: usize, labels: usize, options: &ReadOptions) -> usize {
    match options.task {
        Task::Regression => labels.checked_div(rows).unwrap_or(1).max(1),
        Task::Classification => 1,
    }
}

/// How an archive begins.
pub(super) const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
/// Names that arrays of labels go by in an archive.
const LABELS: [&str; 6] = ["y", "Y", "y_train", "Y_train", "labels", "target"];

/// The labels of a file of arrays, NPY or NPZ, of which nothing is read but how many there are.
pub(super) struct Labels<'a> {
    path: &'a Path,
    /// An array's header, and what is behind it; an archive is opened for each.
    array: Option<(Header, Input)>,
    /// How many.
    count: usize,
}

/// What an array of labels without a name is called.
const NAME: &str = "the file";

impl<'a> Labels<'a> {
    /// Reads the header.
    ///
    /// **Errors**: [`Error::Io`], [`Error::Gzip`], [`Error::Format`].
    pub(super) fn open(path: &'a Path) -> Result<Labels<'a>, Error> {
        let mut input = Input::open(path)?;
        if input.start()?.starts_with(ZIP_MAGIC) {
            let count = header_of(path, &LABELS, "labels")?.1.count();
            return Ok(Labels { path, array: None, count });
        }
        let header = Header::read(&mut input.reader, NAME).map_err(format::Error::file(path))?;
        Ok(Labels { path, count: header.count(), array: Some((header, input)) })
    }

    /// As [`expect_labels`].
    pub(super) fn expect(
        &self,
        rows: usize,
        schema: Option<&Schema>,
        options: &ReadOptions,
    ) -> Result<(), Error> {
        expect_labels(rows, self.count, self.path, schema, options)
    }

    /// The labels as texts.
    ///
    /// **Errors**: as [`Labels::open`], of what is behind the header.
    pub(super) fn texts(self) -> Result<Vec<String>, Error> {
        let Labels { path, array, .. } = self;
        let (name, labels) = match array {
            Some((header, input)) => {
                let array = Array::behind(header, input.reader, NAME);
                (NAME, array.map_err(format::Error::file(path))?)
            }
            None => take(path, &LABELS, "labels")?,
        };
        Ok(labels.texts(name).map_err(format::Error::file(path))?)
    }
}

/// Reads the first array of an archive that has one of these names; the others stay unread.
///
/// **Errors**: [`FileProblem::Missing`] if there is none.
pub(super) fn take(
    path: &Path,
    names: &[&'static str],
    what: &str,
) -> Result<(&'static str, Array), Error> {
    first(path, what, names, |file| read_first_of(file, names))
}

/// As [`take`], of its header only.
pub(super) fn header_of(
    path: &Path,
    names: &[&'static str],
    what: &str,
) -> Result<(&'static str, Header), Error> {
    first(path, what, names, |file| header_of_first(file, names))
}

fn first<T>(
    path: &Path,
    what: &str,
    names: &[&'static str],
    read: impl FnOnce(BufReader<File>) -> Result<Option<T>, FileProblem>,
) -> Result<T, Error> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    let found = read(file).map_err(format::Error::file(path))?;
    let missing =
        || FileProblem::Missing(format!("of {what} ({}, or a file of its own)", names.join(", ")));
    Ok(found.ok_or_else(|| format::Error::file(path)(missing()))?)
}

/// Rows for a model that are in memory as a whole.
pub(super) struct ArrayRows {
    path: PathBuf,
    cells: Cells,
    rows: usize,
    features: usize,
    /// The labels' texts, if they are wanted, and the classes.
    labels: Option<(Vec<String>, KnownLabels)>,
    /// Rows given out so far.
    given: usize,
}

impl ArrayRows {
    /// Rows for a model that takes `features` values each.
    ///
    /// **Errors**: [`DataProblem::TextColumn`]; [`DataProblem::Width`] for rows of another width.
    pub(super) fn new(
        path: &Path,
        (rows, cells): (usize, Cells),
        labels: Option<Vec<String>>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<ArrayRows, Error> {
        let problem = Error::data(path);
        if let Err(texts) = schema.expect_numbers() {
            return Err(problem(texts));
        }
        let found = if rows == 0 { features } else { cells.width(rows) };
        if found != features {
            return Err(problem(DataProblem::Width { line: 1, found, expected: features }));
        }
        let labels = labels.map(|labels| (labels, KnownLabels::new(schema, options)));
        let path = path.to_path_buf();
        Ok(ArrayRows { path, cells, rows, features, labels, given: 0 })
    }
}

impl ArrayRows {
    /// The next row that is not passed over, and which of the array's it is.
    fn next(&mut self) -> Option<(usize, Row)> {
        while self.given < self.rows {
            let row = self.given;
            let line = row as u64 + 1;
            self.given += 1;
            let class = |(labels, known): &(Vec<String>, KnownLabels)| {
                let width = labels.len() / self.rows;
                let fields: Vec<&[u8]> =
                    labels[row * width..][..width].iter().map(|label| label.as_bytes()).collect();
                known.label(&fields, line).map(Some)
            };
            let label = self.labels.as_ref().map_or(Ok(None), class);
            if self.labels.as_ref().is_some_and(|(_, classes)| classes.passes_over(&label)) {
                continue;
            }
            return Some((row, Row { line, label }));
        }
        None
    }
}

impl RowSource for ArrayRows {
    fn next_row(&mut self, inputs: &mut Vec<f64>) -> Result<Option<Row>, Error> {
        let Some((at, row)) = self.next() else { return Ok(None) };
        if row.label.is_ok() {
            self.cells.append_row(at, self.features, inputs);
        }
        Ok(Some(row))
    }

    fn next_entries(&mut self, entries: &mut Vec<(u32, f64)>) -> Result<Option<Row>, Error> {
        let Some((at, row)) = self.next() else { return Ok(None) };
        if row.label.is_ok() {
            self.cells.append_entries(at, self.features, entries);
        }
        Ok(Some(row))
    }

    fn problem(&self, problem: DataProblem) -> Error {
        Error::data(&self.path)(problem)
    }
}
