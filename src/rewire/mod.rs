//! Dynamic sparse training: connections dropped and grown between optimiser steps.
//!
//! A rewiring is data: the new pattern and, for each of its entries, which old entry it was, or
//! none. Weights and moments are carried over by the same few lines whatever the method, and drop
//! and grow can be tested without training.

mod drop;
mod grow;
mod schedule;

pub use drop::{Ties, drop_smallest};
pub use grow::{Grown, grow_at_random, grow_by_gradient};
pub use schedule::{Decay, Schedule};

use crate::sparse::CsrPattern;

/// A change of a layer's connections that keeps their number.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewiring {
    /// The connections afterwards.
    pub pattern: CsrPattern,
    /// For each of them the entry it was before, or none if it is new.
    pub origin: Vec<Option<u32>>,
    /// How many were dropped, those that came back included.
    pub dropped: usize,
    /// How many dropped ones were grown again at once: they keep weight and moments.
    pub returned: usize,
}

impl Rewiring {
    /// The survivors of `old` with the grown positions.
    ///
    /// **Shapes**: `survives` `[nnz]`; `grown` distinct positions (row, column) outside the
    /// survivors, in any order.
    ///
    /// **Panics** if the shapes disagree, or a grown position is a survivor's or out of range.
    pub fn new(old: &CsrPattern, survives: &[bool], grown: &[(u32, u32)]) -> Rewiring {
        assert_eq!(survives.len(), old.nnz(), "one verdict per entry");
        let mut grown = grown.to_vec();
        grown.sort_unstable();
        let mut grown = grown.into_iter().peekable();
        let (mut row_ptr, mut col_idx) = (vec![0], Vec::with_capacity(old.nnz()));
        let mut origin = Vec::with_capacity(old.nnz());
        let mut returned = 0;
        for row in 0..old.rows() {
            let mut entries = old.entries(row).peekable();
            loop {
                let here = grown.peek().filter(|(r, _)| *r as usize == row).map(|(_, col)| *col);
                let entry = entries.peek().map(|&entry| (entry, old.col_idx()[entry]));
                // Both lists ascend: the lower column is next, an old entry before its own return.
                match (entry, here) {
                    (None, None) => break,
                    (Some((entry, col)), here) if here.is_none_or(|here| col <= here) => {
                        entries.next();
                        let returns = here == Some(col);
                        if returns {
                            assert!(!survives[entry], "({row}, {col}) survived and was grown");
                            grown.next();
                            returned += 1;
                        }
                        if survives[entry] || returns {
                            col_idx.push(col);
                            origin.push(Some(entry as u32));
                        }
                    }
                    (_, Some(col)) => {
                        grown.next();
                        col_idx.push(col);
                        origin.push(None);
                    }
                    (Some(_), None) => unreachable!("an entry without a rival is taken above"),
                }
            }
            row_ptr.push(col_idx.len());
        }
        assert!(grown.next().is_none(), "a position was grown beyond the last row");
        let pattern = CsrPattern::new(old.cols(), row_ptr, col_idx);
        Rewiring {
            pattern: pattern.expect("grown positions are distinct and in range"),
            origin,
            dropped: survives.iter().filter(|survives| !**survives).count(),
            returned,
        }
    }

    /// Values on the old pattern carried to the new one; `fresh` gives those of new entries.
    ///
    /// **Shapes**: `old` one value per old entry; returns one per new entry, and `fresh` is called
    /// with the index of each new one.
    pub fn carry<T: Copy>(&self, old: &[T], mut fresh: impl FnMut(usize) -> T) -> Vec<T> {
        let value = |(entry, origin): (usize, &Option<u32>)| match origin {
            Some(before) => old[*before as usize],
            None => fresh(entry),
        };
        self.origin.iter().enumerate().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_and_returned_keep_their_origin_and_new_ones_have_none() {
        // Rows {1, 3}, {}, {0, 2}; 1 and 2 of the first and last row go, (0, 1) comes back.
        let old = CsrPattern::new(4, vec![0, 2, 2, 4], vec![1, 3, 0, 2]).unwrap();
        let survives = [false, true, true, false];
        let rewiring = Rewiring::new(&old, &survives, &[(1, 2), (0, 1)]);
        let expected = CsrPattern::new(4, vec![0, 2, 3, 4], vec![1, 3, 2, 0]).unwrap();
        assert_eq!(rewiring.pattern, expected);
        assert_eq!(rewiring.origin, [Some(0), Some(1), None, Some(2)]);
        assert_eq!((rewiring.dropped, rewiring.returned), (2, 1));
        assert_eq!(rewiring.carry(&[5, 6, 7, 8], |entry| entry), [5, 6, 2, 7]);
    }

    #[test]
    fn dropping_nothing_changes_nothing() {
        let old = CsrPattern::full(3, 4);
        let rewiring = Rewiring::new(&old, &[true; 12], &[]);
        assert_eq!(rewiring.pattern, old);
        assert!(rewiring.origin.iter().zip(0..).all(|(origin, entry)| *origin == Some(entry)));
    }

    #[test]
    #[should_panic(expected = "(0, 1) survived and was grown")]
    fn a_survivor_cannot_be_grown() {
        let old = CsrPattern::new(2, vec![0, 1], vec![1]).unwrap();
        Rewiring::new(&old, &[true], &[(0, 1)]);
    }
}
