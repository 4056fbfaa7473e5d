//! The sparse text format of SVMlight and LIBSVM: `label index:value index:value … # comment`, indices
//! from 1, ascending.

use super::Values;
use super::input::Input;
use super::raw::{LabelIndex, RawTable};
use super::rows::number;
use super::schema::Schema;
use crate::Error;
use crate::error::DataProblem;
use std::io::{BufRead, Read};
use std::path::Path;

/// A line longer than this is no row's.
const LINE_LIMIT: u64 = 16 << 20;
/// Values in memory per byte of text, at most: a file may leave out 98 % of them and more.
const DENSE_RATIO: u64 = 128;
/// Values that any file may have.
const DENSE_FLOOR: u64 = 1 << 16;

/// Reads such a file; with `width` features, classes as in `known`, if they are given.
///
/// **Errors**: [`Error::Io`]; [`Error::Data`] with the line.
pub(super) fn read_svmlight(
    path: &Path,
    width: Option<usize>,
    known: Option<&Schema>,
) -> Result<RawTable, Error> {
    let mut input = Input::open(path)?;
    let mut labels = LabelIndex::new(known.map(|schema| schema.classes.as_slice()));
    // (value's index, value) of all rows, and where each row begins.
    let (mut entries, mut rows): (Vec<(u32, f32)>, Vec<usize>) = (Vec::new(), vec![0]);
    let (mut line, mut bytes) = (Vec::new(), 0);
    for number in 1.. {
        line.clear();
        let read = input.reader.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line);
        let count = read.map_err(|source| input.broken(source))? as u64;
        bytes += count;
        if count == 0 {
            break;
        }
        if count == LINE_LIMIT && line.last() != Some(&b'\n') {
            return Err(input.data(DataProblem::LongLine { limit: LINE_LIMIT as usize }));
        }
        let text = std::str::from_utf8(&line).map_err(|_| DataProblem::Encoding { line: number });
        let text = text.map_err(|problem| input.data(problem))?;
        let row = parse_line(text, number, &mut entries, &mut labels);
        if row.map_err(|problem| input.data(problem))? {
            rows.push(entries.len());
        }
    }
    let widest = entries.iter().map(|(index, _)| *index as usize + 1).max().unwrap_or(0);
    let width = match width {
        Some(width) if widest > width => {
            let problem = DataProblem::Wide { found: widest, expected: width };
            return Err(input.data(problem));
        }
        Some(width) => width,
        None => widest,
    };
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

/// Takes one line's label and entries; false for a line without any.
fn parse_line(
    text: &str,
    line: u64,
    entries: &mut Vec<(u32, f32)>,
    labels: &mut LabelIndex,
) -> Result<bool, DataProblem> {
    let content = text.split('#').next().unwrap_or_default();
    let mut fields = content.split_ascii_whitespace();
    let Some(label) = fields.next() else { return Ok(false) };
    let malformed = |field: &str| DataProblem::Entry { line, text: field.to_string() };
    if label.contains(':') {
        return Err(malformed(label));
    }
    // "+1" and "1" are one class.
    labels.push(label.strip_prefix('+').unwrap_or(label), line)?;
    let mut least = 1;
    for field in fields.filter(|field| !field.starts_with("qid:")) {
        let (index, value) = field.split_once(':').ok_or_else(|| malformed(field))?;
        let index: u32 = index.parse().map_err(|_| malformed(field))?;
        let value = number(value.as_bytes()).ok_or_else(|| malformed(field))?;
        if index < least {
            return Err(malformed(field));
        }
        entries.push((index - 1, value));
        least = index.checked_add(1).ok_or_else(|| malformed(field))?;
    }
    Ok(true)
}
