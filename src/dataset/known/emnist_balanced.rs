//! EMNIST's balanced split: handwritten digits and letters.

use super::entry::{Known, KnownDataset, KnownFile, member};

/// The source of a file of EMNIST: one archive of all its splits, about half a gigabyte.
macro_rules! emnist {
    ($name:literal) => {
        &[member(
            "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
            concat!("gzip/", $name, ".gz"),
        )]
    };
}

/// EMNIST's balanced split: handwritten digits and letters.
pub(super) const EMNIST_BALANCED: KnownDataset = KnownDataset {
    name: "emnist-balanced",
    title: "handwritten digits and letters, 28 × 28 grey, 47 classes",
    classes: &[
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F", "G", "H",
        "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z",
        "a", "b", "d", "e", "f", "g", "h", "n", "q", "r", "t",
    ],
    class_count: 47,
    samples: [112_800, 18_800],
    licence: "public domain (NIST Special Database 19)",
    citation: "G. Cohen, S. Afshar, J. Tapson, A. van Schaik: EMNIST: an extension of MNIST to \
               handwritten letters, arXiv:1702.05373, 2017",
    kind: Known::Images { height: 28, width: 28, channels: 1, transposed: true },
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
};
