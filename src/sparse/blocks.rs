//! A block-sparse pattern: neighbouring rows share their columns, which come in runs, for the
//! kernels that keep a block of the result in registers.

use super::CsrPattern;
use fanin_kernels::{BLOCK_ROWS, BlockRun};
use std::ops::Range;
use std::sync::Arc;

/// A pattern of which each [`BLOCK_ROWS`] neighbouring rows, from the first on, have the same
/// columns, and these come in runs that several groups of rows have. A group's entries stand
/// `[entry][row]`.
#[derive(Clone, Debug)]
pub struct Blocks {
    pattern: Arc<CsrPattern>,
    /// Of each place the entry of the pattern.
    position: Vec<u32>,
    /// Where the runs of columns begin, `[runs + 1]`.
    columns: Vec<usize>,
    /// `[runs + 1]`, in `rows` and `places`.
    run_ptr: Vec<usize>,
    /// Of each run, the first row of each group that has it.
    rows: Vec<u32>,
    /// Of each run and group, where the values are.
    places: Vec<u32>,
}

/// Columns that blocks have on average, at least: with fewer, the products are no faster than those
/// of rows that share their columns by fours.
const LEAST_COLUMNS: usize = 8;

/// Columns of a run, at most, so that threads can share them.
const MOST_COLUMNS: usize = 64;

impl Blocks {
    /// `pattern` by blocks, if it consists of them.
    ///
    /// **Panics** if there are 2³² entries or more.
    pub fn of(pattern: &Arc<CsrPattern>) -> Option<Blocks> {
        u32::try_from(pattern.nnz()).expect("a layer has fewer than 2^32 connections");
        let rows = pattern.rows();
        let groups =
            || (0..rows).step_by(BLOCK_ROWS).map(|first| first..rows.min(first + BLOCK_ROWS));
        let shares = |group: Range<usize>| {
            let first = group.start;
            group.into_iter().all(|row| pattern.row(row) == pattern.row(first))
        };
        if rows < BLOCK_ROWS || pattern.nnz() == 0 || !groups().all(shares) {
            return None;
        }
        let mut position = Vec::with_capacity(pattern.nnz());
        // Of each column the groups that have it, and where.
        let mut of_columns = vec![Vec::new(); pattern.cols()];
        for group in groups() {
            let (start, columns) = (pattern.row_ptr()[group.start], pattern.row(group.start));
            for (nth, &col) in columns.iter().enumerate() {
                of_columns[col as usize].push((group.start as u32, position.len() as u32));
                let entry = |row| (start + row * columns.len() + nth) as u32;
                position.extend((0..group.len()).map(entry));
            }
        }
        let (mut columns, mut run_ptr, mut run_rows, mut places) =
            (vec![], vec![0], vec![], vec![]);
        let entries: usize = of_columns.iter().map(Vec::len).sum();
        for (col, of_column) in of_columns.iter().enumerate() {
            let firsts = of_column.iter().map(|(row, _)| row);
            let goes_on = columns.last().is_some_and(|&first: &usize| {
                col - first < MOST_COLUMNS && firsts.eq(&run_rows[run_ptr[columns.len() - 1]..])
            });
            if !goes_on {
                if col > 0 {
                    run_ptr.push(run_rows.len());
                }
                columns.push(col);
                run_rows.extend(of_column.iter().map(|(row, _)| *row));
                places.extend(of_column.iter().map(|(_, place)| *place));
            }
        }
        columns.push(pattern.cols());
        run_ptr.push(run_rows.len());
        let pays = run_rows.len() * LEAST_COLUMNS <= entries;
        let pattern = Arc::clone(pattern);
        pays.then_some(Blocks { pattern, position, columns, run_ptr, rows: run_rows, places })
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
        self.pattern.blocks(entries, BLOCK_ROWS)
    }

    /// Where the runs of columns begin, and where the last one ends.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The runs between two bounds.
    ///
    /// **Panics** unless the columns begin and end at [`Blocks::columns`].
    pub fn between(&self, columns: Range<usize>) -> impl Iterator<Item = BlockRun<'_>> {
        let at = |bound| self.columns.binary_search(&bound).expect("columns of whole runs");
        (at(columns.start)..at(columns.end)).map(|run| {
            let groups = self.run_ptr[run]..self.run_ptr[run + 1];
            BlockRun {
                columns: self.columns[run + 1] - self.columns[run],
                rows: &self.rows[groups.clone()],
                values: &self.places[groups],
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows in groups, each with the runs of columns that begin and end so.
    fn pattern(rows: usize, groups: &[&[[u32; 2]]]) -> Arc<CsrPattern> {
        let (mut row_ptr, mut col_idx) = (vec![0], vec![]);
        for row in 0..rows {
            col_idx.extend(groups[row / BLOCK_ROWS].iter().flat_map(|&[from, to]| from..to));
            row_ptr.push(col_idx.len());
        }
        Arc::new(CsrPattern::new(100, row_ptr, col_idx).unwrap())
    }

    #[test]
    fn runs_know_their_groups_and_where_their_values_are() {
        // The second group has two rows.
        let blocks = Blocks::of(&pattern(18, &[&[[0, 10], [80, 100]], &[[0, 10]]])).unwrap();
        assert_eq!(
            (blocks.columns(), blocks.blocks(100)),
            (&[0, 10, 74, 80, 100][..], vec![0, 16, 18])
        );
        let runs: Vec<_> = blocks.between(0..100).map(|r| (r.columns, r.rows, r.values)).collect();
        let none = &[][..];
        assert_eq!(
            runs,
            [
                (10, &[0, 16][..], &[0, 480][..]),
                (64, none, none),
                (6, none, none),
                (20, &[0], &[160])
            ]
        );
        // Entry 1 of row 0, and of row 17.
        assert_eq!((blocks.position()[16], blocks.position()[480 + 3]), (1, 480 + 10 + 1));
        assert_eq!(blocks.between(80..100).count(), 1);
    }

    #[test]
    fn what_does_not_consist_of_blocks_is_none() {
        assert!(Blocks::of(&pattern(15, &[&[[0, 10]]])).is_none());
        assert!(Blocks::of(&pattern(32, &[&[[0, 4], [10, 14]], &[[20, 24]]])).is_none());
        let mut columns = pattern(32, &[&[[0, 16]], &[[16, 32]]]).col_idx().to_vec();
        columns[15] = 90;
        let row_ptr = (0..=32).map(|row| 16 * row).collect();
        assert!(Blocks::of(&Arc::new(CsrPattern::new(100, row_ptr, columns).unwrap())).is_none());
    }
}
