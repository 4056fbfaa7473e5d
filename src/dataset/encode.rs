//! A table's rows as samples: as they enter the network.

use super::cells::{Columns, RowsOfColumn};
use super::problem::DataProblem;
use super::samples::Samples;
use super::scaling::{Scaling, is_far};
use super::schema::{Missing, Schema};
use super::sparse_rows::SparseRows;
use super::table::{Cells, Table, TableColumn, line};
use super::value::Value;
use super::values::Values;
use crate::memory;
use std::num::NonZeroU32;

impl Table {
    /// The rows of each list as samples, scaled. The table is let go of on the way.
    ///
    /// **Errors**: [`DataProblem::TooFar`] for a value too far from the training rows' to be
    /// scaled.
    pub(super) fn into_samples<const N: usize>(
        self,
        schema: &Schema,
        missing: Missing,
        scaling: &Scaling,
        lists: [&[u32]; N],
    ) -> Result<[Samples; N], DataProblem> {
        let width = if self.columns.is_empty() { self.width() } else { schema.width() };
        let Table { columns: kinds, cells, lines, labels, .. } = self;
        let rows: usize = lists.iter().map(|rows| rows.len()).sum();
        if !matches!(cells, Cells::Bytes(_) | Cells::Sparse(_)) {
            let bytes = (rows as u64).saturating_mul(4 * width as u64);
            memory::expect(bytes, || format!("{rows} samples of {width} values"))?;
        }
        let targets = lists.map(|rows| labels.targets(rows, &schema.targets));
        let values: [Values; N] = match cells {
            Cells::Bytes(bytes) => lists.map(|rows| {
                let of_row = |&row: &u32| &bytes[row as usize * width..][..width];
                Values::Bytes(rows.iter().flat_map(of_row).copied().collect())
            }),
            Cells::Columns(columns) => {
                let mut rest = encode(columns, &kinds, schema, missing, scaling, lists);
                if let Some(at) = rest.iter().position(|&input| is_far(input)) {
                    let row = lists.iter().flat_map(|rows| rows.iter()).nth(at / width);
                    let column = kinds[schema.column_of(at % width)].name.clone();
                    let line = line(&lines, row.map_or(0, |&row| row as usize));
                    return Err(DataProblem::TooFar { line, column });
                }
                // The lists follow each other; the first, which is the longest, stays in place.
                let mut values = lists.map(|_| Vec::new());
                for (values, rows) in values.iter_mut().zip(lists).rev() {
                    *values = rest.split_off(rest.len() - rows.len() * width);
                }
                values.map(Values::Inputs)
            }
            Cells::Sparse(rows) => {
                let mut all = lists.map(|_| SparseRows::new(width));
                let mut entries = Vec::new();
                for (list, scaled) in lists.iter().zip(&mut all) {
                    scaled.reserve(list.iter().map(|&row| rows.row(row as usize).0.len()).sum());
                    for &row in *list {
                        let (ids, values) = rows.row(row as usize);
                        entries.clear();
                        entries.extend(ids.iter().copied().zip(values.iter().copied()));
                        if let Some(far) = scaling.apply_sparse(&entries, scaled) {
                            let line = line(&lines, row as usize);
                            let column = (far + 1).to_string();
                            return Err(DataProblem::TooFar { line, column });
                        }
                    }
                }
                all.map(Values::Sparse)
            }
            cells => {
                let mut all = lists.map(|rows| Vec::with_capacity(rows.len() * width));
                let mut numbers = Vec::with_capacity(width);
                for (rows, inputs) in lists.iter().zip(&mut all) {
                    for &row in *rows {
                        let first = inputs.len();
                        numbers.clear();
                        cells.append_row(row as usize, width, &mut numbers);
                        scaling.apply(&numbers, inputs);
                        if let Some(at) = inputs[first..].iter().position(|&x| is_far(x)) {
                            let line = line(&lines, row as usize);
                            let column = (at + 1).to_string();
                            return Err(DataProblem::TooFar { line, column });
                        }
                    }
                }
                all.map(Values::Inputs)
            }
        };
        let mut samples = Vec::with_capacity(N);
        for (values, targets) in values.into_iter().zip(targets) {
            samples.push(Samples::with_targets(width, values, targets)?);
        }
        Ok(samples.try_into().expect("as many as there are lists"))
    }
}

/// Columns as rows of inputs, scaled, of one list of rows after the other; the table goes block by
/// block.
fn encode<const N: usize>(
    columns: Columns,
    kinds: &[TableColumn],
    schema: &Schema,
    missing: Missing,
    scaling: &Scaling,
    lists: [&[u32]; N],
) -> Vec<f32> {
    let count: usize = lists.iter().map(|rows| rows.len()).sum();
    let last = lists.iter().flat_map(|rows| rows.iter()).max();
    // Where each row goes, from 1; none where it is in no list.
    let mut places: Vec<Option<NonZeroU32>> = vec![None; last.map_or(0, |&row| row as usize + 1)];
    for (place, &row) in (1..).zip(lists.iter().flat_map(|rows| rows.iter())) {
        places[row as usize] = NonZeroU32::new(place);
    }
    let width = schema.width();
    let starts: Vec<usize> = schema
        .columns
        .iter()
        .scan(0, |end, column| {
            let start = *end;
            *end += column.kind.width();
            Some(start)
        })
        .collect();
    let mut out = vec![0f32; count * width];
    columns.take_all(|column, values| {
        // Columns behind the inputs' are learned.
        let Some(&input) = starts.get(column) else { return };
        let TableColumn { kind, categories, .. } = &kinds[column];
        let fill = kind.is_scaled().then(|| schema.columns[column].fill(missing));
        let place = |row: usize| {
            let place = places.get(row).copied().flatten()?;
            Some((place.get() as usize - 1) * width + input)
        };
        // Which scale it is, is asked once for all rows.
        match scaling.linear(input) {
            Some((center, factor)) => {
                let scaled = |number: f64| ((number - center) * factor) as f32;
                write_column(values, &mut out, place, categories, fill, scaled);
            }
            None => {
                write_column(values, &mut out, place, categories, fill, scaling.column(input));
            }
        }
    });
    out
}

/// Writes some rows of a column where their inputs begin.
#[inline(always)]
fn write_column(
    values: RowsOfColumn<'_>,
    out: &mut [f32],
    place: impl Fn(usize) -> Option<usize>,
    categories: &[u32],
    fill: Option<f64>,
    scaled: impl Fn(f64) -> f32,
) {
    values.each(|row, value| {
        let Some(first) = place(row) else { return };
        let number = match value {
            Value::Number(number) => number,
            Value::Text(text) => {
                out[first + categories[text as usize] as usize] = 1.0;
                return;
            }
            Value::Missing => match fill {
                Some(fill) => fill,
                None => return,
            },
        };
        out[first] = scaled(number);
    });
}
