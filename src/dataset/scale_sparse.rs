//! The scaling of samples that are kept by their values that are not 0.

use super::normalize::{Normalize, inverse, median};
use super::scaling::Scaling;
use super::sparse_rows::SparseRows;

impl Scaling {
    /// The scaling of rows that are kept by their values that are not 0: it moves none, so that 0
    /// stays 0. `standard` makes the root mean square of a feature's values that are not 0 one,
    /// `robust` the median of their sizes, `unit` the largest size.
    pub(super) fn fit_sparse(
        rows: &SparseRows<f64>,
        normalize: Normalize,
        train: &[u32],
    ) -> Scaling {
        let features = rows.width();
        let factor = match normalize {
            // Quantiles would move 0.
            Normalize::None | Normalize::Quantile => vec![1.0; features],
            Normalize::Unit | Normalize::Standard => {
                let mut largest = vec![0f64; features];
                let each = |take: &mut dyn FnMut(usize, f64)| {
                    for &row in train {
                        let (ids, values) = rows.row(row as usize);
                        ids.iter().zip(values).for_each(|(&id, &x)| take(id as usize, x.abs()));
                    }
                };
                each(&mut |id, size| largest[id] = largest[id].max(size));
                if normalize == Normalize::Unit {
                    largest.into_iter().map(inverse).collect()
                } else {
                    // Relative to the largest, so that squares neither overflow nor vanish.
                    let mut squares = vec![0f64; features];
                    let mut counts = vec![0f64; features];
                    each(&mut |id, size| {
                        squares[id] += (size / largest[id]).powi(2);
                        counts[id] += 1.0;
                    });
                    let sums = squares.into_iter().zip(counts).zip(largest);
                    let size = |((sum, count), largest): ((f64, f64), f64)| {
                        inverse(largest * (sum / f64::max(count, 1.0)).sqrt())
                    };
                    sums.map(size).collect()
                }
            }
            Normalize::Robust => {
                let mut sizes: Vec<Vec<f64>> = vec![Vec::new(); features];
                for &row in train {
                    let (ids, values) = rows.row(row as usize);
                    ids.iter().zip(values).for_each(|(&id, x)| sizes[id as usize].push(x.abs()));
                }
                sizes.iter().map(|sizes| inverse(median(sizes))).collect()
            }
        };
        Scaling::Columns { center: vec![0.0; features], factor, quantiles: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sparse_is_scaled_and_not_moved() {
        let mut rows = SparseRows::new(3);
        for row in [[3.0, 0.0, 0.0], [-4.0, 1e-200, 0.0], [0.0, 1e-200, 0.0], [100.0, 0.0, 7.0]] {
            (0..).zip(row).for_each(|(id, value)| rows.push(id, value));
            rows.end_row();
        }
        let fit = |normalize| match Scaling::fit_sparse(&rows, normalize, &[0, 1, 2]) {
            Scaling::Columns { center, factor, .. } if center == [0.0; 3] => factor,
            other => panic!("{other:?}"),
        };
        assert_eq!(fit(Normalize::None), [1.0; 3]);
        assert_eq!(fit(Normalize::Unit), [0.25, 1.0 / 1e-200, 1.0]);
        assert_eq!(fit(Normalize::Robust), [1.0 / 3.5, 1.0 / 1e-200, 1.0]);
        let standard = fit(Normalize::Standard);
        assert!((standard[0] - 1.0 / 12.5f64.sqrt()).abs() < 1e-15, "{standard:?}");
        assert!((standard[1] / 1e200 - 1.0).abs() < 1e-12 && standard[2] == 1.0, "{standard:?}");
    }
}
