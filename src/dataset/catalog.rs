//! The known data sets on this machine: where they are looked for, checked, and loaded.

use super::config::dataset_of;
use super::idx::hexadecimal;
use super::input::Input;
use super::known::{Known, KnownDataset, KnownFile, known};
use super::table::{TableOptions, read_table};
use super::{Column, DataConfig, Dataset, Header, Kind, Normalize, Samples, Schema, read_idx};
use crate::Error;
use crate::error::DataProblem;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// UCI's names of the columns that are not one of several: the other 44 are numbered.
const COVER_COLUMNS: [&str; 10] = [
    "Elevation",
    "Aspect",
    "Slope",
    "Horizontal_Distance_To_Hydrology",
    "Vertical_Distance_To_Hydrology",
    "Horizontal_Distance_To_Roadways",
    "Hillshade_9am",
    "Hillshade_Noon",
    "Hillshade_3pm",
    "Horizontal_Distance_To_Fire_Points",
];

/// Loads a known data set whole, from `data_dir` or wherever [`search_path`] leads.
///
/// **Errors**: [`Error::MissingData`] naming every folder looked in and what to fetch;
/// [`Error::Data`] for a file that is broken or not the known one.
pub fn load(name: &str, data_dir: Option<&Path>, normalize: Normalize) -> Result<Dataset, Error> {
    let (dataset, data_dir) = (name.to_string(), data_dir.map(Path::to_path_buf));
    DataConfig { dataset, data_dir, normalize, ..DataConfig::default() }.load()
}

/// Loads the known data set of a configuration; the scaling is still to be fitted.
pub(super) fn load_config(config: &DataConfig) -> Result<Dataset, Error> {
    let known = known(&config.dataset)?;
    let folders = search_path(known, config.data_dir.as_deref());
    let (mut data, is_official) = match known.kind {
        Known::Images { .. } => {
            let allow = config.allow_unofficial;
            let (train, train_official) = images(known, 0, &folders, allow)?;
            let (test, test_official) = images(known, 1, &folders, allow)?;
            let mut data = Dataset::new(train, test, Normalize::None);
            config.hold_out_validation(&mut data)?;
            (data, train_official && test_official)
        }
        Known::Table => {
            let path = find(known, &known.files[0], &folders)?;
            let official = check_digest(known, &known.files[0], &path, config.allow_unofficial)?;
            let options = TableOptions {
                header: Header::No,
                delimiter: Some(b','),
                label: Some("-1".to_string()),
                ..TableOptions::default()
            };
            let schema = cover_schema(known);
            let raw = read_table(&path, &options, Some(&schema))?;
            // Paper §2.1: a fifth of the rows.
            let rows = config.split(&raw.labels, 0.2)?;
            (dataset_of(&path, raw, &schema, rows)?, official)
        }
    };
    data.schema.classes = known.classes.iter().map(ToString::to_string).collect();
    data.name = match is_official {
        true => known.name.to_string(),
        false => format!("{} (stand-in)", known.name),
    };
    Ok(data)
}

/// Forest Cover's columns; its labels are the numbers 1 to 7.
fn cover_schema(known: &KnownDataset) -> Schema {
    let names = COVER_COLUMNS.iter().map(ToString::to_string);
    let areas = (1..=4).map(|area| format!("Wilderness_Area{area}"));
    let soils = (1..=40).map(|soil| format!("Soil_Type{soil}"));
    let column = |name| Column { name, kind: Kind::Number, fill: None };
    Schema {
        columns: names.chain(areas).chain(soils).map(column).collect(),
        named: true,
        label: Some("-1".to_string()),
        classes: known.label_texts(),
    }
}

/// Loads training (0) or test (1) images; also whether they are the official ones.
fn images(
    known: &KnownDataset,
    split: usize,
    folders: &[PathBuf],
    allow_unofficial: bool,
) -> Result<(Samples, bool), Error> {
    let mut is_official = true;
    let mut open = |file: &KnownFile, rank: usize| -> Result<(PathBuf, Vec<u8>), Error> {
        let path = find(known, file, folders)?;
        let content = read_idx(&path, rank)?;
        let official = check_idx(known, file, split, &path, &content, allow_unofficial)?;
        is_official &= official;
        Ok((path, content.bytes))
    };
    let (_, images) = open(&known.files[2 * split], 3)?;
    let (path, labels) = open(&known.files[2 * split + 1], 1)?;
    let labels = labels.into_iter().map(u16::from).collect();
    let samples = Samples::new(known.features, known.class_count, images, labels);
    Ok((samples.map_err(|problem| Error::data(&path, problem))?, is_official))
}

/// Refuses an IDX file that is not the known one; whether it is, if others are allowed too.
fn check_idx(
    known: &KnownDataset,
    file: &KnownFile,
    split: usize,
    path: &Path,
    content: &super::IdxFile,
    allow_unofficial: bool,
) -> Result<bool, Error> {
    let classes = known.class_count;
    let side = known.features.isqrt();
    let (count, rest) = (content.dimensions[0], &content.dimensions[1..]);
    if !rest.is_empty() && rest != [side, side] {
        let what = format!("images of {rest:?} pixels");
        let problem = DataProblem::Unofficial { what, expected: format!("{side} × {side}") };
        return Err(Error::data(path, problem));
    }
    if rest.is_empty()
        && let Some(sample) = content.bytes.iter().position(|&l| l as usize >= classes)
    {
        let label = u16::from(content.bytes[sample]);
        return Err(Error::data(path, DataProblem::Label { label, sample, classes }));
    }
    let expected = known.samples[split];
    let problem = match file.sha256 {
        _ if count != expected => {
            let (what, expected) = (format!("{count} samples"), expected.to_string());
            DataProblem::Unofficial { what, expected }
        }
        Some(expected) if content.sha256 != expected => {
            let (expected, found) = (expected.to_string(), content.sha256.clone());
            DataProblem::Digest { expected, found }
        }
        _ => return Ok(true),
    };
    if allow_unofficial { Ok(false) } else { Err(Error::data(path, problem)) }
}

/// Refuses a file whose content has not the known digest; whether it has, if others are allowed too.
fn check_digest(
    known: &KnownDataset,
    file: &KnownFile,
    path: &Path,
    allow_unofficial: bool,
) -> Result<bool, Error> {
    let expected = file.sha256.unwrap_or_else(|| panic!("{} is known by digest", known.name));
    let found = content_digest(path)?;
    match (found == expected, allow_unofficial) {
        (true, _) => Ok(true),
        (false, true) => Ok(false),
        (false, false) => {
            let expected = expected.to_string();
            Err(Error::data(path, DataProblem::Digest { expected, found }))
        }
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
            return Ok(hexadecimal(&hasher.finalize()));
        }
        hasher.update(chunk);
        let count = chunk.len();
        input.reader.consume(count);
    }
}

/// Checks one file of a known data set, whole.
///
/// **Errors**: as [`load`].
pub fn verify_file(known: &KnownDataset, index: usize, path: &Path) -> Result<(), Error> {
    let file = &known.files[index];
    match known.kind {
        Known::Table => check_digest(known, file, path, false)?,
        Known::Images { .. } => {
            let content = read_idx(path, if index.is_multiple_of(2) { 3 } else { 1 })?;
            check_idx(known, file, index / 2, path, &content, false)?
        }
    };
    Ok(())
}

/// The first of these folders' file of this name, gzipped or not.
fn find(known: &KnownDataset, file: &KnownFile, folders: &[PathBuf]) -> Result<PathBuf, Error> {
    found_in(file, folders).ok_or_else(|| Error::MissingData {
        name: known.name.to_string(),
        file: format!("{}.gz", file.name),
        searched: folders.to_vec(),
        source_url: file.sources[0].url.to_string(),
    })
}

/// Where a file is, in the first of these folders that has it, gzipped or not.
pub fn found_in(file: &KnownFile, folders: &[PathBuf]) -> Option<PathBuf> {
    let names = |dir: &PathBuf| ["", ".gz"].map(|end| dir.join(format!("{}{end}", file.name)));
    folders.iter().flat_map(names).find(|path| path.is_file())
}

/// Folders that may hold the data set, in order: `data_dir` (and nothing else, if it is given), or
/// `FANIN_DATA_DIR`, `data/` here, `data/` above the executable (the repository's), the user's cache,
/// and the system's folder.
pub fn search_path(known: &KnownDataset, data_dir: Option<&Path>) -> Vec<PathBuf> {
    let name = known.name;
    if let Some(dir) = data_dir {
        return vec![dir.join(name), dir.to_path_buf()];
    }
    let environment = std::env::var_os("FANIN_DATA_DIR").map(PathBuf::from);
    let executable = std::env::current_exe().ok();
    let above = executable.iter().flat_map(|path| path.ancestors().skip(1).take(4));
    let repository = above.map(|dir| dir.join("data")).find(|dir| dir.join(name).is_dir());
    let folders = environment.into_iter().chain([PathBuf::from("data")]).chain(repository);
    let folders = folders.chain(cache_dir()).map(|dir| dir.join(name));
    folders.chain(known.system_folder.map(PathBuf::from)).collect()
}

/// The user's folder for fetched data: `$XDG_CACHE_HOME/fanin` or `~/.cache/fanin`.
pub(super) fn cache_dir() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || absolute("HOME").or_else(|| absolute("USERPROFILE"));
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(home()?.join(".cache")))?;
    Some(cache.join("fanin"))
}
