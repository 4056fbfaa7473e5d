//! Tables of text: CSV, TSV and kin.

use super::columns::{Columns, roles};
use super::format::{Format, Header, ReadOptions, RowSource, RowsFrom, Source};
use super::gather::{Gathering, expect_room};
use super::header::decide_header;
use super::input::Input;
use super::kinds::{decide_classes, decide_kinds};
use super::known_rows::KnownRows;
use super::labels::unlabelled_note;
use super::records::{ReadProblem, Record, RecordReader};
use crate::dataset::cells;
use crate::dataset::error::Error;
use crate::dataset::field::text;
use crate::dataset::problem::DataProblem;
use crate::dataset::schema::{Layout, Schema, Target};
use crate::dataset::table::{Cells, Labels, Table, TableColumn};
use crate::dataset::value::Value;
use std::collections::HashSet;
use std::io::{self, BufRead};

/// Text with separated fields.
pub(super) struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "Text with separated fields"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".csv", ".tsv"]
    }

    fn is_text_table(&self) -> bool {
        true
    }

    /// Everything is decided when all rows are there.
    fn read(&self, source: &Source<'_>, options: &ReadOptions) -> Result<Table, Error> {
        Csv::read_text(Input::open(source.path)?, options)
    }

    fn rows(
        &self,
        from: RowsFrom<'_>,
        options: &ReadOptions,
        schema: &Schema,
        features: usize,
    ) -> Result<Box<dyn RowSource>, Error> {
        let mut input = Input::of(from)?;
        refuse_parquet(&mut input)?;
        let reader = take_reader(&mut input);
        Ok(Box::new(KnownRows::open(input, reader, options, schema, features)?))
    }
}

impl Csv {
    /// Reads a labelled table of text.
    ///
    /// **Errors**: as [`Format::read`].
    pub(super) fn read_text(mut input: Input, options: &ReadOptions) -> Result<Table, Error> {
        refuse_parquet(&mut input)?;
        let reader = take_reader(&mut input);
        parse(reader, options).map_err(|problem| problem.at(&input))
    }
}

/// How text is read that another format became.
pub(super) fn as_text(options: &ReadOptions) -> ReadOptions {
    let mut options = ReadOptions { header: Header::Yes, ..options.clone() };
    options.text.delimiter = Some(b',');
    options
}

/// Refuses what another build would read.
fn refuse_parquet(input: &mut Input) -> Result<(), Error> {
    #[cfg(not(feature = "parquet"))]
    if input.start()?.starts_with(b"PAR1") {
        return Err(input.data(DataProblem::IsParquet));
    }
    let _ = input;
    Ok(())
}

/// The bytes of a file, which stays to name itself in messages.
fn take_reader(input: &mut Input) -> Box<dyn BufRead> {
    std::mem::replace(&mut input.reader, Box::new(io::empty()))
}

/// Reads a table with labels.
fn parse(input: Box<dyn BufRead>, options: &ReadOptions) -> Result<Table, ReadProblem> {
    let records = RecordReader::open(input, &options.text)?;
    let mut records = records.ok_or(DataProblem::Empty)?;
    let width = records.width();
    expect_room(width, 1)?;
    let first = records.first().clone();
    // Perhaps names; who asks for one of them says that they are.
    let names = names(&first).filter(|_| options.header != Header::No);
    let is_said = options.header == Header::Yes;
    let columns = Columns::new(names.as_deref(), width, is_said);
    let names_found = options.sought().any(|name| columns.has_name(name));
    let is_header = options.header == Header::Yes || options.sought().next().is_some();
    if names.is_none() && is_header && options.header != Header::No {
        return Err(DataProblem::Encoding { line: first.line, encoding: "UTF-8" }.into());
    }
    let roles =
        roles(&columns, options).map_err(|problem| not_a_table(&first).unwrap_or(problem))?;
    let mut table = Gathering::new(roles, options);
    let mut repeated = None;
    while let Some(record) = records.next()? {
        check_width(record, width, table.rows, &first)?;
        if table.rows > 0 && repeated.is_none() && is_same(record, &first) {
            repeated = Some(record.line);
        }
        table.push(record.line, |place| record.get(place).unwrap_or_default())?;
    }
    let decision = decide_header(options.header, &first, &table, names_found)?;
    let mut notes: Vec<String> = decision.note.into_iter().collect();
    if let Some(line) = repeated.filter(|_| decision.is_header) {
        return Err(DataProblem::HeaderAgain { line }.into());
    }
    let names = match decision.is_header {
        true => {
            let names =
                names.ok_or(DataProblem::Encoding { line: first.line, encoding: "UTF-8" })?;
            check_names(&names)?;
            check_numbers(&names, width, options)?;
            Some(names)
        }
        false => None,
    };
    finish(table, names, width, options, &records, &mut notes)
}

/// Decides what the columns are, and leaves out the first line if it names them.
fn finish(
    mut table: Gathering,
    names: Option<Vec<String>>,
    width: usize,
    options: &ReadOptions,
    records: &RecordReader,
    notes: &mut Vec<String>,
) -> Result<Table, ReadProblem> {
    let first = usize::from(names.is_some());
    // A first row without a label is passed over as any other.
    let starts_unlabelled = first == 0 && table.starts_unlabelled();
    if starts_unlabelled && !options.skip_unlabelled {
        table.label.first_missing = Some(0);
    }
    if table.rows <= first {
        return Err(DataProblem::Empty.into());
    }
    let name = |place: usize| match &names {
        Some(names) => names[place].clone(),
        None => (place + 1).to_string(),
    };
    let targets = table.targets().iter().map(|target| target.place);
    let label_places: Vec<usize> = table.label.place.into_iter().chain(targets).collect();
    let label = name(label_places[0]);
    if let Some(row) = table.label.first_missing {
        let (line, column) = (table.line(row), label);
        return Err(DataProblem::MissingLabel { line, column }.into());
    }
    let start = first + usize::from(starts_unlabelled);
    table.unlabelled += usize::from(starts_unlabelled);
    notes.extend(records.note());
    notes.extend(unlabelled_note(table.unlabelled));
    let rows = table.rows - start;
    if rows == 0 {
        return Err(DataProblem::Empty.into());
    }
    let labels = std::mem::take(&mut table.label);
    let mut columns = decide_kinds(&mut table, start, names.as_deref(), options, notes)?;
    let weights = match table.has_weight.then(|| columns.pop()).flatten() {
        Some(weight) => {
            let line = |row: usize| table.line(row + start);
            Some(take_weights(&weight, columns.len(), &table.cells, rows, line)?)
        }
        None => None,
    };
    let labels = match labels.place {
        Some(_) => decide_classes(labels, start, notes)?,
        None => {
            let targets = columns.split_off(columns.len() - table.targets);
            take_targets(&targets, columns.len(), &table.cells, rows)?
        }
    };
    let mut places = label_places;
    places.sort_unstable();
    Ok(Table {
        columns,
        named: names.is_some(),
        label: Some(label),
        layout: Some(Layout { width, labels: places }),
        cells: Cells::Columns(table.cells),
        lines: lines_from(&table.lines, start),
        labels,
        weights,
        notes: std::mem::take(notes),
    })
}

/// The lines of the rows from `start` on.
fn lines_from(lines: &[(usize, u64)], start: usize) -> Vec<(usize, u64)> {
    let mut kept: Vec<(usize, u64)> = Vec::with_capacity(lines.len());
    for &(row, line) in lines {
        match row.checked_sub(start) {
            Some(row) => kept.push((row, line)),
            // The line before the first row that is kept.
            None => kept = vec![(0, line + (start - row) as u64)],
        }
    }
    if kept.get(1).is_some_and(|(row, _)| *row == 0) {
        kept.remove(0);
    }
    kept
}

/// The values of the columns that are learned, which stand behind the `first` others.
fn take_targets(
    targets: &[TableColumn],
    first: usize,
    cells: &cells::Columns,
    rows: usize,
) -> Result<Labels, DataProblem> {
    let mut values = vec![0.0; rows * targets.len()];
    for (at, target) in targets.iter().enumerate() {
        if !target.kind.is_scaled() {
            return Err(DataProblem::TargetText(target.name.clone()));
        }
        cells.each(first + at, |row, value| {
            if let Value::Number(number) = value {
                values[row * targets.len() + at] = number;
            }
        });
    }
    let target = |target: &TableColumn| Target {
        place: Some(target.place),
        has_commas: target.has_commas,
        ..Target::plain(target.name.clone())
    };
    Ok(Labels::Numbers { values, targets: targets.iter().map(target).collect() })
}

/// How much each row counts, from column `at` of the cells.
fn take_weights(
    weight: &TableColumn,
    at: usize,
    cells: &cells::Columns,
    rows: usize,
    line: impl Fn(usize) -> u64,
) -> Result<Vec<f64>, DataProblem> {
    let mut weights = vec![0.0; rows];
    let mut first_bad = None;
    cells.each(at, |row, value| match value {
        Value::Number(number) if number >= 0.0 && f64::from(number as f32).is_finite() => {
            weights[row] = number;
        }
        _ => first_bad = first_bad.or(Some(row)),
    });
    match first_bad.or((!weight.kind.is_scaled()).then_some(0)) {
        Some(row) => Err(DataProblem::Weight { line: line(row), column: weight.name.clone() }),
        None if weights.iter().all(|weight| *weight == 0.0) => {
            Err(DataProblem::Weight { line: line(0), column: weight.name.clone() })
        }
        None => Ok(weights),
    }
}

/// The fields of a record as names; none if one is not UTF-8.
fn names(record: &Record) -> Option<Vec<String>> {
    record.iter().map(|field| text(field).map(String::from)).collect()
}

/// Refuses names that occur twice.
fn check_names(names: &[String]) -> Result<(), DataProblem> {
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(name) => Err(DataProblem::DuplicateColumn(name.clone())),
        None => Ok(()),
    }
}

/// Refuses a number of a setting that is the name of one column and the place of another.
fn check_numbers(names: &[String], width: usize, options: &ReadOptions) -> Result<(), DataProblem> {
    if options.header == Header::Yes {
        return Ok(());
    }
    let (by_name, by_number) =
        (Columns::new(Some(names), width, true), Columns::new(Some(names), width, false));
    for name in options.named().filter(|name| by_name.has_name(name)) {
        if by_name.place(name) != by_number.place(name) {
            return Err(DataProblem::NameOrNumber(name.clone()));
        }
    }
    Ok(())
}

/// Whether two records have the same fields.
fn is_same(record: &Record, other: &Record) -> bool {
    record.get(0) == other.get(0) && record.iter().eq(other.iter())
}

/// What a first line says that is none of a table.
fn not_a_table(first: &Record) -> Option<DataProblem> {
    let begins = first.get(0).unwrap_or_default().trim_ascii();
    match begins {
        [b'@', ..] => Some(DataProblem::OtherKind { kind: "ARFF" }),
        [mark @ (b'#' | b'%'), ..] => {
            Some(DataProblem::CommentLine { line: first.line, mark: char::from(*mark) })
        }
        _ => None,
    }
}

/// Refuses a record of another width than the first.
fn check_width(
    record: &Record,
    width: usize,
    row: usize,
    first: &Record,
) -> Result<(), DataProblem> {
    let (line, found) = (record.line, record.len());
    if found == width {
        return Ok(());
    }
    // Words before the table, or R's names of rows.
    if let Some(other) = not_a_table(first).filter(|_| row == 1) {
        return Err(other);
    }
    let ends_empty =
        record.get(found.wrapping_sub(1)).is_some_and(|last| last.trim_ascii().is_empty());
    Err(match row {
        1 if found == width + 1 && ends_empty => {
            DataProblem::TrailingDelimiter { line, found, expected: width }
        }
        1 if found == width + 1 => DataProblem::RowNames { line, found, expected: width },
        _ => DataProblem::Ragged { line, found, expected: width },
    })
}
