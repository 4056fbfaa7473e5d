//! What the columns of a table are, decided over all of its rows: numbers, dates, categories; or
//! that it cannot be said, and which setting says it.

use super::format::ReadOptions;
use super::gather::{Gathering, LabelReading, MAX_CATEGORIES, MAX_CLASSES, Reading};
use super::texts::SeenText;
use crate::dataset::dates::{Dates, is_date, is_time_alone, seconds};
use crate::dataset::field::{
    DecimalMark, comma_number, is_with_unit, meaning, number, number_form,
};
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::Kind;
use crate::dataset::table::{Labels, TableColumn};
use crate::dataset::value::Value;
use std::collections::HashMap;

/// More numbers than these as labels are no classes, if they are not whole.
const MOST_FRACTIONS: usize = 20;

/// What each column is, by its name; `first` is the first row that is one.
///
/// **Errors**: [`DataProblem`] for a column that may be several things, or none that can be learned
/// from.
pub(super) fn decide_kinds(
    table: &mut Gathering,
    first: usize,
    names: Option<&[String]>,
    options: &ReadOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<TableColumn>, DataProblem> {
    let (mut readings, mut cells) =
        (std::mem::take(&mut table.columns), std::mem::take(&mut table.cells));
    if first == 0 {
        cells.put_first(std::mem::take(&mut table.first));
        readings.iter_mut().for_each(Reading::include_first);
    }
    let name_of = |reading: &Reading| {
        let place = reading.place;
        names.map_or_else(|| (place + 1).to_string(), |names| names[place].clone())
    };
    let mut numbers = readings.iter().filter(|reading| !reading.is_categorical);
    let with_commas = numbers.clone().find(|reading| reading.commas.count > 0);
    let with_points = numbers.find(|r| r.commas.count == 0 && r.fractions > 0);
    if let (Some(commas), Some(points), DecimalMark::Auto) =
        (with_commas, with_points, options.decimal)
    {
        let (points, commas) = (name_of(points), name_of(commas));
        return Err(DataProblem::MixedDecimals { points, commas });
    }
    let mut columns = Vec::with_capacity(readings.len());
    for (at, mut reading) in readings.into_iter().enumerate() {
        let (place, name) = (reading.place, name_of(&reading));
        let mut decision = Decision { table, name: &name, place, first, options, notes };
        let change = |change: &mut dyn FnMut(Value) -> Value| cells.change(at, &mut *change);
        let (kind, categories) = decision.decide(&mut reading, change)?;
        let has_commas = reading.commas.count > 0 && kind == Kind::Number;
        if kind == Kind::Number && reading.leading_zeros > 0 {
            notes.push(format!(
                "column '{name}' has numbers with leading zeros, such as codes have: they are read as \
                 numbers; `categorical` {name} keeps them apart as names"
            ));
        }
        if let Kind::Category(values) = &kind {
            notes.extend(differ_in_case(values, &format!("column '{name}'")));
        }
        columns.push(TableColumn { name, kind, place, has_commas, categories });
    }
    table.cells = cells;
    Ok(columns)
}

struct Decision<'a> {
    table: &'a Gathering,
    name: &'a str,
    place: usize,
    /// The first row that is one.
    first: usize,
    options: &'a ReadOptions,
    notes: &'a mut Vec<String>,
}

impl Decision<'_> {
    /// The kind, and the place of each text among its categories.
    fn decide(
        &mut self,
        reading: &mut Reading,
        mut change: impl FnMut(&mut dyn FnMut(Value) -> Value),
    ) -> Result<(Kind, Vec<u32>), DataProblem> {
        self.check_commas(reading)?;
        let mut seen: Vec<&SeenText> =
            reading.texts.seen.iter().filter(|seen| seen.count > 0).collect();
        seen.sort_by_key(|seen| seen.first_row(self.first));
        if !reading.is_categorical {
            if reading.others == 0 {
                return Ok((Kind::Number, vec![]));
            }
            if self.are_dates(reading, &seen)? {
                let texts: Vec<Option<f64>> =
                    reading.texts.seen.iter().map(|seen| seconds(&seen.text)).collect();
                change(&mut |value| match value {
                    Value::Text(text) => texts[text as usize].map_or(Value::Missing, Value::Number),
                    other => other,
                });
                return Ok((Kind::Seconds, vec![]));
            }
            self.check_forms(reading, &seen)?;
            if reading.numbers >= reading.others {
                return Err(self.not_a_number(reading, &seen));
            }
            self.check_identifier(reading, seen.len())?;
        }
        if reading.texts.beyond > 0 {
            let column = self.name.to_string();
            return Err(DataProblem::ManyCategories { column, most: MAX_CATEGORIES });
        }
        if !reading.is_categorical && reading.numbers > 0 {
            self.notes.push(format!(
                "column '{}' holds texts and {} numbers: all are categories",
                self.name, reading.numbers
            ));
            let texts = &mut reading.texts;
            let mut is_full = false;
            change(&mut |value| match value {
                Value::Number(number) => {
                    let text = number.to_string();
                    // No row of its own: it is the texts' first rows that are asked for.
                    let id = texts.intern(&text, &text, usize::MAX, MAX_CATEGORIES);
                    is_full |= id.is_none();
                    id.map_or(Value::Missing, Value::Text)
                }
                other => other,
            });
            if is_full {
                let column = self.name.to_string();
                return Err(DataProblem::ManyCategories { column, most: MAX_CATEGORIES });
            }
        }
        Ok(categories(reading))
    }

    /// The line of the first row that has a text.
    fn line(&self, seen: &SeenText) -> u64 {
        self.table.line(seen.first_row(self.first))
    }

    /// Refuses commas that may be two things, and numbers with commas beside others with points.
    fn check_commas(&self, reading: &Reading) -> Result<(), DataProblem> {
        let commas = &reading.commas;
        let Some((row, text)) = &commas.first else { return Ok(()) };
        let (line, column, text) = (self.table.line(*row), self.name.to_string(), text.to_string());
        if reading.fractions > 0 {
            return Err(DataProblem::TwoDecimals { line, column, text });
        }
        match commas.unclear == commas.count && self.options.decimal == DecimalMark::Auto {
            true => Err(DataProblem::CommaUnclear { line, column, text }),
            false => Ok(()),
        }
    }

    /// Whether most texts are dates, and are to be seconds.
    fn are_dates(&self, reading: &Reading, seen: &[&SeenText]) -> Result<bool, DataProblem> {
        let dates: u64 =
            seen.iter().filter(|seen| is_date(&seen.text)).map(|seen| seen.count).sum();
        // Of the texts beyond those kept nothing is known: the others speak for them.
        let kept = reading.others - reading.texts.beyond;
        if kept == 0 || 2 * dates <= kept || reading.numbers > reading.others {
            return Ok(false);
        }
        let is_other = |seen: &&&SeenText| match self.options.dates {
            Dates::Seconds => seconds(&seen.text).is_none(),
            Dates::Error => is_date(&seen.text),
        };
        match seen.iter().find(is_other) {
            Some(other) => {
                let (line, column) = (self.line(other), self.name.to_string());
                let text = other.text.to_string();
                let none_is_read = seen.iter().all(|seen| seconds(&seen.text).is_none());
                Err(match self.options.dates {
                    Dates::Error if none_is_read => DataProblem::DatesOther { line, column, text },
                    Dates::Error => DataProblem::Dates { line, column, text },
                    Dates::Seconds => DataProblem::NotSeconds { line, column, text },
                })
            }
            None if reading.texts.beyond > 0 || reading.numbers > 0 => {
                let column = self.name.to_string();
                Err(DataProblem::ManyDates { column, most: MAX_CATEGORIES })
            }
            None => self.check_days(seen),
        }
    }

    /// Refuses times without a date beside dates: their seconds count from midnight.
    fn check_days(&self, seen: &[&SeenText]) -> Result<bool, DataProblem> {
        let is_alone = |seen: &&&SeenText| is_time_alone(&seen.text);
        match (seen.iter().find(is_alone), seen.iter().all(|seen| is_time_alone(&seen.text))) {
            (Some(seen), false) => {
                let (line, column) = (self.line(seen), self.name.to_string());
                Err(DataProblem::TimeAmongDates { line, column, text: seen.text.to_string() })
            }
            _ => Ok(true),
        }
    }

    /// Refuses numbers in a form that is not read, by its name.
    fn check_forms(&self, reading: &Reading, seen: &[&SeenText]) -> Result<(), DataProblem> {
        let has_unit = |seen: &SeenText| seen_unit(reading, seen).then_some("numbers with a unit");
        let has_comma = |seen: &SeenText| {
            comma_number(seen.text.as_bytes()).map(|_| "numbers with decimal commas")
        };
        let form = |seen: &SeenText| {
            number_form(&seen.text).or_else(|| has_comma(seen)).or_else(|| has_unit(seen))
        };
        let formed: Vec<(&SeenText, &'static str)> =
            seen.iter().filter_map(|seen| Some((*seen, form(seen)?))).collect();
        let count: u64 = formed.iter().map(|(seen, _)| seen.count).sum();
        let kept = reading.others - reading.texts.beyond;
        match formed.first() {
            // A few among many numbers are told by themselves.
            Some((seen, form)) if 2 * count > kept && 20 * count > reading.numbers => {
                let (line, column) = (self.line(seen), self.name.to_string());
                let text = seen.text.to_string();
                Err(DataProblem::NumberForm { line, column, text, form })
            }
            _ => Ok(()),
        }
    }

    /// The error for a text among numbers.
    fn not_a_number(&self, reading: &Reading, seen: &[&SeenText]) -> DataProblem {
        let Some(seen) = seen.first() else {
            let column = self.name.to_string();
            return DataProblem::ManyCategories { column, most: MAX_CATEGORIES };
        };
        DataProblem::NotNumber {
            line: self.line(seen),
            column: self.place + 1,
            name: self.name.to_string(),
            text: seen.text.to_string(),
            numbers: reading.numbers,
            values: reading.numbers + reading.others,
        }
    }

    /// Refuses a column with a text of its own for nearly every row.
    fn check_identifier(&self, reading: &Reading, kept: usize) -> Result<(), DataProblem> {
        let (different, rows) = (kept as u64 + reading.texts.beyond, reading.others);
        let is_identifier =
            (rows >= 10 && 10 * different > 9 * rows) || (different > 50 && 2 * different > rows);
        match is_identifier {
            true => {
                let column = self.name.to_string();
                Err(DataProblem::Identifier { column, different, rows })
            }
            false => Ok(()),
        }
    }
}

/// Whether a text is a number with a unit, in a column with more texts than a few categories are.
fn seen_unit(reading: &Reading, seen: &SeenText) -> bool {
    reading.texts.seen.len() > 20 && is_with_unit(&seen.text)
}

/// The categories in order, and the place of each text among them.
fn categories(reading: &Reading) -> (Kind, Vec<u32>) {
    let mut by_text: Vec<(String, usize)> = Vec::new();
    for (id, seen) in reading.texts.seen.iter().enumerate().filter(|(_, seen)| seen.count > 0) {
        let text = if reading.is_categorical { meaning(&seen.text) } else { (&*seen.text).into() };
        by_text.push((text.into_owned(), id));
    }
    by_text.sort();
    let mut places = vec![0; reading.texts.seen.len()];
    (0..).zip(&by_text).for_each(|(place, (_, id))| places[*id] = place);
    (Kind::Category(by_text.into_iter().map(|(text, _)| text).collect()), places)
}

/// A word on names that differ in their case alone.
fn differ_in_case(names: &[String], whose: &str) -> Option<String> {
    let mut seen: HashMap<String, &String> = HashMap::new();
    let (first, other) = names.iter().find_map(|name| {
        let before = seen.insert(name.to_lowercase(), name)?;
        Some((before, name))
    })?;
    Some(format!("{whose} has '{first}' and '{other}', which differ in case alone: two values"))
}

/// The classes in order, by number if all are numbers, and the labels as indices into them.
///
/// **Errors**: [`DataProblem::Missing`] for the first row without a label, where such are not
/// passed over; [`DataProblem::ManyClasses`], [`DataProblem::ContinuousLabel`].
pub(super) fn decide_classes(
    mut label: LabelReading,
    first: usize,
    notes: &mut Vec<String>,
) -> Result<Labels, DataProblem> {
    if let (0, Some(Some(id))) = (first, label.ids.first()) {
        let at = LabelReading::at(*id);
        label.texts.seen[at].count += 1;
    }
    let rows = label.ids.len() - first;
    let seen = label.texts.seen.iter().enumerate().filter(|(_, seen)| seen.count > 0);
    let mut classes: Vec<(String, Option<f64>, usize)> = seen
        .map(|(id, seen)| {
            let value = number(seen.text.as_bytes());
            let name = match (value, seen.is_respelled) {
                (Some(_), true) => meaning(&seen.text).into_owned(),
                (Some(_), false) => seen.text.trim_start_matches('+').to_string(),
                (None, _) => seen.text.to_string(),
            };
            (name, value, id)
        })
        .collect();
    if classes.len() > MAX_CLASSES {
        return Err(DataProblem::ManyClasses);
    }
    let are_numbers = classes.iter().all(|(_, value, _)| value.is_some());
    let is_fractional = classes.iter().any(|(_, value, _)| value.is_some_and(|x| x.fract() != 0.0));
    let count = classes.len();
    if are_numbers && count > MOST_FRACTIONS && (is_fractional || 2 * count > rows) {
        return Err(DataProblem::ContinuousLabel { different: count, rows });
    }
    classes.sort_by(|(a, value_a, _), (b, value_b, _)| match are_numbers {
        true => {
            value_a.partial_cmp(value_b).unwrap_or(std::cmp::Ordering::Equal).then_with(|| a.cmp(b))
        }
        false => a.cmp(b),
    });
    let texts: Vec<&str> = classes
        .iter()
        .filter(|(_, value, _)| value.is_none())
        .map(|(name, ..)| name.as_str())
        .collect();
    if !are_numbers && 2 * texts.len() < count {
        notes.push(format!(
            "the labels are numbers but for '{}', which is a class too: `missing-values` takes it as \
             missing",
            texts.join("', '")
        ));
    }
    say_of_classes(&classes, &label, notes);
    let names: Vec<String> = classes.iter().map(|(name, ..)| name.clone()).collect();
    notes.extend(differ_in_case(&names, "the label"));
    let mut places = vec![0u16; label.texts.seen.len()];
    classes.iter().enumerate().for_each(|(place, (.., id))| places[*id] = place as u16);
    let ids = label.ids.iter().skip(first).flatten();
    let labels = ids.map(|&id| places[LabelReading::at(id)]).collect();
    Ok(Labels::Classes { labels, classes: classes.into_iter().map(|(name, ..)| name).collect() })
}

/// Notes on classes that cannot be learned.
fn say_of_classes(
    classes: &[(String, Option<f64>, usize)],
    label: &LabelReading,
    notes: &mut Vec<String>,
) {
    if let [(name, ..)] = classes {
        notes.push(format!("there is one class, '{name}': nothing can be told apart"));
    }
    let alone: Vec<&str> = classes
        .iter()
        .filter(|(.., id)| label.texts.seen[*id].count == 1)
        .map(|(name, ..)| name.as_str())
        .collect();
    if classes.len() > 1 && !alone.is_empty() {
        let shown: Vec<String> = alone.iter().take(5).map(|name| format!("'{name}'")).collect();
        let more = alone.len().saturating_sub(5);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (are, have) = if alone.len() == 1 { ("class", "has") } else { ("classes", "have") };
        notes.push(format!("the {are} {}{more} {have} one row", shown.join(", ")));
    }
}
