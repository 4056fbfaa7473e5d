//! Which rows are for training, which for testing and validation.

use super::error::Error;
use crate::random::{Purpose, stream};
use rand::seq::SliceRandom;

/// How rows are held out.
#[derive(Clone, Copy, Debug)]
pub(super) struct SplitOptions {
    /// Fraction of all rows for testing.
    pub(super) test: f64,
    /// The part of so many that is for testing instead, from 1.
    pub(super) fold: Option<(usize, usize)>,
    /// Fraction of the others for validation.
    pub(super) validation: f64,
    /// Whether each class is held out by its share.
    pub(super) stratify: bool,
    /// Decides which rows.
    pub(super) seed: u64,
}

/// Numbers of rows, counted from 0, each list ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RowSplit {
    pub(super) train: Vec<u32>,
    pub(super) validation: Option<Vec<u32>>,
    pub(super) test: Vec<u32>,
}

impl RowSplit {
    /// The rows with these labels for training, validation and testing.
    ///
    /// **Errors**: [`Error::EmptyValidation`] if a fraction for validation leaves one side empty.
    pub(super) fn draw(labels: &[u16], options: SplitOptions) -> Result<RowSplit, Error> {
        let SplitOptions { test, fold, validation, stratify, seed } = options;
        let all: Vec<u32> = (0..labels.len() as u32).collect();
        let outer = match fold {
            None => hold_out(&all, labels, test, stratify, seed, 0),
            Some((_, folds)) if folds > all.len() => {
                return Err(Error::TooFewForFolds { rows: all.len(), folds });
            }
            Some(fold) => hold_out_fold(&all, labels, fold, stratify, seed),
        };
        if validation == 0.0 {
            return Ok(RowSplit { train: outer.kept, validation: None, test: outer.held_out });
        }
        let inner = hold_out(&outer.kept, labels, validation, stratify, seed, 1);
        if inner.kept.is_empty() || inner.held_out.is_empty() {
            return Err(Error::EmptyValidation(validation));
        }
        let (train, validation) = (inner.kept, Some(inner.held_out));
        Ok(RowSplit { train, validation, test: outer.held_out })
    }
}

/// Indices of rows, each ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Split {
    /// What is learned from.
    kept: Vec<u32>,
    /// What is held out.
    held_out: Vec<u32>,
}

/// Holds out ⌈fraction·n⌉ rows at random; stratified, each class by its share to within a row.
///
/// A function of the seed, `round` (one per call of a data set) and the rows alone: another seed
/// for the training leaves it as it is.
///
/// **Panics** unless 0 ≤ fraction ≤ 1.
fn hold_out(
    rows: &[u32],
    labels: &[u16],
    fraction: f64,
    stratify: bool,
    seed: u64,
    round: u64,
) -> Split {
    assert!((0.0..=1.0).contains(&fraction), "a fraction of {fraction}");
    let mut shuffled = rows.to_vec();
    shuffled.shuffle(&mut stream(seed, Purpose::Split, round));
    // Rounded up as others do, but not by the rounding error of the product.
    let count = (fraction * rows.len() as f64 - 1e-9).ceil().max(0.0) as usize;
    let mut split = Split::default();
    if stratify {
        let quotas = quotas(rows, labels, fraction, count);
        let mut taken = vec![0; quotas.len()];
        for row in shuffled {
            let class = labels[row as usize] as usize;
            let is_held = taken[class] < quotas[class];
            taken[class] += usize::from(is_held);
            if is_held { &mut split.held_out } else { &mut split.kept }.push(row);
        }
    } else {
        split.held_out = shuffled.drain(..count).collect();
        split.kept = shuffled;
    }
    split.held_out.sort_unstable();
    split.kept.sort_unstable();
    split
}

/// Holds out one of so many parts of the rows, which are dealt out in random order; stratified,
/// class by class.
///
/// A function of the seed and the rows alone. Each row is in one part, and the parts are equal to
/// within a row.
fn hold_out_fold(
    rows: &[u32],
    labels: &[u16],
    (fold, folds): (usize, usize),
    stratify: bool,
    seed: u64,
) -> Split {
    let mut dealt = rows.to_vec();
    dealt.shuffle(&mut stream(seed, Purpose::Split, 0));
    if stratify {
        dealt.sort_by_key(|&row| labels[row as usize]);
    }
    let mut split = Split::default();
    for (at, row) in dealt.into_iter().enumerate() {
        let is_held = at % folds == fold - 1;
        if is_held { &mut split.held_out } else { &mut split.kept }.push(row);
    }
    split.held_out.sort_unstable();
    split.kept.sort_unstable();
    split
}

/// How many rows of each class are held out: the whole part of its share, and one more for the
/// largest remainders until there are `count`, the lower class first among equals.
fn quotas(rows: &[u32], labels: &[u16], fraction: f64, count: usize) -> Vec<usize> {
    let classes = rows.iter().map(|&row| labels[row as usize] as usize + 1).max().unwrap_or(0);
    let mut sizes = vec![0usize; classes];
    rows.iter().for_each(|&row| sizes[labels[row as usize] as usize] += 1);
    let share = |class: usize| fraction * sizes[class] as f64;
    let mut quotas: Vec<usize> = (0..classes).map(|class| share(class).floor() as usize).collect();
    let mut by_remainder: Vec<usize> = (0..classes).collect();
    by_remainder.sort_by(|&a, &b| share(b).fract().total_cmp(&share(a).fract()).then(a.cmp(&b)));
    let left = count.saturating_sub(quotas.iter().sum());
    let has_more: Vec<usize> =
        by_remainder.into_iter().filter(|&class| quotas[class] < sizes[class]).collect();
    has_more.into_iter().take(left).for_each(|class| quotas[class] += 1);
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_forest_covers_rows_is_what_the_paper_tests_on() {
        // Paper table 1: 464,809 and 116,203 of 581,012.
        let rows: Vec<u32> = (0..581_012).collect();
        let labels = vec![0; rows.len()];
        for stratify in [false, true] {
            let split = hold_out(&rows, &labels, 0.2, stratify, 42, 0);
            assert_eq!((split.kept.len(), split.held_out.len()), (464_809, 116_203));
        }
    }

    #[test]
    fn every_row_is_on_one_side_and_the_seed_decides_which() {
        let rows: Vec<u32> = (0..100).collect();
        let labels = vec![0; 100];
        let split = hold_out(&rows, &labels, 0.3, false, 1, 0);
        let mut all = [split.kept.clone(), split.held_out.clone()].concat();
        all.sort_unstable();
        assert_eq!((all, split.held_out.len()), (rows.clone(), 30));
        assert_eq!(split, hold_out(&rows, &labels, 0.3, false, 1, 0));
        assert_ne!(split, hold_out(&rows, &labels, 0.3, false, 2, 0));
        assert_ne!(split, hold_out(&rows, &labels, 0.3, false, 1, 1));
        assert!(hold_out(&rows, &labels, 0.0, false, 1, 0).held_out.is_empty());
    }

    #[test]
    fn each_row_is_in_one_fold_and_stratified_ones_have_the_classes_shares() {
        let rows: Vec<u32> = (0..103).collect();
        let labels: Vec<u16> = rows.iter().map(|row| u16::from(row % 10 == 0)).collect();
        for stratify in [false, true] {
            let fold = |at| hold_out_fold(&rows, &labels, (at, 5), stratify, 7);
            let mut all = Vec::new();
            for at in 1..=5 {
                let Split { kept, held_out } = fold(at);
                assert!((20..=21).contains(&held_out.len()), "{}", held_out.len());
                let mut both = [kept, held_out.clone()].concat();
                both.sort_unstable();
                assert_eq!(both, rows);
                let rare = held_out.iter().filter(|&&row| labels[row as usize] == 1).count();
                assert!(!stratify || (2..=3).contains(&rare), "{rare}");
                all.extend(held_out);
            }
            all.sort_unstable();
            assert_eq!(all, rows);
            assert_eq!(fold(2), fold(2));
        }
        let options = SplitOptions {
            test: 0.0,
            fold: Some((1, 4)),
            validation: 0.0,
            stratify: false,
            seed: 1,
        };
        assert!(RowSplit::draw(&[0, 1, 0], options).is_err());
        assert_eq!(RowSplit::draw(&[0, 1, 0, 1], options).unwrap().test.len(), 1);
    }

    #[test]
    fn stratified_classes_keep_their_shares() {
        // 70, 20, 9 and 1 rows of four classes.
        let rows: Vec<u32> = (0..100).collect();
        let class = |row: u32| [70, 90, 99].iter().filter(|&&end| row >= end).count() as u16;
        let labels: Vec<u16> = rows.iter().map(|&row| class(row)).collect();
        let split = hold_out(&rows, &labels, 0.25, true, 3, 0);
        let mut counts = [0; 4];
        split.held_out.iter().for_each(|&row| counts[class(row) as usize] += 1);
        // 17.5, 5, 2.25 and 0.25: the rest of one goes to the largest remainder.
        assert_eq!(counts, [18, 5, 2, 0]);
    }
}
