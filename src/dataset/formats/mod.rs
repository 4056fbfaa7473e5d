//! The file formats: a file each, and a line in the list here.
//!
//! | file | holds |
//! |---|---|
//! | `csv.rs`, `svmlight.rs`, `npy.rs`, `npz.rs`, `idx.rs`, `parquet.rs` | the formats |
//! | `format.rs` | what a format is, and how files are read |
//! | `input.rs`, `decode.rs`, `delimiter.rs`, `records.rs` | from bytes to records of text |
//! | `gather.rs`, `texts.rs` | a table of which nothing is known, while it is read |
//! | `columns.rs`, `header.rs`, `kinds.rs` | what is decided once all rows are there |
//! | `known_rows.rs` | rows of text by what a model knows |
//! | `arrays.rs`, `labels.rs` | what formats of arrays share; labels beside values |

mod arrays;
mod columns;
mod csv;
mod decode;
mod delimiter;
mod format;
mod gather;
mod header;
mod idx;
mod input;
mod kinds;
mod known_rows;
mod labels;
mod npy;
mod npz;
#[cfg(feature = "parquet")]
mod parquet;
mod records;
mod svmlight;
mod texts;

pub use decode::Encoding;
pub use format::{Content, Header, Label, Row, RowSource, RowsFrom, SparseInput};
pub(super) use format::{Format, ReadOptions, Source, TextOptions};
pub(super) use idx::{IdxFile, read_idx};
pub(super) use input::Input;

use super::error::Error;

use crate::grammar;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Every format. What no suffix claims is of the first.
const FORMATS: &[FileFormat] = &[
    FileFormat(Some(&csv::Csv)),
    FileFormat(Some(&svmlight::Svmlight)),
    FileFormat(Some(&npy::Npy)),
    FileFormat(Some(&npz::Npz)),
    FileFormat(Some(&idx::Idx)),
    #[cfg(feature = "parquet")]
    FileFormat(Some(&parquet::Parquet)),
];

/// What data files are: a format of the list, or what their names say.
#[derive(Clone, Copy, Default)]
pub struct FileFormat(Option<&'static dyn Format>);

impl FileFormat {
    /// What the files' names say.
    pub const AUTO: FileFormat = FileFormat(None);

    /// Tables of text.
    pub(super) const CSV: FileFormat = FORMATS[0];

    /// The name in settings.
    pub fn name(self) -> &'static str {
        self.0.map_or("auto", |format| format.name())
    }

    /// What it is, in a line.
    pub fn about(self) -> &'static str {
        self.0.map_or("What their names say", |format| format.about())
    }

    /// `auto`, and every format.
    pub fn all() -> impl Iterator<Item = FileFormat> {
        [FileFormat::AUTO].into_iter().chain(FORMATS.iter().copied())
    }

    /// The format of a file: this one; or the one that its name says; or the one that it begins as;
    /// or text with separated fields.
    ///
    /// **Errors**: [`Error::Io`], [`Error::Gzip`] if its beginning cannot be read.
    pub(super) fn of(self, path: &Path) -> Result<&'static dyn Format, Error> {
        match self.by_name(path) {
            Some(format) => Ok(format),
            None => Ok(FileFormat::begun(Input::open(path)?.start()?)),
        }
    }

    /// The format of a stream that begins so: this one, or the one that it begins as.
    pub(super) fn of_stream(self, start: &[u8]) -> &'static dyn Format {
        self.0.unwrap_or_else(|| FileFormat::begun(start))
    }

    /// Whether a file of this name can be no table of text.
    pub(super) fn is_never_text(self, path: &Path) -> bool {
        self.by_name(path).is_some_and(|format| !format.is_text_table())
    }

    fn by_name(self, path: &Path) -> Option<&'static dyn Format> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let claims = |format: &&'static dyn Format| {
            format.suffixes().iter().any(|suffix| name.ends_with(suffix))
        };
        self.0.or_else(|| FORMATS.iter().filter_map(|format| format.0).find(claims))
    }

    fn begun(start: &[u8]) -> &'static dyn Format {
        let mut formats = FORMATS.iter().filter_map(|format| format.0);
        formats.find(|format| format.is_begun_by(start)).unwrap_or(&csv::Csv)
    }
}

impl FromStr for FileFormat {
    type Err = grammar::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || grammar::Error::UnknownName {
            what: "file format",
            name: text.to_string(),
            known: FileFormat::all().map(FileFormat::name).collect(),
        };
        FileFormat::all().find(|format| format.name() == text).ok_or_else(unknown)
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for FileFormat {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Serialize for FileFormat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for FileFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The values of `--file-format`, with their help.
#[cfg(feature = "cli")]
impl clap::ValueEnum for FileFormat {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: std::sync::LazyLock<Vec<FileFormat>> =
            std::sync::LazyLock::new(|| FileFormat::all().collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()).help(self.about()))
    }
}

/// Refuses labels that the format has no use for.
///
/// **Errors**: [`Error::LabelsWithin`], [`Error::NotText`].
pub(super) fn check_labels(
    format: &dyn Format,
    path: &Path,
    file: Option<&Path>,
    column: Option<&String>,
) -> Result<(), Error> {
    let path = path.to_path_buf();
    match (file, column) {
        (Some(_), _) if !format.labels_apart() => {
            Err(Error::LabelsWithin { path, format: format.name() })
        }
        (_, Some(_)) if !format.names_columns() => Err(Error::NotText { setting: "label", path }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_suffixes_are_told_apart() {
        let names: Vec<&str> = FileFormat::all().map(FileFormat::name).collect();
        assert_eq!(names, ["auto", "csv", "svmlight", "npy", "npz", "idx"]);
        for format in FileFormat::all() {
            assert_eq!(format.name().parse(), Ok(format));
        }
        let unknown = "parquet".parse::<FileFormat>().unwrap_err().to_string();
        assert!(unknown.contains("one of auto, csv, svmlight, npy, npz, idx"), "{unknown}");
        for (file, format) in [
            ("a.csv", "csv"),
            ("A.TSV.GZ", "csv"),
            ("rows", "csv"),
            ("a.svm", "svmlight"),
            ("a.libsvm.gz", "svmlight"),
            ("a.npy", "npy"),
            ("a.npz", "npz"),
            ("a.idx", "idx"),
            ("t10k-images-idx3-ubyte.gz", "idx"),
            ("npy", "csv"),
        ] {
            let by_name = FileFormat::AUTO.by_name(Path::new(file)).map(Format::name);
            assert_eq!(by_name.unwrap_or("csv"), format, "{file}");
        }
        let idx: FileFormat = "idx".parse().unwrap();
        assert_eq!(idx.of(Path::new("a.csv")).unwrap().name(), "idx");
    }

    #[test]
    fn where_a_name_says_nothing_the_content_does() {
        for (start, format) in [
            (b"\x93NUMPY\x01\x00".as_slice(), "npy"),
            (b"PK\x03\x04", "npz"),
            (&[0, 0, 8, 3, 0, 0, 0xea, 0x60], "idx"),
            (b"-1 3:1 11:1\n+1 5:1 # x\n-1 3:", "svmlight"),
            (b"1 qid:2 1:0.5\n", "svmlight"),
            (b"a,b\n1:2,3\n", "csv"),
            (b"1 2 3\n4 5 6\n", "csv"),
            (b"12:30 1:2\n", "csv"),
            (b"", "csv"),
        ] {
            assert_eq!(FileFormat::AUTO.of_stream(start).name(), format, "{start:?}");
        }
    }
}
