//! The data sets known by name: their files, shapes and digests, and where they are looked for.

use super::{Dataset, IdxFile, Normalize, Samples, read_idx};
use crate::Error;
use crate::error::DataProblem;
use std::path::{Path, PathBuf};

/// A data set of four gzipped IDX files.
#[derive(Debug)]
pub struct KnownDataset {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// Classes.
    pub classes: usize,
    /// The files.
    pub files: [KnownFile; 4],
}

/// One file with the SHA-256 of its uncompressed content.
#[derive(Debug)]
pub struct KnownFile {
    /// The name, without `.gz`.
    pub name: &'static str,
    /// The digest in hexadecimal.
    pub sha256: &'static str,
}

/// Every known data set: training images, training labels, test images, test labels.
pub const KNOWN: &[KnownDataset] = &[KnownDataset {
    name: "mnist",
    classes: 10,
    files: [
        KnownFile {
            name: "train-images-idx3-ubyte",
            sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        },
        KnownFile {
            name: "train-labels-idx1-ubyte",
            sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        },
        KnownFile {
            name: "t10k-images-idx3-ubyte",
            sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        },
        KnownFile {
            name: "t10k-labels-idx1-ubyte",
            sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ],
}];

/// Loads a known data set, from `data_dir` or wherever [`search_path`] leads.
///
/// **Errors**: [`Error::MissingData`] naming every folder looked in; [`Error::Data`] for a file that
/// is broken or not the known one.
pub fn load(name: &str, data_dir: Option<&Path>, normalize: Normalize) -> Result<Dataset, Error> {
    let known = KNOWN.iter().find(|known| known.name == name).ok_or_else(|| {
        let names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        Error::Config(format!("unknown data set '{name}': the known ones are {}", names.join(", ")))
    })?;
    let folders = search_path(name, data_dir);
    let split = |images: &KnownFile, labels: &KnownFile| -> Result<Samples, Error> {
        let (_, images) = open(known, images, &folders, 3)?;
        let (path, labels) = open(known, labels, &folders, 1)?;
        let features = images.dimensions[1..].iter().product();
        let labels = labels.bytes.into_iter().map(u16::from).collect();
        Samples::new(features, known.classes, images.bytes, labels)
            .map_err(|problem| Error::data(&path, problem))
    };
    let [train_images, train_labels, test_images, test_labels] = &known.files;
    let train = split(train_images, train_labels)?;
    let test = split(test_images, test_labels)?;
    Ok(Dataset::new(train, test, normalize))
}

/// Finds, reads and verifies one file.
fn open(
    known: &KnownDataset,
    file: &KnownFile,
    folders: &[PathBuf],
    rank: usize,
) -> Result<(PathBuf, IdxFile), Error> {
    let candidates = folders
        .iter()
        .flat_map(|dir| ["", ".gz"].map(|end| dir.join(format!("{}{end}", file.name))));
    let path = candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let file = format!("{}.gz", file.name);
        Error::MissingData { name: known.name.to_string(), file, searched: folders.to_vec() }
    })?;
    let content = read_idx(&path, rank)?;
    let classes = known.classes;
    if rank == 1
        && let Some(sample) = content.bytes.iter().position(|&l| l as usize >= classes)
    {
        let label = u16::from(content.bytes[sample]);
        return Err(Error::data(&path, DataProblem::Label { label, sample, classes }));
    }
    if content.sha256 != file.sha256 {
        let (expected, found) = (file.sha256.to_string(), content.sha256);
        return Err(Error::data(&path, DataProblem::Digest { expected, found }));
    }
    Ok((path, content))
}

/// Folders that may hold the data set, in order: `data_dir` (and nothing else, if it is given), or
/// `FANIN_DATA_DIR`, `data/` here, and `data/` above the executable (the repository's).
fn search_path(name: &str, data_dir: Option<&Path>) -> Vec<PathBuf> {
    if let Some(dir) = data_dir {
        return vec![dir.join(name), dir.to_path_buf()];
    }
    let environment = std::env::var_os("FANIN_DATA_DIR").map(PathBuf::from);
    let executable = std::env::current_exe().ok();
    let above = executable.iter().flat_map(|path| path.ancestors().skip(1).take(4));
    let repository = above.map(|dir| dir.join("data")).find(|dir| dir.join(name).is_dir());
    let folders = environment.into_iter().chain([PathBuf::from("data")]).chain(repository);
    folders.map(|dir| dir.join(name)).collect()
}
