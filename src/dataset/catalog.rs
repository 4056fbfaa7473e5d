//! The data sets known by name: their files, shapes, digests and sources, and where they are looked for.

use super::idx::hexadecimal;
use super::input::Input;
use super::table::{TableOptions, read_table};
use super::{
    Column, DataConfig, Dataset, Header, Kind, Normalize, Samples, Schema, hold_out, read_idx,
};
use crate::Error;
use crate::error::DataProblem;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// A data set known by name.
#[derive(Debug)]
pub struct KnownDataset {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// What it is, in a line.
    pub title: &'static str,
    /// The classes' names; of images whose labels are digits none.
    pub classes: &'static [&'static str],
    /// How many classes there are.
    pub class_count: usize,
    /// Values of a sample.
    pub features: usize,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Training images and labels, test images and labels, as IDX.
    Images {
        /// Whether rows and columns of the pictures are exchanged in the files.
        transposed: bool,
    },
    /// One table without a header, the label last, a fifth of its rows for testing.
    Table,
}

/// One file with the SHA-256 of its uncompressed content.
#[derive(Debug)]
pub struct KnownFile {
    /// The name, without `.gz`.
    pub name: &'static str,
    /// The digest in hexadecimal, where one was computed from the file itself.
    pub sha256: Option<&'static str>,
    /// Where it can be had. None of the addresses has been tried: this project has no network.
    pub sources: &'static [Source],
}

/// An address of a file.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The address of the file, or of a zip archive that holds it.
    pub url: &'static str,
    /// Its name in the archive.
    pub member: Option<&'static str>,
}

const fn file(url: &'static str) -> Source {
    Source { url, member: None }
}

const fn member(url: &'static str, member: &'static str) -> Source {
    Source { url, member: Some(member) }
}

/// The sources of a file of MNIST.
macro_rules! mnist {
    ($name:literal) => {
        &[
            file(concat!("https://ossci-datasets.s3.amazonaws.com/mnist/", $name, ".gz")),
            file(concat!("https://storage.googleapis.com/cvdf-datasets/mnist/", $name, ".gz")),
        ]
    };
}

/// The sources of a file of Fashion-MNIST.
macro_rules! fashion {
    ($name:literal) => {
        &[
            file(concat!(
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                $name,
                ".gz"
            )),
            file(concat!(
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                $name,
                ".gz"
            )),
        ]
    };
}

/// The source of a file of EMNIST: one archive of all its splits, about half a gigabyte.
macro_rules! emnist {
    ($name:literal) => {
        &[member(
            "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
            concat!("gzip/", $name, ".gz"),
        )]
    };
}

/// Every known data set. Images: training images, training labels, test images, test labels.
pub const KNOWN: &[KnownDataset] = &[
    KnownDataset {
        name: "mnist",
        title: "handwritten digits, 28 × 28 grey",
        classes: &[],
        class_count: 10,
        features: 784,
        samples: [60_000, 10_000],
        licence: "CC BY-SA 3.0",
        citation: "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to \
                   document recognition, Proc. IEEE 86(11), 1998",
        kind: Known::Images { transposed: false },
        files: &[
            KnownFile {
                name: "train-images-idx3-ubyte",
                sha256: Some("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
                sources: mnist!("train-images-idx3-ubyte"),
            },
            KnownFile {
                name: "train-labels-idx1-ubyte",
                sha256: Some("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
                sources: mnist!("train-labels-idx1-ubyte"),
            },
            KnownFile {
                name: "t10k-images-idx3-ubyte",
                sha256: Some("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
                sources: mnist!("t10k-images-idx3-ubyte"),
            },
            KnownFile {
                name: "t10k-labels-idx1-ubyte",
                sha256: Some("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
                sources: mnist!("t10k-labels-idx1-ubyte"),
            },
        ],
        system_folder: None,
    },
    KnownDataset {
        name: "fashion-mnist",
        title: "articles of clothing, 28 × 28 grey",
        classes: &[
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ],
        class_count: 10,
        features: 784,
        samples: [60_000, 10_000],
        licence: "MIT",
        citation: "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST: a novel image dataset for \
                   benchmarking machine learning algorithms, arXiv:1708.07747, 2017",
        kind: Known::Images { transposed: false },
        files: &[
            KnownFile {
                name: "train-images-idx3-ubyte",
                sha256: Some("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
                sources: fashion!("train-images-idx3-ubyte"),
            },
            KnownFile {
                name: "train-labels-idx1-ubyte",
                sha256: Some("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
                sources: fashion!("train-labels-idx1-ubyte"),
            },
            KnownFile {
                name: "t10k-images-idx3-ubyte",
                sha256: Some("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
                sources: fashion!("t10k-images-idx3-ubyte"),
            },
            KnownFile {
                name: "t10k-labels-idx1-ubyte",
                sha256: Some("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
                sources: fashion!("t10k-labels-idx1-ubyte"),
            },
        ],
        // Debian's package dataset-fashion-mnist.
        system_folder: Some("/usr/share/datasets/fashion-mnist"),
    },
    KnownDataset {
        name: "emnist-balanced",
        title: "handwritten digits and letters, 28 × 28 grey, 47 classes",
        classes: &[
            "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F", "G",
            "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X",
            "Y", "Z", "a", "b", "d", "e", "f", "g", "h", "n", "q", "r", "t",
        ],
        class_count: 47,
        features: 784,
        samples: [112_800, 18_800],
        licence: "public domain (NIST Special Database 19)",
        citation: "G. Cohen, S. Afshar, J. Tapson, A. van Schaik: EMNIST: an extension of MNIST to \
                   handwritten letters, arXiv:1702.05373, 2017",
        kind: Known::Images { transposed: true },
        // No digest is known of the official files: sizes are all that tells them from others.
        files: &[
            KnownFile {
                name: "emnist-balanced-train-images-idx3-ubyte",
                sha256: None,
                sources: emnist!("emnist-balanced-train-images-idx3-ubyte"),
            },
            KnownFile {
                name: "emnist-balanced-train-labels-idx1-ubyte",
                sha256: None,
                sources: emnist!("emnist-balanced-train-labels-idx1-ubyte"),
            },
            KnownFile {
                name: "emnist-balanced-test-images-idx3-ubyte",
                sha256: None,
                sources: emnist!("emnist-balanced-test-images-idx3-ubyte"),
            },
            KnownFile {
                name: "emnist-balanced-test-labels-idx1-ubyte",
                sha256: None,
                sources: emnist!("emnist-balanced-test-labels-idx1-ubyte"),
            },
        ],
        system_folder: None,
    },
    KnownDataset {
        name: "forest-cover",
        title: "forest cover type from 54 cartographic values",
        classes: &[
            "Spruce/Fir",
            "Lodgepole Pine",
            "Ponderosa Pine",
            "Cottonwood/Willow",
            "Aspen",
            "Douglas-fir",
            "Krummholz",
        ],
        class_count: 7,
        features: 54,
        samples: [464_809, 116_203],
        licence: "CC BY 4.0",
        citation: "J. A. Blackard, D. J. Dean: Comparative accuracies of artificial neural networks \
                   and discriminant analysis in predicting forest cover types, 1999; UCI, \
                   doi:10.24432/C50K5N",
        kind: Known::Table,
        files: &[KnownFile {
            name: "covtype.data",
            sha256: Some("0a9371cef7c964b5475d6053cc3e0894a5aa6f65ad1ed3ecb01c45aa96217945"),
            sources: &[
                member(
                    "https://archive.ics.uci.edu/static/public/31/covertype.zip",
                    "covtype.data.gz",
                ),
                file(
                    "https://archive.ics.uci.edu/ml/machine-learning-databases/covtype/covtype.data.gz",
                ),
            ],
        }],
        system_folder: None,
    },
];

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

/// The known data set of this name.
///
/// **Errors**: [`Error::Config`] naming those there are.
pub fn known(name: &str) -> Result<&'static KnownDataset, Error> {
    KNOWN.iter().find(|known| known.name == name).ok_or_else(|| {
        let names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        Error::Config(format!("unknown data set '{name}': the known ones are {}", names.join(", ")))
    })
}

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
    let mut is_official = true;
    let (train, test, test_rows) = match known.kind {
        Known::Images { .. } => {
            let mut split = |index: usize| -> Result<Samples, Error> {
                let (samples, official) = images(known, index, &folders, config.allow_unofficial)?;
                is_official &= official;
                Ok(samples)
            };
            (split(0)?, split(1)?, None)
        }
        Known::Table => {
            let path = find(known, &known.files[0], &folders)?;
            is_official = check_digest(known, &known.files[0], &path, config.allow_unofficial)?;
            let options = TableOptions {
                header: Header::No,
                delimiter: Some(b','),
                label: Some("-1".to_string()),
                ..TableOptions::default()
            };
            let raw = read_table(&path, &options, Some(&cover_schema(known)))?;
            let rows: Vec<u32> = (0..raw.rows() as u32).collect();
            let (stratify, seed) = (config.stratify, config.split_seed);
            let split = hold_out(&rows, &raw.labels, 0.2, stratify, seed, 0);
            let at = |problem| Error::data(&path, problem);
            let schema = cover_schema(known);
            let train = raw.samples(&schema, &split.kept).map_err(at)?;
            (train, raw.samples(&schema, &split.held_out).map_err(at)?, Some(split.held_out))
        }
    };
    let mut data = Dataset::new(train, test, Normalize::None);
    data.schema = match known.kind {
        Known::Images { .. } => {
            let classes = known.classes.iter().map(ToString::to_string).collect();
            Schema { classes, ..Schema::default() }
        }
        Known::Table => {
            let mut schema = cover_schema(known);
            schema.classes = known.classes.iter().map(ToString::to_string).collect();
            schema
        }
    };
    data.name = match is_official {
        true => known.name.to_string(),
        false => format!("{} (stand-in)", known.name),
    };
    data.test_rows = test_rows;
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
        classes: (1..=known.class_count).map(|class| class.to_string()).collect(),
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
