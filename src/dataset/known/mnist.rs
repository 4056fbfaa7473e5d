//! MNIST: handwritten digits.

use super::entry::{Known, KnownDataset, KnownFile, file};

/// The sources of a file of MNIST.
macro_rules! mnist {
    ($name:literal) => {
        &[
            file(concat!("https://ossci-datasets.s3.amazonaws.com/mnist/", $name, ".gz")),
            file(concat!("https://storage.googleapis.com/cvdf-datasets/mnist/", $name, ".gz")),
        ]
    };
}

/// MNIST: handwritten digits.
pub(super) const MNIST: KnownDataset = KnownDataset {
    name: "mnist",
    title: "handwritten digits, 28 × 28 grey",
    classes: &[],
    class_count: 10,
    samples: [60_000, 10_000],
    licence: "CC BY-SA 3.0",
    citation: "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to \
               document recognition, Proc. IEEE 86(11), 1998",
    kind: Known::Images { height: 28, width: 28, channels: 1, transposed: false },
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
};
