//! The IDX format of MNIST: a magic number, dimensions, then bytes; optionally gzipped.

use super::arrays::{ArrayRows, expect_labels, with_labels};
use super::format::{Content, Format, ReadOptions, RowSource, RowsFrom, Source};
use super::input::Input;
use crate::dataset::error::Error;
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::Schema;
use crate::dataset::table::{Cells, Table};
use crate::format::digest::Sha256;
use std::path::Path;

/// Images as MNIST has them.
pub(super) struct Idx;

impl Format for Idx {
    fn name(&self) -> &'static str {
        "idx"
    }

    fn about(&self) -> &'static str {
        "Images as MNIST has them, with another file for the labels"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".idx", "-ubyte"]
    }

    fn labels_apart(&self) -> bool {
        true
    }

    fn is_begun_by(&self, start: &[u8]) -> bool {
        matches!(start, [0, 0, 8, 1..=4, 0, _, ..])
    }

    fn read(&self, source: &Source<'_>, options: &ReadOptions) -> Result<Table, Error> {
        let labels = source.labels()?;
        let mut input = Input::open(source.path)?;
        let header = header(&mut input, 3)?;
        expect_labels(header.words[1] as usize, None, label_count(labels)?, labels, options)?;
        let (x, y) = (content(&mut input, header)?, label_texts(labels)?);
        with_labels(source.path, cells(x.bytes, options), x.dimensions[0], (labels, &y), options)
    }

    fn rows(
        &self,
        from: RowsFrom<'_>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let mut input = Input::of(from)?;
        let header = header(&mut input, 3)?;
        if let (true, Some(labels)) = (options.wants_labels, &options.labels) {
            let (rows, width) = (header.words[1] as usize, schema.targets.len().max(1));
            expect_labels(rows, Some(width), label_count(labels)?, labels, options)?;
        }
        let x = content(&mut input, header)?;
        let labels = match (options.wants_labels, &options.labels) {
            (true, Some(labels)) => Some(label_texts(labels)?),
            (true, None) => return Err(Error::NoLabels(input.path)),
            (false, _) => None,
        };
        let x = (x.dimensions[0], cells(x.bytes, options));
        Ok(Box::new(ArrayRows::new(&input.path, x, labels, options, schema, features)?))
    }
}

/// Images, unless they are said to be a table.
fn cells(bytes: Vec<u8>, options: &ReadOptions) -> Cells {
    match options.content {
        Content::Table => Cells::Singles(bytes.into_iter().map(f32::from).collect()),
        _ => Cells::Bytes(bytes),
    }
}

fn label_texts(path: &Path) -> Result<Vec<String>, Error> {
    Ok(read_idx(path, 1)?.bytes.iter().map(u8::to_string).collect())
}

fn label_count(path: &Path) -> Result<usize, Error> {
    Ok(header(&mut Input::open(path)?, 1)?.words[1] as usize)
}

/// The content of an IDX file of unsigned bytes.
#[derive(Clone, Debug)]
pub(in crate::dataset) struct IdxFile {
    /// The dimensions, samples first.
    pub(in crate::dataset) dimensions: Vec<usize>,
    /// The bytes, row-major.
    pub(in crate::dataset) bytes: Vec<u8>,
    /// SHA-256 of the uncompressed file, in hexadecimal.
    pub(in crate::dataset) sha256: String,
}

/// Reads an IDX file of unsigned bytes with `rank` dimensions, gzipped or not.
///
/// Memory grows with the bytes that are there, whatever the header promises.
///
/// **Errors**: [`Error::Io`], [`Error::Gzip`], or [`Error::Data`] with the way in which the file is
/// broken.
pub(in crate::dataset) fn read_idx(path: &Path, rank: usize) -> Result<IdxFile, Error> {
    let mut input = Input::open(path)?;
    let header = header(&mut input, rank)?;
    content(&mut input, header)
}

/// What stands before the bytes: as it stands, and its words, of which the first is the magic
/// number, the others the dimensions.
struct Header {
    raw: Vec<u8>,
    words: Vec<u32>,
    /// Bytes behind it.
    expected: u64,
}

fn header(input: &mut Input, rank: usize) -> Result<Header, Error> {
    let len = 4 + 4 * rank;
    let raw = input.read_up_to(len as u64)?;
    if raw.len() < len {
        let (expected, found) = (len as u64, raw.len() as u64);
        return Err(input.data(DataProblem::Truncated { expected, found }));
    }
    let words: Vec<u32> = raw.as_chunks().0.iter().map(|&word| u32::from_be_bytes(word)).collect();
    let magic = words[0];
    if magic != 0x0800 + rank as u32 {
        let expected = if rank == 1 { "labels" } else { "images" };
        return Err(input.data(DataProblem::Magic { expected, found: magic }));
    }
    let sizes = &words[1..];
    let expected = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size.into()));
    let expected = expected
        .filter(|&expected| expected > 0)
        .ok_or_else(|| input.data(DataProblem::Dimensions(sizes.to_vec())))?;
    Ok(Header { raw, words, expected })
}

fn content(input: &mut Input, header: Header) -> Result<IdxFile, Error> {
    let expected = header.expected;
    let bytes = input.read_up_to(expected)?;
    if (bytes.len() as u64) < expected {
        let found = bytes.len() as u64;
        return Err(input.data(DataProblem::Truncated { expected, found }));
    }
    if !input.is_at_end()? {
        return Err(input.data(DataProblem::TrailingBytes { expected }));
    }
    let mut hasher = Sha256::new();
    hasher.update(&header.raw);
    hasher.update(&bytes);
    let sha256 = hasher.hexadecimal();
    let dimensions = header.words[1..].iter().map(|&size| size as usize).collect();
    Ok(IdxFile { dimensions, bytes, sha256 })
}
