//! A pattern whose rows share their columns by fours, for the kernels that load an input once for
//! four neurons.

use super::CsrPattern;
use fanin_kernels::SHARED;
use std::ops::Range;
use std::sync::Arc;

/// A pattern of which each [`SHARED`] neighbouring rows, from the first on, have the same columns;
/// rows that are left at the end may have any. A group's entries stand `[entry][row]`, those of
/// rows that are left as in CSR.
#[derive(Clone, Debug)]
pub struct Shared {
    pattern: Arc<CsrPattern>,
    /// Of each place the entry of the pattern.
    position: Vec<u32>,
    /// Bounds of the panels of columns.
    panels: Vec<usize>,
    /// `[panels + 1, groups]`: which entries of a group's first row are the panel's first.
    bounds: Vec<u32>,
}

/// Columns that dX is computed by, so that its rows at hand stay in L1 or near it.
const PANEL: usize = 256;

impl Shared {
    /// `pattern` by groups, if its rows share their columns.
    ///
    /// **Panics** if there are 2³² entries or more.
    pub fn of(pattern: &Arc<CsrPattern>) -> Option<Shared> {
        u32::try_from(pattern.nnz()).expect("a layer has fewer than 2^32 connections");
        let groups = pattern.rows() / SHARED;
        let mut firsts = (0..groups).map(|group| group * SHARED);
        let shares = |first: usize| {
            (first..first + SHARED).all(|row| pattern.row(row) == pattern.row(first))
        };
        if groups == 0 || !firsts.clone().all(shares) {
            return None;
        }
        let mut position = Vec::with_capacity(pattern.nnz());
        for first in firsts.by_ref() {
            let (start, len) = (pattern.row_ptr()[first], pattern.row(first).len());
            let of_entry = |nth| (0..SHARED).map(move |row| (start + row * len + nth) as u32);
            position.extend((0..len).flat_map(of_entry));
        }
        position.extend(position.len() as u32..pattern.nnz() as u32);
        let panels: Vec<usize> =
            (0..pattern.cols()).step_by(PANEL).chain([pattern.cols()]).collect();
        let before = |bound: usize, group: usize| {
            let columns = pattern.row(group * SHARED);
            columns.partition_point(|&col| (col as usize) < bound) as u32
        };
        let of_bound = |&bound: &usize| (0..groups).map(move |group| before(bound, group));
        let bounds = panels.iter().flat_map(of_bound).collect();
        Some(Shared { pattern: Arc::clone(pattern), position, panels, bounds })
    }

    /// The pattern.
    pub fn pattern(&self) -> &CsrPattern {
        &self.pattern
    }

    /// Of each place the entry of the pattern, `[nnz]`.
    pub fn position(&self) -> &[u32] {
        &self.position
    }

    /// Bounds of blocks of whole groups with about `entries` stored entries each.
    pub fn blocks(&self, entries: usize) -> Vec<usize> {
        self.pattern.blocks(entries, SHARED)
    }

    /// Bounds of the panels of columns.
    pub fn panels(&self) -> &[usize] {
        &self.panels
    }

    /// The panels between two bounds: each one's columns, and which entries of each group's first
    /// row are its own.
    ///
    /// **Panics** unless the columns begin and end at [`Shared::panels`].
    pub fn between(
        &self,
        columns: Range<usize>,
    ) -> impl Iterator<Item = (Range<usize>, [&[u32]; 2])> {
        let at = |bound| self.panels.binary_search(&bound).expect("columns of whole panels");
        let groups = self.pattern.rows() / SHARED;
        (at(columns.start)..at(columns.end)).map(move |panel| {
            let line = |panel: usize| &self.bounds[panel * groups..(panel + 1) * groups];
            (self.panels[panel]..self.panels[panel + 1], [line(panel), line(panel + 1)])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups, of columns 0, 300 and of 5, and a row of its own.
    fn pattern() -> CsrPattern {
        let columns = [&[0, 300].repeat(4)[..], &[5].repeat(4), &[7, 8, 9]].concat();
        let row_ptr = [0, 2, 4, 6, 8, 9, 10, 11, 12, 15].to_vec();
        CsrPattern::new(301, row_ptr, columns).unwrap()
    }

    #[test]
    fn groups_stand_entry_by_entry_and_know_their_panels() {
        let shared = Shared::of(&Arc::new(pattern())).unwrap();
        let expected = [0, 2, 4, 6, 1, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14];
        assert_eq!((shared.position(), shared.panels()), (&expected[..], &[0, 256, 301][..]));
        let panels: Vec<_> = shared.between(0..301).collect();
        let (first, second) = ([&[0, 0][..], &[1, 1]], [&[1, 1][..], &[2, 1]]);
        assert_eq!(panels, [(0..256, first), (256..301, second)]);
        assert_eq!(shared.between(256..301).count(), 1);
        assert_eq!(shared.blocks(8192), [0, 9]);
    }

    #[test]
    fn blocks_begin_with_groups() {
        let wide = Shared::of(&Arc::new(CsrPattern::full(11, 3000))).unwrap();
        assert_eq!(wide.blocks(8192), [0, 4, 8, 11]);
    }

    #[test]
    fn a_pattern_one_of_whose_groups_differs_does_not_share() {
        let mut columns = pattern().col_idx().to_vec();
        columns[11] = 6;
        let pattern = CsrPattern::new(301, pattern().row_ptr().to_vec(), columns).unwrap();
        assert!(Shared::of(&Arc::new(pattern)).is_none());
        assert!(Shared::of(&Arc::new(CsrPattern::full(3, 5))).is_none());
    }
}
