//! A data file as a stream of bytes, gzipped or not.

use super::format::RowsFrom;
use crate::dataset::error::Error;
use crate::dataset::problem::DataProblem;
use crate::memory;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Deflate's largest ratio of content to stream (zlib's technical notes).
const GZIP_RATIO: u64 = 1032;
const BUFFER: usize = 1 << 16;

/// An open data file.
pub(in crate::dataset) struct Input {
    pub(in crate::dataset) path: PathBuf,
    pub(in crate::dataset) reader: Box<dyn BufRead>,
    is_gzip: bool,
    /// More content than this cannot be in the file; 0 where nobody knows.
    most_bytes: u64,
}

impl Input {
    /// Opens a file; it is gzip if it begins as gzip does.
    ///
    /// **Errors**: [`Error::Io`].
    pub(in crate::dataset) fn open(path: &Path) -> Result<Input, Error> {
        let file = File::open(path).map_err(Error::io(path))?;
        let len = file.metadata().map_err(Error::io(path))?.len();
        let raw = Box::new(BufReader::with_capacity(BUFFER, file));
        let named_gzip = path.extension().is_some_and(|extension| extension == "gz");
        Input::unpacked(path.to_path_buf(), raw, named_gzip, len)
    }

    /// Opens a file or a stream.
    ///
    /// **Errors**: [`Error::Io`].
    pub(in crate::dataset) fn of(from: RowsFrom<'_>) -> Result<Input, Error> {
        match from {
            RowsFrom::File(path) => Input::open(path),
            RowsFrom::Stream { name, reader } => Input::unpacked(name, reader, false, 0),
        }
    }

    fn unpacked(
        path: PathBuf,
        mut raw: Box<dyn BufRead>,
        named_gzip: bool,
        len: u64,
    ) -> Result<Input, Error> {
        let start = raw.fill_buf().map_err(Error::io(&path))?;
        // What is no gzip is none, whatever its name; what ends too early to say is cut gzip.
        let is_gzip = start.starts_with(&[0x1f, 0x8b]) || (named_gzip && start.len() < 2);
        let reader: Box<dyn BufRead> = match is_gzip {
            true => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))),
            false => raw,
        };
        let most_bytes = if is_gzip { len.saturating_mul(GZIP_RATIO) } else { len };
        Ok(Input { path, reader, is_gzip, most_bytes })
    }

    /// What a failed read means: within a gzip stream it is the stream's damage.
    pub(in crate::dataset) fn broken(&self, source: io::Error) -> Error {
        broken(&self.path, self.is_gzip, source)
    }

    /// The problem at this file.
    pub(super) fn data(&self, problem: DataProblem) -> Error {
        Error::data(&self.path)(problem)
    }

    /// The first bytes, which stay to be read.
    ///
    /// **Errors**: [`Error::Io`], [`Error::Gzip`].
    pub(in crate::dataset) fn start(&mut self) -> Result<&[u8], Error> {
        let Input { path, reader, is_gzip, .. } = self;
        reader.fill_buf().map_err(|source| broken(path, *is_gzip, source))
    }

    /// The next `count` bytes, or as many as there are. Memory grows with what is there.
    pub(super) fn read_up_to(&mut self, count: u64) -> Result<Vec<u8>, Error> {
        memory::expect(count, || "the content".into()).map_err(|much| self.data(much.into()))?;
        let mut bytes = Vec::new();
        // With room for exactly what is promised nothing is moved; a promise that the file cannot
        // hold gets no room.
        if count <= self.most_bytes && bytes.try_reserve_exact(count as usize).is_err() {
            let problem = DataProblem::TooLarge { bytes: count };
            return Err(self.data(problem));
        }
        let read = self.reader.by_ref().take(count).read_to_end(&mut bytes);
        read.map_err(|source| broken(&self.path, self.is_gzip, source))?;
        Ok(bytes)
    }

    /// Whether there is not a byte more.
    pub(super) fn is_at_end(&mut self) -> Result<bool, Error> {
        let rest = self.reader.fill_buf().map(<[u8]>::is_empty);
        rest.map_err(|source| broken(&self.path, self.is_gzip, source))
    }
}

fn broken(path: &Path, is_gzip: bool, source: io::Error) -> Error {
    let path = path.to_path_buf();
    match is_gzip {
        true => Error::Gzip { path, source },
        false => Error::Io { path, source },
    }
}
