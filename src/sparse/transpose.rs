//! The transpose of a pattern, and where each of its entries comes from.

use super::CsrPattern;
use crate::parallel::Executor;

/// A pattern's transpose with its position map: entry `e` of the transpose is entry
/// `position[e]` of the original. Values follow by a gather, in parallel without a race.
#[derive(Clone, Debug)]
pub struct Transpose {
    pattern: CsrPattern,
    position: Vec<u32>,
}

/// Entries per task of a gather.
const GATHER_CHUNK: usize = 16 * 1024;

impl Transpose {
    /// The transpose of `pattern`, by one counting sort.
    ///
    /// **Panics** if there are 2³² entries or more.
    pub fn of(pattern: &CsrPattern) -> Self {
        u32::try_from(pattern.nnz()).expect("a layer has fewer than 2^32 connections");
        let mut row_ptr = vec![0; pattern.cols() + 1];
        for &col in pattern.col_idx() {
            row_ptr[col as usize + 1] += 1;
        }
        for col in 0..pattern.cols() {
            row_ptr[col + 1] += row_ptr[col];
        }
        let mut next = row_ptr.clone();
        let (mut col_idx, mut position) = (vec![0; pattern.nnz()], vec![0; pattern.nnz()]);
        for row in 0..pattern.rows() {
            for entry in pattern.entries(row) {
                let slot = &mut next[pattern.col_idx()[entry] as usize];
                (col_idx[*slot], position[*slot]) = (row as u32, entry as u32);
                *slot += 1;
            }
        }
        let pattern = CsrPattern::new(pattern.rows(), row_ptr, col_idx);
        Transpose { pattern: pattern.expect("a counting sort of a valid pattern"), position }
    }

    /// The transposed pattern, `[cols, rows]`.
    pub fn pattern(&self) -> &CsrPattern {
        &self.pattern
    }

    /// Values on the original pattern in the transpose's order.
    ///
    /// **Shapes**: `values` and the result `[nnz]`.
    ///
    /// **Panics** if the shapes disagree.
    pub fn gather(&self, values: &[f32]) -> Vec<f32> {
        assert_eq!(values.len(), self.position.len(), "one value per entry");
        self.position.iter().map(|&position| values[position as usize]).collect()
    }

    /// The transposed pattern, and of each of its entries that of the original.
    pub fn into_parts(self) -> (CsrPattern, Vec<u32>) {
        (self.pattern, self.position)
    }
}

/// `gathered[i] = values[position[i]]`, in parallel.
///
/// **Panics** if there is not one position for each, or one is out of range.
pub fn gather_into(executor: &Executor, position: &[u32], values: &[f32], gathered: &mut [f32]) {
    assert_eq!(gathered.len(), position.len(), "one value per position");
    executor.for_each_chunk(gathered, GATHER_CHUNK, |first, chunk| {
        for (value, &position) in chunk.iter_mut().zip(&position[first..]) {
            *value = values[position as usize];
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transpose_moves_every_entry_to_its_place() {
        // [[0, a, b], [c, 0, d]]
        let pattern = CsrPattern::new(3, vec![0, 2, 4], vec![1, 2, 0, 2]).unwrap();
        let transpose = Transpose::of(&pattern);
        assert_eq!(
            transpose.pattern(),
            &CsrPattern::new(2, vec![0, 1, 2, 4], vec![1, 0, 0, 1]).unwrap()
        );
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(transpose.gather(&values), [3.0, 1.0, 2.0, 4.0]);
        let executor = Executor::new(fanin_kernels::Isa::detect(), 2).unwrap();
        let mut transposed = [0.0; 4];
        gather_into(&executor, &transpose.position, &values, &mut transposed);
        assert_eq!(transposed, [3.0, 1.0, 2.0, 4.0]);
    }

    #[test]
    fn transposing_twice_gives_the_pattern_back() {
        let pattern =
            CsrPattern::new(5, vec![0, 0, 5, 6, 8], vec![0, 1, 2, 3, 4, 2, 0, 4]).unwrap();
        let back = Transpose::of(Transpose::of(&pattern).pattern());
        assert_eq!(back.pattern(), &pattern);
    }
}
