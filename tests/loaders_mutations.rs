//! Every loader against ten thousand mutations of a good file: a typed error or a data set, and
//! never a panic, a hang, or more memory than the file is worth.

use fanin::dataset::{Error, FileFormat};
use files::{floats, good_csv, gzip, idx, npy, zip};
use loader::{ALLOCATOR, Loader, alone};
use mutate::mutated;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use std::fs;
use std::time::{Duration, Instant};

#[path = "common/files.rs"]
mod files;
#[path = "common/loader.rs"]
mod loader;
#[path = "common/mutate.rs"]
mod mutate;

/// Ten thousand mutations: an error or a data set, in little memory and time.
fn survives_mutations(loader: &Loader) {
    let rng = &mut Pcg64::seed_from_u64(10_000);
    let (mut loaded, mut refused) = (0, 0);
    for case in 0..10_000 {
        let bytes = mutated(&loader.good, rng);
        fs::write(&loader.file, &bytes).unwrap();
        ALLOCATOR.reset_peak_usage();
        let (before, started) = (ALLOCATOR.current_usage(), Instant::now());
        let result = loader.config.load();
        let used = ALLOCATOR.peak_usage().saturating_sub(before);
        // Buffers of the readers, and what small files may grow to.
        assert!(used < 4 << 20, "case {case} took {used} bytes");
        assert!(started.elapsed() < Duration::from_secs(5), "case {case} hangs");
        match result {
            Ok(_) => loaded += 1,
            Err(
                Error::Data { .. }
                | Error::Format(_)
                | Error::Gzip { .. }
                | Error::Io { .. }
                | Error::EmptySplit { .. },
            ) => refused += 1,
            Err(other) => panic!("case {case}: {other:?}"),
        }
    }
    assert!(refused > 1000, "{refused} refused, {loaded} loaded");
}

#[test]
fn ten_thousand_mutations_of_csv_do_no_harm() {
    let _alone = alone();
    survives_mutations(&Loader::of_csv("data.csv", good_csv().into_bytes()));
}

#[test]
fn ten_thousand_mutations_of_gzipped_csv_do_no_harm() {
    let _alone = alone();
    survives_mutations(&Loader::of_csv("data.csv.gz", gzip(good_csv().as_bytes())));
}

#[test]
fn ten_thousand_mutations_of_svmlight_do_no_harm() {
    let _alone = alone();
    let good: String = (0..30).map(|i| format!("{} 1:{i} 3:{}.5\n", i % 3, i * 2)).collect();
    survives_mutations(&Loader::new("data.svm", good.into_bytes(), None));
}

#[test]
fn ten_thousand_mutations_of_idx_do_no_harm() {
    let _alone = alone();
    let labels = idx(&[12], &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    let images = idx(&[12, 3, 3], &[77; 108]);
    for (name, good) in [("x-idx3-ubyte", images.clone()), ("x-idx3-ubyte.gz", gzip(&images))] {
        let loader = Loader::new(name, good, Some(("y-idx1-ubyte", labels.clone())));
        survives_mutations(&loader);
    }
}

#[test]
fn ten_thousand_mutations_of_npy_and_npz_do_no_harm() {
    let _alone = alone();
    let x = npy("<f4", "(12, 3)", &floats((0..36).map(|i| i as f32)));
    let y = npy("|u1", "(12,)", &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    survives_mutations(&Loader::new("x.npy", x.clone(), Some(("y.npy", y.clone()))));
    let archive = zip(&[("x.npy", x), ("y.npy", y)]);
    let loader = Loader::new("data.npz", archive, None);
    assert_eq!(loader.config.file_format, FileFormat::AUTO);
    survives_mutations(&loader);
}

/// Files whose compression carries a check of their content: of every single bit that flips, the
/// file is refused, or what loads is what was written.
#[test]
fn no_bit_of_a_checked_file_flips_unseen() {
    let _alone = alone();
    let x = npy("<f4", "(12, 3)", &floats((0..36).map(|i| i as f32)));
    let y = npy("|u1", "(12,)", &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    let labels = idx(&[12], &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    let images = idx(&[12, 3, 3], &(0..108).collect::<Vec<u8>>());
    let beside = |name, bytes: &Vec<u8>| Some((name, bytes.clone()));
    let loaders = [
        Loader::new("data.npz", zip(&[("x.npy", x.clone()), ("y.npy", y.clone())]), None),
        Loader::new("x.npy.gz", gzip(&x), beside("y.npy", &y)),
        Loader::new("x-idx3-ubyte.gz", gzip(&images), beside("y-idx1-ubyte", &labels)),
        Loader::of_csv("data.csv.gz", gzip(good_csv().as_bytes())),
    ];
    for loader in &loaders {
        fs::write(&loader.file, &loader.good).unwrap();
        let written = loader.config.load().unwrap().digest();
        let (mut refused, mut same) = (0, 0);
        for bit in 0..loader.good.len() * 8 {
            let mut bytes = loader.good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&loader.file, &bytes).unwrap();
            match loader.config.load() {
                Err(_) => refused += 1,
                Ok(data) => {
                    let file = loader.file.display();
                    assert!(data.digest() == written, "{file}: bit {bit} flips unseen");
                    same += 1;
                }
            }
        }
        // What is no content: names, times, flags.
        assert!(refused > 4 * same, "{}: {refused}, {same}", loader.file.display());
    }
}
