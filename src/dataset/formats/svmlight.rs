//! The sparse text format of SVMlight and LIBSVM: `label index:value index:value … # comment`,
//! indices from 1, ascending.

use super::arrays::sparse_or_dense;
use super::format::{Format, Label, ReadOptions, Row, RowSource, RowsFrom, Source};
use super::input::Input;
use super::labels::{KnownLabels, LabelsInOrder};
use crate::dataset::error::Error;
use crate::dataset::field::number;
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::Schema;
use crate::dataset::sparse_rows::SparseRows;
use crate::dataset::table::Table;
use crate::memory;
use std::io::{BufRead, Read};

/// A line longer than this is no row's.
const LINE_LIMIT: u64 = 16 << 20;
/// SVMlight's and LIBSVM's text.
pub(super) struct Svmlight;

/// Whether what was read so far, and its samples, may be kept.
fn expect_room(rows: &SparseRows<f64>) -> Result<(), DataProblem> {
    let (row_ptr, ids, _) = rows.arrays();
    let bytes = 8 * row_ptr.len() + 2 * 8 * ids.len();
    Ok(memory::expect(bytes as u64, || format!("rows of {} values", ids.len()))?)
}

impl Format for Svmlight {
    fn name(&self) -> &'static str {
        "svmlight"
    }

    fn about(&self) -> &'static str {
        "label index:value index:value …"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".svm", ".libsvm", ".svmlight"]
    }

    fn is_begun_by(&self, start: &[u8]) -> bool {
        is_sparse_text(start)
    }

    fn read(&self, source: &Source<'_>, options: &ReadOptions) -> Result<Table, Error> {
        let mut lines = Lines::of(Input::open(source.path)?);
        let mut labels = LabelsInOrder::new(options, 1);
        // All rows, and the lines that they are on.
        let mut rows = SparseRows::new(0);
        let mut row_lines: Vec<(usize, u64)> = Vec::new();
        while let Some((line, text)) = lines.next()? {
            let row = labelled(text, line, options.zero_based, &mut rows, &mut labels);
            if row.map_err(|problem| lines.input.data(problem))? {
                let at = rows.rows();
                if row_lines.last().is_none_or(|(row, first)| line != first + (at - row) as u64) {
                    row_lines.push((at, line));
                }
                rows.end_row();
                expect_room(&rows).map_err(|problem| lines.input.data(problem))?;
            }
        }
        let (input, bytes) = (lines.input, lines.bytes);
        let widest = rows.width();
        let width = options.features.unwrap_or(widest);
        if widest > width {
            return Err(input.data(DataProblem::Wide { found: widest, expected: width }));
        }
        rows.finish(width);
        let cells = sparse_or_dense(rows, bytes, options);
        let table = cells.and_then(|cells| labels.table(cells, row_lines));
        table.map_err(|problem| input.data(problem))
    }

    /// Rows with a label or without.
    fn rows(
        &self,
        from: RowsFrom<'_>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let input = Input::of(from)?;
        schema.expect_numbers().map_err(|problem| input.data(problem))?;
        let classes = options.wants_labels.then(|| KnownLabels::new(schema, options));
        let (lines, zero_based) = (Lines::of(input), options.zero_based);
        Ok(Box::new(KnownSparseRows { lines, features, zero_based, classes, entries: Vec::new() }))
    }
}

/// Whether the first lines of a text are sparse rows: a label, and at least one index:value.
fn is_sparse_text(start: &[u8]) -> bool {
    let Some(end) = start.iter().rposition(|&byte| byte == b'\n') else { return false };
    let Ok(text) = std::str::from_utf8(&start[..end]) else { return false };
    let mut entries = 0;
    let mut is_row = |line: &str| {
        let mut fields = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let is_labelled = fields.next().is_none_or(|label| number(label.as_bytes()).is_some());
        is_labelled
            && fields.all(|field| {
                entries += 1;
                let entry = field.split_once(':');
                let is_index = |index: &str| index == "qid" || index.parse::<u32>().is_ok();
                entry.is_some_and(|(i, value)| is_index(i) && number(value.as_bytes()).is_some())
            })
    };
    text.lines().take(50).all(&mut is_row) && entries > 0
}

/// A value's index, counted from 0, and the value.
type Entry = (u32, f64);

/// The lines of a file, comments left out.
struct Lines {
    input: Input,
    line: Vec<u8>,
    number: u64,
    /// Bytes read so far.
    bytes: u64,
}

impl Lines {
    fn of(input: Input) -> Lines {
        Lines { input, line: Vec::new(), number: 0, bytes: 0 }
    }

    /// The next line, with its number.
    fn next(&mut self) -> Result<Option<(u64, &str)>, Error> {
        self.line.clear();
        let mut limited = self.input.reader.by_ref().take(LINE_LIMIT);
        let read = limited.read_until(b'\n', &mut self.line);
        let count = read.map_err(|source| self.input.broken(source))? as u64;
        if count == 0 {
            return Ok(None);
        }
        (self.number, self.bytes) = (self.number + 1, self.bytes + count);
        if count == LINE_LIMIT && self.line.last() != Some(&b'\n') {
            return Err(self.input.data(DataProblem::LongLine { limit: LINE_LIMIT as usize }));
        }
        match std::str::from_utf8(&self.line) {
            Ok(text) => Ok(Some((self.number, text.split('#').next().unwrap_or_default()))),
            Err(_) => {
                let (line, encoding) = (self.number, "UTF-8");
                Err(self.input.data(DataProblem::Encoding { line, encoding }))
            }
        }
    }
}

/// Takes one line's label and entries; false for a line without any.
fn labelled(
    text: &str,
    line: u64,
    zero_based: bool,
    rows: &mut SparseRows<f64>,
    labels: &mut LabelsInOrder,
) -> Result<bool, DataProblem> {
    let mut fields = text.split_ascii_whitespace();
    let Some(label) = fields.next() else { return Ok(false) };
    if label.contains(':') {
        return Err(DataProblem::Entry { line, text: label.to_string() });
    }
    if label.contains(',') && label.split(',').all(|part| number(part.as_bytes()).is_some()) {
        return Err(DataProblem::SeveralLabels { line, text: label.to_string() });
    }
    take_entries(fields, line, zero_based, |index, value| rows.push(index, value))?;
    let is_taken = labels.push(&[label], line)?;
    if !is_taken {
        rows.undo_row();
    }
    Ok(is_taken)
}

/// Takes the entries of a row.
fn take_entries<'a>(
    fields: impl Iterator<Item = &'a str>,
    line: u64,
    zero_based: bool,
    mut take: impl FnMut(u32, f64),
) -> Result<(), DataProblem> {
    let first = u32::from(!zero_based);
    let mut least = first;
    for field in fields.filter(|field| !field.starts_with("qid:")) {
        let malformed = || DataProblem::Entry { line, text: field.to_string() };
        let (index, value) = field.split_once(':').ok_or_else(malformed)?;
        let index: u32 = index.parse().map_err(|_| malformed())?;
        let value = number(value.as_bytes()).ok_or_else(malformed)?;
        if index == 0 && !zero_based {
            return Err(DataProblem::IndexZero { line });
        }
        if index < least {
            return Err(malformed());
        }
        take(index - first, value);
        least = index.checked_add(1).ok_or_else(malformed)?;
    }
    Ok(())
}

/// Rows to be answered, read as they are asked for.
struct KnownSparseRows {
    lines: Lines,
    features: usize,
    zero_based: bool,
    /// If labels are wanted.
    classes: Option<KnownLabels>,
    /// Of the row at hand.
    entries: Vec<Entry>,
}

impl KnownSparseRows {
    /// The next row, whose entries are then at hand.
    fn next(&mut self) -> Result<Option<Row>, Error> {
        loop {
            let Some((line, text)) = self.lines.next()? else { return Ok(None) };
            let text = text.to_string();
            let Some(label) = self.row(line, &text) else { continue };
            if self.classes.as_ref().is_some_and(|labels| labels.passes_over(&label)) {
                continue;
            }
            return Ok(Some(Row { line, label }));
        }
    }

    /// Takes a row apart; none for a line without one.
    fn row(&mut self, line: u64, text: &str) -> Option<Result<Option<Label>, DataProblem>> {
        let mut fields = text.split_ascii_whitespace().peekable();
        fields.peek()?;
        let label = fields.next_if(|field| !field.contains(':'));
        self.entries.clear();
        let entries = &mut self.entries;
        let take = |index, value| entries.push((index, value));
        let taken = take_entries(fields, line, self.zero_based, take).and_then(|()| {
            let widest = self.entries.last().map_or(0, |(index, _)| *index as usize + 1);
            match widest > self.features {
                true => Err(DataProblem::Wide { found: widest, expected: self.features }),
                false => Ok(()),
            }
        });
        let field = label.unwrap_or_default().as_bytes();
        let class = |labels: &KnownLabels| labels.label(&[field], line);
        Some(taken.and_then(|()| self.classes.as_ref().map(class).transpose()))
    }
}

impl RowSource for KnownSparseRows {
    fn next_row(&mut self, inputs: &mut Vec<f64>) -> Result<Option<Row>, Error> {
        let row = self.next()?;
        if row.as_ref().is_some_and(|row| row.label.is_ok()) {
            let first = inputs.len();
            inputs.resize(first + self.features, 0.0);
            for (index, value) in &self.entries {
                inputs[first + *index as usize] = *value;
            }
        }
        Ok(row)
    }

    fn next_entries(&mut self, entries: &mut Vec<Entry>) -> Result<Option<Row>, Error> {
        let row = self.next()?;
        if row.as_ref().is_some_and(|row| row.label.is_ok()) {
            entries.extend(self.entries.iter().filter(|(_, value)| *value != 0.0));
        }
        Ok(row)
    }

    fn problem(&self, problem: DataProblem) -> Error {
        self.lines.input.data(problem)
    }
}
