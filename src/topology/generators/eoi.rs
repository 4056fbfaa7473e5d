//! Exact orthogonal initialisation (EOI; Nowak et al. 2023, "Sparser, Better, Deeper, Stronger"):
//! random Givens rotations of an identity, until it is dense enough. Connections are the entries
//! that are not 0, weights those entries times a gain: rows are orthonormal, or columns where there
//! are more neurons than inputs. Of the latter some neurons stay without inputs.

use crate::grammar::{Card, Entry, Parameter};
use crate::memory;
use crate::random::{Purpose, stream};
use crate::sparse::CsrPattern;
use crate::topology::error::TopologyError;
use crate::topology::generator::{Generated, Generator, Request};
use rand::RngExt;
use std::f64::consts::TAU;

/// Exact orthogonal initialisation in the list of generators.
pub(super) const ENTRY: Entry<Box<dyn Generator>> = Entry {
    name: "eoi",
    about: "exact orthogonal initialisation, weights included (Nowak et al. 2023)",
    parameters: &[Parameter {
        key: "gain",
        default: Some("1.4142135623730951"),
        about: "what orthonormal weights are multiplied by: √2, which suits ReLU; 1 suits tanh",
    }],
    make: |given| Ok(Box::new(Orthogonal { gain: given.positive("gain")? })),
};

#[derive(Debug)]
struct Orthogonal {
    gain: f64,
}

impl Generator for Orthogonal {
    fn card(&self) -> Card {
        Card {
            paper: "Nowak, Gniecki, Szatkowski & Tabor: Sparser, Better, Deeper, Stronger: \
                Improving Sparse Training with Exact Orthogonal Initialization, 2024, \
                arXiv 2406.01755",
            decides: "connections and weights: rotations of an identity",
            when: "before training",
            cost: "some 2,500 rotations of two columns at 90 %",
        }
    }

    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let &Request { shape: [in_features, out_features], sparsity, seed, layer, .. } = request;
        if !(0.0..1.0).contains(&sparsity) {
            return Err(TopologyError::Sparsity(sparsity));
        }
        let positions = in_features as u64 * out_features as u64;
        memory::expect(positions.saturating_mul(3 * 8), || {
            format!("an orthonormal matrix of {in_features} × {out_features}")
        })?;
        let rng = &mut stream(seed, Purpose::Spread, layer as u64);
        let columns = in_features.max(out_features);
        let rotations = std::iter::from_fn(|| {
            let i = rng.random_range(0..columns);
            let j = (i + rng.random_range(1..columns)) % columns;
            Some((i.min(j), i.max(j), TAU * rng.random::<f64>()))
        });
        // Of a single column there is nothing to rotate.
        let rotations = rotations.take(if columns > 1 { usize::MAX } else { 0 });
        let dense = orthogonal(request.shape, 1.0 - sparsity, rotations);
        let positions: Vec<usize> = (0..dense.len()).filter(|&at| dense[at] != 0.0).collect();
        let weights = positions.iter().map(|&at| (self.gain * dense[at]) as f32).collect();
        let pattern = CsrPattern::from_positions(out_features, in_features, &positions);
        Ok(Generated { pattern, weights: Some(weights), warnings: Vec::new() })
    }
}

/// A matrix `[out_features, in_features]` with orthonormal rows, or columns if those are fewer: the
/// rotations (columns i < j and an angle) in order, until the density is reached; without the last
/// one if that is strictly nearer to it.
fn orthogonal(
    [in_features, out_features]: [usize; 2],
    density: f64,
    rotations: impl Iterator<Item = (usize, usize, f64)>,
) -> Vec<f64> {
    let (rows, columns) = (in_features.min(out_features), in_features.max(out_features));
    let mut matrix: Vec<Vec<f64>> =
        (0..columns).map(|i| (0..rows).map(|r| f64::from(u8::from(r == i))).collect()).collect();
    let count = |column: &[f64]| column.iter().filter(|x| **x != 0.0).count();
    let of_all = (rows * columns) as f64;
    let mut stored = rows;
    for (i, j, angle) in rotations {
        if stored as f64 / of_all >= density {
            break;
        }
        let (sin, cos) = angle.sin_cos();
        let before = (stored, matrix[i].clone(), matrix[j].clone());
        let pairs = before.1.iter().zip(&before.2);
        matrix[i] = pairs.clone().map(|(a, b)| cos * a + sin * b).collect();
        matrix[j] = pairs.map(|(a, b)| -sin * a + cos * b).collect();
        stored -= count(&before.1) + count(&before.2);
        stored += count(&matrix[i]) + count(&matrix[j]);
        let off = |stored: usize| (stored as f64 / of_all - density).abs();
        if stored as f64 / of_all >= density && off(before.0) < off(stored) {
            (matrix[i], matrix[j]) = (before.1, before.2);
            break;
        }
    }
    // Rows of the longer side are columns of the matrix, so more neurons than inputs transpose it.
    let at = |row: usize, col: usize| match out_features > in_features {
        true => matrix[row][col],
        false => matrix[col][row],
    };
    let positions = (0..out_features).flat_map(|row| (0..in_features).map(move |col| (row, col)));
    positions.map(|(row, col)| at(row, col)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::oracle::Oracle;

    fn gram_error(dense: &[f64], [in_features, out_features]: [usize; 2]) -> f64 {
        let at = |row: usize, col: usize| dense[row * in_features + col];
        let vectors = in_features.min(out_features);
        let product = |a: usize, b: usize| -> f64 {
            match out_features > in_features {
                true => (0..out_features).map(|k| at(k, a) * at(k, b)).sum(),
                false => (0..in_features).map(|k| at(a, k) * at(b, k)).sum(),
            }
        };
        let pairs = (0..vectors).flat_map(|a| (0..vectors).map(move |b| (a, b)));
        let error = |(a, b)| (product(a, b) - f64::from(u8::from(a == b))).abs();
        pairs.map(error).fold(0.0, f64::max)
    }

    #[test]
    fn given_rotations_make_the_oracles_matrices() {
        let mut oracle = Oracle::open("eoi");
        for (case, shape) in [
            ("16x16", [16, 16]),
            ("24x16", [16, 24]),
            ("16x24", [24, 16]),
            ("40x32", [32, 40]),
            ("32x40_d02", [40, 32]),
            ("64x8", [8, 64]),
        ] {
            let (i, j) = (oracle.whole(&format!("{case}_i")), oracle.whole(&format!("{case}_j")));
            let angles = oracle.numbers(&format!("{case}_theta"));
            let density = oracle.numbers(&format!("{case}_density_asked"))[0];
            let rotations = i.into_iter().zip(j).zip(angles).map(|((i, j), angle)| (i, j, angle));
            let made = orthogonal(shape, density, rotations);
            let expected = oracle.numbers(&format!("{case}_w"));
            for (made, expected) in made.iter().zip(&expected) {
                assert!((made - expected).abs() < 1e-12, "{case}");
                assert_eq!(*made == 0.0, *expected == 0.0, "{case}");
            }
            assert_eq!(made.len(), expected.len());
            assert!(gram_error(&made, shape) < 1e-12, "{case}");
        }
    }

    #[test]
    fn layers_are_orthonormal_in_single_precision_and_as_dense_as_asked() {
        let generator = Orthogonal { gain: 1.0 };
        for shape in [[96, 128], [128, 96], [100, 100]] {
            let request = Request { shape, sparsity: 0.9, seed: 3, layer: 0, inputs: None };
            let Generated { pattern, weights, .. } = generator.generate(&request).unwrap();
            let dense = pattern.scatter(&weights.unwrap());
            let dense: Vec<f64> = dense.into_iter().map(f64::from).collect();
            assert!(gram_error(&dense, shape) < 1e-6, "{shape:?}");
            // One rotation changes at most two columns.
            assert!((pattern.density() - 0.1).abs() < 2.0 / 96.0, "{}", pattern.density());
        }
        // Of one input and one neuron, all there is.
        let request = Request { shape: [1, 1], sparsity: 0.5, seed: 3, layer: 0, inputs: None };
        assert_eq!(generator.generate(&request).unwrap().weights, Some(vec![1.0]));
    }
}
