//! What a tile's samples are made of: rows of all features, or the values that are not 0.

use fanin_kernels::{Arena, Row, Rows, SparseTile, TILE};
use std::borrow::Cow;

/// Share of the features that any sample has below which a layer's products are faster by those
/// alone.
const SPARSE_BELOW: f64 = 0.15;

/// A tile's samples as they enter the network. Either form has memory of its own, which comes when
/// it is first asked for: 47,000 features of 64 samples are 12 MB as rows.
#[derive(Debug, Default)]
pub struct TileInput {
    features: usize,
    takes_sparse: bool,
    rows: Rows,
    sparse: SparseInput,
    is_sparse: bool,
}

impl TileInput {
    /// For samples of so many features; whether the first layer takes them by their values that are
    /// not 0.
    pub(super) fn new(features: usize, takes_sparse: bool) -> TileInput {
        TileInput { features, takes_sparse, ..TileInput::default() }
    }

    /// Rows `[in_features]`, to be filled; the samples are then these.
    pub fn rows_mut(&mut self) -> &mut [Row] {
        self.is_sparse = false;
        if self.rows.is_empty() && self.features > 0 {
            self.rows = Arena::new(self.features).take(self.features);
        }
        &mut self.rows
    }

    /// Lays samples in by their values that are not 0: of each the features, ascending, and their
    /// values. They become rows where the first layer takes nothing else, or does better with all.
    ///
    /// **Panics** if there are more than a tile holds, or a feature is beyond the last.
    pub fn set_sparse<'a>(
        &mut self,
        samples: impl ExactSizeIterator<Item = (&'a [u32], &'a [f32])> + Clone,
    ) {
        assert!(samples.len() <= TILE, "a tile holds {TILE} samples");
        let count = self.sparse.mark(self.features, samples.clone());
        if self.takes_sparse && (count as f64) < SPARSE_BELOW * self.features as f64 {
            self.is_sparse = true;
            return self.sparse.load(count, samples);
        }
        let rows = self.rows_mut();
        rows.fill(Row::ZERO);
        for (sample, (ids, values)) in samples.enumerate() {
            ids.iter().zip(values).for_each(|(&id, &value)| rows[id as usize].0[sample] = value);
        }
    }

    /// The samples by their values that are not 0, if that is how they were laid in.
    pub fn sparse(&self) -> Option<SparseTile<'_>> {
        self.is_sparse.then(|| self.sparse.tile())
    }

    /// The rows.
    ///
    /// **Panics** if the samples were laid in by their values that are not 0.
    pub fn rows(&self) -> &[Row] {
        assert!(!self.is_sparse, "samples that are laid in as rows");
        &self.rows
    }

    /// The samples as rows, however they were laid in.
    pub fn to_rows(&self) -> Cow<'_, [Row]> {
        if !self.is_sparse {
            return Cow::Borrowed(&self.rows);
        }
        let mut rows = vec![Row::ZERO; self.features];
        self.sparse.rows().for_each(|(feature, row)| rows[feature] = *row);
        Cow::Owned(rows)
    }
}

/// The memory behind a [`SparseTile`].
#[derive(Debug, Default)]
struct SparseInput {
    words: Vec<u64>,
    before: Vec<u32>,
    rows: Vec<Row>,
}

impl SparseInput {
    /// Finds out which features the samples have; says how many.
    fn mark<'a>(
        &mut self,
        features: usize,
        samples: impl Iterator<Item = (&'a [u32], &'a [f32])>,
    ) -> usize {
        let SparseInput { words, before, .. } = self;
        words.clear();
        words.resize(features.div_ceil(64), 0);
        for (ids, values) in samples {
            assert_eq!(ids.len(), values.len(), "one value per feature");
            assert!(ids.last().is_none_or(|&id| (id as usize) < features), "a feature beyond");
            ids.iter().for_each(|&id| words[id as usize / 64] |= 1 << (id % 64));
        }
        before.clear();
        let mut bits = 0;
        for word in &*words {
            before.push(bits);
            bits += word.count_ones();
        }
        bits as usize
    }

    /// Lays in the samples that [`SparseInput::mark`] saw.
    fn load<'a>(&mut self, count: usize, samples: impl Iterator<Item = (&'a [u32], &'a [f32])>) {
        let SparseInput { words, before, rows } = self;
        rows.clear();
        rows.resize(count, Row::ZERO);
        for (sample, (ids, values)) in samples.enumerate() {
            for (&id, &value) in ids.iter().zip(values) {
                let (word, below) = (id as usize / 64, !(!0u64 << (id % 64)));
                let row = before[word] + (words[word] & below).count_ones();
                rows[row as usize].0[sample] = value;
            }
        }
    }

    fn tile(&self) -> SparseTile<'_> {
        let SparseInput { words, before, rows } = self;
        SparseTile { words, before, rows }
    }

    /// Every feature that is there, with its row.
    fn rows(&self) -> impl Iterator<Item = (usize, &Row)> {
        let features = self.words.iter().enumerate().flat_map(|(word, &bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
        });
        features.zip(&self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back_as_rows_whatever_was_there_before() {
        let mut input = TileInput::new(200, true);
        let first: [(&[u32], &[f32]); 2] = [(&[0, 63, 64, 199], &[1.0, 2.0, 3.0, 4.0]), (&[], &[])];
        let second: [(&[u32], &[f32]); 3] = [(&[5], &[9.0]), (&[5, 64], &[7.0, 8.0]), (&[], &[])];
        for samples in [&first[..], &second[..], &first[..], &[]] {
            input.set_sparse(samples.iter().copied());
            let mut expected = vec![Row::ZERO; 200];
            for (sample, (ids, values)) in samples.iter().enumerate() {
                let entries = ids.iter().zip(*values);
                entries.for_each(|(&id, &value)| expected[id as usize].0[sample] = value);
            }
            assert!(input.sparse().is_some() && *input.to_rows() == *expected);
        }
        input.rows_mut()[3].0[1] = 6.0;
        assert!(input.sparse().is_none() && input.rows()[3].0[1] == 6.0);
        assert_eq!(input.to_rows().len(), 200);
    }
}
