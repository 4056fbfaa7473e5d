//! Fashion-MNIST: articles of clothing.

use super::entry::{Known, KnownDataset, KnownFile, file};

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

/// Fashion-MNIST: articles of clothing.
pub(super) const FASHION_MNIST: KnownDataset = KnownDataset {
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
    samples: [60_000, 10_000],
    licence: "MIT",
    citation: "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST: a novel image dataset for \
               benchmarking machine learning algorithms, arXiv:1708.07747, 2017",
    kind: Known::Images { height: 28, width: 28, channels: 1, transposed: false },
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
};
