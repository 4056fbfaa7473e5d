//! Forest Cover: the kind of forest from cartographic values.

use super::entry::{Known, KnownColumn, KnownDataset, KnownFile, KnownTable, file, member};
use crate::dataset::formats::Header;

/// UCI's names.
const COLUMNS: &[KnownColumn] = &[
    KnownColumn::Number("Elevation"),
    KnownColumn::Number("Aspect"),
    KnownColumn::Number("Slope"),
    KnownColumn::Number("Horizontal_Distance_To_Hydrology"),
    KnownColumn::Number("Vertical_Distance_To_Hydrology"),
    KnownColumn::Number("Horizontal_Distance_To_Roadways"),
    KnownColumn::Number("Hillshade_9am"),
    KnownColumn::Number("Hillshade_Noon"),
    KnownColumn::Number("Hillshade_3pm"),
    KnownColumn::Number("Horizontal_Distance_To_Fire_Points"),
    KnownColumn::Numbers("Wilderness_Area", 4),
    KnownColumn::Numbers("Soil_Type", 40),
];

/// Forest Cover: the kind of forest from cartographic values.
pub(super) const FOREST_COVER: KnownDataset = KnownDataset {
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
    samples: [464_809, 116_203],
    licence: "CC BY 4.0",
    citation: "J. A. Blackard, D. J. Dean: Comparative accuracies of artificial neural networks \
               and discriminant analysis in predicting forest cover types, 1999; UCI, \
               doi:10.24432/C50K5N",
    kind: Known::Table(KnownTable {
        header: Header::No,
        delimiter: b',',
        columns: COLUMNS,
        label: "-1",
        labels: &["1", "2", "3", "4", "5", "6", "7"],
        // PSN paper, §2.1: a fifth of the rows.
        test_fraction: 0.2,
    }),
    files: &[KnownFile {
        name: "covtype.data",
        sha256: Some("0a9371cef7c964b5475d6053cc3e0894a5aa6f65ad1ed3ecb01c45aa96217945"),
        sources: &[
            member("https://archive.ics.uci.edu/static/public/31/covertype.zip", "covtype.data.gz"),
            file(
                "https://archive.ics.uci.edu/ml/machine-learning-databases/covtype/covtype.data.gz",
            ),
        ],
    }],
    system_folder: None,
};
