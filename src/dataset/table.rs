//! A labelled table as a file gave it, before anything is fitted: what every format is read into.

use super::cells::Columns;
use super::schema::{Kind, Layout, Target};
use super::sparse_rows::SparseRows;
use crate::nn::Targets;
use std::borrow::Cow;

/// The values of a table, `[rows, width]`.
#[derive(Clone, Debug)]
pub(super) enum Cells {
    /// Of images.
    Bytes(Vec<u8>),
    /// Of arrays of single precision.
    Singles(Vec<f32>),
    /// Of arrays of double precision.
    Doubles(Vec<f64>),
    /// Of matrices of which most is 0.
    Sparse(SparseRows<f64>),
    /// Of tables with columns of their own.
    Columns(Columns),
}

impl Cells {
    /// Values of `rows` rows.
    pub(super) fn width(&self, rows: usize) -> usize {
        let len = match self {
            Cells::Bytes(values) => values.len(),
            Cells::Singles(values) => values.len(),
            Cells::Doubles(values) => values.len(),
            Cells::Columns(columns) => return columns.width(),
            Cells::Sparse(rows) => return rows.width(),
        };
        len.checked_div(rows).unwrap_or(0)
    }

    /// Appends the numbers of a row of an array; none where columns are of their own.
    pub(super) fn append_row(&self, row: usize, width: usize, to: &mut Vec<f64>) {
        let at = row * width..(row + 1) * width;
        match self {
            Cells::Bytes(values) => to.extend(values[at].iter().map(|&x| f64::from(x))),
            Cells::Singles(values) => to.extend(values[at].iter().map(|&x| f64::from(x))),
            Cells::Doubles(values) => to.extend_from_slice(&values[at]),
            Cells::Sparse(rows) => {
                let first = to.len();
                to.resize(first + width, 0.0);
                rows.fill(row, &mut to[first..]);
            }
            Cells::Columns(_) => {}
        }
    }

    /// As [`Cells::append_row`], those that are not 0 with their places.
    pub(super) fn append_entries(&self, row: usize, width: usize, to: &mut Vec<(u32, f64)>) {
        match self {
            Cells::Sparse(rows) => {
                let (ids, values) = rows.row(row);
                to.extend(ids.iter().copied().zip(values.iter().copied()));
            }
            other => {
                let mut numbers = Vec::new();
                other.append_row(row, width, &mut numbers);
                to.extend((0..).zip(numbers).filter(|(_, value)| *value != 0.0));
            }
        }
    }

    /// An array without some of its `rows` rows, ascending.
    pub(super) fn without(self, rows: usize, left_out: &[usize]) -> Cells {
        fn kept<T: Copy>(values: Vec<T>, rows: usize, left_out: &[usize]) -> Vec<T> {
            let width = (values.len() / rows.max(1)).max(1);
            let rows = values.chunks_exact(width).enumerate();
            let kept = rows.filter(|(row, _)| left_out.binary_search(row).is_err());
            kept.flat_map(|(_, values)| values).copied().collect()
        }
        if left_out.is_empty() {
            return self;
        }
        match self {
            Cells::Bytes(values) => Cells::Bytes(kept(values, rows, left_out)),
            Cells::Singles(values) => Cells::Singles(kept(values, rows, left_out)),
            Cells::Doubles(values) => Cells::Doubles(kept(values, rows, left_out)),
            Cells::Sparse(rows) => {
                let is_kept = |row: &usize| left_out.binary_search(row).is_err();
                Cells::Sparse(rows.select((0..rows.rows()).filter(is_kept)))
            }
            columns => columns,
        }
    }
}

/// One column of a table, as it was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TableColumn {
    /// Its name, or its number counted from 1.
    pub(super) name: String,
    /// What stands in it.
    pub(super) kind: Kind,
    /// Its place among the file's fields, from 0.
    pub(super) place: usize,
    /// Whether its numbers have decimal commas.
    pub(super) has_commas: bool,
    /// The place of each text, by its number, among the kind's categories.
    pub(super) categories: Vec<u32>,
}

/// What rows should give.
#[derive(Clone, Debug)]
pub(super) enum Labels {
    /// One class each.
    Classes {
        /// Indices into `classes`.
        labels: Vec<u16>,
        /// The classes' names in order.
        classes: Vec<String>,
    },
    /// Numbers.
    Numbers {
        /// `[rows, targets]`.
        values: Vec<f64>,
        /// What they are; nothing is fitted yet.
        targets: Vec<Target>,
    },
}

impl Labels {
    /// Rows.
    pub(super) fn len(&self) -> usize {
        match self {
            Labels::Classes { labels, .. } => labels.len(),
            Labels::Numbers { values, targets } => values.len() / targets.len().max(1),
        }
    }

    /// The class of each row, where rows have one; else as if there were one class.
    pub(super) fn classes(&self) -> Cow<'_, [u16]> {
        match self {
            Labels::Classes { labels, .. } => Cow::Borrowed(labels),
            Labels::Numbers { .. } => Cow::Owned(vec![0; self.len()]),
        }
    }

    /// What these rows should give, as a network learns it.
    pub(super) fn targets(&self, rows: &[u32], fitted: &[Target]) -> Targets {
        match self {
            Labels::Classes { labels, classes } => Targets::Classes {
                labels: rows.iter().map(|&row| labels[row as usize]).collect(),
                classes: classes.len(),
            },
            Labels::Numbers { values, .. } => {
                let width = fitted.len();
                let of_row = |&row: &u32| &values[row as usize * width..][..width];
                let learned =
                    |(at, &value): (usize, &f64)| fitted[at % width].learned(value) as f32;
                let values = rows.iter().flat_map(of_row).enumerate().map(learned).collect();
                Targets::Numbers { values, width }
            }
        }
    }
}

/// Rows of values with labels.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Empty for arrays, whose values have no names and are all numbers.
    pub(super) columns: Vec<TableColumn>,
    /// Whether the names are the file's own.
    pub(super) named: bool,
    /// The label's column.
    pub(super) label: Option<String>,
    /// How a line is laid out.
    pub(super) layout: Option<Layout>,
    /// `[rows, width]`.
    pub(super) cells: Cells,
    /// The line of each row that is not the one after the row before: (row, line).
    pub(super) lines: Vec<(usize, u64)>,
    /// What the rows should give.
    pub(super) labels: Labels,
    /// How much each row counts in training, if they do not all count 1.
    pub(super) weights: Option<Vec<f64>>,
    /// What was decided on thin evidence, or is worth a word.
    pub(super) notes: Vec<String>,
}

impl Table {
    /// Rows.
    pub(super) fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Values of a row.
    pub(super) fn width(&self) -> usize {
        self.cells.width(self.rows())
    }

    /// The file's line of a row; of an array the row's number, from 1.
    pub(super) fn line(&self, row: usize) -> u64 {
        line(&self.lines, row)
    }

    /// The column's name for messages.
    pub(super) fn column_name(&self, column: usize) -> String {
        self.columns.get(column).map_or_else(|| (column + 1).to_string(), |c| c.name.clone())
    }
}

/// The file's line of a row.
pub(super) fn line(lines: &[(usize, u64)], row: usize) -> u64 {
    let at = lines.partition_point(|&(first, _)| first <= row);
    match at.checked_sub(1).map(|at| lines[at]) {
        Some((first, line)) => line + (row - first) as u64,
        None => row as u64 + 1,
    }
}
