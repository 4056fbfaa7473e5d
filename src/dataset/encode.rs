//! A table's rows as samples: as they enter the network.

use super::cells::Columns;
use super::problem::DataProblem;
use super::samples::Samples;
use super::scaling::Scaling;
use super::schema::{Missing, Schema};
use super::table::{Cells, Table, TableColumn, line};
use super::value::Value;
use super::values::Values;

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
        let targets = lists.map(|rows| labels.targets(rows, &schema.targets));
        let values: [Values; N] = match cells {
            Cells::Bytes(bytes) => lists.map(|rows| {
                let of_row = |&row: &u32| &bytes[row as usize * width..][..width];
                Values::Bytes(rows.iter().flat_map(of_row).copied().collect())
            }),
            Cells::Columns(columns) => {
                let mut out = lists.map(|rows| vec![0f32; rows.len() * width]);
                let far = encode(columns, &kinds, schema, missing, scaling, lists, &mut out);
                if let Some((row, input)) = far {
                    let column = kinds[schema.column_of(input)].name.clone();
                    let line = line(&lines, row);
                    return Err(DataProblem::TooFar { line, column });
                }
                out.map(Values::Inputs)
            }
            cells => {
                let mut all = lists.map(|rows| Vec::with_capacity(rows.len() * width));
                for (rows, inputs) in lists.iter().zip(&mut all) {
                    for &row in *rows {
                        let first = inputs.len();
                        scaling.apply(&cells.row(row as usize, width), inputs);
                        if let Some(at) = inputs[first..].iter().position(|x| !x.is_finite()) {
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

/// Lays columns into rows of inputs, scaled, block by block; returns the first row and input that
/// is too far out, if one is.
fn encode<const N: usize>(
    columns: Columns,
    kinds: &[TableColumn],
    schema: &Schema,
    missing: Missing,
    scaling: &Scaling,
    lists: [&[u32]; N],
    out: &mut [Vec<f32>; N],
) -> Option<(usize, usize)> {
    let Scaling::Columns { center, factor } = scaling else {
        panic!("columns have a scale each");
    };
    let rows = lists.iter().flat_map(|rows| rows.iter()).max().map_or(0, |&row| row as usize + 1);
    // Which list a row is of, and its place there.
    let mut places: Vec<Option<(u8, u32)>> = vec![None; rows];
    for (list, rows) in (0..).zip(lists) {
        (0..).zip(rows).for_each(|(place, &row)| places[row as usize] = Some((list, place)));
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
    let fills: Vec<f64> = schema.columns.iter().map(|column| column.fill(missing)).collect();
    let mut far: Option<(usize, usize)> = None;
    columns.take_all(|column, row, value| {
        // Columns behind the inputs' are learned.
        let (Some(Some((list, place))), Some(&input)) = (places.get(row), starts.get(column))
        else {
            return;
        };
        let to = &mut out[usize::from(*list)][*place as usize * width..][..width];
        let number = match value {
            Value::Text(text) => {
                to[input + kinds[column].categories[text as usize] as usize] = 1.0;
                return;
            }
            Value::Number(number) => number,
            Value::Missing if !kinds[column].kind.is_scaled() => return,
            Value::Missing => fills[column],
        };
        let scaled = ((number - center[input]) * factor[input]) as f32;
        if !scaled.is_finite() && far.is_none_or(|(before, _)| row < before) {
            far = Some((row, input));
        }
        to[input] = scaled;
    });
    far
}
