//! Which columns of a table are meant: by name, number or range.

use super::format::ReadOptions;
use super::gather::{Reading, Roles};
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::Task;
use std::collections::HashMap;

/// The columns' names, if the first line has any, and how many there are.
pub(super) struct Columns<'a> {
    names: HashMap<&'a str, usize>,
    width: usize,
}

impl<'a> Columns<'a> {
    /// Columns with these names, or without. Whole numbers are names only where it is said that
    /// there are names.
    pub(super) fn new(names: Option<&'a [String]>, width: usize, is_said: bool) -> Columns<'a> {
        let is_name = |name: &String| is_said || name.parse::<i64>().is_err();
        let names = names.unwrap_or_default().iter().enumerate();
        let names = names.filter(|(_, name)| is_name(name));
        // The first of equal names, where names may be equal.
        let names = names.rev().map(|(place, name)| (name.as_str(), place)).collect();
        Columns { names, width }
    }

    /// Whether this is a name.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// The place that a name means, or a number from 1, or from −1 at the end.
    ///
    /// **Errors**: [`DataProblem::UnknownColumn`].
    pub(super) fn place(&self, name: &str) -> Result<usize, DataProblem> {
        if let Some(&place) = self.names.get(name) {
            return Ok(place);
        }
        let place = match name.parse::<i64>() {
            Ok(number) if number > 0 => usize::try_from(number - 1).ok(),
            Ok(number) if number < 0 => self.width.checked_sub(number.unsigned_abs() as usize),
            _ => None,
        };
        let place = place.filter(|&place| place < self.width);
        place.ok_or_else(|| self.unknown(name))
    }

    /// The places that a name, a number, or a range of either from:to means; both ends count.
    ///
    /// **Errors**: [`DataProblem::UnknownColumn`].
    fn places(&self, name: &str) -> Result<std::ops::RangeInclusive<usize>, DataProblem> {
        if let Ok(place) = self.place(name) {
            return Ok(place..=place);
        }
        let end = |name: &str, other: usize| match name.trim() {
            "" => Ok(other),
            name => self.place(name),
        };
        // A name may hold a colon.
        let ranges = name.match_indices(':').filter_map(|(at, _)| {
            let (from, to) = (end(&name[..at], 0), end(&name[at + 1..], self.width - 1));
            Some(from.ok()?..=to.ok()?)
        });
        ranges.into_iter().find(|range| !range.is_empty()).ok_or_else(|| self.unknown(name))
    }

    /// Whether each column is among those named.
    ///
    /// **Errors**: [`DataProblem::UnknownColumn`].
    pub(super) fn chosen(&self, names: &[String]) -> Result<Vec<bool>, DataProblem> {
        let mut chosen = vec![false; self.width];
        for name in names {
            chosen[self.places(name)?].fill(true);
        }
        Ok(chosen)
    }

    fn unknown(&self, name: &str) -> DataProblem {
        let mut by_place: Vec<(usize, &str)> =
            self.names.iter().map(|(name, place)| (*place, *name)).collect();
        by_place.sort_unstable();
        let shown: Vec<&str> = by_place.iter().take(40).map(|(_, name)| *name).collect();
        let more = if by_place.len() > shown.len() { ", …" } else { "" };
        let columns = match shown.is_empty() {
            true => format!("1 to {}", self.width),
            false => shown.join(", ") + more,
        };
        DataProblem::UnknownColumn { name: name.to_string(), columns }
    }
}

/// What the columns are for, by the settings.
///
/// **Errors**: [`DataProblem::UnknownColumn`], [`DataProblem::NoLabel`],
/// [`DataProblem::NoColumns`].
pub(super) fn roles(columns: &Columns<'_>, options: &ReadOptions) -> Result<Roles, DataProblem> {
    let label = options.label.as_ref().ok_or(DataProblem::NoLabel)?;
    let labels: Vec<usize> = match options.task {
        Task::Classification => vec![columns.place(label)?],
        Task::Regression => match columns.place(label) {
            Ok(place) => vec![place],
            // Several names, if it is not one.
            Err(problem) if !label.contains(',') => return Err(problem),
            Err(_) => {
                let names = label.split(',').map(|name| columns.place(name.trim()));
                names.collect::<Result<_, _>>()?
            }
        },
    };
    let kept = match options.columns.is_empty() {
        true => vec![true; columns.width],
        false => columns.chosen(&options.columns)?,
    };
    let (dropped, categorical) =
        (columns.chosen(&options.drop)?, columns.chosen(&options.categorical)?);
    let weight = options.sample_weight.as_ref().map(|name| columns.place(name)).transpose()?;
    let is_learned = |at: &usize| labels.contains(at) || weight == Some(*at);
    let is_input = |at: &usize| !is_learned(at) && kept[*at] && !dropped[*at];
    let reading = |place: usize, is_categorical: bool| Reading {
        place,
        is_categorical,
        ..Reading::default()
    };
    let mut readings: Vec<Reading> = (0..columns.width)
        .filter(is_input)
        .map(|place| reading(place, categorical[place]))
        .collect();
    if readings.is_empty() {
        return Err(DataProblem::NoColumns);
    }
    let (targets, label) = match options.task {
        Task::Classification => (0, Some(labels[0])),
        Task::Regression => {
            readings.extend(labels.iter().map(|&place| reading(place, false)));
            (labels.len(), None)
        }
    };
    readings.extend(weight.map(|place| reading(place, false)));
    Ok(Roles { readings, targets, has_weight: weight.is_some(), label })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_names_and_numbers_from_either_end() {
        let names = ["a", "2", "c"].map(String::from);
        let columns = Columns::new(Some(&names), 3, true);
        let at = |name| columns.place(name).ok();
        // A name goes before a number.
        assert_eq!([at("c"), at("2"), at("1"), at("-1"), at("-3")], [2, 1, 0, 2, 0].map(Some));
        assert_eq!([at("0"), at("4"), at("-4"), at("b")], [None; 4]);
        // But where nobody says that the first line holds names.
        assert_eq!(Columns::new(Some(&names), 3, false).place("2").ok(), Some(1));
        assert_eq!(
            Columns::new(Some(&["5".into(), "1".into()]), 2, false).place("1").ok(),
            Some(0)
        );
        assert_eq!(Columns::new(None, 3, false).place("3").ok(), Some(2));
    }

    #[test]
    fn ranges_are_of_names_and_numbers() {
        let names = ["id", "a:b", "c", "d", "e"].map(String::from);
        let columns = Columns::new(Some(&names), 5, false);
        let chosen = |name: &str| -> Option<String> {
            let chosen = columns.chosen(&[name.to_string()]).ok()?;
            Some((0..5).filter(|&at| chosen[at]).map(|at| at.to_string()).collect())
        };
        for (name, expected) in [
            ("a:b", "1"),
            ("id:c", "012"),
            ("a:b:d", "123"),
            ("2:3", "12"),
            ("4:", "34"),
            (":2", "01"),
            ("-2:-1", "34"),
        ] {
            assert_eq!(chosen(name).as_deref(), Some(expected), "{name}");
        }
        for name in ["d:c", "x", "1:9", "x:y"] {
            assert_eq!(chosen(name), None, "{name}");
        }
    }
}
