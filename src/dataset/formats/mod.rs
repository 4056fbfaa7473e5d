//! The file formats: a file each, and a line in the list here.

mod arrays;
mod columns;
mod csv;
mod format;
mod idx;
mod input;
mod npy;
mod npz;
mod records;
mod svmlight;

pub(super) use format::{Before, Format, ReadOptions, Source};
pub use format::{Header, RowSource, RowsFrom};
pub(super) use idx::{IdxFile, read_idx};
pub(super) use input::Input;

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

    /// The format of a file: this one, or the one that its name says.
    pub(super) fn of(self, path: &Path) -> &'static dyn Format {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let claims = |format: &&'static dyn Format| {
            format.suffixes().iter().any(|suffix| name.ends_with(suffix))
        };
        let by_name = || FORMATS.iter().filter_map(|format| format.0).find(claims);
        self.0.or_else(by_name).unwrap_or(&csv::Csv)
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
            assert_eq!(FileFormat::AUTO.of(Path::new(file)).name(), format, "{file}");
        }
        let idx: FileFormat = "idx".parse().unwrap();
        assert_eq!(idx.of(Path::new("a.csv")).name(), "idx");
    }
}
