//! Ten thousand made-up tables of text, in all the ways that people write such: what is read is
//! what was written, or a typed error; never something else without a word.

use fanin::dataset::{DataConfig, Encoding, Error, Header, Missing, Normalize};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use tempfile::TempDir;

/// What a field says.
#[derive(Clone, Debug, PartialEq)]
enum Says {
    Number(f64),
    Text(String),
    Nothing,
}

/// A field as it is written, and what it says.
type Field = (String, Says);

/// One table, written down, and how it is to be read.
struct Made {
    bytes: Vec<u8>,
    config: DataConfig,
    /// `[rows][columns]`, the label left out.
    rows: Vec<Vec<Says>>,
    labels: Vec<Says>,
}

const WORDS: [&str; 16] = [
    "red",
    "blue",
    "dark green",
    "naïve",
    "O'Brien",
    "a,b",
    "x;y",
    "p|q",
    "say \"hi\"",
    "Ünder",
    "-",
    "10-20",
    "yes",
    "no",
    "A1",
    "ß",
];
const NAMES: [&str; 10] = [
    "length",
    "width",
    "Größe",
    "a b",
    "x_1",
    "col,umn",
    "semi;colon",
    "the \"best\"",
    "q1",
    "note",
];
const MARKS: [&str; 8] = ["", "NA", "n/a", "?", "NaN", "null", ".", "#N/A"];

fn pick<'a>(rng: &mut Pcg64, from: &[&'a str]) -> &'a str {
    from.choose(rng).unwrap()
}

/// A number in one of the ways of its column.
fn number(rng: &mut Pcg64, way: usize, comma: bool) -> Field {
    let text = match way {
        0 => rng.random_range(-50..50i32).to_string(),
        1 => format!("{:.1}", rng.random_range(-100.0..100.0f64)),
        2 => format!("{:.4}", rng.random_range(-1.0..1.0f64)),
        3 => format!("{:.3e}", rng.random_range(1e-9..1e9f64)),
        4 => format!("{:.2}", 1.6e9 + rng.random_range(0.0..60.0f64)),
        _ => rng.random_range(-1e3..1e3f64).to_string(),
    };
    let value = text.parse().unwrap();
    let text = match rng.random_range(0..12) {
        0 if !text.starts_with('-') => format!("+{text}"),
        1 if text.bytes().all(|byte| byte.is_ascii_digit()) => format!("0{text}"),
        _ => text,
    };
    (if comma { text.replace('.', ",") } else { text }, Says::Number(value))
}

/// The columns' fields, `[columns][rows]`.
fn columns(rng: &mut Pcg64, rows: usize, comma: bool, mark: Option<&str>) -> Vec<Vec<Field>> {
    let missing = |rng: &mut Pcg64, field: Field| match mark {
        Some(mark) if rng.random_range(0..10) == 0 => (mark.to_string(), Says::Nothing),
        _ => field,
    };
    let count = rng.random_range(1..6);
    (0..count)
        .map(|_| {
            let way = rng.random_range(0..9);
            let words: Vec<&str> = (0..rng.random_range(2..5)).map(|_| pick(rng, &WORDS)).collect();
            (0..rows)
                .map(|_| {
                    let field = match way {
                        0..6 => number(rng, way, comma),
                        _ => {
                            let word = pick(rng, &words).to_string();
                            (word.clone(), Says::Text(word))
                        }
                    };
                    missing(rng, field)
                })
                .collect()
        })
        .collect()
}

/// Labels of at least two rows each.
fn labels(rng: &mut Pcg64, rows: usize) -> Vec<Field> {
    let classes = rng.random_range(2..5);
    let are_numbers = rng.random_range(0..2) == 0;
    let mut fields: Vec<Field> = (0..rows)
        .map(|row| {
            let class = row % classes;
            match are_numbers {
                true => {
                    let value = [-1, 0, 7, 12][class];
                    let ways = [value.to_string(), format!("{value}.0"), format!("{value}.")];
                    let text = ways[rng.random_range(0..20usize).min(2)].clone();
                    let text = if rng.random_range(0..10) < 8 { value.to_string() } else { text };
                    (text, Says::Number(value.into()))
                }
                false => {
                    let word = ["oak", "None", "sugar maple", "ash"][class].to_string();
                    (word.clone(), Says::Text(word))
                }
            }
        })
        .collect();
    fields.shuffle(rng);
    fields
}

fn quoted(rng: &mut Pcg64, field: &str, delimiter: char, always: bool) -> String {
    let is_blank = delimiter == ' ';
    let must = field.contains([delimiter, '"', '\n'])
        || (is_blank && (field.is_empty() || field.contains([' ', '\t'])));
    match must || always || rng.random_range(0..30) == 0 {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_string(),
    }
}

fn make(rng: &mut Pcg64) -> Made {
    let delimiter = *[',', ';', '\t', '|', ' '].choose(rng).unwrap();
    let comma = delimiter != ',' && rng.random_range(0..4) == 0;
    let comment = rng.random_range(0..8) == 0;
    let mark = (rng.random_range(0..3) == 0).then(|| pick(rng, &MARKS));
    // It would begin a comment.
    let mark = mark.filter(|mark| !comment || !mark.starts_with('#'));
    let rows = rng.random_range(12..40);
    let columns = columns(rng, rows, comma, mark);
    let labels = labels(rng, rows);
    let place = rng.random_range(0..=columns.len());
    let mut names: Vec<&str> = NAMES.to_vec();
    names.shuffle(rng);
    names.truncate(columns.len());
    names.insert(place, "the label");
    let has_header = rng.random_range(0..3) > 0;
    let (end, always) = (pick(rng, &["\n", "\r\n"]), rng.random_range(0..6) == 0);
    let mut lines: Vec<Vec<String>> = Vec::new();
    if has_header {
        lines.push(names.iter().map(|name| quoted(rng, name, delimiter, always)).collect());
    }
    for row in 0..rows {
        let mut fields: Vec<&str> = columns.iter().map(|column| column[row].0.as_str()).collect();
        fields.insert(place, &labels[row].0);
        lines.push(fields.iter().map(|field| quoted(rng, field, delimiter, always)).collect());
    }
    let mut text = String::new();
    if comment {
        text += &format!("# made up{end}");
    }
    let pad = delimiter != '\t' && rng.random_range(0..6) == 0;
    for fields in &lines {
        let between = match delimiter {
            ' ' => " ".repeat(rng.random_range(1..4)),
            other if pad && !always => format!("{other} "),
            other => other.to_string(),
        };
        // A quote is one at the beginning of its field alone.
        let between = if fields.iter().any(|f| f.starts_with('"')) && delimiter != ' ' {
            delimiter.to_string()
        } else {
            between
        };
        text += &fields.join(&between);
        text += end;
        if rng.random_range(0..40) == 0 {
            text += end;
        }
        if comment && rng.random_range(0..10) == 0 {
            text += &format!("#{}{end}", fields.join(","));
        }
    }
    if rng.random_range(0..4) == 0 {
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
    }
    let (bytes, encoding) = encode(rng, &text);
    let by_name = has_header && rng.random_range(0..2) == 0;
    let label = match by_name {
        true => "the label".to_string(),
        false if rng.random_range(0..2) == 0 => (place + 1).to_string(),
        false => (place as i64 - columns.len() as i64 - 1).to_string(),
    };
    let config = DataConfig {
        label: Some(label),
        header: if rng.random_range(0..4) > 0 {
            Header::Auto
        } else if has_header {
            Header::Yes
        } else {
            Header::No
        },
        delimiter: (rng.random_range(0..4) == 0).then_some(delimiter),
        comment: comment.then_some('#'),
        encoding,
        missing: Missing::Zero,
        normalize: Normalize::None,
        ..DataConfig::default()
    };
    let says = |row: usize| columns.iter().map(|column| column[row].1.clone()).collect();
    Made {
        bytes,
        config,
        rows: (0..rows).map(says).collect(),
        labels: labels.into_iter().map(|(_, says)| says).collect(),
    }
}

/// The text in some encoding, and what has to be said of it.
fn encode(rng: &mut Pcg64, text: &str) -> (Vec<u8>, Encoding) {
    let utf16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
    match rng.random_range(0..10) {
        0 => ([b"\xef\xbb\xbf", text.as_bytes()].concat(), Encoding::Auto),
        1 => ([b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat(), Encoding::Auto),
        2 => ([b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat(), Encoding::Auto),
        // All letters here are Latin-1's.
        3 => (text.chars().map(|c| c as u32 as u8).collect(), Encoding::Windows1252),
        _ => (text.as_bytes().to_vec(), Encoding::Auto),
    }
}

/// The inputs that the rows become: a number each, or one for each category in order; 0 where
/// nothing is.
fn inputs(rows: &[Vec<Says>]) -> Vec<Vec<f32>> {
    let mut inputs = vec![Vec::new(); rows.len()];
    for column in 0..rows[0].len() {
        let texts: BTreeSet<&str> = rows
            .iter()
            .filter_map(|row| match &row[column] {
                Says::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        for (row, inputs) in rows.iter().zip(&mut inputs) {
            match &row[column] {
                Says::Number(number) => inputs.push(*number as f32),
                Says::Nothing if texts.is_empty() => inputs.push(0.0),
                Says::Nothing => inputs.extend(texts.iter().map(|_| 0.0)),
                Says::Text(text) => {
                    inputs.extend(texts.iter().map(|t| f32::from(u8::from(t == text))));
                }
            }
        }
    }
    inputs
}

/// The class of each row, by number or by name.
fn classes(labels: &[Says]) -> Vec<u16> {
    let key = |says: &Says| match says {
        Says::Number(number) => (*number as i64, String::new()),
        Says::Text(text) => (0, text.clone()),
        Says::Nothing => panic!("every row has a label"),
    };
    let keys: BTreeSet<_> = labels.iter().map(key).collect();
    let order: BTreeMap<_, u16> = keys.into_iter().zip(0..).collect();
    labels.iter().map(|says| order[&key(says)]).collect()
}

#[test]
fn tables_are_read_as_they_were_written_or_refused() {
    let rng = &mut Pcg64::seed_from_u64(14);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("made.csv");
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for case in 0..10_000 {
        let made = make(rng);
        fs::write(&file, &made.bytes).unwrap();
        let config = DataConfig { train: Some(file.clone()), ..made.config };
        let said = || {
            let text = String::from_utf8_lossy(&made.bytes);
            format!("case {case}: {config:?}\n{text}")
        };
        let data = match config.load() {
            Ok(data) => data,
            Err(Error::Data { problem, .. }) => {
                let kind = format!("{problem:?}");
                let kind = kind.split([' ', '(']).next().unwrap().to_string();
                *refused.entry(kind).or_default() += 1;
                continue;
            }
            Err(other) => panic!("{other}: {}", said()),
        };
        let (inputs, classes) = (inputs(&made.rows), classes(&made.labels));
        let test: BTreeSet<usize> =
            data.test_rows.iter().flatten().map(|&row| row as usize).collect();
        for (samples, is_test) in [(&data.train, false), (&data.test, true)] {
            let rows = (0..made.rows.len()).filter(|row| test.contains(row) == is_test);
            let rows: Vec<usize> = rows.collect();
            assert_eq!(samples.len(), rows.len(), "{}", said());
            let read = samples.inputs().unwrap().chunks(samples.features());
            for ((read, &label), row) in read.zip(samples.labels()).zip(rows) {
                assert_eq!(read, inputs[row], "row {row} of {}", said());
                assert_eq!(label, classes[row], "row {row} of {}", said());
            }
        }
    }
    let all: usize = refused.values().sum();
    println!("{all} refused: {refused:?}");
    assert!(all < 2000, "{all} of 10000 are refused: {refused:?}");
}
