//! Which connections a layer has, without their values.

use std::ops::Range;

/// The pattern of a sparse `[rows, cols]` matrix in CSR: row `r`'s columns are
/// `col_idx[row_ptr[r]..row_ptr[r + 1]]`, strictly increasing.
///
/// Valid by construction. Column ids are `u32`: halving them to `u16` changed no kernel's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsrPattern {
    cols: usize,
    row_ptr: Vec<usize>,
    col_idx: Vec<u32>,
}

/// How arrays fail to be a CSR pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// `row_ptr` is empty or does not start at 0.
    #[error("row_ptr must start with 0")]
    Start,
    /// `row_ptr` decreases.
    #[error("row_ptr decreases after row {row}")]
    Decreasing {
        /// The row that would have a negative length.
        row: usize,
    },
    /// `row_ptr` does not end at the number of column ids.
    #[error("row_ptr ends at {end}, but there are {nnz} column ids")]
    End {
        /// The last offset.
        end: usize,
        /// The number of column ids.
        nnz: usize,
    },
    /// A column is not below the width.
    #[error("row {row} names column {col} of a matrix with {cols} columns")]
    ColumnRange {
        /// The row.
        row: usize,
        /// Its column.
        col: u32,
        /// The width.
        cols: usize,
    },
    /// Columns of a row are not strictly increasing.
    #[error("row {row} has column {col} twice or out of order")]
    ColumnOrder {
        /// The row.
        row: usize,
        /// The column that is not above the one before it.
        col: u32,
    },
}

impl CsrPattern {
    /// A pattern from raw arrays.
    ///
    /// **Shapes**: `row_ptr` `[rows + 1]`, `col_idx` `[nnz]`.
    ///
    /// **Errors**: each [`PatternError`].
    pub fn new(cols: usize, row_ptr: Vec<usize>, col_idx: Vec<u32>) -> Result<Self, PatternError> {
        if row_ptr.first() != Some(&0) {
            return Err(PatternError::Start);
        }
        if let Some(row) = row_ptr.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(PatternError::Decreasing { row });
        }
        let end = row_ptr[row_ptr.len() - 1];
        if end != col_idx.len() {
            return Err(PatternError::End { end, nnz: col_idx.len() });
        }
        let pattern = CsrPattern { cols, row_ptr, col_idx };
        for row in 0..pattern.rows() {
            let columns = pattern.row(row);
            if let Some(&col) = columns.iter().find(|&&col| col as usize >= cols) {
                return Err(PatternError::ColumnRange { row, col, cols });
            }
            if let Some(pair) = columns.windows(2).find(|pair| pair[0] >= pair[1]) {
                return Err(PatternError::ColumnOrder { row, col: pair[1] });
            }
        }
        Ok(pattern)
    }

    /// The positions of a dense row-major matrix, ascending.
    ///
    /// **Panics** unless they ascend and lie within the matrix.
    pub fn from_positions(rows: usize, cols: usize, positions: &[usize]) -> Self {
        let row_ptr = (0..=rows).map(|row| positions.partition_point(|&at| at < row * cols));
        let col_idx = positions.iter().map(|at| (at % cols) as u32).collect();
        CsrPattern::new(cols, row_ptr.collect(), col_idx).expect("positions ascend")
    }

    /// Every position stored.
    ///
    /// **Panics** if `cols` does not fit `u32`.
    pub fn full(rows: usize, cols: usize) -> Self {
        let width = u32::try_from(cols).expect("a layer has fewer than 2^32 inputs");
        let row_ptr = (0..=rows).map(|row| row * cols).collect();
        CsrPattern { cols, row_ptr, col_idx: (0..rows).flat_map(|_| 0..width).collect() }
    }

    /// Output neurons.
    pub fn rows(&self) -> usize {
        self.row_ptr.len() - 1
    }

    /// Inputs.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Stored entries.
    pub fn nnz(&self) -> usize {
        self.col_idx.len()
    }

    /// `nnz / (rows·cols)`; of an empty matrix 0.
    pub fn density(&self) -> f64 {
        self.nnz() as f64 / (self.rows() * self.cols).max(1) as f64
    }

    /// Offsets of the rows' first entries, `[rows + 1]`.
    pub fn row_ptr(&self) -> &[usize] {
        &self.row_ptr
    }

    /// Columns of all entries, `[nnz]`.
    pub fn col_idx(&self) -> &[u32] {
        &self.col_idx
    }

    /// The entries of a row.
    pub fn entries(&self, row: usize) -> Range<usize> {
        self.row_ptr[row]..self.row_ptr[row + 1]
    }

    /// The columns of a row.
    pub fn row(&self, row: usize) -> &[u32] {
        &self.col_idx[self.entries(row)]
    }

    /// Stored inputs of each row.
    pub fn fan_in(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.row_ptr.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// Values in CSR order to a dense `[rows, cols]` matrix, 0 elsewhere.
    ///
    /// **Panics** unless there is one value per entry.
    pub fn scatter(&self, values: &[f32]) -> Vec<f32> {
        assert_eq!(values.len(), self.nnz(), "one value per entry");
        let mut dense = vec![0.0; self.rows() * self.cols];
        for (at, &value) in self.positions().zip(values) {
            dense[at] = value;
        }
        dense
    }

    /// The stored positions of a dense `[rows, cols]` matrix, in CSR order.
    ///
    /// **Panics** unless there is one value per position.
    pub fn gather(&self, dense: &[f32]) -> Vec<f32> {
        assert_eq!(dense.len(), self.rows() * self.cols, "one value per position");
        self.positions().map(|at| dense[at]).collect()
    }

    /// Each entry's index in a dense row-major matrix, in CSR order.
    pub fn positions(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        (0..self.rows()).flat_map(move |row| {
            self.row(row).iter().map(move |&col| row * self.cols + col as usize)
        })
    }

    /// The entries that are marked.
    ///
    /// **Panics** unless there is one mark per entry.
    pub fn only(&self, marked: &[bool]) -> CsrPattern {
        assert_eq!(marked.len(), self.nnz(), "one mark per entry");
        let (mut row_ptr, mut col_idx) = (vec![0], Vec::new());
        for row in 0..self.rows() {
            col_idx.extend(self.entries(row).filter(|&at| marked[at]).map(|at| self.col_idx[at]));
            row_ptr.push(col_idx.len());
        }
        CsrPattern { cols: self.cols, row_ptr, col_idx }
    }

    /// How many positions are stored in both.
    ///
    /// **Panics** if the shapes differ.
    pub fn common(&self, other: &CsrPattern) -> usize {
        assert_eq!((self.rows(), self.cols), (other.rows(), other.cols), "patterns of one shape");
        let in_row = |row: usize| {
            let mut rest = other.row(row).iter().peekable();
            let stored = self.row(row).iter().filter(|col| {
                while rest.next_if(|other| other < col).is_some() {}
                rest.next_if(|other| other == col).is_some()
            });
            stored.count()
        };
        (0..self.rows()).map(in_row).sum()
    }

    /// Bounds of blocks of rows with about `entries` stored entries each, at least one row, that
    /// begin with multiples of `group`; starts with 0 and ends with the number of rows.
    ///
    /// **Panics** if `group` is 0.
    pub fn blocks(&self, entries: usize, group: usize) -> Vec<usize> {
        let mut bounds = vec![0];
        let mut start = 0;
        for row in (group..self.rows()).step_by(group) {
            if self.row_ptr[row] - self.row_ptr[start] >= entries {
                bounds.push(row);
                start = row;
            }
        }
        bounds.push(self.rows());
        bounds
    }
}

/// The free positions below `total` at these places in the list of all free ones, which is never
/// written down; ascending.
///
/// **Shapes**: `taken` and `places` ascend.
pub fn free_positions(
    total: usize,
    taken: impl IntoIterator<Item = usize>,
    places: &[usize],
) -> Vec<usize> {
    let mut free = Vec::with_capacity(places.len());
    let mut places = places.iter().peekable();
    // Free positions before the next taken one are a gap; a place falls into one.
    let (mut at, mut passed) = (0, 0);
    for end in taken.into_iter().chain([total]) {
        while let Some(place) = places.next_if(|place| **place < passed + end - at) {
            free.push(at + place - passed);
        }
        passed += end - at;
        at = end + 1;
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_array_is_refused_by_its_name() {
        let new = |cols, row_ptr: &[usize], col_idx: &[u32]| {
            CsrPattern::new(cols, row_ptr.to_vec(), col_idx.to_vec())
        };
        assert_eq!(new(3, &[], &[]), Err(PatternError::Start));
        assert_eq!(new(3, &[1, 1], &[0]), Err(PatternError::Start));
        assert_eq!(new(3, &[0, 2, 1], &[0]), Err(PatternError::Decreasing { row: 1 }));
        assert_eq!(new(3, &[0, 2], &[0]), Err(PatternError::End { end: 2, nnz: 1 }));
        let range = PatternError::ColumnRange { row: 1, col: 3, cols: 3 };
        assert_eq!(new(3, &[0, 1, 2], &[2, 3]), Err(range));
        let order = PatternError::ColumnOrder { row: 0, col: 1 };
        assert_eq!(new(3, &[0, 2], &[1, 1]), Err(order.clone()));
        assert_eq!(new(3, &[0, 2], &[2, 1]), Err(order));
        assert!(new(3, &[0, 2, 2, 3], &[0, 2, 1]).is_ok());
        assert!(new(3, &[0], &[]).is_ok());
    }

    #[test]
    fn full_stores_every_position() {
        let full = CsrPattern::full(2, 3);
        assert_eq!(Ok(full.clone()), CsrPattern::new(3, vec![0, 3, 6], vec![0, 1, 2, 0, 1, 2]));
        assert_eq!((full.density(), full.fan_in().len()), (1.0, 2));
    }

    #[test]
    fn scatter_and_gather_are_inverse_on_the_pattern() {
        let pattern = CsrPattern::new(3, vec![0, 2, 3], vec![0, 2, 1]).unwrap();
        let dense = pattern.scatter(&[1.0, 2.0, 3.0]);
        assert_eq!(dense, [1.0, 0.0, 2.0, 0.0, 3.0, 0.0]);
        assert_eq!(pattern.gather(&dense), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn only_what_is_marked_is_left() {
        let pattern = CsrPattern::new(5, vec![0, 3, 3, 5], vec![0, 2, 4, 1, 3]).unwrap();
        let left = CsrPattern::new(5, vec![0, 1, 1, 3], vec![2, 1, 3]).unwrap();
        assert_eq!(pattern.only(&[false, true, false, true, true]), left);
    }

    #[test]
    fn positions_come_back() {
        let pattern = CsrPattern::new(5, vec![0, 3, 3, 5], vec![0, 2, 4, 1, 3]).unwrap();
        let positions: Vec<usize> = pattern.positions().collect();
        assert_eq!(positions, [0, 2, 4, 11, 13]);
        assert_eq!(CsrPattern::from_positions(3, 5, &positions), pattern);
        assert_eq!(CsrPattern::from_positions(2, 3, &[]).row_ptr(), [0, 0, 0]);
    }

    #[test]
    fn free_positions_are_what_is_not_taken() {
        let taken = [1, 2, 5, 9];
        let free: Vec<usize> = (0..12).filter(|at| !taken.contains(at)).collect();
        let all: Vec<usize> = (0..free.len()).collect();
        assert_eq!(free_positions(12, taken, &all), free);
        assert_eq!(free_positions(12, taken, &[0, 3, 7]), [0, 6, 11]);
        assert_eq!(free_positions(3, [0, 1, 2], &[]), [0; 0]);
    }

    #[test]
    fn common_counts_what_both_store() {
        let a = CsrPattern::new(5, vec![0, 3, 3, 5], vec![0, 2, 4, 1, 3]).unwrap();
        let b = CsrPattern::new(5, vec![0, 3, 4, 5], vec![1, 2, 4, 0, 3]).unwrap();
        assert_eq!((a.common(&b), b.common(&a), a.common(&a)), (3, 3, 5));
    }

    #[test]
    fn blocks_cover_all_rows_and_balance_entries() {
        let pattern =
            CsrPattern::new(4, vec![0, 0, 4, 5, 6, 10], vec![0, 1, 2, 3, 0, 0, 0, 1, 2, 3])
                .unwrap();
        assert_eq!(pattern.blocks(4, 1), [0, 2, 5]);
        assert_eq!(pattern.blocks(1, 1), [0, 2, 3, 4, 5]);
        assert_eq!(pattern.blocks(100, 1), [0, 5]);
        assert_eq!(pattern.blocks(1, 2), [0, 2, 4, 5]);
    }
}
