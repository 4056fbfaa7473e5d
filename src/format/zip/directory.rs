//! The end of an archive and its directory.

use super::problem::ZipProblem;
use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};

/// What a member, an entry of the directory, and the end begin with.
pub(super) const MEMBER: &[u8] = b"PK\x03\x04";
pub(super) const ENTRY: &[u8] = b"PK\x01\x02";
pub(super) const END: &[u8] = b"PK\x05\x06";
/// The same of zip64's end, and of the record that says where it is.
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
/// Their lengths, without names and what else varies.
pub(super) const MEMBER_LEN: u64 = 30;
const END_LEN: usize = 22;
const END64_LEN: u64 = 56;
const LOCATOR64_LEN: usize = 20;
/// The end may be followed by a comment of so many bytes.
const MAX_COMMENT: u64 = 0xffff;
/// The kind of an entry's extra field that holds 64-bit numbers.
const EXTRA64: u16 = 1;

/// Methods of compression.
pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;

/// What the directory says of a member.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// The name as it stands, whatever its encoding.
    pub(super) raw_name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
    pub(super) begin: u64,
    /// Where what follows begins.
    pub(super) limit: u64,
}

/// What the end says of the directory.
struct Directory {
    begin: u64,
    len: u64,
    count: u64,
}

/// Reads the directory; memory grows with what is there.
///
/// **Errors**: [`ZipProblem`].
pub(super) fn entries(reader: &mut (impl Read + Seek)) -> Result<Vec<Entry>, ZipProblem> {
    let directory = directory(reader)?;
    let bytes = bytes_at(reader, directory.begin, directory.len)?;
    let mut entries = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        entries.push(entry(&mut rest).ok_or(ZipProblem::Directory)?);
    }
    if entries.len() as u64 != directory.count {
        return Err(ZipProblem::Directory);
    }
    let mut names = BTreeSet::new();
    for entry in &entries {
        if !names.insert(&entry.raw_name) {
            return Err(ZipProblem::Duplicate(entry.name.clone()));
        }
    }
    limit(&mut entries, directory.begin)?;
    Ok(entries)
}

/// Finds the directory from the archive's end.
fn directory(reader: &mut (impl Read + Seek)) -> Result<Directory, ZipProblem> {
    let len = reader.seek(SeekFrom::End(0))?;
    let tail_begin = len.saturating_sub(END_LEN as u64 + MAX_COMMENT + LOCATOR64_LEN as u64);
    let tail = bytes_at(reader, tail_begin, len - tail_begin)?;
    // The comment that may follow reaches to the end of the file.
    let is_end = |&at: &usize| {
        let comment = tail.get(at + END_LEN - 2..at + END_LEN);
        let comment = comment.map_or(0, |len| usize::from(u16::from_le_bytes([len[0], len[1]])));
        tail[at..].starts_with(END) && at + END_LEN + comment == tail.len()
    };
    let at = (0..tail.len()).rev().find(is_end).ok_or(ZipProblem::NoEnd)?;
    let (mut directory, is_whole) = end(&tail[at..]).ok_or(ZipProblem::NoEnd)?;
    let mut directory_limit = tail_begin + at as u64;

    let locator = at.checked_sub(LOCATOR64_LEN).map(|begin| &tail[begin..at]);
    let is_open = directory.begin == u64::from(u32::MAX)
        || directory.len == u64::from(u32::MAX)
        || directory.count == u64::from(u16::MAX);
    match locator {
        Some(locator) if is_open && locator.starts_with(LOCATOR64) => {
            let mut fields = Fields(&locator[LOCATOR64.len()..]);
            let (part, begin, parts) = (fields.u32(), fields.u64(), fields.u32());
            // Some writers count no parts where there is one.
            if part != Some(0) || parts.is_none_or(|parts| parts > 1) {
                return Err(ZipProblem::Parts);
            }
            let begin = begin.ok_or(ZipProblem::NoEnd)?;
            let record = bytes_at(reader, begin, END64_LEN);
            let record = record.map_err(|_| ZipProblem::NoEnd)?;
            directory = end64(&record)?;
            directory_limit = begin;
        }
        _ if !is_whole => return Err(ZipProblem::Parts),
        _ => {}
    }
    match directory.begin.checked_add(directory.len) {
        Some(end) if end <= directory_limit => Ok(directory),
        _ => Err(ZipProblem::Directory),
    }
}

/// The record at the end, and whether the archive is in one part.
fn end(record: &[u8]) -> Option<(Directory, bool)> {
    let mut fields = Fields(record.get(END.len()..)?);
    let parts = [fields.u16()?, fields.u16()?];
    let counts = [fields.u16()?, fields.u16()?];
    let (len, begin) = (fields.u32()?.into(), fields.u32()?.into());
    let is_whole = parts == [0, 0] && counts[0] == counts[1];
    Some((Directory { begin, len, count: counts[1].into() }, is_whole))
}

/// The zip64 record before the end.
fn end64(record: &[u8]) -> Result<Directory, ZipProblem> {
    let mut fields = Fields(record);
    let mut read = || {
        // The record's own length and two versions follow the signature.
        (fields.bytes(END64.len())? == END64).then_some(())?;
        fields.bytes(12)?;
        let parts = [fields.u32()?, fields.u32()?];
        let counts = [fields.u64()?, fields.u64()?];
        Some((parts, counts, fields.u64()?, fields.u64()?))
    };
    let (parts, counts, len, begin) = read().ok_or(ZipProblem::NoEnd)?;
    if parts != [0, 0] || counts[0] != counts[1] {
        return Err(ZipProblem::Parts);
    }
    Ok(Directory { begin, len, count: counts[1] })
}

/// Takes one entry off the directory.
fn entry(directory: &mut &[u8]) -> Option<Entry> {
    let mut fields = Fields(directory);
    (fields.bytes(ENTRY.len())? == ENTRY).then_some(())?;
    // The versions that wrote it and that can read it.
    fields.bytes(4)?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    let _time_and_date = fields.u32()?;
    let crc = fields.u32()?;
    let (compressed, size) = (fields.u32()?, fields.u32()?);
    let (name_len, extra_len, comment_len) = (fields.u16()?, fields.u16()?, fields.u16()?);
    let part = fields.u16()?;
    let _attributes = fields.bytes(6)?;
    let begin = fields.u32()?;
    let raw_name = fields.bytes(name_len.into())?.to_vec();
    let mut extras = Fields(fields.bytes(extra_len.into())?);
    fields.bytes(comment_len.into())?;
    *directory = fields.0;

    // The first extra field of this kind holds those numbers that are saturated, in this order.
    let mut wide = Fields(&[]);
    while let (Some(kind), Some(len)) = (extras.u16(), extras.u16()) {
        let field = extras.bytes(len.into())?;
        if kind == EXTRA64 {
            wide = Fields(field);
            break;
        }
    }
    let mut widened = |narrow: u32| match narrow {
        u32::MAX => wide.u64(),
        narrow => Some(narrow.into()),
    };
    let (size, compressed, begin) = (widened(size)?, widened(compressed)?, widened(begin)?);
    let is_here = part == 0 || part == u16::MAX && wide.u32() == Some(0);
    is_here.then(|| {
        let name = String::from_utf8_lossy(&raw_name).into_owned();
        Entry { name, raw_name, flags, method, crc, compressed, size, begin, limit: 0 }
    })
}

/// Says of each member where what follows begins: the next member or the directory.
///
/// **Errors**: [`ZipProblem::Place`] if the member cannot end before that.
fn limit(entries: &mut [Entry], directory: u64) -> Result<(), ZipProblem> {
    let mut by_place: Vec<&mut Entry> = entries.iter_mut().collect();
    by_place.sort_by_key(|entry| std::cmp::Reverse(entry.begin));
    let mut limit = directory;
    for entry in by_place {
        let least = MEMBER_LEN + entry.raw_name.len() as u64;
        let least = entry.compressed.checked_add(least);
        let end = least.and_then(|least| entry.begin.checked_add(least));
        if end.is_none_or(|end| end > limit) {
            return Err(ZipProblem::Place(entry.name.clone()));
        }
        entry.limit = limit;
        limit = entry.begin;
    }
    Ok(())
}

/// So many bytes from a place; memory grows with what is there.
pub(super) fn bytes_at(
    reader: &mut (impl Read + Seek),
    at: u64,
    len: u64,
) -> Result<Vec<u8>, ZipProblem> {
    reader.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    reader.take(len).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < len {
        return Err(ZipProblem::Directory);
    }
    Ok(bytes)
}

/// Little-endian numbers one after another.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
