//! What a table was understood to be, in words and numbers, and what in it is worth a warning.

use super::samples::Samples;
use super::schema::Kind;
use super::table::{Cells, Labels, Table};
use super::value::Value;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a data set was understood to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Rows, those held out included.
    pub rows: usize,
    /// Each column that becomes inputs; none where columns have no names of their own.
    pub columns: Vec<ColumnDescription>,
    /// Inputs of the network.
    pub inputs: usize,
    /// Whether the inputs are images'.
    pub is_image: bool,
    /// Share of the values that are not 0, where rows are kept by those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<f64>,
    /// Rows of each class.
    pub classes: Vec<(String, usize)>,
    /// The numbers that are learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<ColumnDescription>,
}

/// What a column was understood to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnDescription {
    /// Its name, or its number counted from 1.
    pub name: String,
    /// Its categories, if it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<usize>,
    /// Whether it holds dates or times.
    pub is_date: bool,
    /// Rows without a value.
    pub missing: usize,
    /// The least, the mean and the largest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 3]>,
}

/// A class with a smaller share than this is said to be rare.
const RARE: f64 = 0.01;

impl Table {
    /// What the table was understood to be; what is worth a warning goes to `notes`.
    pub(super) fn describe(&self, notes: &mut Vec<String>) -> Description {
        let mut columns = Vec::new();
        if let Cells::Columns(cells) = &self.cells {
            for (at, column) in self.columns.iter().enumerate() {
                let mut found = Found::default();
                cells.each(at, |row, value| found.take(row, value));
                let name = &column.name;
                let (categories, is_date) = match &column.kind {
                    Kind::Category(values) => (Some(values.len()), false),
                    kind => (None, *kind == Kind::Seconds),
                };
                found.warn(name, categories, self.rows(), notes);
                let range = found.range().filter(|_| categories.is_none());
                let missing = found.missing;
                columns.push(ColumnDescription {
                    name: name.clone(),
                    categories,
                    is_date,
                    missing,
                    range,
                });
            }
        }
        let widths = self.columns.iter().map(|column| column.kind.width());
        let inputs = if self.columns.is_empty() { self.width() } else { widths.sum() };
        let (mut classes, mut targets) = (Vec::new(), Vec::new());
        match &self.labels {
            Labels::Classes { labels, classes: names } => {
                let mut counts = vec![0; names.len()];
                labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
                warn_of_rare(names, &counts, self.rows(), notes);
                classes = names.iter().cloned().zip(counts).collect();
            }
            Labels::Numbers { values, targets: columns } => {
                for (at, target) in columns.iter().enumerate() {
                    let mut found = Found::default();
                    let numbers = values.iter().skip(at).step_by(columns.len()).enumerate();
                    numbers.for_each(|(row, &value)| found.take(row, Value::Number(value)));
                    let (name, range) = (target.name.clone(), found.range());
                    if !found.varies() {
                        notes.push(format!("'{name}' is the same in all rows: nothing is learned"));
                    }
                    let (categories, is_date, missing) = (None, false, 0);
                    targets.push(ColumnDescription { name, categories, is_date, missing, range });
                }
            }
        }
        Description {
            rows: self.rows(),
            columns,
            inputs,
            is_image: matches!(self.cells, Cells::Bytes(_)),
            density: match &self.cells {
                Cells::Sparse(rows) => Some(rows.density()),
                _ => None,
            },
            classes,
            targets,
        }
    }
}

fn warn_of_rare(classes: &[String], counts: &[usize], rows: usize, notes: &mut Vec<String>) {
    let is_rare = |&count: &usize| (count as f64) < RARE * rows as f64;
    let rare: Vec<&str> = classes
        .iter()
        .zip(counts)
        .filter(|(_, count)| is_rare(count))
        .map(|(class, _)| class.as_str())
        .collect();
    // Of many classes each is rare.
    if !rare.is_empty() && classes.len() <= 20 {
        notes.push(format!(
            "less than one row in a hundred is of {}: `class-weight` balanced makes all classes \
             count the same, `stratify` holds out each by its share",
            rare.join(", ")
        ));
    }
}

/// Whole numbers up to here are all exact.
const EXACT: f64 = (1u64 << 53) as f64;

/// Whether a number is a day of the last or the next hundred years, as 20261126.
fn is_day(number: f64) -> bool {
    let is_whole = (19_000_101.0..21_001_231.0).contains(&number) && number.fract() == 0.0;
    let (month, day) = (number as u32 / 100 % 100, number as u32 % 100);
    is_whole && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// What is found in a column's values.
struct Found {
    missing: usize,
    /// Numbers.
    count: usize,
    sum: f64,
    least: f64,
    most: f64,
    /// The first text, and whether there are others.
    text: Option<u32>,
    has_texts: bool,
    /// Whether every row so far has a whole number one above that of the row before.
    counts_rows: bool,
    /// Whether every number so far is a day written as 20261126.
    are_days: bool,
}

impl Default for Found {
    fn default() -> Self {
        let (least, most) = (f64::INFINITY, f64::NEG_INFINITY);
        let (missing, count, sum, text, has_texts) = (0, 0, 0.0, None, false);
        Found {
            missing,
            count,
            sum,
            least,
            most,
            text,
            has_texts,
            counts_rows: true,
            are_days: true,
        }
    }
}

impl Found {
    #[inline]
    fn take(&mut self, row: usize, value: Value) {
        match value {
            Value::Number(number) => {
                self.least = self.least.min(number);
                self.most = self.most.max(number);
                self.sum += number;
                self.count += 1;
                if self.are_days {
                    self.are_days = is_day(number);
                }
                if self.counts_rows {
                    self.counts_rows =
                        number == self.least + row as f64 && number == number.trunc();
                }
            }
            Value::Text(text) => {
                self.has_texts |= self.text.is_some_and(|first| first != text);
                self.text = self.text.or(Some(text));
            }
            Value::Missing => self.missing += 1,
        }
    }

    /// Whether rows differ.
    fn varies(&self) -> bool {
        let kinds = [self.missing > 0, self.count > 0, self.text.is_some()];
        let kinds = kinds.iter().filter(|is_there| **is_there).count();
        kinds > 1 || self.has_texts || self.least < self.most
    }

    fn range(&self) -> Option<[f64; 3]> {
        (self.count > 0).then(|| [self.least, self.sum / self.count as f64, self.most])
    }

    fn warn(&self, name: &str, categories: Option<usize>, rows: usize, notes: &mut Vec<String>) {
        if rows < 2 {
            return;
        }
        if self.are_days && self.count > 1 && categories.is_none() && self.least < self.most {
            notes.push(format!(
                "column '{name}' may be dates written as 20261126: they are read as numbers"
            ));
        }
        if self.most.abs().max(self.least.abs()) >= EXACT && categories.is_none() && self.count > 0
        {
            notes.push(format!(
                "column '{name}' has numbers beyond 9007199254740992, whose last digits are lost: if \
                 they are names, `drop` {name} or `categorical` {name}"
            ));
        }
        if self.missing == rows {
            notes.push(format!("column '{name}' has no values"));
        } else if !self.varies() {
            notes.push(format!("column '{name}' has the same value in all rows"));
        } else if self.counts_rows && self.count == rows && rows > 20 && categories.is_none() {
            notes.push(format!(
                "column '{name}' numbers the rows: it tells only how they are sorted; `drop` {name} \
                 leaves it out"
            ));
        }
    }
}

impl Description {
    /// A word on categories that are missing, where they count as none of those known.
    pub(super) fn missing_categories(&self) -> Option<String> {
        let misses =
            |column: &&ColumnDescription| column.categories.is_some() && column.missing > 0;
        let share = |column: &ColumnDescription| {
            let share = 100.0 * column.missing as f64 / self.rows as f64;
            format!("'{}' ({share:.1} %)", column.name)
        };
        let columns: Vec<String> = self.columns.iter().filter(misses).map(share).collect();
        (!columns.is_empty()).then(|| {
            format!(
                "missing values of {} count as none of the column's categories (`missing` error \
                 refuses them)",
                columns.join(", ")
            )
        })
    }

    /// Of samples that are known without their table.
    pub(super) fn of(samples: &[&Samples], classes: impl Fn(usize) -> String) -> Description {
        let outputs = samples.first().filter(|samples| !samples.targets().are_numbers());
        let mut counts = vec![0; outputs.map_or(0, |samples| samples.outputs())];
        for label in samples.iter().flat_map(|samples| samples.labels()) {
            counts[usize::from(*label)] += 1;
        }
        Description {
            rows: samples.iter().map(|samples| samples.len()).sum(),
            columns: Vec::new(),
            inputs: samples.first().map_or(0, |samples| samples.features()),
            is_image: samples.first().is_some_and(|samples| samples.bytes().is_some()),
            density: None,
            classes: counts.into_iter().enumerate().map(|(class, n)| (classes(class), n)).collect(),
            targets: Vec::new(),
        }
    }

    /// Without its columns, if they are too many to be read.
    pub fn brief(&self) -> Description {
        let columns = if self.columns.len() > 1000 { Vec::new() } else { self.columns.clone() };
        Description { columns, ..self.clone() }
    }

    /// Fraction of the table's values that are missing.
    pub fn missing(&self) -> f64 {
        let missing: usize = self.columns.iter().map(|column| column.missing).sum();
        missing as f64 / (self.rows * self.columns.len()).max(1) as f64
    }
}

/// In a line: 30 numeric, 10 text (100 categories), 3 % missing; classes 69/20/8/2 %.
impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.columns.iter().filter_map(|column| column.categories);
        let (texts, categories) = texts.fold((0, 0), |(n, sum), count| (n + 1, sum + count));
        let dates = self.columns.iter().filter(|column| column.is_date).count();
        let numbers = self.columns.len() - texts - dates;
        let mut parts = Vec::new();
        if self.is_image {
            parts.push(format!("images of {} values", self.inputs));
        } else if let Some(density) = self.density {
            parts.push(format!("{} numeric, {} of them not 0", self.inputs, percent(density)));
        } else if self.columns.is_empty() {
            parts.push(format!("{} numeric", self.inputs));
        }
        let counted = [(numbers, "numeric".to_string()), (dates, "date".to_string())];
        parts.extend(
            counted.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")),
        );
        if texts > 0 {
            parts.push(format!("{texts} text ({categories} categories)"));
        }
        if self.missing() > 0.0 {
            parts.push(format!("{} missing", percent(self.missing())));
        }
        write!(f, "{}", parts.join(", "))?;
        let shares = self.classes.iter().map(|(_, count)| *count as f64 / self.rows.max(1) as f64);
        for ColumnDescription { name, range, .. } in &self.targets {
            let [least, mean, most] = range.unwrap_or_default();
            write!(f, "; '{name}' from {least} to {most}, mean {mean:.6}")?;
        }
        match self.classes.len() {
            0 => Ok(()),
            1..=10 => {
                let shares: Vec<String> =
                    shares.map(|share| percent(share).replace(" %", "")).collect();
                write!(f, "; {} classes {} %", self.classes.len(), shares.join("/"))
            }
            count => {
                let (least, most) =
                    shares.fold((1.0, 0.0), |(low, high), s| (f64::min(low, s), f64::max(high, s)));
                write!(f, "; {count} classes of {} to {} each", percent(least), percent(most))
            }
        }
    }
}

/// A share in per cent, with as many digits as it takes to see it.
fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if percent >= 1.0 || percent == 0.0 => format!("{percent:.0} %"),
        percent if percent >= 0.1 => format!("{percent:.1} %"),
        percent => format!("{percent:.2} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_a_line() {
        let column = |categories, missing| ColumnDescription {
            name: "x".into(),
            categories,
            is_date: false,
            missing,
            range: None,
        };
        let description = Description {
            rows: 100,
            columns: vec![column(None, 6), column(None, 0), column(Some(7), 3), column(Some(4), 0)],
            inputs: 13,
            is_image: false,
            density: None,
            classes: vec![("a".into(), 69), ("b".into(), 30), ("c".into(), 1)],
            targets: vec![],
        };
        let text = "2 numeric, 2 text (11 categories), 2 % missing; 3 classes 69/30/1 %";
        assert_eq!(description.to_string(), text);
        let images = Description { columns: vec![], inputs: 784, is_image: true, ..description };
        assert_eq!(images.to_string(), "images of 784 values; 3 classes 69/30/1 %");
        assert_eq!([0.5, 0.004, 0.0004, 0.0].map(percent), ["50 %", "0.4 %", "0.04 %", "0 %"]);
    }
}
