//! A pattern in blocks of rows sorted by length, for the kernels that take four rows side by side.

use super::CsrPattern;
use fanin_kernels::{EqualRows, Isa, PANEL, SellBlock, SellPanel};
use std::cmp::Reverse;
use std::ops::Range;

/// A pattern in the order of SELL-C-σ by panels of columns: blocks of rows, in each block panels of
/// columns, in each panel rows of one length together, in fours where four are found. Every stored
/// place is an entry, so the order is a permutation of CSR's within each block.
#[derive(Clone, Debug)]
pub struct Sell {
    blocks: Vec<Block>,
    /// `[blocks + 1]`: where the blocks' rows begin.
    bounds: Vec<usize>,
    /// `[blocks + 1]`: where the blocks' entries begin.
    entries: Vec<usize>,
    /// Of each place the entry of the pattern.
    position: Vec<u32>,
}

/// One block of a [`Sell`].
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// What kernels take.
    pub block: SellBlock<'a>,
    rows: [usize; 2],
    entries: [usize; 2],
}

impl Part<'_> {
    /// Its rows, counted from row `first`.
    pub fn rows(&self, first: usize) -> Range<usize> {
        self.rows[0] - first..self.rows[1] - first
    }

    /// Its entries, counted from entry `first`.
    pub fn entries(&self, first: usize) -> Range<usize> {
        self.entries[0] - first..self.entries[1] - first
    }
}

#[derive(Clone, Debug, Default)]
struct Block {
    panels: Vec<SellPanel>,
    equal: Vec<EqualRows>,
    rows: Vec<u8>,
    ids: Vec<u8>,
}

/// Rows that are sorted together: as many as a byte counts …
const MOST_ROWS: usize = 256;
/// … or, so that blocks of hubs are not much more work than others, fewer but no fewer than these
/// once they have [`ENTRIES`]. 1024 × 1024 at 80–98 % on one Zen 5 core: 128 rows take 1.02 of the
/// time of 256, all 1024 together .97.
const LEAST_ROWS: usize = 128;
/// Entries of a block that may be smaller.
const ENTRIES: usize = 1 << 15;

/// A panel's width, and the mean entries per row and panel from which it is faster.
type Width = (usize, f64);

/// With four rows side by side. 1024 × 1024 against rows one by one without panels, AVX-512, one
/// Zen 5 core, SpMM and SDDMM: 1.86 and 1.77 at 80 % sparsity, 1.54 and 1.50 at 90 %, at 95 % 1.33
/// and 1.30 (1.27 and 1.22 by 128 columns), at 98 % 1.15 and 1.15.
const WIDE: [Width; 2] = [(128, 10.0), (256, 4.5)];
/// One by one. AVX2 on the same core: 1.37 and 1.18 at 80 %, 1.14 and 1.05 at 90 %, at 95 % 1.05
/// and 0.94, but a step of 4096 × 4096 takes .55 of the time; with 5 entries, at 98 %, 0.94 and
/// 0.86.
const NARROW: [Width; 2] = [(192, 15.0), (256, 12.0)];

impl Sell {
    /// `pattern` in the order that pays on this level, if any does.
    ///
    /// **Panics** if there are 2³² entries or more.
    pub fn that_pays(pattern: &CsrPattern, isa: Isa) -> Option<Sell> {
        let widths = if isa.is_wide() { &WIDE[..] } else { &NARROW };
        let pays = |(width, entries): &&Width| pattern.density() * *width as f64 >= *entries;
        let (width, _) = widths.iter().find(pays).filter(|_| pattern.cols() >= PANEL)?;
        Some(Sell::new(pattern, *width, isa.is_wide()))
    }

    /// `pattern` by even panels of at most `width` columns; with rows in fours or one by one.
    ///
    /// **Panics** if there are 2³² entries or more, fewer than [`PANEL`] columns, or a width that
    /// is none or beyond [`PANEL`].
    pub fn new(pattern: &CsrPattern, width: usize, fours: bool) -> Sell {
        u32::try_from(pattern.nnz()).expect("a layer has fewer than 2^32 connections");
        assert!((1..=PANEL).contains(&width), "{width} columns of a panel's 1 to {PANEL}");
        assert!(pattern.cols() >= PANEL, "{} columns of {PANEL} at least", pattern.cols());
        let width = pattern.cols().div_ceil(pattern.cols().div_ceil(width));
        let mut position = Vec::with_capacity(pattern.nnz());
        let mut bounds = vec![0];
        while let Some(&first) = bounds.last().filter(|&&first| first < pattern.rows()) {
            let least = pattern.rows().min(first + LEAST_ROWS);
            let most = pattern.rows().min(first + MOST_ROWS);
            let is_large =
                |&end: &usize| pattern.row_ptr()[end] >= pattern.row_ptr()[first] + ENTRIES;
            bounds.push((least..most).step_by(4).find(is_large).unwrap_or(most));
        }
        let block = |rows: &[usize]| Block::new(pattern, rows, width, fours, &mut position);
        let blocks = bounds.windows(2).map(block).collect();
        let entries = bounds.iter().map(|&row| pattern.row_ptr()[row]).collect();
        Sell { blocks, bounds, entries, position }
    }

    /// Bounds of the blocks' rows.
    pub fn bounds(&self) -> &[usize] {
        &self.bounds
    }

    /// The blocks of the rows from one bound to another.
    ///
    /// **Panics** unless the rows begin and end at [`Sell::bounds`].
    pub fn blocks(&self, rows: Range<usize>) -> impl Iterator<Item = Part<'_>> {
        (self.index_of(rows.start)..self.index_of(rows.end)).map(|at| {
            let Block { panels, equal, rows, ids } = &self.blocks[at];
            Part {
                block: SellBlock { panels, equal, rows, ids },
                rows: [self.bounds[at], self.bounds[at + 1]],
                entries: [self.entries[at], self.entries[at + 1]],
            }
        })
    }

    /// Where the entries of the block that begins with this row begin.
    ///
    /// **Panics** unless a block does.
    pub fn first_entry(&self, row: usize) -> usize {
        self.entries[self.index_of(row)]
    }

    fn index_of(&self, bound: usize) -> usize {
        self.bounds.binary_search(&bound).expect("rows of whole blocks")
    }

    /// Of each place the entry of the pattern, `[nnz]`.
    pub fn position(&self) -> &[u32] {
        &self.position
    }
}

impl Block {
    /// The rows `rows[0]..rows[1]`; appends their entries in this order to `position`.
    fn new(
        pattern: &CsrPattern,
        rows: &[usize],
        width: usize,
        fours: bool,
        position: &mut Vec<u32>,
    ) -> Block {
        let mut block = Block::default();
        // Of each row the entries of the panel at hand.
        let first = |row| pattern.row_ptr()[row]..pattern.row_ptr()[row];
        let mut segments: Vec<_> = (rows[0]..rows[1]).map(first).collect();
        for start in (0..pattern.cols()).step_by(width) {
            for (segment, row) in segments.iter_mut().zip(rows[0]..) {
                let left = &pattern.col_idx()[segment.end..pattern.row_ptr()[row + 1]];
                let len = left.iter().take_while(|&&col| (col as usize) < start + width).count();
                *segment = segment.end..segment.end + len;
            }
            let first = start.min(pattern.cols() - PANEL);
            let mut panel = SellPanel { first: first as u32, fours: 0, ones: 0 };
            let mut order: Vec<u8> = (0..segments.len()).map(|row| row as u8).collect();
            let len = |&row: &u8| segments[usize::from(row)].len();
            if start > 0 {
                order.retain(|row| len(row) > 0);
            }
            order.sort_by_key(|row| Reverse(len(row)));
            let mut place = |row: u8, nth: usize, ids: &mut Vec<u8>| {
                let entry = segments[usize::from(row)].start + nth;
                ids.push((pattern.col_idx()[entry] as usize - first) as u8);
                position.push(entry as u32);
            };
            let mut alone: Vec<&[u8]> = Vec::new();
            for equal in order.chunk_by(|a, b| len(a) == len(b)) {
                let in_fours = if fours { equal.len() / 4 } else { 0 };
                let (chunks, rest) = equal.split_at(4 * in_fours);
                alone.push(rest);
                if in_fours > 0 {
                    panel.fours += 1;
                    let len = len(&equal[0]);
                    block.equal.push(EqualRows { len: len as u32, count: in_fours as u32 });
                    block.rows.extend(chunks);
                    for four in chunks.chunks(4) {
                        for nth in 0..len {
                            four.iter().for_each(|&row| place(row, nth, &mut block.ids));
                        }
                    }
                }
            }
            for rest in alone.into_iter().filter(|rest| !rest.is_empty()) {
                panel.ones += 1;
                let len = len(&rest[0]);
                block.equal.push(EqualRows { len: len as u32, count: rest.len() as u32 });
                block.rows.extend(rest);
                for &row in rest {
                    (0..len).for_each(|nth| place(row, nth, &mut block.ids));
                }
            }
            block.panels.push(panel);
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 260 columns by two panels of 130; six rows of 2 + 1 entries, one of 0 + 1, one without.
    fn pattern() -> CsrPattern {
        let mut columns = [[0, 7, 200]; 6].concat();
        columns.push(259);
        let row_ptr = [0, 3, 6, 9, 12, 15, 18, 19, 19].to_vec();
        CsrPattern::new(260, row_ptr, columns).unwrap()
    }

    #[test]
    fn equal_rows_stand_in_fours_and_every_row_in_the_first_panel() {
        let sell = Sell::new(&pattern(), 150, true);
        let part = sell.blocks(0..8).next().unwrap();
        assert_eq!((part.rows(0), part.entries(0), sell.bounds()), (0..8, 0..19, &[0, 8][..]));
        let block = part.block;
        let panels =
            [SellPanel { first: 0, fours: 1, ones: 2 }, SellPanel { first: 4, fours: 1, ones: 1 }];
        assert_eq!(block.panels, panels);
        let equal = [(2, 1), (2, 2), (0, 2), (1, 1), (1, 3)];
        assert_eq!(block.equal, equal.map(|(len, count)| EqualRows { len, count }));
        assert_eq!(block.rows, [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6]);
        let ids = [[0; 4], [7; 4], [0, 7, 0, 7], [196; 4]].concat();
        assert_eq!(block.ids, [&ids[..], &[196, 196, 255]].concat());
        let fours = [0, 3, 6, 9, 1, 4, 7, 10, 12, 13, 15, 16, 2, 5, 8, 11, 14, 17, 18];
        assert_eq!(sell.position(), fours);
    }

    #[test]
    fn one_by_one_there_are_no_fours() {
        let sell = Sell::new(&pattern(), 150, false);
        let part = sell.blocks(0..8).next().unwrap();
        assert!(part.block.panels.iter().all(|panel| panel.fours == 0));
        let ones = [0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 2, 5, 8, 11, 14, 17, 18];
        assert_eq!(sell.position(), ones);
    }

    #[test]
    fn dense_and_wide_patterns_are_sorted() {
        for isa in Isa::available() {
            let pays = |pattern: &CsrPattern| Sell::that_pays(pattern, isa).is_some();
            assert!(pays(&CsrPattern::full(3, 256)) && !pays(&CsrPattern::full(3, 255)));
            let sparse = CsrPattern::new(1024, vec![0, 3], vec![0, 500, 1000]).unwrap();
            assert!(!pays(&sparse));
        }
    }
}
