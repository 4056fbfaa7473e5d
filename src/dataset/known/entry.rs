//! What is said of a known data set.

use crate::dataset::formats::Header;
use crate::dataset::schema::{Column, Kind, Layout, Schema};

/// A data set known by name; the list of all is in `mod.rs`.
#[derive(Debug)]
pub struct KnownDataset {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// What it is, in a line.
    pub title: &'static str,
    /// The classes' names; none where the labels are numbers from 0 that say it all.
    pub classes: &'static [&'static str],
    /// How many classes there are.
    pub class_count: usize,
    /// Training and test samples.
    pub samples: [usize; 2],
    /// Its licence.
    pub licence: &'static str,
    /// Whom to cite.
    pub citation: &'static str,
    /// What its files hold.
    pub kind: Known,
    /// Its files.
    pub files: &'static [KnownFile],
    /// Where else than in folders of its name it may lie.
    pub system_folder: Option<&'static str>,
}

/// What a known data set's files hold.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Known {
    /// Training images, training labels, test images, test labels: four files of IDX. Images of
    /// several channels have them last.
    Images {
        /// Rows of pixels.
        height: usize,
        /// Pixels of a row.
        width: usize,
        /// Values of a pixel.
        channels: usize,
        /// Whether rows and columns of the pictures are exchanged in the files.
        transposed: bool,
    },
    /// One table.
    Table(KnownTable),
}

/// A table of text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownTable {
    /// Whether its first line names the columns.
    pub header: Header,
    /// What separates fields.
    pub delimiter: u8,
    /// The columns in order, without the label's.
    pub columns: &'static [KnownColumn],
    /// The label's column: a number from 1, or from −1 at the end.
    pub label: &'static str,
    /// The labels as the file has them, in the order of the classes.
    pub labels: &'static [&'static str],
    /// Fraction of the rows held out for testing.
    pub test_fraction: f64,
}

/// One or several columns of a known table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KnownColumn {
    /// Numbers.
    Number(&'static str),
    /// So many columns of numbers; their names end in 1, 2, ….
    Numbers(&'static str, usize),
    /// Texts, one of these.
    Category(&'static str, &'static [&'static str]),
}

/// One file with the SHA-256 of its uncompressed content.
#[derive(Debug)]
pub struct KnownFile {
    /// The name, without `.gz`.
    pub name: &'static str,
    /// The digest in hexadecimal, where one was computed from the file itself.
    pub sha256: Option<&'static str>,
    /// Where it can be had. None of the addresses has been tried: this project has no network.
    pub sources: &'static [KnownSource],
}

/// An address of a file.
#[derive(Clone, Copy, Debug)]
pub struct KnownSource {
    /// The address of the file, or of a zip archive that holds it.
    pub url: &'static str,
    /// Its name in the archive.
    pub member: Option<&'static str>,
}

/// The address of a file.
pub(super) const fn file(url: &'static str) -> KnownSource {
    KnownSource { url, member: None }
}

/// The address of an archive, and the file's name in it.
pub(super) const fn member(url: &'static str, member: &'static str) -> KnownSource {
    KnownSource { url, member: Some(member) }
}

impl KnownDataset {
    /// Values of a sample, as the files have them.
    pub fn features(&self) -> usize {
        match self.kind {
            Known::Images { height, width, channels, .. } => height * width * channels,
            Known::Table(table) => table.schema().columns.len(),
        }
    }

    /// The labels as its files have them, in the order of the classes.
    pub fn label_texts(&self) -> Vec<String> {
        match self.kind {
            Known::Images { .. } => (0..self.class_count).map(|label| label.to_string()).collect(),
            Known::Table(table) => table.labels.iter().map(ToString::to_string).collect(),
        }
    }
}

impl KnownTable {
    /// What columns and labels mean.
    pub(super) fn schema(&self) -> Schema {
        let column = |name, kind| Column {
            name,
            kind,
            mean: None,
            place: None,
            has_commas: false,
            has_missing: false,
        };
        let columns = self.columns.iter().flat_map(|known| match *known {
            KnownColumn::Number(name) => vec![column(name.to_string(), Kind::Number)],
            KnownColumn::Numbers(name, count) => {
                (1..=count).map(|n| column(format!("{name}{n}"), Kind::Number)).collect()
            }
            KnownColumn::Category(name, texts) => {
                let texts = texts.iter().map(ToString::to_string).collect();
                vec![column(name.to_string(), Kind::Category(texts))]
            }
        });
        let mut columns: Vec<Column> = columns.collect();
        let number: isize = self.label.parse().expect("a known label is known by its number");
        let label = if number < 0 { columns.len() as isize + 1 + number } else { number - 1 };
        let label = usize::try_from(label).expect("a known label is within its line");
        for (at, column) in columns.iter_mut().enumerate() {
            column.place = Some(at + usize::from(at >= label));
        }
        Schema {
            is_sparse: false,
            layout: Some(Layout { width: columns.len() + 1, labels: vec![label] }),
            targets: Vec::new(),
            columns,
            named: true,
            label: Some(self.label.to_string()),
            classes: self.labels.iter().map(ToString::to_string).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tables_columns_are_data() {
        let columns = &[
            KnownColumn::Number("age"),
            KnownColumn::Numbers("soil", 2),
            KnownColumn::Category("work", &["none", "some"]),
        ];
        let table = KnownTable {
            header: Header::No,
            delimiter: b';',
            columns,
            label: "1",
            labels: &["no", "yes"],
            test_fraction: 0.2,
        };
        let schema = table.schema();
        let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["age", "soil1", "soil2", "work"]);
        assert_eq!((schema.width(), schema.class(1)), (5, "yes".to_string()));
        let places: Vec<_> = schema.columns.iter().filter_map(|column| column.place).collect();
        let layout = Layout { width: 5, labels: vec![0] };
        assert_eq!((places, schema.layout), (vec![1, 2, 3, 4], Some(layout)));
    }
}
