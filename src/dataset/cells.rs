//! The values of a table of any columns, while nothing is fitted yet: column by column in blocks of
//! rows, in four bytes where numbers are short, and let go block by block.

mod part;

use super::value::{Entry, Value};
use part::Part;
use std::ops::Range;

/// Rows of a block. Its columns are then large enough that the system takes their memory back.
const BLOCK: usize = 1 << 16;

/// The values of a table, `[rows, columns]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// A row before those of the blocks.
    first: Option<Vec<Value>>,
    /// Each block's columns.
    blocks: Vec<Vec<Part>>,
    columns: usize,
    /// Rows of the blocks.
    rows: usize,
}

impl Columns {
    /// No rows of so many columns.
    pub(super) fn new(columns: usize) -> Columns {
        Columns { first: None, blocks: Vec::new(), columns, rows: 0 }
    }

    /// Columns.
    pub(super) fn width(&self) -> usize {
        self.columns
    }

    /// Puts a row before all others.
    pub(super) fn put_first(&mut self, row: Vec<Value>) {
        assert_eq!(row.len(), self.columns, "one value per column");
        self.first = Some(row);
    }

    /// Begins a row, to which every column must be given one value.
    pub(super) fn begin_row(&mut self) {
        if self.rows == self.blocks.len() * BLOCK {
            // The first block grows with what is there.
            let capacity = if self.rows == 0 { 0 } else { BLOCK };
            self.blocks.push((0..self.columns).map(|_| Part::new(capacity)).collect());
        }
        self.rows += 1;
    }

    /// Gives a column its value in the row at hand.
    #[inline]
    pub(super) fn push(&mut self, column: usize, entry: Entry) {
        let block = self.blocks.last_mut().expect("a row has begun");
        block[column].push(entry);
    }

    /// Takes the values of a column out, each replaced by what `change` makes of it.
    pub(super) fn change(&mut self, column: usize, mut change: impl FnMut(Value) -> Value) {
        if let Some(first) = &mut self.first {
            first[column] = change(first[column]);
        }
        for block in &mut self.blocks {
            let mut part = Part::new(block[column].len());
            block[column].each(0..block[column].len(), |_, value| part.push(change(value).into()));
            block[column] = part;
        }
    }

    /// Each value of a column, with its row.
    #[inline]
    pub(super) fn each(&self, column: usize, mut take: impl FnMut(usize, Value)) {
        self.first.iter().for_each(|first| take(0, first[column]));
        let first = usize::from(self.first.is_some());
        for (block, parts) in self.blocks.iter().enumerate() {
            let part = &parts[column];
            part.each(0..part.len(), |row, value| take(first + block * BLOCK + row, value));
        }
    }

    /// All values, some rows of a column at a time; what was taken is let go of.
    pub(super) fn take_all(self, mut take: impl FnMut(usize, RowsOfColumn<'_>)) {
        /// Rows that stay in cache while their columns come one after the other.
        const ROWS: usize = 512;
        for (column, &value) in self.first.iter().flatten().enumerate() {
            let part = Part::of(value);
            take(column, RowsOfColumn { part: &part, rows: 0..1, above: 0 });
        }
        let before = usize::from(self.first.is_some());
        for (block, parts) in self.blocks.into_iter().enumerate() {
            let count = parts.first().map_or(0, Part::len);
            for first in (0..count).step_by(ROWS) {
                let rows = first..(first + ROWS).min(count);
                for (column, part) in parts.iter().enumerate() {
                    let (rows, above) = (rows.clone(), before + block * BLOCK);
                    take(column, RowsOfColumn { part, rows, above });
                }
            }
        }
    }
}

/// Some rows of a column.
pub(super) struct RowsOfColumn<'a> {
    part: &'a Part,
    rows: Range<usize>,
    /// Rows of the table before the part.
    above: usize,
}

impl RowsOfColumn<'_> {
    /// Each value, with its row of the table.
    #[inline]
    pub(super) fn each(self, mut take: impl FnMut(usize, Value)) {
        self.part.each(self.rows, |row, value| take(self.above + row, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::value::{Decimal, Written};

    /// What comes back of these.
    fn round_trip(entries: &[Entry]) -> Vec<Value> {
        let mut columns = Columns::new(2);
        for &entry in entries {
            columns.begin_row();
            columns.push(0, entry);
            columns.push(1, Entry::Missing);
        }
        let mut read = Vec::new();
        columns.each(0, |row, value| {
            assert_eq!(row, read.len());
            read.push(value);
        });
        let mut taken = vec![Value::Missing; entries.len()];
        columns.take_all(|column, values| {
            values.each(|row, value| match column {
                0 => taken[row] = value,
                _ => assert_eq!(value, Value::Missing),
            });
        });
        assert_eq!(read, taken);
        read
    }

    #[test]
    fn values_of_all_kinds_come_back_whatever_came_before_them() {
        let short = |digits, places| Entry::Number(Written::Short(Decimal { digits, places }));
        let long = |number| Entry::Number(Written::Long(number));
        let kinds = [
            short(5, 0),
            short(-12345, 4),
            short(1, 9),
            short(i32::MAX, 0),
            long(1e300),
            long(0.1),
            Entry::Text(7),
            Entry::Missing,
        ];
        for a in kinds {
            for b in kinds {
                for c in kinds {
                    let values = [a, b, c, a];
                    assert_eq!(round_trip(&values), values.map(Entry::value), "{values:?}");
                }
            }
        }
        let mut columns = Columns::new(1);
        columns.begin_row();
        columns.push(0, short(2, 0));
        columns.put_first(vec![Value::Number(1.0)]);
        columns.change(0, |value| if value == Value::Number(1.0) { Value::Text(3) } else { value });
        let mut read = Vec::new();
        columns.each(0, |row, value| read.push((row, value)));
        assert_eq!(read, [(0, Value::Text(3)), (1, Value::Number(2.0))]);
        let many: Vec<_> = (0..2 * BLOCK + 100).map(|i| kinds[i * 7 % 4]).collect();
        let expected: Vec<Value> = many.iter().map(|entry| entry.value()).collect();
        assert!(round_trip(&many) == expected);
    }
}
