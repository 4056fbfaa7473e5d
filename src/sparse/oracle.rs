//! Inputs and outputs of published methods, `tests/oracles/NAME.npz`: computed by their authors'
//! code where that runs, else by a formula of its own, never by this crate.

use super::CsrPattern;
use crate::format::npy::Array;
use crate::format::npz::NpzReader;
use std::fs::File;
use std::path::Path;

/// The arrays of one method.
pub(crate) struct Oracle(NpzReader<File>);

impl Oracle {
    pub(crate) fn open(name: &str) -> Oracle {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles");
        let file = File::open(folder.join(format!("{name}.npz"))).expect("the oracle is there");
        Oracle(NpzReader::open(file).expect("an archive"))
    }

    fn array(&mut self, name: &str) -> Array {
        self.0.take(name).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// An array's numbers in C order.
    pub(crate) fn numbers(&mut self, name: &str) -> Vec<f64> {
        self.array(name).numbers(name).expect("numbers")
    }

    /// An array's numbers, none of them negative or broken.
    pub(crate) fn whole(&mut self, name: &str) -> Vec<usize> {
        self.array(name).indices(name).expect("whole numbers")
    }

    /// A mask `[neurons, inputs]`.
    pub(crate) fn pattern(&mut self, name: &str) -> CsrPattern {
        let array = self.array(name);
        let [rows, cols] = array.shape[..] else { panic!("{name} has shape {:?}", array.shape) };
        let mask = array.numbers(name).expect("numbers").into_iter().enumerate();
        let positions: Vec<usize> = mask.filter(|(_, x)| *x != 0.0).map(|(at, _)| at).collect();
        CsrPattern::from_positions(rows, cols, &positions)
    }
}
