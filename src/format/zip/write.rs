//! Writing an archive.

use super::directory::{DEFLATED, END, ENTRY, MEMBER};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::io::{self, Write};

/// The first of January 1980, the earliest date there is.
const DATE: u16 = 1 << 5 | 1;
/// The version of the format that knows deflate.
const VERSION: u16 = 20;

/// An archive of these members, deflated; equal members give equal bytes.
///
/// **Errors**: [`io::ErrorKind::FileTooLarge`] for what zip64 would be needed for.
pub(crate) fn zip(members: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let narrow = |n: usize| u32::try_from(n).map_err(|_| io::ErrorKind::FileTooLarge);
    let count = u16::try_from(members.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let begin = narrow(archive.len())?;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content)?;
        let deflated = encoder.finish()?;
        let mut crc = Crc::new();
        crc.update(content);
        let name_len = u16::try_from(name.len()).map_err(|_| io::ErrorKind::InvalidFilename)?;
        // What the member and its entry have in common: from the version to the name's length.
        let mut common = Vec::new();
        // No flags; midnight.
        [VERSION, 0, DEFLATED, 0, DATE].iter().for_each(|n| common.extend(n.to_le_bytes()));
        let sizes = [crc.sum(), narrow(deflated.len())?, narrow(content.len())?];
        sizes.iter().for_each(|n| common.extend(n.to_le_bytes()));
        common.extend(name_len.to_le_bytes());

        archive.extend([MEMBER, &common, &[0; 2], name.as_bytes(), &deflated].concat());
        directory.extend([ENTRY, &VERSION.to_le_bytes(), &common].concat());
        // Neither extra field nor comment, in the first part, without attributes.
        directory.extend([0; 12]);
        directory.extend(begin.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (begin, len) = (narrow(archive.len())?, narrow(directory.len())?);
    archive.extend(directory);
    archive.extend(END);
    archive.extend([0; 4]);
    archive.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    archive.extend([len.to_le_bytes(), begin.to_le_bytes()].concat());
    archive.extend([0; 2]);
    Ok(archive)
}
