//! Dynamic sparse training: connections dropped and grown between optimiser steps.
//!
//! A [`Method`] looks at all layers ([`LayerView`]) and says for each what goes and what comes
//! ([`Change`]). From there on a rewiring is data: the new pattern and, for each of its entries, which
//! old entry it was, or none. Weights and moments are carried over by the same few lines whatever
//! the method, and drop and grow can be tested without training.
//!
//! | file | holds |
//! |---|---|
//! | `rigl.rs` | drop the smallest, grow where the gradient is largest, and the readings of that |
//! | `set.rs` | SET as its authors wrote it, and on RigL's schedule |
//! | `drop.rs`, `grow.rs` | the choices that methods are made of |
//! | `schedule.rs` | when, and how many |
//!
//! A further method is one more file and one more variant of [`Method`].

mod drop;
mod grow;
mod rigl;
mod schedule;
mod set;

pub use drop::{TieOrder, Ties, drop_smallest};
pub use grow::{Candidates, GrowScore, Grown, Search, grow_at_random, grow_by_gradient};
pub use rigl::{Reading, Scope};
pub use schedule::{Decay, Schedule};

use crate::sparse::CsrPattern;
use fanin_kernels::{Isa, Row};

/// How connections are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Drop the smallest weights, grow where the gradient is largest (Evci et al. 2020).
    Rigl(Reading),
    /// Drop the smallest weights, grow at random: only the growth differs from RigL.
    SetRigl(Reading),
    /// Drop the weights nearest to 0 on either side, grow at random with fresh weights (Mocanu et al.
    /// 2018).
    Set,
}

/// What a method sees of a layer at an update.
#[derive(Clone, Copy, Debug)]
pub struct LayerView<'a> {
    /// Which layer of the network it is, counted from 0.
    pub index: usize,
    /// Its connections.
    pub pattern: &'a CsrPattern,
    /// Their weights, `[nnz]`.
    pub weights: &'a [f32],
    /// The batch's (x `[cols]`, dy `[rows]`), tile by tile.
    pub tiles: &'a [(&'a [Row], &'a [Row])],
}

/// What an update knows beside the layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// The instruction set to compute on.
    pub isa: Isa,
    /// The run's seed.
    pub seed: u64,
    /// The step, counted from 1 over the whole run.
    pub step: u64,
    /// The fraction of connections to be dropped.
    pub fraction: f64,
    /// Threads to spread the search over: changes no bit of the answer.
    pub threads: usize,
}

/// What goes and what comes in a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// For each entry whether it stays.
    pub survives: Vec<bool>,
    /// Distinct positions outside the survivors, by row and column ascending.
    pub grown: Vec<Grown>,
    /// Whether a dropped connection that is grown again at once keeps its weight and moments.
    pub returned_keep: bool,
}

impl Method {
    /// The changes of an update, one per layer.
    pub fn changes(&self, update: &Update, layers: &[LayerView<'_>]) -> Vec<Change> {
        let mut changes = match self {
            Method::Rigl(reading) => rigl::rigl(reading, update, layers),
            Method::SetRigl(reading) => set::set_rigl(reading, update, layers),
            Method::Set => set::set(update, layers),
        };
        for change in &mut changes {
            change.grown.sort_unstable_by_key(|grown| (grown.row, grown.col));
        }
        changes
    }
}

/// A change of a layer's connections, ready to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewiring {
    /// The connections afterwards.
    pub pattern: CsrPattern,
    /// For each of them the entry it was before, or none if it is new.
    pub origin: Vec<Option<u32>>,
    /// For each of them that is new, in order, what was grown.
    pub new: Vec<Grown>,
    /// How many were dropped, those that came back included.
    pub dropped: usize,
    /// How many dropped ones were grown again at once.
    pub returned: usize,
}

impl Rewiring {
    /// The survivors of `old` with the grown positions.
    ///
    /// **Panics** if there is not one verdict per entry, or a grown position is out of order, a
    /// survivor's, or out of range.
    pub fn new(old: &CsrPattern, change: &Change) -> Rewiring {
        let Change { survives, grown, returned_keep } = change;
        assert_eq!(survives.len(), old.nnz(), "one verdict per entry");
        let mut grown = grown.iter().peekable();
        let (mut row_ptr, mut col_idx) = (vec![0], Vec::with_capacity(old.nnz()));
        let (mut origin, mut new) = (Vec::with_capacity(old.nnz()), Vec::new());
        let mut returned = 0;
        for row in 0..old.rows() {
            let mut entries = old.entries(row).peekable();
            loop {
                let here = grown.peek().filter(|g| g.row as usize == row).map(|g| g.col);
                let entry = entries.peek().map(|&entry| (entry, old.col_idx()[entry]));
                // Both lists ascend: the lower column is next, an old entry before its own return.
                let (col, before) = match (entry, here) {
                    (None, None) => break,
                    (Some((entry, col)), here) if here.is_none_or(|here| col <= here) => {
                        entries.next();
                        let returns = here == Some(col);
                        if returns {
                            assert!(!survives[entry], "({row}, {col}) survived and was grown");
                            returned += 1;
                        } else if !survives[entry] {
                            continue;
                        }
                        (col, (survives[entry] || *returned_keep).then_some(entry as u32))
                    }
                    (_, Some(col)) => (col, None),
                    (Some(_), None) => unreachable!("an entry without a rival is taken above"),
                };
                let grown_here = grown.next_if(|g| (g.row as usize, g.col) == (row, col));
                col_idx.push(col);
                origin.push(before);
                if before.is_none() {
                    new.extend(grown_here);
                }
            }
            row_ptr.push(col_idx.len());
        }
        assert!(grown.next().is_none(), "grown positions ascend and lie within the matrix");
        let pattern = CsrPattern::new(old.cols(), row_ptr, col_idx);
        Rewiring {
            pattern: pattern.expect("grown positions are distinct and in range"),
            origin,
            new,
            dropped: survives.iter().filter(|survives| !**survives).count(),
            returned,
        }
    }

    /// Values on the old pattern carried to the new one; `fresh` gives those of new entries.
    ///
    /// **Shapes**: `old` one value per old entry; returns one per entry.
    pub fn carry<T: Copy>(&self, old: &[T], fresh: impl Fn(&Grown) -> T) -> Vec<T> {
        let mut new = self.new.iter();
        let value = |origin: &Option<u32>| match origin {
            Some(before) => old[*before as usize],
            None => fresh(new.next().expect("one per new entry")),
        };
        self.origin.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(survives: &[bool], grown: &[(u32, u32)], returned_keep: bool) -> Change {
        let grown = grown.iter().map(|&(row, col)| Grown { row, col, gradient: 0.0, weight: 9.0 });
        Change { survives: survives.to_vec(), grown: grown.collect(), returned_keep }
    }

    /// Rows {1, 3}, {}, {0, 2}.
    fn old() -> CsrPattern {
        CsrPattern::new(4, vec![0, 2, 2, 4], vec![1, 3, 0, 2]).unwrap()
    }

    #[test]
    fn survivors_and_returned_keep_their_origin_and_new_ones_have_none() {
        // 1 and 2 of the first and last row go, (0, 1) comes back.
        let survives = [false, true, true, false];
        let rewiring = Rewiring::new(&old(), &change(&survives, &[(0, 1), (1, 2)], true));
        let expected = CsrPattern::new(4, vec![0, 2, 3, 4], vec![1, 3, 2, 0]).unwrap();
        assert_eq!(rewiring.pattern, expected);
        assert_eq!(rewiring.origin, [Some(0), Some(1), None, Some(2)]);
        assert_eq!((rewiring.dropped, rewiring.returned), (2, 1));
        assert_eq!(rewiring.carry(&[5.0, 6.0, 7.0, 8.0], |g| g.weight), [5.0, 6.0, 9.0, 7.0]);
    }

    #[test]
    fn where_returned_ones_do_not_keep_they_are_new() {
        let survives = [false, true, true, false];
        let rewiring = Rewiring::new(&old(), &change(&survives, &[(0, 1), (1, 2)], false));
        assert_eq!(rewiring.origin, [None, Some(1), None, Some(2)]);
        assert_eq!((rewiring.returned, rewiring.new.len()), (1, 2));
        assert_eq!(rewiring.carry(&[5, 6, 7, 8], |g| g.col), [1, 6, 2, 7]);
    }

    #[test]
    fn dropping_nothing_changes_nothing() {
        let old = CsrPattern::full(3, 4);
        let rewiring = Rewiring::new(&old, &change(&[true; 12], &[], true));
        assert_eq!(rewiring.pattern, old);
        assert!(rewiring.origin.iter().zip(0..).all(|(origin, entry)| *origin == Some(entry)));
    }

    #[test]
    #[should_panic(expected = "(0, 1) survived and was grown")]
    fn a_survivor_cannot_be_grown() {
        let old = CsrPattern::new(2, vec![0, 1], vec![1]).unwrap();
        Rewiring::new(&old, &change(&[true], &[(0, 1)], true));
    }

    #[test]
    #[should_panic(expected = "grown positions ascend")]
    fn grown_positions_out_of_order_are_refused() {
        Rewiring::new(&old(), &change(&[true; 4], &[(1, 2), (0, 0)], true));
    }
}
