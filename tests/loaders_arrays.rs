//! Formats of arrays against damaged files: a typed error that names the file, and never a panic, a
//! hang, or more memory than the file is worth.

use files::{floats, gzip, idx, npy, zip};
use loader::{Loader, alone};

#[path = "common/files.rs"]
mod files;
#[path = "common/loader.rs"]
mod loader;

#[test]
fn damaged_idx_is_refused() {
    let _alone = alone();
    let images: Vec<u8> = (0..40 * 16).map(|i| i as u8).collect();
    let labels: Vec<u8> = (0..40).map(|i| i % 4).collect();
    for name in ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"] {
        let is_gzip = name.ends_with("gz");
        let wrap = |bytes: Vec<u8>| if is_gzip { gzip(&bytes) } else { bytes };
        let good = idx(&[40, 4, 4], &images);
        let beside = Some(("labels-idx1-ubyte", idx(&[40], &labels)));
        let loader = Loader::new(name, wrap(good.clone()), beside);
        for cut in 0..20 {
            let at = good.len() * cut / 20;
            loader.refuses(&format!("cut at {at}"), &wrap(good[..at].to_vec()), "truncated");
        }
        let dims = |dims: [u32; 3]| wrap(idx(&dims, &images));
        let cases = [
            ("of labels", wrap(idx(&[640], &images)), "not an IDX file of images"),
            ("of floats", wrap([&[0, 0, 0x0d, 3], &good[4..]].concat()), "not an IDX file"),
            ("wrong magic", wrap([b"PNG\n".as_slice(), &good[4..]].concat()), "not an IDX file"),
            ("no samples", dims([0, 4, 4]), "impossible dimensions [0, 4, 4]"),
            ("no pixels", dims([40, 0, 4]), "impossible dimensions"),
            ("dimensions overflow", dims([u32::MAX; 3]), "impossible dimensions"),
            ("more than is there", dims([40, 4, 5]), "truncated"),
            ("far more than is there", dims([40, 10_000_000, 1]), "truncated"),
            ("less than is there", dims([40, 4, 3]), "bytes follow"),
            ("more samples", dims([41, 4, 4]), "40 labels for 41 samples"),
            ("fewer labels", wrap(idx(&[20, 4, 4], &images[..320])), "40 labels for 20 samples"),
            ("empty", vec![], if is_gzip { "gzip" } else { "truncated" }),
            ("garbage", vec![0x5a; 2000], "not an IDX"),
        ];
        for (case, bytes, message) in cases {
            loader.refuses_within(4 << 20, case, &bytes, message);
        }
        if is_gzip {
            // A stream of a hundred megabytes behind a header that promises 640 bytes.
            let bomb = gzip(&[good.as_slice(), &vec![0; 100 << 20]].concat());
            loader.refuses_within(4 << 20, "gzip bomb", &bomb, "bytes follow the 640");
            for cut in 1..10 {
                let at = loader.good.len() * cut / 10;
                loader.refuses("gzip cut", &loader.good[..at], "damaged gzip");
            }
        }
    }
}

#[test]
fn damaged_npy_and_npz_are_refused() {
    let _alone = alone();
    let x = npy("<f4", "(40, 3)", &floats((0..120).map(|i| i as f32)));
    let y =
        npy("<i8", "(40,)", &(0..40i64).flat_map(|i| (i % 3).to_le_bytes()).collect::<Vec<_>>());
    let good = zip(&[("x.npy", x.clone()), ("y.npy", y.clone())]);
    let alone = Loader::new("x.npy", x.clone(), Some(("y.npy", y.clone())));
    let both = Loader::new("data.npz", good, None);
    alone.refuses_cuts(20, "damaged");
    both.refuses_cuts(20, "damaged");
    let with_x = |x: &[u8]| zip(&[("x.npy", x.to_vec()), ("y.npy", y.clone())]);
    let shape = |shape: &str| npy("<f4", shape, &floats((0..120).map(|i| i as f32)));
    let cases = [
        ("another magic", [b"\x93NUMPX".as_slice(), &x[6..]].concat(), "not an NPY array"),
        ("no header", [&x[..8], &[0, 0]].concat(), "malformed NPY header"),
        ("a header of garbage", [&x[..10], &[b'?'; 200]].concat(), "malformed NPY header"),
        ("not UTF-8", [&x[..10], &[0xff; 200]].concat(), "damaged"),
        ("a shape that overflows", shape("(9999999999, 9999999999, 9)"), "malformed NPY header"),
        ("a size that is none", shape("(-3, 3)"), "malformed NPY header"),
        ("far more than is there", shape("(40, 300000)"), "of 48000000 bytes"),
        ("one more than is there", shape("(40, 4)"), "480 of 640 bytes"),
        (
            "fewer numbers than bytes",
            shape("(40, 2)"),
            "is followed by bytes that belong to nothing",
        ),
        (
            "fewer rows than labels",
            npy("<f4", "(20, 3)", &floats((0..60).map(|i| i as f32))),
            "40 labels for 20 samples",
        ),
        ("no rows", npy("<f4", "(0, 3)", &[]), "40 labels for 0 samples"),
        ("no columns", npy("<f4", "(40, 0)", &[]), "no rows of values"),
        ("a scalar", npy("<f4", "()", &[0; 4]), "40 labels for 0 samples"),
        ("complex numbers", npy("<c8", "(40,)", &[0; 320]), "element type <c8"),
        ("objects", npy("|O", "(40,)", &[0; 40]), "element type |O: Python's objects"),
        ("texts", npy("<U2", "(40,)", &[0; 320]), "element type <U2"),
        (
            "NaN",
            npy("<f4", "(40, 3)", &floats((0..120).map(|i| if i == 7 { f32::NAN } else { 0.0 }))),
            "line 3, column 2: 'NaN'",
        ),
        (
            "infinity",
            npy("<f8", "(40, 1)", &[f64::INFINITY.to_le_bytes(); 40].concat()),
            "line 1, column 1: 'inf'",
        ),
    ];
    for (case, bytes, message) in &cases {
        alone.refuses_within(4 << 20, case, bytes, message);
        both.refuses_within(4 << 20, case, &with_x(bytes), message);
    }
    both.refuses("no samples", &zip(&[("y.npy", y.clone())]), "of samples (x, X");
    both.refuses("no labels", &zip(&[("x.npy", x.clone())]), "of labels (y, Y");
    both.refuses("no arrays", &zip(&[("x.txt", x.clone())]), "is missing");
    both.refuses("empty", &[], "damaged");
    both.refuses("not a zip", &[7; 3000], "damaged");
    // Bytes stay bytes, whatever else the archive holds.
    let bytes = npy("|u1", "(40, 2, 2)", &[3; 160]);
    let data =
        both.load(&zip(&[("readme.txt", vec![1]), ("y_train.npy", y), ("x_train.npy", bytes)]));
    assert_eq!(data.unwrap().train.bytes().map(<[u8]>::len), Some(128));
}
