//! How a network's sparsity is divided among its layers.

use super::error::TopologyError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A division of the sparsity among the layers that are sparse. As text: `uniform`, `erk`, or a
/// list such as `0.9;0.95`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum Allocation {
    /// Every layer the same.
    Uniform,
    /// Erdős–Rényi (Mocanu et al. 2018; for linear layers Evci et al.'s ERK is the same): density
    /// proportional to (n + m)/(n·m), no layer above 1.
    Erk,
    /// Each layer's own.
    List(Vec<f64>),
}

impl Allocation {
    /// The sparsity of each sparse layer `[in_features, out_features]` such that together they have
    /// `sparsity`.
    ///
    /// ERK as its authors iterate it: ε from the layers that are not yet dense; if the largest
    /// density would exceed 1, all layers that attain it become dense, and again.
    ///
    /// **Errors**: [`TopologyError::SparsityCount`] if a list has another length.
    pub fn sparsities(
        &self,
        shapes: &[[usize; 2]],
        sparsity: f64,
    ) -> Result<Vec<f64>, TopologyError> {
        match self {
            Allocation::Uniform => Ok(vec![sparsity; shapes.len()]),
            Allocation::Erk => Ok(erk(shapes, sparsity)),
            Allocation::List(list) if list.len() != shapes.len() => {
                let (given, layers) = (list.len(), shapes.len());
                Err(TopologyError::SparsityCount { given, layers })
            }
            Allocation::List(list) => Ok(list.clone()),
        }
    }
}

fn erk(shapes: &[[usize; 2]], sparsity: f64) -> Vec<f64> {
    let positions: Vec<f64> = shapes.iter().map(|[n, m]| (n * m) as f64).collect();
    let raw: Vec<f64> =
        shapes.iter().zip(&positions).map(|([n, m], p)| (n + m) as f64 / p).collect();
    let mut dense = vec![false; shapes.len()];
    loop {
        let (mut budget, mut divisor) = (0.0, 0.0);
        for ((&positions, &raw), &dense) in positions.iter().zip(&raw).zip(&dense) {
            let zeros = (sparsity * positions + 1e-9).floor();
            if dense {
                budget -= zeros;
            } else {
                budget += positions - zeros;
                divisor += raw * positions;
            }
        }
        let free = || raw.iter().zip(&dense).filter(|(_, dense)| !**dense).map(|(raw, _)| *raw);
        let largest = free().fold(0.0, f64::max);
        let epsilon = if divisor > 0.0 { (budget / divisor).max(0.0) } else { 0.0 };
        if epsilon * largest <= 1.0 {
            let layers = raw.iter().zip(&dense).zip(&positions);
            let sparsity = |((&raw, &dense), &positions): ((&f64, &bool), &f64)| {
                let sparsity = if dense { 0.0 } else { 1.0 - epsilon * raw };
                // Half a connection less, or f64's rounding, is no sparsity that a layer can have.
                if sparsity * positions <= 0.5 { 0.0 } else { sparsity }
            };
            return layers.map(sparsity).collect();
        }
        for (dense, raw) in dense.iter_mut().zip(&raw) {
            *dense |= *raw == largest;
        }
    }
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allocation::Uniform => f.write_str("uniform"),
            Allocation::Erk => f.write_str("erk"),
            Allocation::List(list) => {
                let list: Vec<String> = list.iter().map(ToString::to_string).collect();
                f.write_str(&list.join(";"))
            }
        }
    }
}

impl FromStr for Allocation {
    type Err = TopologyError;

    fn from_str(text: &str) -> Result<Self, TopologyError> {
        match text {
            "uniform" => Ok(Allocation::Uniform),
            "erk" => Ok(Allocation::Erk),
            _ => {
                let sparsity = |item: &str| {
                    let value: Option<f64> = item.trim().parse().ok();
                    let value = value.filter(|value| (0.0..1.0).contains(value));
                    value.ok_or_else(|| TopologyError::Allocation(text.to_string()))
                };
                text.split(';').map(sparsity).collect::<Result<_, _>>().map(Allocation::List)
            }
        }
    }
}

impl From<Allocation> for String {
    fn from(allocation: Allocation) -> String {
        allocation.to_string()
    }
}

impl TryFrom<String> for Allocation {
    type Error = TopologyError;

    fn try_from(text: String) -> Result<Self, TopologyError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::oracle::Oracle;

    fn densities(shapes: &[[usize; 2]], sparsity: f64) -> Vec<f64> {
        let sparsities = Allocation::Erk.sparsities(shapes, sparsity).unwrap();
        sparsities.into_iter().map(|sparsity| 1.0 - sparsity).collect()
    }

    fn assert_near(got: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < tolerance, "{got} against {expected}");
        }
    }

    #[test]
    fn erk_gives_the_published_densities_at_90_percent() {
        // methods of RigL's authors on the paper's hidden layers: .1081/.0938, and
        // .811/.0813/.0813. The paper's §3.3 says ERK leaves Forest Cover's first layer a fan-in of
        // about 5; its definition gives 43.8.
        assert_near(&densities(&[[784, 1024], [1024, 1024]], 0.9), &[0.1081, 0.0938], 5e-5);
        let forest = [[54, 1024], [1024, 1024], [1024, 1024]];
        assert_near(&densities(&forest, 0.9), &[0.811, 0.0813, 0.0813], 5e-4);
    }

    #[test]
    fn erk_is_the_oracles() {
        let mut oracle = Oracle::open("erk");
        let sparsities = oracle.numbers("sparsities");
        for net in ["784_300_100_10", "784_1024_1024_10", "54_1024_1024_1024_7"] {
            let dims = oracle.whole(&format!("{net}_dims"));
            let shapes: Vec<[usize; 2]> = dims.windows(2).map(|pair| [pair[0], pair[1]]).collect();
            for (scope, shapes) in [("all", &shapes[..]), ("hidden", &shapes[..shapes.len() - 1])] {
                let expected = oracle.numbers(&format!("{net}_{scope}_density"));
                let counts = oracle.whole(&format!("{net}_{scope}_nnz"));
                let per_sparsity = counts.len() / sparsities.len();
                for (at, &sparsity) in sparsities.iter().enumerate() {
                    let found = densities(shapes, sparsity);
                    let expected = &expected[at * per_sparsity..][..shapes.len()];
                    for (found, expected) in found.iter().zip(expected) {
                        assert!((found / expected - 1.0).abs() < 1e-9, "{net} {scope} {sparsity}");
                    }
                    for (layer, ([n, m], density)) in shapes.iter().zip(&found).enumerate() {
                        // Theirs round up, ours to the nearest: less than one apart.
                        let count = density * (n * m) as f64;
                        let theirs = counts[at * per_sparsity + layer] as f64;
                        assert!((theirs - count).abs() < 1.0 + 1e-6, "{net} {scope} {sparsity}");
                    }
                }
            }
        }
    }

    #[test]
    fn erk_keeps_the_budget_when_layers_become_dense() {
        let shapes = [[10, 4], [500, 400], [400, 300]];
        for sparsity in [0.5, 0.9, 0.98] {
            let densities = densities(&shapes, sparsity);
            let positions = shapes.map(|[n, m]| (n * m) as f64);
            let stored: f64 = densities.iter().zip(positions).map(|(d, p)| d * p).sum();
            let budget = (1.0 - sparsity) * positions.iter().sum::<f64>();
            assert!((stored - budget).abs() <= 3.0, "{sparsity}: {stored} of {budget}");
            assert!(densities.iter().all(|d| (0.0..=1.0).contains(d)));
        }
        assert_eq!(densities(&shapes, 0.5)[0], 1.0);
    }

    #[test]
    fn erk_asks_no_layer_for_less_than_a_connection() {
        // A layer of one position, and one that ε = 1 would leave at 1 − 1e-16.
        for width in 1..40 {
            let shapes = [[1, 1], [3, 2], [width, 30], [30, 30]];
            for sparsity in Allocation::Erk.sparsities(&shapes, 0.3).unwrap() {
                assert!(sparsity == 0.0 || sparsity > 0.5 / 900.0, "{width}: {sparsity}");
            }
            assert_eq!(Allocation::Erk.sparsities(&shapes, 0.3).unwrap()[0], 0.0);
        }
    }

    #[test]
    fn lists_are_checked_and_texts_survive() {
        let list: Allocation = "0.9;0.5".parse().unwrap();
        assert_eq!(list.sparsities(&[[3, 3], [3, 3]], 0.1), Ok(vec![0.9, 0.5]));
        assert!(list.sparsities(&[[3, 3]], 0.1).is_err());
        assert_eq!(list.to_string().parse(), Ok(list));
        assert!("0.9;1.0".parse::<Allocation>().is_err());
        assert!("most".parse::<Allocation>().is_err());
    }
}
