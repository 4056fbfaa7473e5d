//! The data sets known by name: what their files are, hold, and may be used for.

use crate::Error;

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

impl KnownDataset {
    /// The labels as its files have them, in the order of the classes.
    pub fn label_texts(&self) -> Vec<String> {
        let first = if self.kind == Known::Table { 1 } else { 0 };
        (first..first + self.class_count).map(|label| label.to_string()).collect()
    }
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

/// The known data set of this name.
///
/// **Errors**: [`Error::Config`] naming those there are.
pub fn known(name: &str) -> Result<&'static KnownDataset, Error> {
    KNOWN.iter().find(|known| known.name == name).ok_or_else(|| {
        let names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        Error::Config(format!("unknown data set '{name}': the known ones are {}", names.join(", ")))
    })
}
