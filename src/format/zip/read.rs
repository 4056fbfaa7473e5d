//! Reading an archive's members.

use super::directory::{self, DEFLATED, Entry, Fields, MEMBER, MEMBER_LEN, STORED, bytes_at};
use super::problem::ZipProblem;
use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};

/// Flags: encrypted, in either of two ways.
const ENCRYPTED: u16 = 1 | 1 << 6;
/// Deflate's largest ratio of content to stream (zlib's technical notes).
const DEFLATE_RATIO: u64 = 1032;

/// An open archive.
#[derive(Debug)]
pub(crate) struct ZipArchive<R> {
    reader: R,
    entries: Vec<Entry>,
}

impl<R: Read + Seek> ZipArchive<R> {
    /// Reads the directory; memory grows with what is there.
    ///
    /// **Errors**: [`ZipProblem`].
    pub(crate) fn open(mut reader: R) -> Result<ZipArchive<R>, ZipProblem> {
        let entries = directory::entries(&mut reader)?;
        Ok(ZipArchive { reader, entries })
    }

    /// The members' names in the directory's order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// The content of a member, or none if there is none of this name.
    ///
    /// **Errors**: [`ZipProblem`]; those of the content come as [`io::Error`] from reading it, at
    /// its last byte at the latest.
    pub(crate) fn member(&mut self, name: &str) -> Result<Option<Member<'_, R>>, ZipProblem> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else {
            return Ok(None);
        };
        let problem = |kind: fn(String) -> ZipProblem| kind(name.to_string());
        if entry.flags & ENCRYPTED != 0 {
            return Err(problem(ZipProblem::Encrypted));
        }
        let most = match entry.method {
            STORED => entry.compressed,
            DEFLATED => entry.compressed.saturating_mul(DEFLATE_RATIO),
            method => return Err(ZipProblem::Method { name: name.to_string(), method }),
        };
        if entry.size > most || entry.method == STORED && entry.size < most {
            return Err(problem(ZipProblem::Size));
        }
        let header = bytes_at(&mut self.reader, entry.begin, MEMBER_LEN)?;
        let mut fields = Fields(&header);
        let signature = fields.bytes(4);
        let (_version, flags, method) = (fields.u16(), fields.u16(), fields.u16());
        // Time, date, CRC-32 and sizes: the directory's are final, these may be left open.
        fields.bytes(16);
        let (name_len, extra_len) = (fields.u16().unwrap_or(0), fields.u16().unwrap_or(0));
        let raw_name = bytes_at(&mut self.reader, entry.begin + MEMBER_LEN, name_len.into())?;
        if signature != Some(MEMBER)
            || flags.is_none_or(|flags| flags & ENCRYPTED != 0)
            || method != Some(entry.method)
            || raw_name != entry.raw_name
        {
            return Err(problem(ZipProblem::Member));
        }
        let content = entry.begin + MEMBER_LEN + u64::from(name_len) + u64::from(extra_len);
        if content.checked_add(entry.compressed).is_none_or(|end| end > entry.limit) {
            return Err(problem(ZipProblem::Place));
        }
        self.reader.seek(SeekFrom::Start(content))?;
        let stream = BufReader::new((&mut self.reader).take(entry.compressed));
        let content = match entry.method {
            STORED => Content::Stored(stream),
            _ => Content::Deflated(DeflateDecoder::new(stream)),
        };
        Ok(Some(Member { entry, content, crc: Crc::new(), left: entry.size, is_checked: false }))
    }
}

/// A member's content as a stream. The read that reaches its last byte checks length and CRC-32.
pub(crate) struct Member<'a, R> {
    entry: &'a Entry,
    content: Content<BufReader<Take<&'a mut R>>>,
    crc: Crc,
    left: u64,
    is_checked: bool,
}

enum Content<S> {
    Stored(S),
    Deflated(DeflateDecoder<S>),
}

impl<R: Read> Member<'_, R> {
    /// What the content's end must be like.
    fn check(&mut self) -> Result<(), ZipProblem> {
        let name = || self.entry.name.clone();
        if let Content::Deflated(stream) = &mut self.content {
            let rest = stream.read(&mut [0]).map_err(|_| ZipProblem::Size(name()))?;
            if rest > 0 || stream.total_in() != self.entry.compressed {
                return Err(ZipProblem::Size(name()));
            }
        }
        match self.crc.sum() == self.entry.crc {
            true => Ok(()),
            false => Err(ZipProblem::Crc(name())),
        }
    }
}

impl<R: Read> Read for Member<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let into = &mut into[..most];
        let mut count = 0;
        if most > 0 {
            count = match &mut self.content {
                Content::Stored(stream) => stream.read(into)?,
                Content::Deflated(stream) => stream.read(into)?,
            };
            if count == 0 {
                return Err(io::Error::other(ZipProblem::Size(self.entry.name.clone())));
            }
            self.crc.update(&into[..count]);
            self.left -= count as u64;
        }
        if self.left == 0 && !self.is_checked {
            self.check().map_err(io::Error::other)?;
            self.is_checked = true;
        }
        Ok(count)
    }
}
