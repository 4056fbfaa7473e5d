//! Text in the encodings that tables come in, as UTF-8.

use crate::dataset::problem::DataProblem;
use crate::grammar::named;
use std::io::{self, BufRead, BufReader, Read};

named! {
    /// How text is encoded.
    #[derive(Default)]
    pub enum Encoding as "encoding" {
        /// UTF-16 where a byte-order mark says so, else UTF-8.
        #[default]
        Auto = "auto",
        /// UTF-8.
        Utf8 = "utf-8",
        /// UTF-16, in the order that a byte-order mark says, else little-endian.
        Utf16 = "utf-16",
        /// Windows-1252, of which Latin-1's letters are a part.
        Windows1252 = "windows-1252",
    }
}

/// The text as UTF-8, without a byte-order mark. UTF-8 itself is not checked here.
pub(super) fn decoded(
    mut reader: Box<dyn BufRead>,
    encoding: Encoding,
) -> io::Result<Box<dyn BufRead>> {
    let start = reader.fill_buf()?;
    let mark = match start {
        [0xff, 0xfe, ..] => Some(false),
        [0xfe, 0xff, ..] => Some(true),
        _ => None,
    };
    if encoding == Encoding::Auto && mark.is_none() && start.contains(&0) {
        return Err(io::Error::other(DataProblem::Zeros));
    }
    let is_utf8_marked = start.starts_with(b"\xef\xbb\xbf");
    match (encoding, mark) {
        (Encoding::Utf16, _) | (Encoding::Auto, Some(_)) => {
            reader.consume(if mark.is_some() { 2 } else { 0 });
            let is_big_endian = mark.unwrap_or(false);
            let utf16 = Utf16 { inner: reader, is_big_endian, line: 1 };
            Ok(Box::new(BufReader::new(Converted::new(utf16))))
        }
        (Encoding::Windows1252, _) => {
            Ok(Box::new(BufReader::new(Converted::new(Windows1252 { inner: reader, line: 1 }))))
        }
        _ => {
            reader.consume(if is_utf8_marked { 3 } else { 0 });
            Ok(reader)
        }
    }
}

/// Characters one after the other.
trait Characters {
    /// The next one; none at the end.
    fn next(&mut self) -> io::Result<Option<char>>;
}

/// Characters as bytes of UTF-8.
struct Converted<C> {
    characters: C,
    /// The bytes of a character that found no room.
    rest: Vec<u8>,
}

impl<C> Converted<C> {
    fn new(characters: C) -> Converted<C> {
        Converted { characters, rest: Vec::new() }
    }
}

impl<C: Characters> Read for Converted<C> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            if self.rest.is_empty() {
                let Some(character) = self.characters.next()? else { break };
                let mut bytes = [0; 4];
                self.rest.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
            }
            let count = self.rest.len().min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&self.rest[..count]);
            self.rest.drain(..count);
            filled += count;
        }
        Ok(filled)
    }
}

/// The next byte of a stream.
fn next_byte(reader: &mut dyn BufRead) -> io::Result<Option<u8>> {
    let byte = reader.fill_buf()?.first().copied();
    if byte.is_some() {
        reader.consume(1);
    }
    Ok(byte)
}

struct Utf16 {
    inner: Box<dyn BufRead>,
    is_big_endian: bool,
    line: u64,
}

impl Utf16 {
    fn unit(&mut self) -> io::Result<Option<u16>> {
        let Some(first) = next_byte(&mut *self.inner)? else { return Ok(None) };
        let second = next_byte(&mut *self.inner)?.ok_or_else(|| self.broken())?;
        let bytes = [first, second];
        Ok(Some(match self.is_big_endian {
            true => u16::from_be_bytes(bytes),
            false => u16::from_le_bytes(bytes),
        }))
    }

    fn broken(&self) -> io::Error {
        io::Error::other(DataProblem::Encoding { line: self.line, encoding: "UTF-16" })
    }
}

impl Characters for Utf16 {
    fn next(&mut self) -> io::Result<Option<char>> {
        let Some(unit) = self.unit()? else { return Ok(None) };
        let is_high = (0xd800..0xdc00).contains(&unit);
        let low = if is_high { self.unit()? } else { None };
        let units = [Some(unit), low].into_iter().flatten();
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => {
                self.line += u64::from(character == '\n');
                Ok(Some(character))
            }
            _ => Err(self.broken()),
        }
    }
}

struct Windows1252 {
    inner: Box<dyn BufRead>,
    line: u64,
}

/// The characters of the bytes 0x80 to 0x9f; 0 for the five that are none.
const WINDOWS_1252: [u32; 32] = [
    0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039,
    0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc,
    0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
];

impl Characters for Windows1252 {
    fn next(&mut self) -> io::Result<Option<char>> {
        let Some(byte) = next_byte(&mut *self.inner)? else { return Ok(None) };
        self.line += u64::from(byte == b'\n');
        let code = match byte {
            0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
            byte => u32::from(byte),
        };
        match char::from_u32(code).filter(|_| code != 0 || byte == 0) {
            Some(character) => Ok(Some(character)),
            None => Err(io::Error::other(DataProblem::Encoding {
                line: self.line,
                encoding: "Windows-1252",
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], encoding: Encoding) -> io::Result<String> {
        let mut text = String::new();
        decoded(Box::new(io::Cursor::new(bytes.to_vec())), encoding)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn what_is_encoded_is_read_again() {
        let text = "größe,€,𝄞\n1,2,3\n".repeat(3000);
        let utf16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
        let little = [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat();
        let big = [b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat();
        for bytes in [&little, &big] {
            assert_eq!(read(bytes, Encoding::Auto).unwrap(), text);
            assert_eq!(read(bytes, Encoding::Utf16).unwrap(), text);
        }
        assert_eq!(read(&utf16(u16::to_le_bytes), Encoding::Utf16).unwrap(), text);
        let marked = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
        assert_eq!(read(&marked, Encoding::Auto).unwrap(), text);
        assert_eq!(read(b"gr\xf6\xdfe \x80\x9f", Encoding::Windows1252).unwrap(), "größe €Ÿ");
    }

    #[test]
    fn what_is_no_character_is_an_error() {
        for bytes in [b"\xff\xfea".as_slice(), b"\xff\xfe\x00\xd8a\x00", b"\xff\xfe\x00\xdc"] {
            assert!(read(bytes, Encoding::Auto).is_err());
        }
        assert!(read(b"\x81", Encoding::Windows1252).is_err());
    }
}
