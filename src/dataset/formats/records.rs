//! The records of a table of text: lines, fields, quotes.
//!
//! Lines are read one by one and handed to the state machine of `csv-core`, so that the line of a
//! record, and of a quote that is never closed, is known exactly.

use super::decode::decoded;
use super::delimiter::{Delimiter, likely_delimiter};
use super::format::TextOptions;
use super::input::Input;
use crate::dataset::error::Error;
use crate::dataset::problem::DataProblem;
use crate::memory;
use csv_core::ReadRecordResult;
use std::io::{self, BufRead};

/// A line longer than this is no table's.
const LINE_LIMIT: usize = 16 << 20;

/// One record, quotes taken off.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// The fields' bytes, and room for more.
    bytes: Vec<u8>,
    /// Where each field ends, and room for more.
    ends: Vec<usize>,
    /// Fields.
    len: usize,
    /// The line it begins on, from 1.
    pub(super) line: u64,
}

impl Record {
    /// Fields.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A field; none beyond the last.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends[..self.len].get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.bytes[start..end])
    }

    /// All fields.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let ends = &self.ends[..self.len];
        let starts = [0].into_iter().chain(ends.iter().copied());
        starts.zip(ends).map(|(start, &end)| &self.bytes[start..end])
    }
}

/// The records of a table, one after the other.
pub(super) struct RecordReader {
    lines: Lines,
    core: csv_core::Reader,
    delimiter: Delimiter,
    record: Record,
    /// Fields of the first record.
    width: usize,
    /// A first record that has been read but not yet given out.
    is_pending: bool,
    /// The line of the first record over several lines, and how many they are.
    long: Option<(u64, u64)>,
}

impl RecordReader {
    /// Reads the first record, which stays to be asked for; none if there is no record.
    ///
    /// **Errors**: [`ReadProblem`].
    pub(super) fn open(
        reader: Box<dyn BufRead>,
        options: &TextOptions,
    ) -> Result<Option<RecordReader>, ReadProblem> {
        let mut reader = decoded(reader, options.encoding)?;
        let mut skipped = 0;
        let mut delimiter = options.delimiter.map(Delimiter::of);
        let start = reader.fill_buf()?;
        // Excel's own first line.
        if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', mark, b'\r' | b'\n', ..] = *start {
            delimiter = delimiter.or(Some(Delimiter::of(mark)));
            let end = start.iter().position(|&byte| byte == b'\n').unwrap_or(start.len() - 1);
            reader.consume(end + 1);
            skipped = 1;
        }
        let delimiter = match delimiter {
            Some(delimiter) => delimiter,
            None => likely_delimiter(reader.fill_buf()?, options.comment)?,
        };
        let lines = Lines {
            reader,
            comment: options.comment,
            squeezes: delimiter == Delimiter::Blanks,
            line: Vec::new(),
            at: 0,
            number: skipped,
        };
        let core = csv_core::ReaderBuilder::new().delimiter(delimiter.byte()).build();
        let (record, long) = (Record::default(), None);
        let mut records =
            RecordReader { lines, core, delimiter, record, width: 0, is_pending: false, long };
        if !records.read()? {
            return Ok(None);
        }
        (records.width, records.is_pending) = (records.record.len(), true);
        Ok(Some(records))
    }

    /// The first record, before it is asked for.
    pub(super) fn first(&self) -> &Record {
        &self.record
    }

    /// Passes over the first record.
    pub(super) fn skip_first(&mut self) {
        self.is_pending = false;
    }

    /// Fields of the first record.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// A note on the first record that went over several lines.
    pub(super) fn note(&self) -> Option<String> {
        let (line, lines) = self.long?;
        Some(format!("line {line}: a quoted field goes over {lines} lines"))
    }

    /// The next record, of any width.
    ///
    /// **Errors**: [`DataProblem::OpenQuote`], [`DataProblem::QuotedRows`],
    /// [`DataProblem::LongLine`], and what reading meets.
    pub(super) fn next(&mut self) -> Result<Option<&Record>, ReadProblem> {
        if !std::mem::take(&mut self.is_pending) && !self.read()? {
            return Ok(None);
        }
        Ok(Some(&self.record))
    }

    fn read(&mut self) -> Result<bool, ReadProblem> {
        let (mut len, mut count) = (0, 0);
        let mut opened = None;
        loop {
            if self.lines.at == self.lines.line.len() && !self.lines.next(opened.is_some())? {
                return match opened {
                    Some(line) => Err(DataProblem::OpenQuote { line }.into()),
                    None => Ok(false),
                };
            }
            if opened.is_none() {
                self.record.line = self.lines.number;
            }
            let (mut is_done, before) = (false, count);
            while !is_done && self.lines.at < self.lines.line.len() {
                if self.record.bytes.len() < len + 64 {
                    self.record.bytes.resize((2 * len).max(1 << 10), 0);
                }
                if self.record.ends.len() < count + 8 {
                    let (fields, size) = ((2 * count).max(64), size_of::<usize>());
                    let what = || format!("a row of more than {count} fields");
                    memory::expect((fields * size) as u64, what).map_err(DataProblem::from)?;
                    self.record.ends.resize(fields, 0);
                }
                let (result, read, written, ended) = self.core.read_record(
                    &self.lines.line[self.lines.at..],
                    &mut self.record.bytes[len..],
                    &mut self.record.ends[count..],
                );
                self.lines.at += read;
                len += written;
                count += ended;
                is_done = matches!(result, ReadRecordResult::Record | ReadRecordResult::End);
            }
            if is_done {
                break;
            }
            if len > LINE_LIMIT {
                return Err(match opened {
                    Some(line) => DataProblem::OpenQuote { line }.into(),
                    None => DataProblem::LongLine { limit: LINE_LIMIT }.into(),
                });
            }
            // The line ended within a quoted field: one that began on it, or before.
            opened = opened.filter(|_| count == before).or(Some(self.lines.number));
        }
        self.record.len = count;
        // A line break may follow what the state machine left of the line.
        if self.lines.line[self.lines.at..] == *b"\n" {
            self.lines.at = self.lines.line.len();
        }
        if opened.is_some() {
            self.check_long()?;
        }
        Ok(true)
    }

    /// Takes note of a record over several lines, and refuses one that holds whole rows.
    fn check_long(&mut self) -> Result<(), DataProblem> {
        let line = self.record.line;
        let lines = self.lines.number - line + 1;
        let width = if self.width == 0 { self.record.len() } else { self.width };
        let delimiter = self.delimiter.byte();
        let count = |part: &[u8]| part.iter().filter(|&&byte| byte == delimiter).count() + 1;
        // Cut at its line breaks it makes whole rows with the fields before and behind it.
        let holds_rows = |(at, field): (usize, &[u8])| {
            let parts: Vec<usize> = field.split(|&byte| byte == b'\n').map(count).collect();
            let [first, between @ .., last] = parts.as_slice() else { return false };
            let behind = self.record.len() - 1 - at;
            at + first == width
                && between.iter().all(|&fields| fields == width)
                && last + behind == width
        };
        if width > 1 && self.record.iter().enumerate().any(holds_rows) {
            return Err(DataProblem::QuotedRows { line, lines });
        }
        self.long.get_or_insert((line, lines));
        Ok(())
    }
}

/// The lines of a text, comments and blank lines left out.
struct Lines {
    reader: Box<dyn BufRead>,
    comment: Option<u8>,
    /// Whether fields are separated by any white space.
    squeezes: bool,
    /// The line at hand with its line break, and how much of it was taken.
    line: Vec<u8>,
    at: usize,
    /// Its number, from 1.
    number: u64,
}

impl Lines {
    /// Reads the next line that is a record's; within a quoted field every line is.
    fn next(&mut self, is_quoted: bool) -> Result<bool, ReadProblem> {
        loop {
            self.line.clear();
            self.at = 0;
            let limit = LINE_LIMIT as u64 + 1;
            let mut limited = io::Read::take(&mut *self.reader, limit);
            if limited.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(false);
            }
            self.number += 1;
            if self.line.len() > LINE_LIMIT {
                return Err(DataProblem::LongLine { limit: LINE_LIMIT }.into());
            }
            // A lone carriage return within a quoted field stays.
            let end = self.line.strip_suffix(b"\n").map_or(self.line.len(), <[u8]>::len);
            let end = if end > 0 && self.line[end - 1] == b'\r' { end - 1 } else { end };
            self.line.truncate(end);
            let is_record = is_quoted
                || !(self.line.trim_ascii().is_empty()
                    || self.comment.is_some_and(|comment| self.line.first() == Some(&comment)));
            if is_record {
                if self.squeezes && !is_quoted {
                    squeeze(&mut self.line);
                }
                self.line.push(b'\n');
                return Ok(true);
            }
        }
    }
}

/// Makes each run of white space outside of quotes one tab, none at the ends.
fn squeeze(line: &mut Vec<u8>) {
    let (mut to, mut is_quoted, mut is_blank) = (0, false, true);
    for from in 0..line.len() {
        let byte = line[from];
        is_quoted ^= byte == b'"';
        if !is_quoted && (byte == b' ' || byte == b'\t') {
            if !is_blank {
                line[to] = b'\t';
                to += 1;
            }
            is_blank = true;
        } else {
            line[to] = byte;
            to += 1;
            is_blank = false;
        }
    }
    if to > 0 && is_blank {
        to -= 1;
    }
    line.truncate(to);
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
        // What a decoder found passes through readers as an error of the system.
        match problem.get_ref().and_then(|inner| inner.downcast_ref::<DataProblem>()) {
            Some(inner) => ReadProblem::Data(inner.clone()),
            None => ReadProblem::Io(problem),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, options: &TextOptions) -> Result<Vec<(u64, Vec<String>)>, ReadProblem> {
        let reader = Box::new(io::Cursor::new(text.as_bytes().to_vec()));
        let Some(mut records) = RecordReader::open(reader, options)? else { return Ok(vec![]) };
        let mut all = Vec::new();
        while let Some(record) = records.next()? {
            let field = |field: &[u8]| String::from_utf8(field.to_vec()).unwrap();
            all.push((record.line, record.iter().map(field).collect()));
        }
        Ok(all)
    }

    fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
        records(text, &TextOptions::default()).unwrap()
    }

    fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
        (line, fields.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn records_know_their_lines() {
        let expected = [row(1, &["a", "b"]), row(3, &["1", "x, y"]), row(4, &["", "\"q\""])];
        for text in [
            "a,b\n\n1,\"x, y\"\n,\"\"\"q\"\"\"\n",
            "a,b\r\n\r\n1,\"x, y\"\r\n,\"\"\"q\"\"\"\r\n",
            "a,b\n \n1,\"x, y\"\n,\"\"\"q\"\"\"",
        ] {
            assert_eq!(rows(text), expected, "{text:?}");
        }
        let long = rows("a,b\n1,\"x\ny\"\n2,z\n");
        assert_eq!(long, [row(1, &["a", "b"]), row(2, &["1", "x\ny"]), row(4, &["2", "z"])]);
        assert_eq!(rows("\n\n"), []);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_an_error_at_its_line() {
        let open = |text: &str| match records(text, &TextOptions::default()) {
            Err(ReadProblem::Data(DataProblem::OpenQuote { line })) => line,
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!(open("a,b\n1,2\n3,\"4\n5,6\n7,8\n"), 3);
        assert_eq!(open("a,b\n1,\"x\ny\"\n\"z\nq\",\"w\n"), 5);
        assert_eq!(open("\"a,b\n1,2\n"), 1);
        assert_eq!(open("a,b\n1,\"x\",\"\n"), 2);
        let rows = records("a,b\n1,\"x\n2,y\n3,z\"\n4,q\n", &TextOptions::default());
        let expected = DataProblem::QuotedRows { line: 2, lines: 3 };
        assert!(matches!(rows, Err(ReadProblem::Data(problem)) if problem == expected));
    }

    #[test]
    fn white_space_separates_where_it_is_asked_to() {
        let options = TextOptions { delimiter: Some(b' '), ..TextOptions::default() };
        let text = "  a \t b\n1\t\t\"x  y\"  \n";
        assert_eq!(records(text, &options).unwrap(), [row(1, &["a", "b"]), row(2, &["1", "x  y"])]);
    }

    #[test]
    fn comments_and_excels_first_line_are_passed_over() {
        let options = TextOptions { comment: Some(b'#'), ..TextOptions::default() };
        let read = records("# x;y;z\na,b\n#1,2\n3,4\n", &options).unwrap();
        assert_eq!(read, [row(2, &["a", "b"]), row(4, &["3", "4"])]);
        assert_eq!(rows("sep=;\r\na;b\r\n"), [row(2, &["a", "b"])]);
    }
}
