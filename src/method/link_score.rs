//! Cannistraci-Hebb scores: how likely a missing connection is, by the connections alone (Muscoloni
//! et al. 2020; Zhang et al. 2024, 2025).
//!
//! A layer is a bipartite graph. A missing connection (u, v) is scored by the paths u–a–z–v of
//! three links, a among u's inputs, z among v's neurons. The nodes on them are its local community:
//! each counts the links it has within (i) and those that lead out of it (e), u and v aside.

use crate::grammar::named;
use crate::parallel::Executor;
use crate::sparse::{CsrPattern, Transpose};

named! {
    /// A Cannistraci-Hebb score.
    pub enum LinkScore as "score" {
        /// Σ over paths of 1/√((1 + e_a)(1 + e_z)).
        Ch3L3p = "ch3-l3p",
        /// Σ over paths of √((1 + i_a)(1 + i_z))/√((1 + e_a)(1 + e_z)).
        Ch2L3p = "ch2-l3p",
        /// Σ over the community's nodes of 1/(1 + e).
        Ch3L3n = "ch3-l3n",
        /// Σ over the community's nodes of (1 + i)/(1 + e).
        Ch2L3n = "ch2-l3n",
    }
}

/// Rows, or columns, whose sums are kept side by side.
const SIDE: usize = 8;

impl LinkScore {
    /// The score of every position, `[rows, cols]`; 0 of those that are connections.
    ///
    /// **Order**: sums are over ascending nodes, on any number of threads.
    pub fn scores(self, executor: &Executor, pattern: &CsrPattern) -> Vec<f64> {
        let transpose = Transpose::of(pattern);
        let transpose = transpose.pattern();
        let mut scores = match self {
            LinkScore::Ch3L3p | LinkScore::Ch2L3p => self.of_paths(executor, pattern, transpose),
            LinkScore::Ch3L3n | LinkScore::Ch2L3n => {
                let mut by_neurons = self.of_nodes(executor, pattern, transpose);
                let by_inputs = self.of_nodes(executor, transpose, pattern);
                let (rows, cols) = (pattern.rows(), pattern.cols());
                executor.for_each_chunk(&mut by_neurons, cols.max(1), |first, sums| {
                    let row = first / cols;
                    for (col, sum) in sums.iter_mut().enumerate() {
                        *sum += by_inputs[col * rows + row];
                    }
                });
                by_neurons
            }
        };
        pattern.positions().for_each(|at| scores[at] = 0.0);
        scores
    }

    /// What a node with so many links counts, of which `inner` lead into the community and one to u
    /// or v.
    fn weight(self, links: usize, inner: usize) -> f64 {
        let outer = links.saturating_sub(inner + 1) as f64;
        let inner = inner as f64;
        match self {
            LinkScore::Ch3L3p => 1.0 / (1.0 + outer).sqrt(),
            LinkScore::Ch2L3p => ((1.0 + inner) / (1.0 + outer)).sqrt(),
            LinkScore::Ch3L3n => 1.0 / (1.0 + outer),
            LinkScore::Ch2L3n => (1.0 + inner) / (1.0 + outer),
        }
    }

    /// Σ_a∈N(u) p(a, v)·Σ_z∈N(a)∩N(v) q(z, u), row by row.
    fn of_paths(
        self,
        executor: &Executor,
        pattern: &CsrPattern,
        transpose: &CsrPattern,
    ) -> Vec<f64> {
        let cols = pattern.cols();
        let degrees = |of: &CsrPattern| of.fan_in().collect::<Vec<usize>>();
        let (neurons, inputs) = (degrees(pattern), degrees(transpose));
        // Of each input a, as they are needed in the innermost loop: p(a, v) of all v.
        let mut of_input = vec![0.0; cols * cols];
        executor.for_each_chunk(&mut of_input, cols.max(1), |first, weights| {
            let a = first / cols;
            let common = common(transpose, pattern, a);
            for (weight, common) in weights.iter_mut().zip(common) {
                *weight = self.weight(inputs[a], common);
            }
        });
        let mut scores = vec![0.0; pattern.rows() * cols];
        executor.for_each_chunk(&mut scores, cols.max(1), |first, scores| {
            let u = first / cols;
            let common = common(pattern, transpose, u).into_iter().zip(&neurons);
            let of_neuron: Vec<f64> =
                common.map(|(common, &links)| self.weight(links, common)).collect();
            let mut sums = vec![0.0; cols];
            for &a in pattern.row(u) {
                sums.fill(0.0);
                for &z in transpose.row(a as usize) {
                    let weight = of_neuron[z as usize];
                    for &v in pattern.row(z as usize) {
                        sums[v as usize] += weight;
                    }
                }
                let of_input = &of_input[a as usize * cols..][..cols];
                for ((score, sum), weight) in scores.iter_mut().zip(&sums).zip(of_input) {
                    *score += sum * weight;
                }
            }
        });
        scores
    }

    /// Σ_z of what node z counts for row u, over z with a link to u's community that has v: the
    /// half of the score whose nodes are rows, `[rows, cols]`.
    fn of_nodes(
        self,
        executor: &Executor,
        pattern: &CsrPattern,
        transpose: &CsrPattern,
    ) -> Vec<f64> {
        let (rows, cols) = (pattern.rows(), pattern.cols());
        let links: Vec<usize> = pattern.fan_in().collect();
        let mut sums = vec![0.0; rows * cols];
        executor.for_each_chunk(&mut sums, (SIDE * cols).max(1), |first, sums| {
            let us = first / cols..rows.min(first / cols + SIDE);
            let mut weights = vec![[0.0; SIDE]; rows];
            for (side, u) in us.enumerate() {
                for ((weights, common), &links) in
                    weights.iter_mut().zip(common(pattern, transpose, u)).zip(&links)
                {
                    weights[side] = if common > 0 { self.weight(links, common) } else { 0.0 };
                }
            }
            for v in 0..cols {
                let mut of_col = [0.0; SIDE];
                for &z in transpose.row(v) {
                    let weights = &weights[z as usize];
                    of_col.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
                }
                sums[v..].iter_mut().step_by(cols).zip(of_col).for_each(|(sum, of)| *sum = of);
            }
        });
        sums
    }
}

/// How many columns row `row` has in common with each row.
fn common(pattern: &CsrPattern, transpose: &CsrPattern, row: usize) -> Vec<usize> {
    let mut common = vec![0; pattern.rows()];
    for &col in pattern.row(row) {
        transpose.row(col as usize).iter().for_each(|&other| common[other as usize] += 1);
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::oracle::Oracle;
    use fanin_kernels::Isa;

    #[test]
    fn scores_are_the_oracles_on_any_number_of_threads() {
        for (file, score, name) in [
            ("cht", LinkScore::Ch3L3p, "ch3_l3p"),
            ("cht", LinkScore::Ch2L3p, "ch2_l3p"),
            ("chts", LinkScore::Ch3L3n, "ch3_l3n"),
            ("chts", LinkScore::Ch2L3n, "ch2_l3n"),
        ] {
            let mut oracle = Oracle::open(file);
            for shape in ["8x6", "24x16", "40x32", "16x24"] {
                let pattern = oracle.pattern(&format!("{shape}_mask"));
                let expected = oracle.numbers(&format!("{shape}_{name}"));
                let [one, three] = [1, 3].map(|threads| {
                    score.scores(&Executor::new(Isa::detect(), threads).unwrap(), &pattern)
                });
                assert_eq!(one, three, "{shape} {name}");
                for (found, expected) in one.iter().zip(&expected) {
                    assert!((found - expected).abs() <= 1e-12 * expected, "{shape} {name}");
                }
                assert_eq!(one.len(), expected.len());
            }
        }
    }
}
