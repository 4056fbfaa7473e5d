//! The records of a table of text: lines, fields, numbers; delimiter and header found out or given.

use super::format::Header;
use super::input::Input;
use crate::dataset::error::Error;
use crate::dataset::problem::DataProblem;
use std::io::{self, BufRead, Read};

/// A line longer than this is no table's.
const LINE_LIMIT: usize = 16 << 20;

/// The records of a table, one after the other, all of the same width.
pub(super) struct RecordReader<R> {
    reader: csv::Reader<LineLimit<R>>,
    record: csv::ByteRecord,
    header: Option<Vec<String>>,
    /// The record at hand has been read but not yet given out.
    is_pending: bool,
    width: usize,
}

impl<R: BufRead> RecordReader<R> {
    /// Reads the first line, and takes it as the header if it is one; `sought` are names that a
    /// header would have.
    ///
    /// **Errors**: [`ReadProblem`]: an empty file, a header that names a column twice, or what the
    /// first line has wrong.
    pub(super) fn new(
        mut input: R,
        header: Header,
        delimiter: Option<u8>,
        sought: &[String],
    ) -> Result<RecordReader<R>, ReadProblem> {
        if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            input.consume(3);
        }
        let delimiter = match delimiter {
            Some(delimiter) => delimiter,
            None => likely_delimiter(input.fill_buf()?),
        };
        let input = LineLimit { inner: input, line: 0 };
        let mut builder = csv::ReaderBuilder::new();
        let builder = builder.has_headers(false).flexible(true).delimiter(delimiter);
        let mut records = RecordReader {
            reader: builder.from_reader(input),
            record: csv::ByteRecord::new(),
            header: None,
            is_pending: false,
            width: 0,
        };
        if !records.reader.read_byte_record(&mut records.record)? {
            return Err(DataProblem::Empty.into());
        }
        records.width = records.record.len();
        let has_number = records.record.iter().any(|field| number(field).is_some());
        let is_there = |name: &String| records.record.iter().any(|field| text(field) == Some(name));
        let is_sought = !sought.is_empty() && sought.iter().all(is_there);
        records.is_pending = match header {
            Header::Yes => false,
            Header::No => true,
            Header::Auto => has_number && !is_sought,
        };
        if !records.is_pending {
            let mut names: Vec<String> = Vec::new();
            for field in &records.record {
                let name = text(field).ok_or(DataProblem::Encoding { line: 1 })?.to_string();
                if names.contains(&name) {
                    return Err(DataProblem::DuplicateColumn(name).into());
                }
                names.push(name);
            }
            records.header = Some(names);
        }
        Ok(records)
    }

    /// The columns' names, if the file has them.
    pub(super) fn header(&self) -> Option<&[String]> {
        self.header.as_deref()
    }

    /// Columns, the label included.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The next record with its line, counted from 1.
    ///
    /// **Errors**: [`DataProblem::Ragged`], and what reading meets.
    pub(super) fn next_record(&mut self) -> Result<Option<(u64, &csv::ByteRecord)>, ReadProblem> {
        if !std::mem::take(&mut self.is_pending)
            && !self.reader.read_byte_record(&mut self.record)?
        {
            return Ok(None);
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        if self.record.len() != self.width {
            let (found, expected) = (self.record.len(), self.width);
            return Err(DataProblem::Ragged { line, found, expected }.into());
        }
        Ok(Some((line, &self.record)))
    }
}

/// What can go wrong with a row: the file's content, or the reading itself.
#[derive(Debug)]
pub(super) enum ReadProblem {
    /// The content.
    Data(DataProblem),
    /// The reading.
    Io(io::Error),
}

impl From<DataProblem> for ReadProblem {
    fn from(problem: DataProblem) -> Self {
        ReadProblem::Data(problem)
    }
}

impl From<io::Error> for ReadProblem {
    fn from(problem: io::Error) -> Self {
        // The limit's own error passes through the reader as one of the system.
        match problem.get_ref().and_then(|inner| inner.downcast_ref::<DataProblem>()) {
            Some(inner) => ReadProblem::Data(inner.clone()),
            None => ReadProblem::Io(problem),
        }
    }
}

impl From<csv::Error> for ReadProblem {
    fn from(problem: csv::Error) -> Self {
        match problem.into_kind() {
            csv::ErrorKind::Io(source) => source.into(),
            // Records of bytes, of any length, have no other way to fail.
            other => ReadProblem::Io(io::Error::other(format!("{other:?}"))),
        }
    }
}

impl ReadProblem {
    /// The error for an open data file.
    pub(super) fn at(self, input: &Input) -> Error {
        match self {
            ReadProblem::Data(problem) => input.data(problem),
            ReadProblem::Io(source) => input.broken(source),
        }
    }
}

/// Ends a stream with an error where a line is too long to be one.
struct LineLimit<R> {
    inner: R,
    line: usize,
}

impl<R: BufRead> Read for LineLimit<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        match out[..count].iter().rposition(|&byte| byte == b'\n') {
            Some(last) => self.line = count - 1 - last,
            None => self.line += count,
        }
        if self.line > LINE_LIMIT {
            let problem = DataProblem::LongLine { limit: LINE_LIMIT };
            return Err(io::Error::other(problem));
        }
        Ok(count)
    }
}

/// The most frequent of comma, tab and semicolon in the first line; a comma if none is there.
fn likely_delimiter(start: &[u8]) -> u8 {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or(start);
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    let mut best = b',';
    for delimiter in [b'\t', b';'] {
        if count(delimiter) > count(best) {
            best = delimiter;
        }
    }
    best
}

/// A field as text without the white space around it; none if it is not UTF-8.
pub(super) fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok().map(str::trim)
}

/// A field as a finite number.
pub(super) fn number(field: &[u8]) -> Option<f32> {
    let field = field.trim_ascii();
    // Most numbers are short and whole; 7 digits are exact.
    if (1..=7).contains(&field.len()) && field.iter().all(u8::is_ascii_digit) {
        let whole = field.iter().fold(0u32, |whole, digit| whole * 10 + u32::from(digit - b'0'));
        return Some(whole as f32);
    }
    let value: f32 = std::str::from_utf8(field).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// Whether a field stands for no value.
pub(super) fn is_missing(field: &[u8]) -> bool {
    let field = field.trim_ascii();
    let marks: [&[u8]; 6] = [b"na", b"n/a", b"nan", b"null", b"none", b"?"];
    field.is_empty() || marks.iter().any(|mark| field.eq_ignore_ascii_case(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_standard_librarys_and_finite() {
        for text in ["0", "7", "1234567", "12345678", "-3", "+2", "1e-3", " 4.25 ", ".5", "007"] {
            assert_eq!(number(text.as_bytes()), text.trim().parse().ok(), "{text}");
        }
        for text in ["", " ", "x", "1,5", "nan", "inf", "-infinity", "1e60", "0x10", "1_0"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_delimiter_is_the_most_frequent_of_the_first_line() {
        for (line, expected) in
            [("a,b;c,d\n;;;;", b','), ("a\tb\tc,d", b'\t'), ("1;2,5;3", b';'), ("alone", b',')]
        {
            assert_eq!(likely_delimiter(line.as_bytes()), expected, "{line}");
        }
    }
}
