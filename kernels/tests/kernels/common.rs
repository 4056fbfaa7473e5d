//! What the tests of the kernels share.

use fanin_kernels::{Isa, Level, Row};
use rand::RngExt;
use rand_pcg::Pcg64;

pub(crate) fn integer(rng: &mut Pcg64) -> f32 {
    rng.random_range(-8i32..=8) as f32
}

pub(crate) fn real(rng: &mut Pcg64) -> f32 {
    rng.random_range(-1.0..1.0)
}

pub(crate) fn rows(rng: &mut Pcg64, count: usize, value: impl Fn(&mut Pcg64) -> f32) -> Vec<Row> {
    (0..count).map(|_| Row(std::array::from_fn(|_| value(rng)))).collect()
}

/// A tile as the specification wants it: `[sample, feature]` in f64.
pub(crate) fn sample_major(rows: &[Row], samples: usize) -> Vec<f64> {
    (0..samples).flat_map(|s| rows.iter().map(move |row| f64::from(row.0[s]))).collect()
}

pub(crate) fn widen(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Runs `f` on every level; levels with FMA must give the same bits.
pub(crate) fn on_every_level<R: PartialEq + std::fmt::Debug>(f: impl Fn(Isa) -> R) -> R {
    for level in Level::ALL {
        if Isa::new(level).is_err() {
            println!("skipped: level {level} is not on this CPU");
        }
    }
    let fused: Vec<Isa> =
        Isa::available().into_iter().filter(|isa| isa.level() != Level::ScalarNoFma).collect();
    let unfused = f(Isa::new(Level::ScalarNoFma).expect("any CPU"));
    let Some((&first, rest)) = fused.split_first() else { return unfused };
    let expected = f(first);
    for &isa in rest {
        assert_eq!(f(isa), expected, "{} against {}", isa.level(), first.level());
    }
    expected
}

/// Asserts max|got − expected| / max|expected| ≤ `bound`.
pub(crate) fn assert_close(name: &str, got: &[f64], expected: &[f64], bound: f64) {
    assert_eq!(got.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(1e-30f64, |max, x| max.max(x.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs() / scale;
        assert!(error <= bound, "{name}[{i}]: {got} against {expected}, error {error:.2e}");
    }
}
