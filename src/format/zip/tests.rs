use super::*;
use ::zip::write::SimpleFileOptions;
use ::zip::{CompressionMethod, ZipWriter};
use std::io::{self, Read};
use std::io::{Cursor, Write};

/// Where fields of a member and of the directory's entries are.
const MEMBER_NAME: usize = 30;
const FLAGS: usize = 8;
const METHOD: usize = 10;
const CRC: usize = 16;
const COMPRESSED: usize = 20;
const SIZE: usize = 24;
const PART: usize = 34;
const BEGIN: usize = 42;
const NAME: usize = 46;

/// The archive's members, in order.
fn read(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ZipProblem> {
    let mut archive = ZipArchive::open(Cursor::new(archive))?;
    let names: Vec<String> = archive.names().map(Into::into).collect();
    let mut members = Vec::new();
    for name in names {
        let mut content = Vec::new();
        let read = archive.member(&name)?.unwrap().read_to_end(&mut content);
        read.map_err(|problem| problem.downcast::<ZipProblem>().unwrap_or_else(ZipProblem::from))?;
        members.push((name, content));
    }
    Ok(members)
}

fn members() -> Vec<(String, Vec<u8>)> {
    vec![
        ("a.npy".into(), (0..5000u32).flat_map(|n| (n * n % 977).to_le_bytes()).collect()),
        ("b/λ.txt".into(), b"stored or deflated".to_vec()),
        ("empty".into(), vec![]),
    ]
}

/// The same members by the crate.
fn by_crate(options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members() {
        writer.start_file(name, options).unwrap();
        writer.write_all(&content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn stored() -> Vec<u8> {
    by_crate(SimpleFileOptions::default().compression_method(CompressionMethod::Stored))
}

/// Where the last record, or the directory's entry of a member, begins.
fn at(archive: &[u8], signature: &[u8], occurrence: usize) -> usize {
    let found = |at: &usize| archive[*at..].starts_with(signature);
    (0..archive.len()).filter(found).nth(occurrence).unwrap()
}

/// The archive with other bytes at a place in the directory's entry of a member.
fn changed(archive: &[u8], member: usize, field: usize, bytes: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    let begin = at(&archive, directory::ENTRY, member) + field;
    archive[begin..begin + bytes.len()].copy_from_slice(bytes);
    archive
}

#[test]
fn what_is_written_is_read_by_the_crate_and_here() {
    let bytes = zip(&members()).unwrap();
    assert_eq!(bytes, zip(&members()).unwrap());
    assert_eq!(read(&bytes), Ok(members()));
    let mut archive = ::zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    for (name, content) in members() {
        let mut member = archive.by_name(&name).unwrap();
        let mut found = Vec::new();
        member.read_to_end(&mut found).unwrap();
        assert_eq!(found, content);
        assert_eq!(member.last_modified(), Some(::zip::DateTime::default()));
    }
    assert_eq!(read(&zip(&[]).unwrap()), Ok(vec![]));
}

#[test]
fn what_the_crate_writes_is_read() {
    let default = SimpleFileOptions::default();
    assert_eq!(read(&stored()), Ok(members()));
    assert_eq!(read(&by_crate(default)), Ok(members()));
    assert_eq!(read(&by_crate(default.large_file(true))), Ok(members()));
    // To where it cannot go back it writes sizes after each member.
    let mut writer = ZipWriter::new_stream(Vec::new());
    writer.set_comment("PK\x05\x06 is no end here").unwrap();
    for (name, content) in members() {
        writer.start_file(name, default).unwrap();
        writer.write_all(&content).unwrap();
    }
    assert_eq!(read(&writer.finish().unwrap().into_inner()), Ok(members()));
}

#[test]
fn archives_of_more_members_than_16_bits_count_are_read() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let count = 0x1_0001;
    for n in 0..count {
        writer.start_file(format!("{n}"), SimpleFileOptions::default()).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    let mut archive = ZipArchive::open(Cursor::new(bytes)).unwrap();
    assert_eq!(archive.names().count(), count);
    assert!(archive.member("65536").unwrap().is_some());
    assert!(archive.member("65537").unwrap().is_none());
}

#[test]
fn archives_cut_anywhere_or_with_more_behind_are_errors() {
    let whole = by_crate(SimpleFileOptions::default());
    for end in 0..whole.len() {
        assert!(ZipArchive::open(Cursor::new(&whole[..end])).is_err(), "cut at {end}");
    }
    assert_eq!(read(&[whole, vec![0]].concat()), Err(ZipProblem::NoEnd));
    assert_eq!(read(&[7; 3000]), Err(ZipProblem::NoEnd));
}

#[test]
fn a_flipped_bit_changes_no_content() {
    let whole = by_crate(SimpleFileOptions::default());
    for bit in 0..8 * whole.len() {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        // Names and what nobody reads may differ.
        if let Ok(found) = read(&damaged) {
            let contents = |members: Vec<(String, Vec<u8>)>| -> Vec<Vec<u8>> {
                members.into_iter().map(|(_, content)| content).collect()
            };
            assert_eq!(contents(found), contents(members()), "bit {bit}");
        }
    }
}

#[test]
fn an_end_that_contradicts_the_directory_is_an_error() {
    let whole = stored();
    let end = at(&whole, directory::END, 0);
    let with = |field: usize, value: u8| {
        let mut archive = whole.clone();
        archive[end + field] = value;
        read(&archive)
    };
    assert_eq!(with(4, 1), Err(ZipProblem::Parts), "this part");
    assert_eq!(with(6, 1), Err(ZipProblem::Parts), "the directory's part");
    assert_eq!(with(8, 2), Err(ZipProblem::Parts), "entries of this part");
    let mut fewer = whole.clone();
    fewer[end + 8] = 2;
    fewer[end + 10] = 2;
    assert_eq!(read(&fewer), Err(ZipProblem::Directory));
    assert_eq!(with(15, 1), Err(ZipProblem::Directory), "16 MB of directory");
    assert_eq!(with(16, whole[end + 16] ^ 1), Err(ZipProblem::Directory), "another begin");
    let other = changed(&whole, 1, PART, &[1]);
    assert_eq!(read(&other), Err(ZipProblem::Directory));
}

#[test]
fn members_that_cannot_be_read_are_errors_by_name() {
    let whole = stored();
    let name = || members()[0].0.clone();
    let encrypted = ZipProblem::Encrypted(name());
    assert_eq!(read(&changed(&whole, 0, FLAGS, &[1])), Err(encrypted));
    let method = ZipProblem::Method { name: name(), method: 12 };
    assert_eq!(read(&changed(&whole, 0, METHOD, &[12])), Err(method));
    let mut member = whole.clone();
    member[MEMBER_NAME] = b'z';
    assert_eq!(read(&member), Err(ZipProblem::Member(name())));
    let mut member = whole.clone();
    member[0] = b'p';
    assert_eq!(read(&member), Err(ZipProblem::Member(name())));
    let two = zip(&[("aa".into(), vec![1]), ("ab".into(), vec![2])]).unwrap();
    let duplicate = changed(&two, 1, NAME, b"aa");
    assert_eq!(read(&duplicate), Err(ZipProblem::Duplicate("aa".into())));
}

#[test]
fn members_on_each_other_or_outside_are_errors() {
    let whole = stored();
    let place = |member: usize| Err(ZipProblem::Place(members()[member].0.clone()));
    let second = &changed(&whole, 1, BEGIN, &[0; 4]);
    // Of two at the same place, neither can be told to be the right one.
    assert!(matches!(read(second), Err(ZipProblem::Place(_))));
    assert_eq!(read(&changed(&whole, 1, BEGIN, &[1, 0, 0, 0])), place(0));
    assert_eq!(read(&changed(&whole, 1, BEGIN, &[0xff, 0xff, 0xff, 0x7f])), place(1));
    assert_eq!(read(&changed(&whole, 0, COMPRESSED, &[0xff, 0xff, 0xff, 0x7f])), place(0));
    assert_eq!(read(&changed(&whole, 2, COMPRESSED, &[1])), place(2));
    // An extra field that makes the content reach into the next member.
    let mut extra = whole.clone();
    extra[MEMBER_NAME - 2] = 9;
    assert_eq!(read(&extra), place(0));
}

#[test]
fn contents_of_another_size_or_crc_are_errors() {
    let deflated = by_crate(SimpleFileOptions::default());
    let name = || members()[0].0.clone();
    for whole in [&stored(), &deflated] {
        let crc = whole[at(whole, directory::ENTRY, 0) + CRC] ^ 1;
        assert_eq!(read(&changed(whole, 0, CRC, &[crc])), Err(ZipProblem::Crc(name())));
        for size in [0u32, 19_999, 20_001, u32::MAX - 1] {
            let changed = changed(whole, 0, SIZE, &size.to_le_bytes());
            assert_eq!(read(&changed), Err(ZipProblem::Size(name())), "{size}");
        }
    }
    // Saturated, but without a wider number.
    let wide = changed(&deflated, 0, SIZE, &[0xff; 4]);
    assert_eq!(read(&wide), Err(ZipProblem::Directory));
    // A byte between stream and next member.
    let begin = at(&deflated, directory::ENTRY, 0) + COMPRESSED;
    let compressed = deflated[begin];
    let shorter = changed(&deflated, 0, COMPRESSED, &[compressed - 1]);
    assert!(read(&shorter).is_err());
}

#[test]
fn a_check_comes_with_the_last_byte() {
    let whole = changed(&stored(), 1, CRC, &[0; 4]);
    let mut archive = ZipArchive::open(Cursor::new(whole)).unwrap();
    let (name, content) = members().remove(1);
    let mut member = archive.member(&name).unwrap().unwrap();
    let mut bytes = vec![0; content.len()];
    member.read_exact(&mut bytes[1..]).unwrap();
    let problem = member.read_exact(&mut bytes[..1]).unwrap_err();
    assert_eq!(problem.downcast::<ZipProblem>().unwrap(), ZipProblem::Crc(name));
}

#[test]
fn a_bomb_costs_its_reader_what_it_asks_for() {
    // 16 MB of zeros that say they are 15.
    let bomb = zip(&[("bomb".into(), vec![0; 16 << 20])]).unwrap();
    let lie = changed(&bomb, 0, SIZE, &(15u32 << 20).to_le_bytes());
    let mut archive = ZipArchive::open(Cursor::new(lie)).unwrap();
    let mut member = archive.member("bomb").unwrap().unwrap();
    let mut some = [1; 1000];
    member.read_exact(&mut some).unwrap();
    assert_eq!(some, [0; 1000]);
    let problem = io::copy(&mut member, &mut io::sink()).unwrap_err();
    assert_eq!(problem.downcast::<ZipProblem>().unwrap(), ZipProblem::Size("bomb".into()));
    // Or a gigabyte, which their 16 kB cannot hold.
    let more = changed(&bomb, 0, SIZE, &(1u32 << 30).to_le_bytes());
    assert_eq!(read(&more), Err(ZipProblem::Size("bomb".into())));
}
