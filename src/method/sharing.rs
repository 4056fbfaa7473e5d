//! Neurons that share their inputs keep them in common: what moves is an entry of a whole group.
//!
//! A layer is folded to one row per group, whose weights are the entries' scores; what a method
//! decides there is unfolded to the neurons. Where nothing is shared both change nothing.

use super::drop::Ties;
use super::grow::{Candidates, Grown};
use super::network::LayerView;
use super::scores::{GrowScore, Norm, Search};
use crate::sparse::CsrPattern;
use fanin_kernels::{Isa, sddmm};
use std::borrow::Cow;
use std::sync::Arc;

/// A layer with a row for each group of neurons.
#[derive(Clone, Debug)]
pub struct Folded<'a> {
    /// Neurons of a group; the last one may be smaller.
    pub share: usize,
    /// How scores are taken.
    pub norm: Norm,
    /// The groups' connections.
    pub pattern: Arc<CsrPattern>,
    /// Their scores; the weights themselves where nothing is shared. `[nnz]`.
    pub weights: Cow<'a, [f32]>,
}

impl LayerView<'_> {
    /// The layer by groups of neurons.
    pub fn folded(&self, norm: Norm) -> Folded<'_> {
        let LayerView { share, pattern, weights, .. } = self;
        if *share == 1 {
            let (pattern, weights) = (Arc::clone(pattern), Cow::Borrowed(&**weights));
            return Folded { share: 1, norm, pattern, weights };
        }
        let (mut row_ptr, mut col_idx, mut scores) = (vec![0], Vec::new(), Vec::new());
        for first in (0..pattern.rows()).step_by(*share) {
            let rows = first..pattern.rows().min(first + share);
            col_idx.extend(pattern.row(first));
            let score = |nth: usize| {
                norm.of(*share, rows.clone().map(|row| weights[pattern.entries(row).start + nth]))
            };
            scores.extend((0..pattern.row(first).len()).map(score));
            row_ptr.push(col_idx.len());
        }
        let folded = CsrPattern::new(pattern.cols(), row_ptr, col_idx);
        Folded {
            share: *share,
            norm,
            pattern: Arc::new(folded.expect("rows of a valid pattern")),
            weights: scores.into(),
        }
    }

    /// The search for new connections by the size of the batch's gradient, among all positions that
    /// are not survivors, `[nnz]` of the folded layer.
    pub fn search<'a>(
        &'a self,
        folded: &'a Folded<'_>,
        survives: &'a [bool],
        ties: Ties,
    ) -> Search<'a> {
        let &Folded { share, norm, ref pattern, .. } = folded;
        let (candidates, score) = (Candidates::Free, GrowScore::Dense);
        Search { share, norm, pattern, survives, tiles: &self.tiles, candidates, score, ties }
    }

    /// What was decided on the folded layer, of its neurons: which of their connections stay, and
    /// which come, with the batch's gradient where growth went by it.
    ///
    /// **Panics** unless there is one verdict per folded entry.
    pub fn unfold(
        &self,
        isa: Isa,
        folded: &Folded<'_>,
        survives: Vec<bool>,
        grown: Vec<Grown>,
    ) -> (Vec<bool>, Vec<Grown>) {
        if folded.share == 1 {
            return (survives, grown);
        }
        assert_eq!(survives.len(), folded.pattern.nnz(), "one verdict per folded entry");
        let rows = self.pattern.rows();
        let of_row = |row: usize| &survives[folded.pattern.entries(row / folded.share)];
        let survives = (0..rows).flat_map(of_row).copied().collect();
        let mut all = Vec::with_capacity(grown.len() * folded.share);
        for grown in &grown {
            let first = grown.row as usize * folded.share;
            let of_group = first..rows.min(first + folded.share);
            all.extend(of_group.map(|row| Grown { row: row as u32, ..*grown }));
        }
        all.sort_unstable_by_key(|grown| (grown.row, grown.col));
        if all.iter().any(|grown| grown.gradient != 0.0) {
            self.set_gradients(isa, &mut all);
        }
        (survives, all)
    }

    /// Gives grown positions, ascending, the batch's gradient there.
    fn set_gradients(&self, isa: Isa, grown: &mut [Grown]) {
        let row_ptr: Vec<usize> = (0..=self.pattern.rows())
            .map(|row| grown.partition_point(|grown| (grown.row as usize) < row))
            .collect();
        let columns: Vec<u32> = grown.iter().map(|grown| grown.col).collect();
        let mut gradient = vec![0.0; grown.len()];
        for (x, dy) in &self.tiles {
            sddmm(isa, &row_ptr, &columns, dy, x, &mut gradient);
        }
        grown.iter_mut().zip(gradient).for_each(|(grown, g)| grown.gradient = g);
    }
}
