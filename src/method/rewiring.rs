//! A rewiring is data: which connections a layer has afterwards, and for each of them which old one
//! it was, or none. Weights, moments and gradients are carried over by the same few lines whatever
//! the method, and what a method chooses can be tested without training.

use super::grow::Grown;
use crate::sparse::CsrPattern;

/// What becomes of a connection that is dropped and grown again at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Returned {
    /// It stays as it was.
    Kept,
    /// It begins anew.
    Anew,
}

/// New connections of a layer, and where each comes from.
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
    /// **Shapes**: `survives` `[nnz]`; `grown` distinct positions outside the survivors, in any
    /// order.
    ///
    /// **Panics** if there is not one verdict per entry, or a grown position is there twice, a
    /// survivor's, or out of range.
    pub fn new(
        old: &CsrPattern,
        survives: &[bool],
        mut grown: Vec<Grown>,
        returned_are: Returned,
    ) -> Rewiring {
        assert_eq!(survives.len(), old.nnz(), "one verdict per entry");
        grown.sort_unstable_by_key(|grown| (grown.row, grown.col));
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
                        let keeps = survives[entry] || returned_are == Returned::Kept;
                        (col, keeps.then_some(entry as u32))
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
        assert!(grown.next().is_none(), "grown positions are distinct and within the matrix");
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

    fn rewire(survives: &[bool], grown: &[(u32, u32)], returned: Returned) -> Rewiring {
        let grown = grown.iter().map(|&(row, col)| Grown { row, col, gradient: 0.0, weight: 9.0 });
        Rewiring::new(&old(), survives, grown.collect(), returned)
    }

    /// Rows {1, 3}, {}, {0, 2}.
    fn old() -> CsrPattern {
        CsrPattern::new(4, vec![0, 2, 2, 4], vec![1, 3, 0, 2]).unwrap()
    }

    #[test]
    fn survivors_and_returned_keep_their_origin_and_new_ones_have_none() {
        // 1 and 2 of the first and last row go, (0, 1) comes back.
        let survives = [false, true, true, false];
        let rewiring = rewire(&survives, &[(1, 2), (0, 1)], Returned::Kept);
        let expected = CsrPattern::new(4, vec![0, 2, 3, 4], vec![1, 3, 2, 0]).unwrap();
        assert_eq!(rewiring.pattern, expected);
        assert_eq!(rewiring.origin, [Some(0), Some(1), None, Some(2)]);
        assert_eq!((rewiring.dropped, rewiring.returned), (2, 1));
        assert_eq!(rewiring.carry(&[5.0, 6.0, 7.0, 8.0], |g| g.weight), [5.0, 6.0, 9.0, 7.0]);
    }

    #[test]
    fn where_returned_ones_do_not_keep_they_are_new() {
        let survives = [false, true, true, false];
        let rewiring = rewire(&survives, &[(0, 1), (1, 2)], Returned::Anew);
        assert_eq!(rewiring.origin, [None, Some(1), None, Some(2)]);
        assert_eq!((rewiring.returned, rewiring.new.len()), (1, 2));
        assert_eq!(rewiring.carry(&[5, 6, 7, 8], |g| g.col), [1, 6, 2, 7]);
    }

    #[test]
    fn dropping_nothing_changes_nothing() {
        let old = CsrPattern::full(3, 4);
        let rewiring = Rewiring::new(&old, &[true; 12], vec![], Returned::Kept);
        assert_eq!(rewiring.pattern, old);
        assert!(rewiring.origin.iter().zip(0..).all(|(origin, entry)| *origin == Some(entry)));
    }

    #[test]
    #[should_panic(expected = "(0, 1) survived and was grown")]
    fn a_survivor_cannot_be_grown() {
        rewire(&[true; 4], &[(0, 1)], Returned::Kept);
    }

    #[test]
    #[should_panic(expected = "grown positions are distinct and within the matrix")]
    fn a_position_outside_the_matrix_cannot_be_grown() {
        rewire(&[true; 4], &[(3, 0)], Returned::Kept);
    }
}
