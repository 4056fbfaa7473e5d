//! Tables of text in any dialect: what was written comes back.

use crate::area::{Area, Counts, anywhere};
use crate::draw;
use crate::files::gzip;
use fanin::dataset::{DataConfig, DataProblem, DecimalMark, Error, Kind, Normalize};
use rand::RngExt;
use rand_pcg::Pcg64;
use std::fs;
use std::path::Path;

pub(crate) const AREA: Area = Area {
    name: "tables",
    about: "Tables of drawn numbers, texts and labels, written with any delimiter, decimal \
            mark, quoting, line end, encoding, with and without byte order mark and gzip: \
            every number, text and label comes back.",
    cases: [300, 20_000],
    hindrance: anywhere,
    expected: &[("of these read without being told how", "tables", 0.95)],
    attack,
};

/// How a table is written.
struct Dialect {
    delimiter: char,
    decimal: char,
    always_quotes: bool,
    line_end: &'static str,
    last_line_ends: bool,
    encoding: Encoding,
    is_gzip: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Encoding {
    Utf8,
    Utf8Mark,
    Utf16Little,
    Utf16Big,
}

enum Cells {
    Numbers(Vec<String>),
    Texts(Vec<String>),
}

fn attack(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    let rows = rng.random_range(6..60);
    let delimiter = *draw::one(rng, &[',', ';', '\t', '|']);
    let dialect = Dialect {
        delimiter,
        decimal: if delimiter != ',' && rng.random_bool(0.3) { ',' } else { '.' },
        always_quotes: rng.random_bool(0.2),
        line_end: if rng.random_bool(0.3) { "\r\n" } else { "\n" },
        last_line_ends: rng.random_bool(0.8),
        encoding: *draw::one(
            rng,
            &[
                Encoding::Utf8,
                Encoding::Utf8,
                Encoding::Utf8Mark,
                Encoding::Utf16Little,
                Encoding::Utf16Big,
            ],
        ),
        is_gzip: rng.random_bool(0.2),
    };
    let columns: Vec<(String, Cells)> = (0..rng.random_range(1..6))
        .map(|at| {
            (
                name(rng, at),
                if rng.random_bool(0.6) { numbers(rng, rows) } else { texts(rng, rows) },
            )
        })
        .collect();
    let labels: Vec<String> = (0..rows).map(|row| format!("class {}", row % 3)).collect();
    let bytes = dialect.written(rng, &columns, &labels);
    let path = dir.join(if dialect.is_gzip { "rows.csv.gz" } else { "rows.csv" });
    fs::write(&path, &bytes).expect("a file is written");
    let config = DataConfig {
        train: Some(path.clone()),
        test: Some(path),
        label: Some("label".to_string()),
        normalize: Normalize::None,
        ..DataConfig::default()
    };
    let fault = |said: String| {
        let told = (dialect.delimiter, dialect.decimal, dialect.line_end, dialect.encoding);
        format!("{told:?}: {said}; {}", String::from_utf8_lossy(&bytes))
    };
    // What may be read in two ways is refused with the setting that says which.
    let (data, is_clear) = match config.load() {
        Ok(data) => (data, 1),
        Err(Error::Data { problem, .. }) if is_open(&problem) => {
            let decimal =
                if dialect.decimal == ',' { DecimalMark::Comma } else { DecimalMark::Point };
            let told = DataConfig { delimiter: Some(delimiter), decimal, ..config };
            (told.load().map_err(|error| fault(format!("though told: {error}")))?, 0)
        }
        Err(error) => return Err(fault(error.to_string())),
    };
    let width = data.train.features();
    let values = match data.train.values() {
        fanin::dataset::Values::Floats(values) | fanin::dataset::Values::Inputs(values) => values,
        other => return Err(fault(format!("is kept as {other:?}"))),
    };
    let expected: Vec<f32> = (0..rows)
        .flat_map(|row| columns.iter().zip(&data.schema.columns).map(move |both| (row, both)))
        .flat_map(|(row, ((_, cells), column))| match (cells, &column.kind) {
            (Cells::Numbers(texts), Kind::Number) => vec![number(&texts[row])],
            (Cells::Texts(texts), Kind::Category(known)) => {
                known.iter().map(|text| f32::from(*text == texts[row])).collect()
            }
            _ => vec![f32::NAN],
        })
        .collect();
    if width * rows != values.len() || *values != expected {
        return Err(fault(format!("is {values:?}, not {expected:?}; {:?}", data.schema.columns)));
    }
    let names: Vec<&str> = data.schema.columns.iter().map(|column| column.name.as_str()).collect();
    let of_file: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let found = data.train.labels().iter().map(|&label| data.schema.class(label.into()));
    if names != of_file || !found.eq(labels.iter().cloned()) {
        return Err(fault(format!("names or labels are others: {names:?}")));
    }
    Ok(Counts::from([
        ("tables", 1),
        ("of these read without being told how", is_clear),
        ("values", values.len() as u64),
    ]))
}

/// Whether a table may be read in two ways.
fn is_open(problem: &DataProblem) -> bool {
    use DataProblem::{CommaUnclear, DelimiterUnclear};
    matches!(problem, CommaUnclear { .. } | DelimiterUnclear { .. })
}

/// What a number of the file is as an input.
fn number(text: &str) -> f32 {
    text.parse::<f64>().expect("numbers were written") as f32
}

fn name(rng: &mut Pcg64, at: usize) -> String {
    let word = draw::one(rng, &["size", "größe", "a b", "x,y", "Q\"uote", "n;o|t", "Δ"]);
    format!("{word} {at}")
}

fn numbers(rng: &mut Pcg64, rows: usize) -> Cells {
    let kind = rng.random_range(0..5);
    let number = |_| match kind {
        0 => rng.random_range(-99..999i32).to_string(),
        1 => format!("{:.3}", rng.random_range(-9.0..9.0)),
        2 => format!("{:e}", rng.random_range(-1e9..1e9)),
        3 => format!("{}", rng.random_range(0.0..1.0f64)),
        _ => format!("{:+.2}", rng.random_range(-1.0..1.0)),
    };
    Cells::Numbers((0..rows).map(number).collect())
}

fn texts(rng: &mut Pcg64, rows: usize) -> Cells {
    let words =
        ["red", "dark blue", "say \"hi\"", "a,b;c|d\te", "zwei\nZeilen", "naïve Δ", "O'Neil"];
    // All of them occur, so that no column is of one value.
    let text = |row: usize| match row < words.len() {
        true => words[row],
        false => draw::one(rng, &words),
    };
    Cells::Texts((0..rows).map(text).map(String::from).collect())
}

impl Dialect {
    fn written(&self, rng: &mut Pcg64, columns: &[(String, Cells)], labels: &[String]) -> Vec<u8> {
        let mut lines = Vec::new();
        let names = columns.iter().map(|(name, _)| name.as_str()).chain(["label"]);
        lines.push(self.line(rng, names.map(String::from)));
        for (row, label) in labels.iter().enumerate() {
            let cells = columns.iter().map(|(_, cells)| match cells {
                Cells::Numbers(texts) => texts[row].replace('.', &self.decimal.to_string()),
                Cells::Texts(texts) => texts[row].clone(),
            });
            let cells: Vec<String> = cells.chain([label.clone()]).collect();
            lines.push(self.line(rng, cells.into_iter()));
        }
        let mut text = lines.join(self.line_end);
        if self.last_line_ends {
            text += self.line_end;
        }
        let sixteen = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            ['\u{feff}']
                .into_iter()
                .chain(text.chars())
                .collect::<String>()
                .encode_utf16()
                .flat_map(bytes)
                .collect()
        };
        let bytes = match self.encoding {
            Encoding::Utf8 => text.into_bytes(),
            Encoding::Utf8Mark => format!("\u{feff}{text}").into_bytes(),
            Encoding::Utf16Little => sixteen(u16::to_le_bytes),
            Encoding::Utf16Big => sixteen(u16::to_be_bytes),
        };
        if self.is_gzip { gzip(&bytes) } else { bytes }
    }

    fn line(&self, rng: &mut Pcg64, fields: impl Iterator<Item = String>) -> String {
        let field = |text: String| {
            // What would be taken apart must be quoted, and so must a quote within.
            let must = text.chars().any(|c| ",;|\t\"\n".contains(c) && c != self.decimal)
                || text.contains(self.delimiter);
            match must || self.always_quotes || rng.random_bool(0.05) {
                true => format!("\"{}\"", text.replace('"', "\"\"")),
                false => text,
            }
        };
        fields.map(field).collect::<Vec<_>>().join(&self.delimiter.to_string())
    }
}
