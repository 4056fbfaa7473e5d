//! The sparse text format of SVMlight and LIBSVM: `label index:value index:value … # comment`,
//! indices from 1, ascending.

use super::format::{Before, Format, ReadOptions, RowSource, RowsFrom, Source};
use super::input::Input;
use super::records::number;
use crate::dataset::error::Error;
use crate::dataset::problem::DataProblem;
use crate::dataset::raw::{LabelIndex, RawTable};
use crate::dataset::schema::Schema;
use crate::dataset::values::Values;
use std::io::{BufRead, Read};

/// A line longer than this is no row's.
const LINE_LIMIT: u64 = 16 << 20;
/// Values in memory per byte of text, at most: a file may leave out 98 % of them and more.
const DENSE_RATIO: u64 = 128;
/// Values that any file may have.
const DENSE_FLOOR: u64 = 1 << 16;

/// SVMlight's and LIBSVM's text.
pub(super) struct Svmlight;

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

    fn read(
        &self,
        source: &Source<'_>,
        _: &ReadOptions,
        before: Before<'_>,
    ) -> Result<RawTable, Error> {
        let mut lines = Lines::of(Input::open(source.path)?);
        let mut labels = LabelIndex::new(before.classes());
        // The entries of all rows, and where each row begins.
        let (mut entries, mut rows): (Vec<Entry>, Vec<usize>) = (Vec::new(), vec![0]);
        while let Some((line, text)) = lines.next()? {
            let row = labelled(text, line, &mut entries, &mut labels);
            if row.map_err(|problem| lines.input.data(problem))? {
                rows.push(entries.len());
            }
        }
        let (input, bytes) = (lines.input, lines.bytes);
        let widest = entries.iter().map(|(index, _)| *index as usize + 1).max().unwrap_or(0);
        let width = before.features.unwrap_or(widest);
        if widest > width {
            return Err(input.data(DataProblem::Wide { found: widest, expected: width }));
        }
        let count = (rows.len() - 1) as u64 * width as u64;
        if count > DENSE_FLOOR.max(bytes.saturating_mul(DENSE_RATIO)) {
            return Err(input.data(DataProblem::TooLarge { bytes: count.saturating_mul(4) }));
        }
        let mut values = vec![0.0; count as usize];
        for (row, range) in rows.windows(2).enumerate() {
            for (index, value) in &entries[range[0]..range[1]] {
                values[row * width + *index as usize] = *value;
            }
        }
        let mut table = RawTable { values: Values::Floats(values), ..RawTable::default() };
        table.take_labels(labels).map_err(|problem| input.data(problem))?;
        Ok(table)
    }

    /// Rows with a label or without.
    fn rows(
        &self,
        from: RowsFrom<'_>,
        _: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let input = Input::of(from)?;
        schema.expect_numbers().map_err(|problem| input.data(problem))?;
        Ok(Box::new(SparseRows { lines: Lines::of(input), features, entries: Vec::new() }))
    }
}

/// A value's index, counted from 0, and the value.
type Entry = (u32, f32);

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
            Err(_) => Err(self.input.data(DataProblem::Encoding { line: self.number })),
        }
    }
}

/// Takes one line's label and entries; false for a line without any.
fn labelled(
    text: &str,
    line: u64,
    entries: &mut Vec<Entry>,
    labels: &mut LabelIndex,
) -> Result<bool, DataProblem> {
    let mut fields = text.split_ascii_whitespace();
    let Some(label) = fields.next() else { return Ok(false) };
    if label.contains(':') {
        return Err(DataProblem::Entry { line, text: label.to_string() });
    }
    // "+1" and "1" are one class.
    labels.push(label.strip_prefix('+').unwrap_or(label), line)?;
    take_entries(fields, line, entries)?;
    Ok(true)
}

/// Takes the entries of a row.
fn take_entries<'a>(
    fields: impl Iterator<Item = &'a str>,
    line: u64,
    entries: &mut Vec<Entry>,
) -> Result<(), DataProblem> {
    let mut least = 1;
    for field in fields.filter(|field| !field.starts_with("qid:")) {
        let malformed = || DataProblem::Entry { line, text: field.to_string() };
        let (index, value) = field.split_once(':').ok_or_else(malformed)?;
        let index: u32 = index.parse().map_err(|_| malformed())?;
        let value = number(value.as_bytes()).ok_or_else(malformed)?;
        if index < least {
            return Err(malformed());
        }
        entries.push((index - 1, value));
        least = index.checked_add(1).ok_or_else(malformed)?;
    }
    Ok(())
}

/// Rows to be answered, read as they are asked for.
struct SparseRows {
    lines: Lines,
    features: usize,
    /// Of the row at hand.
    entries: Vec<Entry>,
}

impl RowSource for SparseRows {
    fn next_batch(&mut self, limit: usize, rows: &mut Vec<f32>) -> Result<usize, Error> {
        let mut count = 0;
        while count < limit {
            let Some((line, text)) = self.lines.next()? else { break };
            let mut fields = text.split_ascii_whitespace().peekable();
            if fields.peek().is_none() {
                continue;
            }
            let _label = fields.next_if(|field| !field.contains(':'));
            self.entries.clear();
            let taken = take_entries(fields, line, &mut self.entries);
            taken.map_err(|problem| self.lines.input.data(problem))?;
            let widest = self.entries.last().map_or(0, |(index, _)| *index as usize + 1);
            if widest > self.features {
                let problem = DataProblem::Wide { found: widest, expected: self.features };
                return Err(self.lines.input.data(problem));
            }
            let first = rows.len();
            rows.resize(first + self.features, 0.0);
            for (index, value) in &self.entries {
                rows[first + *index as usize] = *value;
            }
            count += 1;
        }
        Ok(count)
    }
}
