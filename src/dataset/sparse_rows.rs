//! Rows of which few values are not 0, by those alone.

use super::problem::DataProblem;

/// Rows by their values that are not 0, `[rows, width]`: 12 or 8 bytes for each of them.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseRows<T> {
    width: usize,
    row_ptr: Vec<usize>,
    ids: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy + Default + PartialEq> SparseRows<T> {
    /// No rows of so many values.
    pub fn new(width: usize) -> SparseRows<T> {
        SparseRows { width, row_ptr: vec![0], ids: Vec::new(), values: Vec::new() }
    }

    /// Rows as SciPy's CSR has them; stored zeros are left out, columns brought into order.
    ///
    /// **Errors**: [`DataProblem::SparseArrays`] for arrays that are none, or a column twice in a
    /// row.
    pub fn from_csr(
        width: usize,
        row_ptr: &[usize],
        col_idx: &[usize],
        values: &[T],
    ) -> Result<SparseRows<T>, DataProblem> {
        let mut rows = SparseRows::new(width);
        let mut row: Vec<(usize, T)> = Vec::new();
        if col_idx.len() != values.len() || row_ptr.first() != Some(&0) {
            return Err(DataProblem::SparseArrays);
        }
        for bounds in row_ptr.windows(2) {
            let entries = bounds[0]..bounds[1];
            let of_row = col_idx.get(entries.clone()).zip(values.get(entries));
            let (ids, values) = of_row.ok_or(DataProblem::SparseArrays)?;
            row.clear();
            row.extend(ids.iter().copied().zip(values.iter().copied()));
            row.sort_by_key(|&(id, _)| id);
            if row.windows(2).any(|pair| pair[0].0 == pair[1].0)
                || row.last().is_some_and(|&(id, _)| id >= width || u32::try_from(id).is_err())
            {
                return Err(DataProblem::SparseArrays);
            }
            row.iter().for_each(|&(id, value)| rows.push(id as u32, value));
            rows.end_row();
        }
        Ok(rows)
    }

    /// Adds a value to the row at hand, behind those that it has. A 0 is none; rows are as wide as
    /// it takes either way.
    pub(super) fn push(&mut self, id: u32, value: T) {
        self.width = self.width.max(id as usize + 1);
        if value != T::default() {
            self.ids.push(id);
            self.values.push(value);
        }
    }

    /// Ends the row at hand.
    pub(super) fn end_row(&mut self) {
        self.row_ptr.push(self.ids.len());
    }

    /// Takes the values of the row at hand back.
    pub(super) fn undo_row(&mut self) {
        self.truncate(self.rows());
    }

    /// Keeps the first rows, and nothing of the row at hand.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.row_ptr.truncate(rows + 1);
        let end = self.row_ptr[rows];
        self.ids.truncate(end);
        self.values.truncate(end);
    }

    /// The rows are of so many values, and all there: gives back the memory that is left.
    pub(super) fn finish(&mut self, width: usize) {
        self.width = width;
        self.row_ptr.shrink_to_fit();
        self.ids.shrink_to_fit();
        self.values.shrink_to_fit();
    }

    /// Makes room for exactly so many values more.
    pub(super) fn reserve(&mut self, values: usize) {
        self.ids.reserve_exact(values);
        self.values.reserve_exact(values);
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.row_ptr.len() - 1
    }

    /// Values of a row, zeros included.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Values that are not 0.
    pub fn stored(&self) -> usize {
        self.values.len()
    }

    /// Share of the values that are not 0.
    pub fn density(&self) -> f64 {
        self.stored() as f64 / (self.rows() as f64 * self.width as f64).max(1.0)
    }

    /// The places of a row's values, ascending, and the values.
    ///
    /// **Panics** if there is no such row.
    pub fn row(&self, row: usize) -> (&[u32], &[T]) {
        let entries = self.row_ptr[row]..self.row_ptr[row + 1];
        (&self.ids[entries.clone()], &self.values[entries])
    }

    /// The rows of these indices.
    ///
    /// **Panics** if one is out of range.
    pub fn select(&self, rows: impl Iterator<Item = usize>) -> SparseRows<T> {
        let mut selected = SparseRows::new(self.width);
        for row in rows {
            let (ids, values) = self.row(row);
            selected.ids.extend_from_slice(ids);
            selected.values.extend_from_slice(values);
            selected.end_row();
        }
        selected
    }

    /// Lays a row into memory for all its values.
    pub(crate) fn fill(&self, row: usize, to: &mut [T]) {
        to.fill(T::default());
        let (ids, values) = self.row(row);
        ids.iter().zip(values).for_each(|(&id, &value)| to[id as usize] = value);
    }

    /// The three arrays: where rows begin, places, values.
    pub(super) fn arrays(&self) -> (&[usize], &[u32], &[T]) {
        (&self.row_ptr, &self.ids, &self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_zeros_left_out() {
        let from = |row_ptr: &[usize], ids: &[usize], values: &[f64]| {
            SparseRows::from_csr(4, row_ptr, ids, values)
        };
        let rows = from(&[0, 2, 2, 5], &[3, 1, 0, 2, 3], &[1.0, 2.0, 3.0, 0.0, 4.0]).unwrap();
        let dense = |rows: &SparseRows<f64>| {
            let mut row = vec![9.0; 4];
            let all = (0..rows.rows()).map(|at| {
                rows.fill(at, &mut row);
                row.clone()
            });
            all.collect::<Vec<_>>()
        };
        let expected = [[0.0, 2.0, 0.0, 1.0], [0.0; 4], [3.0, 0.0, 0.0, 4.0]];
        assert_eq!(dense(&rows), expected);
        assert_eq!((rows.stored(), rows.density()), (4, 4.0 / 12.0));
        assert_eq!(dense(&rows.select([2, 0].into_iter())), [expected[2], expected[0]]);
        let mut pushed = SparseRows::new(4);
        for row in expected {
            (0..).zip(row).for_each(|(id, value)| pushed.push(id, value));
            pushed.end_row();
        }
        assert_eq!(pushed, rows);
        for (row_ptr, ids) in [
            (&[0, 2][..], &[1, 1][..]),
            (&[0, 1], &[4]),
            (&[0, 3], &[1, 2]),
            (&[1, 2], &[1, 2]),
            (&[0, 2, 1], &[1, 2]),
        ] {
            let refused = from(row_ptr, ids, &vec![1.0; ids.len()]);
            assert_eq!(refused, Err(DataProblem::SparseArrays), "{row_ptr:?} {ids:?}");
        }
    }
}
