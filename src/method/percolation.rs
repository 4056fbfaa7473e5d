//! What leads nowhere is removed: connections into a neuron that nobody listens to, and those out
//! of one that hears nothing ("chain removal" of Cannistraci-Hebb training, Zhang et al. 2024).

use crate::sparse::CsrPattern;

/// Unmarks, in consecutive layers, the survivors that lead nowhere: from the last layer to the
/// first the inputs of neurons without a surviving output, then from the first to the last the
/// outputs of neurons without a surviving input. One pass each way leaves none. The first layer's
/// inputs and the last layer's neurons are never dangling.
///
/// **Shapes**: per layer its pattern and one verdict per entry.
///
/// **Panics** if a layer does not take in what the one before gives out.
pub fn percolate(layers: &mut [(&CsrPattern, Vec<bool>)]) {
    for at in (1..layers.len()).rev() {
        let (before, after) = layers.split_at_mut(at);
        let ((before, survives), (after, verdicts)) = (&mut before[at - 1], &after[0]);
        assert_eq!(before.rows(), after.cols(), "layers follow each other");
        let mut is_heard = vec![false; after.cols()];
        for (&col, &survives) in after.col_idx().iter().zip(verdicts) {
            is_heard[col as usize] |= survives;
        }
        for (row, _) in is_heard.iter().enumerate().filter(|(_, is_heard)| !**is_heard) {
            survives[before.entries(row)].fill(false);
        }
    }
    for at in 1..layers.len() {
        let (before, after) = layers.split_at_mut(at);
        let ((before, verdicts), (after, survives)) = (&before[at - 1], &mut after[0]);
        let hears = |row: usize| verdicts[before.entries(row)].contains(&true);
        let hears: Vec<bool> = (0..before.rows()).map(hears).collect();
        for (survives, &col) in survives.iter_mut().zip(after.col_idx()) {
            *survives &= hears[col as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use crate::sparse::oracle::Oracle;
    use rand::RngExt;

    fn percolated(patterns: &[CsrPattern]) -> Vec<CsrPattern> {
        let all = |pattern: &CsrPattern| vec![true; pattern.nnz()];
        let mut layers: Vec<_> = patterns.iter().map(|p| (p, all(p))).collect();
        percolate(&mut layers);
        layers.iter().map(|(pattern, survives)| pattern.only(survives)).collect()
    }

    #[test]
    fn chains_and_random_layers_become_the_oracles() {
        let mut oracle = Oracle::open("cht");
        for case in ["random", "chain"] {
            let mut layers = |end| {
                let layer = |l: usize| oracle.pattern(&format!("percolate_{case}_l{l}_{end}"));
                [0, 1, 2].map(layer)
            };
            let (before, after) = (layers("in"), layers("out"));
            assert_eq!(percolated(&before), after, "{case}");
            assert_eq!(percolated(&after), after, "{case}, once more");
        }
    }

    #[test]
    fn nothing_is_left_dangling() {
        let rng = &mut stream(4, Purpose::Spread, 0);
        for _ in 0..50 {
            let mut random = |rows: usize, cols: usize| {
                let is_stored = |_: &usize| rng.random::<f64>() < 0.06;
                let positions: Vec<usize> = (0..rows * cols).filter(is_stored).collect();
                CsrPattern::from_positions(rows, cols, &positions)
            };
            let layers = percolated(&[random(20, 15), random(25, 20), random(10, 25)]);
            for (before, after) in layers.iter().zip(&layers[1..]) {
                for (row, fan_in) in before.fan_in().enumerate() {
                    let is_heard = after.col_idx().contains(&(row as u32));
                    assert_eq!(fan_in > 0, is_heard, "neuron {row}");
                }
            }
        }
    }
}
