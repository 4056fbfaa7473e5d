//! Whether the first line of a table names its columns: decided by all rows, or by what a model
//! knows.

use super::format::Header;
use super::gather::{First, Gathering};
use super::records::Record;
use super::texts::Texts;
use crate::dataset::field::{Marks, comma_number, number, text};
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::{Kind, Schema};
use crate::dataset::value::Value;
use std::collections::HashSet;

/// What was decided, and why that is worth a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderDecision {
    pub(super) is_header: bool,
    pub(super) note: Option<String>,
}

impl From<bool> for HeaderDecision {
    fn from(is_header: bool) -> Self {
        HeaderDecision { is_header, note: None }
    }
}

/// What speaks for names, and what for a row.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence {
    /// Texts over columns of numbers.
    names: usize,
    /// Numbers over columns of numbers, and texts that their columns have again.
    values: usize,
    /// Texts that their columns have not again, though they have others again.
    novel: usize,
    /// Whether the label is such a text, or number.
    has_novel_label: bool,
    /// Texts that come again.
    again: usize,
}

/// Decides by all rows of a table; `names_found` says that names which are looked for stand in the
/// first line.
///
/// **Errors**: [`DataProblem::HeaderUnclear`] where some fields speak for names and others for
/// values.
pub(super) fn decide_header(
    setting: Header,
    first: &Record,
    table: &Gathering,
    names_found: bool,
) -> Result<HeaderDecision, DataProblem> {
    match setting {
        Header::Yes => return Ok(true.into()),
        Header::No => return Ok(false.into()),
        Header::Auto if names_found => return Ok(true.into()),
        Header::Auto => {}
    }
    if table.rows < 2 {
        return Ok(first.iter().all(|field| number(field).is_none()).into());
    }
    let found = evidence(table);
    let line = first.line;
    let shown = || shown(first);
    let are_numbers = first.iter().all(|field| number(field).is_some());
    if are_numbers && counts_columns(first) {
        return match first.len() {
            // So many numbers in a row count nothing else.
            4.. => Ok(HeaderDecision { is_header: true, note: Some(counting_note(first)) }),
            _ => Err(DataProblem::HeaderUnclear { line, fields: shown() }),
        };
    }
    if are_numbers && stands_apart(table) {
        return Err(DataProblem::HeaderUnclear { line, fields: shown() });
    }
    if found.names > 0 {
        return match found.values {
            0 => Ok(true.into()),
            _ if counts_columns(first) && found.again == 0 => Ok(true.into()),
            _ => Err(DataProblem::HeaderUnclear { line, fields: shown() }),
        };
    }
    if counts_columns(first) && found.again == 0 && found.has_novel_label {
        return Ok(HeaderDecision { is_header: true, note: Some(counting_note(first)) });
    }
    if found.values > 0 {
        if found.has_novel_label {
            return Err(DataProblem::HeaderUnclear { line, fields: shown() });
        }
        let note = (found.novel > 0 && found.again == 0).then(|| {
            format!("line {line} ({}) is taken as a row; `header` yes takes it as names", shown())
        });
        return Ok(HeaderDecision { is_header: false, note });
    }
    if found.novel > 0 || found.has_novel_label {
        return Ok(true.into());
    }
    // Nothing speaks for either: as people would say at a glance.
    let is_header = first.iter().all(|field| number(field).is_none());
    let (taken, other) = if is_header { ("names", "no") } else { ("a row", "yes") };
    let note = format!(
        "line {line} ({}) is taken as {taken}, on thin evidence; `header` {other} takes it otherwise",
        shown()
    );
    Ok(HeaderDecision { is_header, note: Some(note) })
}

/// What is said of a line that counts the columns.
fn counting_note(first: &Record) -> String {
    format!(
        "line {} ({}) counts the columns and is taken as their names; `header` no takes it as a row",
        first.line,
        shown(first)
    )
}

/// Whether each number of the first row, of two at least, is beyond all others of its column.
fn stands_apart(table: &Gathering) -> bool {
    let mut count = 0;
    for (at, column) in table.columns.iter().enumerate() {
        let First::Number(first) = column.first else { continue };
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        table.cells.each(at, |_, value| {
            if let Value::Number(number) = value {
                (least, most) = (least.min(number), most.max(number));
            }
        });
        if (least..=most).contains(&first) {
            return false;
        }
        count += 1;
    }
    // Of few rows any may stand apart.
    count > 1 && table.rows > 20
}

fn evidence(table: &Gathering) -> Evidence {
    let mut found = Evidence::default();
    for column in &table.columns {
        let (is_numbers, is_texts) =
            (column.others == 0 && column.numbers > 0, column.others > column.numbers);
        match column.first {
            First::Number(_) if is_numbers => found.values += 1,
            First::Number(_) if is_texts => found.novel += 1,
            First::Text(_) | First::Other if is_numbers => found.names += 1,
            First::Text(id) if column.texts.seen[id as usize].count > 0 => {
                found.values += 1;
                found.again += 1;
            }
            First::Text(_) if repeats(&column.texts) => found.novel += 1,
            _ => {}
        }
    }
    if let Some(Some(id)) = table.label.ids.first() {
        if table.label.seen(*id).count > 0 {
            found.values += 1;
            found.again += 1;
        } else {
            found.has_novel_label = repeats(&table.label.texts);
        }
    }
    found
}

/// Whether most texts come more than once.
fn repeats(texts: &Texts) -> bool {
    let rest = || texts.seen.iter().filter(|seen| seen.count > 0);
    let (different, rows) = (rest().count() as u64, rest().map(|seen| seen.count).sum::<u64>());
    texts.beyond == 0 && rows > 0 && (2 * different <= rows || different == 1)
}

/// Whether the numbers of a line are those of its columns, from 0 or from 1, and at least two.
fn counts_columns(first: &Record) -> bool {
    [0.0, 1.0].iter().any(|start| {
        let mut count = 0;
        let is_counted = (0u32..).zip(first.iter()).all(|(place, field)| match number(field) {
            Some(value) => {
                count += 1;
                value == f64::from(place) + start
            }
            None => true,
        });
        is_counted && count > 1
    })
}

/// The first fields of a line, for messages.
fn shown(first: &Record) -> String {
    let fields: Vec<String> = first
        .iter()
        .take(4)
        .map(|field| String::from_utf8_lossy(field).trim().to_string())
        .collect();
    let more = if first.len() > 4 { ", …" } else { "" };
    fields.join(", ") + more
}

/// Decides for a file of rows to be answered, by the model's columns.
///
/// **Errors**: [`DataProblem::NamesUnknown`] where the first line holds neither the model's names
/// nor its values.
pub(super) fn decide_known_header(
    setting: Header,
    first: &Record,
    schema: &Schema,
    marks: &Marks,
) -> Result<HeaderDecision, DataProblem> {
    match setting {
        Header::Yes => return Ok(true.into()),
        Header::No => return Ok(false.into()),
        Header::Auto => {}
    }
    if schema.columns.is_empty() {
        // Numbers without names: a line without one, and with something, is no row.
        let is_text = |field: &[u8]| number(field).is_none() && !marks.has(field);
        let has_number = first.iter().any(|field| number(field).is_some());
        return Ok((!has_number && first.iter().any(is_text)).into());
    }
    if !schema.named {
        return Ok(false.into());
    }
    let fields: HashSet<&str> = first.iter().filter_map(text).collect();
    let is_there = |name: &str| fields.contains(name);
    let found = schema.columns.iter().filter(|column| is_there(&column.name)).count();
    if found > 0 {
        return Ok(true.into());
    }
    // No name of the model's: a row, if its values are such as the model's columns have.
    let places = schema.places_without_header(first.len())?;
    let fits = schema.columns.iter().zip(places).all(|(column, place)| {
        let field = first.get(place).unwrap_or_default();
        let is_number =
            || number(field).is_some() || (column.has_commas && comma_number(field).is_some());
        marks.has(field)
            || match &column.kind {
                Kind::Number => is_number(),
                Kind::Seconds => true,
                // Any text may be a category that is not known.
                Kind::Category(_) => true,
            }
    });
    let has_numbers = schema.columns.iter().any(|column| column.kind == Kind::Number);
    let knows_text = || {
        schema.columns.iter().any(|column| match &column.kind {
            Kind::Category(values) => values.iter().any(|value| is_there(value)),
            _ => false,
        })
    };
    if !fits || !(has_numbers || knows_text()) {
        let (line, fields) = (first.line, shown(first));
        return Err(DataProblem::NamesUnknown { line, fields });
    }
    let note = format!(
        "line {} names none of the model's columns and is taken as a row, its fields in the order \
         of the training file; `header` yes takes it as names",
        first.line
    );
    Ok(HeaderDecision { is_header: false, note: Some(note) })
}
