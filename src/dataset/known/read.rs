//! The files of known data sets, read and checked against what is known of them.

use super::entry::{Known, KnownDataset, KnownFile, KnownTable};
use super::search::{find, search_path};
use crate::dataset::error::Error;
use crate::dataset::formats::{
    FileFormat, IdxFile, Input, Label, ReadOptions, RowsFrom, TextOptions, read_idx,
};
use crate::dataset::problem::DataProblem;
use crate::dataset::samples::Samples;
use crate::dataset::schema::Schema;
use crate::dataset::table::{Cells, Labels, Table};
use crate::format::digest::Sha256;
use std::path::{Path, PathBuf};

/// A known data set as its files have it, nothing fitted.
pub(in crate::dataset) struct KnownContent {
    pub(in crate::dataset) content: Content,
    /// Whether the files are the official ones.
    pub(in crate::dataset) is_official: bool,
}

/// What the files hold.
pub(in crate::dataset) enum Content {
    /// Training and test images.
    Images([Samples; 2]),
    /// All rows of a table.
    Table {
        /// Its file.
        path: PathBuf,
        /// The rows.
        table: Table,
        /// What they mean.
        schema: Schema,
        /// How many are for testing.
        test_fraction: f64,
    },
}

/// Reads a known data set from `data_dir`, or wherever [`search_path`] leads.
///
/// **Errors**: [`Error::Missing`]; [`Error::Data`] for a file that is broken, or not the known one
/// unless that is allowed.
pub(in crate::dataset) fn read_known(
    known: &KnownDataset,
    data_dir: Option<&Path>,
    allow_unofficial: bool,
) -> Result<KnownContent, Error> {
    let folders = search_path(known, data_dir);
    let mut is_official = true;
    let mut tolerate = |checked: Result<(), Error>| match checked {
        Err(Error::Data { problem, .. }) if allow_unofficial && is_of_another(&problem) => {
            is_official = false;
            Ok(())
        }
        checked => checked,
    };
    let content = match known.kind {
        Known::Images { .. } => {
            let mut images = |split| images(known, split, &folders, &mut tolerate);
            Content::Images([images(0)?, images(1)?])
        }
        Known::Table(table) => {
            let path = find(known, &known.files[0], &folders)?;
            tolerate(check_digest(&known.files[0], &path))?;
            let schema = table.schema();
            let test_fraction = table.test_fraction;
            let table = read_table(&path, &table, &schema)?;
            Content::Table { path, table, schema, test_fraction }
        }
    };
    Ok(KnownContent { content, is_official })
}

/// Whether a file is another than the official one, but no worse for that.
fn is_of_another(problem: &DataProblem) -> bool {
    matches!(problem, DataProblem::Unofficial { .. } | DataProblem::Digest { .. })
}

/// Reads training (0) or test (1) images.
fn images(
    known: &KnownDataset,
    split: usize,
    folders: &[PathBuf],
    tolerate: &mut impl FnMut(Result<(), Error>) -> Result<(), Error>,
) -> Result<Samples, Error> {
    let mut open = |index: usize| -> Result<(PathBuf, Vec<u8>), Error> {
        let path = find(known, &known.files[index], folders)?;
        let content = read_checked(known, index, &path)?;
        tolerate(check_identity(known, index, &content).map_err(Error::data(&path)))?;
        Ok((path, content.bytes))
    };
    let (_, images) = open(2 * split)?;
    let (path, labels) = open(2 * split + 1)?;
    let labels = labels.into_iter().map(u16::from).collect();
    let samples = Samples::new(known.features(), known.class_count, images, labels);
    samples.map_err(Error::data(&path))
}

/// Reads all rows of a table, encoded as its schema says. The known ones' numbers are whole.
fn read_table(path: &Path, table: &KnownTable, schema: &Schema) -> Result<Table, Error> {
    let options = ReadOptions {
        text: TextOptions { delimiter: Some(table.delimiter), ..TextOptions::default() },
        header: table.header,
        wants_labels: true,
        ..ReadOptions::default()
    };
    let format = FileFormat::CSV.of(path)?;
    let mut rows = format.rows(RowsFrom::File(path), &options, schema, schema.width())?;
    let (mut singles, mut labels, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    let mut inputs = Vec::new();
    while let Some(row) = rows.next_row(&mut inputs)? {
        let label = row.label.map_err(|problem| rows.problem(problem))?;
        singles.extend(inputs.drain(..).map(|input| input as f32));
        lines.push((labels.len(), row.line));
        if let Some(Label::Class(class)) = label {
            labels.push(class);
        }
    }
    if labels.is_empty() {
        return Err(rows.problem(DataProblem::Empty));
    }
    // A line each, but for those that go on from the line before.
    let mut before = 0;
    lines.retain(|(_, line)| std::mem::replace(&mut before, *line) + 1 != *line);
    Ok(Table {
        columns: Vec::new(),
        named: true,
        label: schema.label.clone(),
        layout: schema.layout.clone(),
        cells: Cells::Singles(singles),
        lines,
        labels: Labels::Classes { labels, classes: schema.classes.clone() },
        weights: None,
        notes: Vec::new(),
    })
}

/// Reads an IDX file that is as this data set's can be, in whatever number.
fn read_checked(known: &KnownDataset, index: usize, path: &Path) -> Result<IdxFile, Error> {
    let Known::Images { height, width, channels, .. } = known.kind else {
        panic!("{} has no images", known.name);
    };
    let classes = known.class_count;
    if index % 2 == 1 {
        let content = read_idx(path, 1)?;
        if let Some(at) = content.bytes.iter().position(|&label| label as usize >= classes) {
            let (label, sample) = (u16::from(content.bytes[at]), at + 1);
            return Err(Error::data(path)(DataProblem::Label { label, sample, classes }));
        }
        return Ok(content);
    }
    let shape = if channels == 1 { vec![height, width] } else { vec![height, width, channels] };
    let content = read_idx(path, 1 + shape.len())?;
    match content.dimensions[1..] == shape {
        true => Ok(content),
        false => {
            let (found, expected) = (content.dimensions[1..].to_vec(), shape);
            Err(Error::data(path)(DataProblem::Shape { found, expected }))
        }
    }
}

/// Refuses an IDX file that is not the known one: by its digest, or by its size where none is
/// known.
fn check_identity(
    known: &KnownDataset,
    index: usize,
    content: &IdxFile,
) -> Result<(), DataProblem> {
    let (count, expected) = (content.dimensions[0], known.samples[index / 2]);
    if count != expected {
        let (what, expected) = (format!("{count} samples"), expected.to_string());
        return Err(DataProblem::Unofficial { what, expected });
    }
    match known.files[index].sha256 {
        Some(expected) if content.sha256 != expected => {
            Err(DataProblem::Digest { expected, found: content.sha256.clone() })
        }
        _ => Ok(()),
    }
}

/// Refuses a file whose content has another digest than is known of it.
fn check_digest(file: &KnownFile, path: &Path) -> Result<(), Error> {
    let expected = file.sha256.unwrap_or_else(|| panic!("{} is known by its digest", file.name));
    let found = content_digest(path)?;
    match found == expected {
        true => Ok(()),
        false => Err(Error::data(path)(DataProblem::Digest { expected, found })),
    }
}

/// SHA-256 of a file's uncompressed content.
fn content_digest(path: &Path) -> Result<String, Error> {
    let mut input = Input::open(path)?;
    let mut hasher = Sha256::new();
    loop {
        let chunk = match input.reader.fill_buf() {
            Ok(chunk) => chunk,
            Err(source) => return Err(input.broken(source)),
        };
        if chunk.is_empty() {
            return Ok(hasher.hexadecimal());
        }
        hasher.update(chunk);
        let count = chunk.len();
        input.reader.consume(count);
    }
}

/// Checks one file of a known data set, whole.
///
/// **Errors**: [`Error::Io`], [`Error::Gzip`]; [`Error::Data`] for a file that is broken or
/// another.
///
/// **Panics** if the data set has no file of this index.
pub fn verify_file(known: &KnownDataset, index: usize, path: &Path) -> Result<(), Error> {
    match known.kind {
        Known::Table(_) => check_digest(&known.files[index], path),
        Known::Images { .. } => {
            let content = read_checked(known, index, path)?;
            check_identity(known, index, &content).map_err(Error::data(path))
        }
    }
}
