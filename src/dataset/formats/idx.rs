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
        let path = source.labels()?;
        let (images, labels) = (Opened::of(Input::open(source.path)?, 3)?, Opened::labels(path)?);
        expect_labels(images.rows(), labels.rows(), path, None, options)?;
        let (x, y) = (images.content()?, labels.texts()?);
        with_labels(source.path, cells(x.bytes, options), x.dimensions[0], (path, &y), options)
    }

    fn rows(
        &self,
        from: RowsFrom<'_>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let images = Opened::of(Input::of(from)?, 3)?;
        let path = images.input.path.clone();
        let labels = match (options.wants_labels, &options.labels) {
            (true, Some(labels)) => {
                let opened = Opened::labels(labels)?;
                expect_labels(images.rows(), opened.rows(), labels, Some(schema), options)?;
                Some(opened)
            }
            (true, None) => return Err(Error::NoLabels(path)),
            (false, _) => None,
        };
        let x = images.content()?;
        let labels = labels.map(Opened::texts).transpose()?;
        let x = (x.dimensions[0], cells(x.bytes, options));
        Ok(Box::new(ArrayRows::new(&path, x, labels, options, schema, features)?))
    }
}

/// Images, unless they are said to be a table.
fn cells(bytes: Vec<u8>, options: &ReadOptions) -> Cells {
    match options.content {
        Content::Table => Cells::Singles(bytes.into_iter().map(f32::from).collect()),
        _ => Cells::Bytes(bytes),
    }
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
    Opened::of(Input::open(path)?, rank)?.content()
}

/// A file of which nothing is read but what stands before the bytes.
struct Opened {
    input: Input,
    /// As it stands.
    header: Vec<u8>,
    dimensions: Vec<u32>,
    /// Bytes behind it.
    expected: u64,
}

impl Opened {
    fn of(mut input: Input, rank: usize) -> Result<Opened, Error> {
        let len = 4 + 4 * rank;
        let header = input.read_up_to(len as u64)?;
        if header.len() < len {
            let (expected, found) = (len as u64, header.len() as u64);
            return Err(input.data(DataProblem::Truncated { expected, found }));
        }
        let mut words = header.as_chunks().0.iter().map(|&word| u32::from_be_bytes(word));
        let magic = words.next().unwrap_or_default();
        if magic != 0x0800 + rank as u32 {
            let expected = if rank == 1 { "labels" } else { "images" };
            return Err(input.data(DataProblem::Magic { expected, found: magic }));
        }
        let dimensions: Vec<u32> = words.collect();
        let expected = dimensions.iter().try_fold(1u64, |all, &size| all.checked_mul(size.into()));
        let Some(expected) = expected.filter(|&expected| expected > 0) else {
            return Err(input.data(DataProblem::Dimensions(dimensions)));
        };
        Ok(Opened { input, header, dimensions, expected })
    }

    fn labels(path: &Path) -> Result<Opened, Error> {
        Opened::of(Input::open(path)?, 1)
    }

    fn rows(&self) -> usize {
        self.dimensions[0] as usize
    }

    /// The labels as texts.
    fn texts(self) -> Result<Vec<String>, Error> {
        Ok(self.content()?.bytes.iter().map(u8::to_string).collect())
    }

    fn content(self) -> Result<IdxFile, Error> {
        let Opened { mut input, header, dimensions, expected } = self;
        let bytes = input.read_up_to(expected)?;
        if (bytes.len() as u64) < expected {
            let found = bytes.len() as u64;
            return Err(input.data(DataProblem::Truncated { expected, found }));
        }
        if !input.is_at_end()? {
            return Err(input.data(DataProblem::TrailingBytes { expected }));
        }
        let mut hasher = Sha256::new();
        hasher.update(&header);
        hasher.update(&bytes);
        let sha256 = hasher.hexadecimal();
        let dimensions = dimensions.iter().map(|&size| size as usize).collect();
        Ok(IdxFile { dimensions, bytes, sha256 })
    }
}
