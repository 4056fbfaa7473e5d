//! What tables of text are refused for, and by which name; and what is read that looks odd: several
//! inputs of every kind of fault that reading a table may have.
//!
//! One list, though longer than 400 lines.

use fanin::dataset::{
    Content, DataConfig, Dataset, Dates, DecimalMark, Encoding, Error, Header, Kind, Missing,
    Normalize, Task, Unknown,
};
use std::fs;
use tempfile::TempDir;

/// Loads a table whose label is `t`, or as `change` says.
fn load(content: impl AsRef<[u8]>, change: impl Fn(&mut DataConfig)) -> Result<Dataset, Error> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.csv");
    fs::write(&path, content).unwrap();
    let mut config = DataConfig {
        train: Some(path),
        label: Some("t".into()),
        normalize: Normalize::None,
        ..DataConfig::default()
    };
    change(&mut config);
    config.load()
}

/// Forty rows under a header; `row` gives what stands before the label.
fn table(header: &str, row: impl Fn(usize) -> String) -> String {
    let rows: String = (0..40).map(|i| format!("{},{}\n", row(i), ["a", "b"][i % 2])).collect();
    if header.is_empty() { rows } else { format!("{header},t\n{rows}") }
}

fn rows(data: &Dataset) -> usize {
    data.train.len() + data.test.len()
}

/// Asserts that a table is refused with this message.
fn refuses(content: impl AsRef<[u8]>, message: &str) {
    refuses_with(content, message, |_| ());
}

fn refuses_with(content: impl AsRef<[u8]>, message: &str, change: impl Fn(&mut DataConfig)) {
    let shown = String::from_utf8_lossy(content.as_ref()).chars().take(120).collect::<String>();
    match load(content, change) {
        Ok(data) => panic!("read as {}: {shown}", data.description),
        Err(problem) => assert!(problem.to_string().contains(message), "{problem}: {shown}"),
    }
}

#[test]
fn quotes_swallow_nothing() {
    let quoted = |line: usize, field: &str, column: usize| {
        let text = table("x,note", |i| format!("{i},word {}", i % 3));
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        let mut fields: Vec<&str> = lines[line - 1].split(',').collect();
        fields[column] = field;
        lines[line - 1] = fields.join(",");
        lines.join("\r\n") + "\r\n"
    };
    for (line, column) in [(2, 0), (7, 1), (30, 2), (41, 1)] {
        refuses(quoted(line, "\"open", column), &format!("line {line}: a quote is opened here"));
        let dropped = |config: &mut DataConfig| config.drop = vec!["note".into()];
        let message = format!("line {line}: a quote is opened here");
        refuses_with(quoted(line, "\"open", column), &message, dropped);
    }
    // Closed by another stray quote, many rows below.
    let text = quoted(9, "\"open", 1).replacen("30,word 0", "30,word 0\"", 1);
    refuses(text, "line 9: a quote is opened here that makes one field of rows");
    // A text over two lines is one text, and worth a word.
    let data = load(quoted(9, "\"word\r\n0\"", 1).replace("word 1", "word 0"), |_| ()).unwrap();
    assert_eq!(rows(&data), 40);
    assert!(data.notes.iter().any(|n| n.contains("line 9: a quoted field goes over 2 lines")));
    let tabs = quoted(12, "\"open", 1).replace(',', "\t");
    refuses(tabs, "line 12: a quote is opened here and never closed");
}

#[test]
fn first_lines_are_told_apart_or_refused() {
    let with = |header: &str, label: &str, row: &dyn Fn(usize) -> String| {
        load(
            table("", row).replacen("", &format!("{header}\n"), usize::from(!header.is_empty())),
            |c| {
                c.label = Some(label.into());
            },
        )
    };
    let numbers = |i: usize| format!("{},{}", i * 3 % 17, i * i);
    // A header of years: nobody can say, but for the label's name.
    let years = with("2019,2020,sort", "-1", &numbers).unwrap_err().to_string();
    assert!(
        years.contains("line 1 (2019, 2020, sort) may be the columns' names or a row"),
        "{years}"
    );
    assert_eq!(rows(&with("2019,2020,sort", "sort", &numbers).unwrap()), 40);
    // So many numbers in a row count the columns; of three nobody can say.
    let wide = |i: usize| format!("{},{},{}", i * 3 % 17, i * i, i % 5);
    assert_eq!(rows(&with("0,1,2,3", "-1", &wide).unwrap()), 40);
    assert_eq!(rows(&with("1,2,3,4", "-1", &wide).unwrap()), 40);
    let three = with("0,1,2", "-1", &numbers).unwrap_err().to_string();
    assert!(three.contains("may be the columns' names or a row"), "{three}");
    // Numbers that all others of their columns stand apart from may be names, whatever is learned.
    let years = table("", |i| format!("{},{}", i % 9, i % 7)).replace('a', "1").replace('b', "2");
    refuses_with(format!("2018,2019,2020\n{years}"), "may be the columns' names or a row", |c| {
        (c.label, c.task) = (Some("-1".into()), Task::Regression);
    });
    assert_eq!(rows(&with("x,y,sort", "3", &numbers).unwrap()), 40);
    // Without a header; and with texts alone, under one and without.
    assert_eq!(rows(&with("", "3", &numbers).unwrap()), 40);
    let texts = |i: usize| format!("{},{}", ["u", "v"][i % 2], ["p", "q", "r"][i % 3]);
    assert_eq!(rows(&with("", "-1", &texts).unwrap()), 40);
    assert_eq!(rows(&with("one,two,sort", "-1", &texts).unwrap()), 40);
    // A row whose class no other row has may be a header.
    let alone = with("7,8,unheard", "-1", &numbers).unwrap_err().to_string();
    assert!(alone.contains("may be the columns' names or a row"), "{alone}");
    for (header, count) in [(Header::Yes, 40), (Header::No, 41)] {
        let text = format!("7,8,unheard\n{}", table("", numbers));
        let data = load(text, |c| (c.header, c.label) = (header, Some("-1".into()))).unwrap();
        assert_eq!(rows(&data), count);
    }
}

#[test]
fn a_number_that_is_a_name_too_is_refused() {
    let text = table("2,1", |i| format!("{i},{}", i % 5));
    refuses_with(&text, "'2' is the name of one column and the number of another", |c| {
        c.drop = vec!["2".into()];
    });
    let data = load(&text, |c| (c.header, c.drop) = (Header::Yes, vec!["2".into()])).unwrap();
    assert_eq!(data.schema.columns[0].name, "1");
}

#[test]
fn columns_are_what_all_their_rows_say() {
    let of = |row: &dyn Fn(usize) -> String| table("x,y", |i| format!("{},{}", i % 9, row(i)));
    for (value, form) in [
        ("1,234,567", "thousands separated"),
        ("1 234", "thousands separated"),
        ("12%", "percentages"),
        ("$5.50", "amounts of money"),
        ("(3)", "numbers in brackets"),
        ("0x1f", "hexadecimal"),
        ("1/2", "fractions"),
        ("<0.5", "bounds"),
    ] {
        let text = of(&|i| format!("\"{}\"", value.replace('5', &(i % 3 + 4).to_string())));
        refuses(text, form);
    }
    refuses(of(&|i| format!("{} kg", i * 3)), "numbers with a unit");
    refuses(of(&|i| format!("\"{},{:03}\"", i + 1, i * 7)), "may separate a fraction or thousands");
    refuses(of(&|i| format!("2026-11-{:02}", i % 28 + 1)), "the column holds dates or times");
    refuses(of(&|i| format!("{}/11/26", i % 28 + 1)), "the column holds dates or times");
    refuses(of(&|i| format!("{:02}:30", i % 24)), "the column holds dates or times");
    refuses(of(&|i| format!("name {i}")), "40 different texts in 40 rows");
    // Nearly all numbers: an error with line and value, wherever the text stands.
    for at in [0, 17, 39] {
        let text = of(&|i| if i == at { "-".into() } else { i.to_string() });
        refuses(&text, &format!("line {}, column 2: '-' is not a finite number, as 39", at + 2));
        let marked = |c: &mut DataConfig| {
            (c.missing_values, c.missing) = (vec!["-".into()], Missing::Mean);
        };
        assert_eq!(load(&text, marked).unwrap().train.features(), 2);
        let named = |c: &mut DataConfig| c.categorical = vec!["y".into()];
        assert_eq!(load(&text, named).unwrap().train.features(), 41);
    }
    for (value, line) in [("inf", 5), ("1e999", 5), ("NaN", 5)] {
        let text = of(&|i| if i == 3 { value.into() } else { i.to_string() });
        refuses(text, &format!("line {line}, column "));
    }
    // Where it stands, though the column is called so.
    let text = of(&|i| if i == 9 { "y".into() } else { i.to_string() });
    refuses(text, "line 11, column 2: 'y' is not a finite number");
    let commas = of(&|i| format!("\"{},5\"", i % 3));
    refuses_with(commas, "numbers with decimal commas", |c| c.decimal = DecimalMark::Point);
    // Texts that are texts, though some look like numbers.
    let data = load(of(&|i| ["A1", "B", "7"][i % 3].into()), |_| ()).unwrap();
    let Kind::Category(values) = &data.schema.columns[1].kind else { panic!("texts") };
    assert_eq!(values, &["7", "A1", "B"]);
    assert!(data.notes.iter().any(|note| note.contains("holds texts and 13 numbers")));
}

#[test]
fn dates_and_commas_are_read_where_that_is_said() {
    let text = table("x,day", |i| format!("{},2026-01-{:02} 12:00", i % 9, i % 28 + 1));
    let data = load(&text, |c| c.dates = Dates::Seconds).unwrap();
    assert_eq!(data.schema.columns[1].kind, Kind::Seconds);
    let inputs = load(&text, |c| {
        (c.dates, c.normalize) = (Dates::Seconds, Normalize::Unit);
    });
    // Twenty-seven days from 0 to 1.
    let unit = inputs.unwrap().train.inputs().unwrap()[1] * 27.0;
    assert!((unit - unit.round()).abs() < 1e-5, "{unit}");
    let other = table("x,day", |i| format!("{},26.{}.2026", i % 9, i % 12 + 1));
    refuses_with(other, "is no date such as 2026-11-26", |c| c.dates = Dates::Seconds);
    let commas = table("x", |i| format!("\"{},{:03}\"", i + 1, i * 7));
    let data = load(&commas, |c| c.decimal = DecimalMark::Comma).unwrap();
    assert_eq!(rows(&data), 40);
    refuses_with(&commas, "thousands separated", |c| c.decimal = DecimalMark::Point);
    let mixed = table("x", |i| if i % 2 == 0 { "\"1,5\"".into() } else { "2.5".into() });
    refuses(mixed, "has a decimal comma, other values have points");
}

#[test]
fn labels_are_compared_by_what_they_mean() {
    let of = |ways: &[&str]| {
        let rows: String = (0..40).map(|i| format!("{i},{}\n", ways[i % ways.len()])).collect();
        load(format!("x,t\n{rows}"), |_| ())
    };
    assert_eq!(of(&["1", "2", "+1", "2.0", "01"]).unwrap().schema.classes, ["1", "2"]);
    assert_eq!(of(&["-1", "+1", "-1.0"]).unwrap().schema.classes, ["-1", "1"]);
    assert_eq!(of(&["0.5", ".50", "5e-1", "1.5"]).unwrap().schema.classes, ["0.5", "1.5"]);
    let large = ["9007199254740992", "9007199254740993"];
    assert_eq!(of(&large).unwrap().schema.classes, large);
    assert_eq!(of(&["yes", " yes ", "no"]).unwrap().schema.classes, ["no", "yes"]);
    // Names keep how they are written.
    assert_eq!(of(&["01", "02"]).unwrap().schema.classes, ["01", "02"]);
    for missing in ["", "NaN", "inf", "-inf", "NA"] {
        let problem = of(&["1", "2", missing]).map(|data| data.description).unwrap_err();
        assert!(problem.to_string().contains("line 4, column 't'"), "{missing}: {problem}");
    }
    let none = of(&["0", "1", "None"]).unwrap();
    assert!(none.notes[0].contains("the labels are numbers but for 'None'"), "{:?}", none.notes);
    let one = of(&["1", "1.0"]).unwrap();
    assert!(one.notes[0].contains("there is one class, '1'"), "{:?}", one.notes);
    let alone: String = (0..40).map(|i| format!("{i},{}\n", ["a", "b"][i / 39])).collect();
    let alone = load(format!("x,t\n{alone}"), |_| ()).unwrap();
    assert!(
        alone.notes.iter().any(|note| note.contains("class 'b' has one row")),
        "{:?}",
        alone.notes
    );
    let fractions: String = (0..40).map(|i| format!("{i},{}\n", f64::from(i) / 8.0)).collect();
    refuses(format!("x,t\n{fractions}"), "these are no classes but numbers to be learned");
}

#[test]
fn arrays_are_what_their_shape_says() {
    let dir = TempDir::new().unwrap();
    let put = |name: &str, descr: &str, shape: &str, data: Vec<u8>| {
        let path = dir.path().join(name);
        fs::write(&path, fanin::format::npy::npy(descr, shape, data)).unwrap();
        Some(path)
    };
    let labels = put("y.npy", "|u1", "(20,)", (0..20).map(|i| i % 2).collect());
    let load = |x: Option<std::path::PathBuf>, content: Content| {
        let (train, train_labels) = (x, labels.clone());
        DataConfig { train, train_labels, content, ..DataConfig::default() }.load()
    };
    let bytes: Vec<u8> = (0..120).map(|i| (i * 7 % 251) as u8).collect();
    for (shape, content, is_image) in [
        ("(20, 6)", Content::Auto, false),
        ("(20, 2, 3)", Content::Auto, true),
        ("(20, 6)", Content::Image, true),
        ("(20, 2, 3)", Content::Table, false),
    ] {
        let data = load(put("x.npy", "|u1", shape, bytes.clone()), content).unwrap();
        assert_eq!(data.train.bytes().is_some(), is_image, "{shape}");
        assert_eq!(data.description.is_image, is_image);
    }
    let floats = put("f.npy", "<f4", "(20, 1)", vec![0; 80]);
    let refused = load(floats, Content::Image).map(|data| data.description).unwrap_err();
    assert!(refused.to_string().contains("`content` image is for arrays of unsigned bytes"));
    // Other types and orders of the same numbers.
    let plain = load(put("p.npy", "<f8", "(20, 2)", doubles(false)), Content::Auto).unwrap();
    let big = load(put("b.npy", ">f8", "(20, 2)", doubles(true)), Content::Auto).unwrap();
    assert_eq!(plain.train.inputs(), big.train.inputs());
    let halves: Vec<u8> = (0..40u16).flat_map(|i| (0x3c00 + i).to_le_bytes()).collect();
    let half = load(put("h.npy", "<f2", "(20, 2)", halves), Content::Auto).unwrap();
    assert_eq!(half.train.features(), 2);
}

/// Twenty rows of two numbers.
fn doubles(is_big_endian: bool) -> Vec<u8> {
    let numbers = (0..40).map(|i| f64::from(i) / 3.0);
    match is_big_endian {
        true => numbers.flat_map(f64::to_be_bytes).collect(),
        false => numbers.flat_map(f64::to_le_bytes).collect(),
    }
}

#[test]
fn encodings_comments_and_first_lines_of_programs_are_read() {
    let text = table("größe,b", |i| format!("{},{}", i, ["né", "ö"][i % 2]));
    let plain = load(&text, |_| ()).unwrap();
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let latin: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
    let same = |data: Dataset| {
        assert_eq!((data.train.inputs(), &data.schema), (plain.train.inputs(), &plain.schema));
    };
    same(load(utf16, |_| ()).unwrap());
    refuses(&latin, "is not UTF-8 (`encoding` says what it is)");
    same(load(&latin, |c| c.encoding = Encoding::Windows1252).unwrap());
    same(load(format!("sep=,\n{text}"), |_| ()).unwrap());
    let commented = format!("# made by a program; 3 columns\n{text}# end\n");
    refuses(&commented, "line 1 begins with #, as comments do: `comment` # passes over such");
    same(load(&commented, |c| c.comment = Some('#')).unwrap());
    same(load(text.replace('\n', "\r"), |_| ()).unwrap());
    same(load(text.replace('\n', "\r\n\r\n"), |_| ()).unwrap());
    same(load(text.replace(',', "|"), |_| ()).unwrap());
}

#[test]
fn files_of_other_kinds_are_called_by_their_names() {
    let rows: String = (0..40).map(|i| format!("{i},{}\n", i % 2)).collect();
    let arff = "@relation x\n@attribute a numeric\n@attribute t {0,1}\n@data\n";
    refuses_with(format!("{arff}{rows}"), "this is ARFF", |c| c.label = Some("-1".into()));
    let r = table("a,b", |i| format!("{},{i},{}", i + 1, i * 2));
    refuses(r, "if these are the rows' names, as R writes them");
    let twice = table("a,a", |i| format!("{i},{i}"));
    refuses(twice, "two columns are called 'a'");
}

#[test]
fn unknown_and_missing_values_are_as_the_settings_say() {
    let train = table("x,c", |i| format!("{},{}", i % 9, ["u", "v"][i % 2]));
    let dir = TempDir::new().unwrap();
    let test = dir.path().join("test.csv");
    let with = |content: &str, change: &dyn Fn(&mut DataConfig)| {
        fs::write(&test, content).unwrap();
        load(&train, |c| {
            c.test = Some(test.clone());
            change(c);
        })
    };
    let unknown = with("x,c,t\n1,w,a\n", &|_| ()).map(|d| d.description).unwrap_err();
    assert!(unknown.to_string().contains("line 2, column 'c': 'w' does not occur"), "{unknown}");
    let data = with("x,c,t\n1,w,a\n", &|c| c.unknown = Unknown::Missing).unwrap();
    assert_eq!(data.test.inputs(), Some(&[1.0, 0.0, 0.0][..]));
    let missing = with("x,c,t\n,u,a\n", &|_| ()).map(|d| d.description).unwrap_err();
    assert!(missing.to_string().contains("line 2, column 'x': the value is missing"), "{missing}");
    let data = with("t,c,x\na,u,NA\n", &|c| c.missing = Missing::Zero).unwrap();
    assert_eq!(data.test.inputs(), Some(&[0.0, 1.0, 0.0][..]));
    let skipped = with("x,c,t\n1,u,\n2,v,b\n", &|c| c.skip_unlabelled = true).unwrap();
    assert_eq!(skipped.test.labels(), [1]);
}

#[test]
fn labels_and_columns_that_a_format_has_no_use_for_are_refused() {
    let dir = TempDir::new().unwrap();
    let put = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let y = put("y.npy", &fanin::format::npy::npy("|u1", "(40,)", vec![1; 40]));
    let csv = put("x.csv", table("x", |i| i.to_string()).as_bytes());
    let rows: String = (0..40).map(|i| format!("{} 1:{i}\n", i % 2)).collect();
    let svm = put("x.svm", rows.as_bytes());
    let problem =
        |config: DataConfig| config.load().map(|d| d.description).unwrap_err().to_string();
    for train in [&csv, &svm] {
        let label = (train == &csv).then(|| "t".to_string());
        let (train, train_labels) = (Some(train.clone()), Some(y.clone()));
        let refused = problem(DataConfig { train, train_labels, label, ..DataConfig::default() });
        assert!(refused.contains("file holds its labels"), "{refused}");
    }
    let (train, label) = (Some(svm), Some("1".to_string()));
    let refused = problem(DataConfig { train, label, ..DataConfig::default() });
    assert!(refused.contains("`label` is for tables of text"), "{refused}");
}

#[test]
fn values_that_no_network_can_compute_with_are_refused() {
    let train = table("x,y", |i| format!("{},{}", i % 9, i % 7));
    let dir = TempDir::new().unwrap();
    let test = dir.path().join("test.csv");
    for (value, is_read) in [("1e10", true), ("1e19", false), ("1e30", false), ("-1e300", false)] {
        fs::write(&test, format!("x,y,t\n{value},1,a\n")).unwrap();
        let data = load(&train, |c| {
            (c.test, c.normalize) = (Some(test.clone()), Normalize::Standard);
        });
        match data {
            Ok(_) => assert!(is_read, "{value}"),
            Err(problem) => {
                let problem = problem.to_string();
                assert!(!is_read && problem.contains("line 2, column 'x': the value is too far"));
            }
        }
    }
}

#[test]
fn a_missing_category_is_none_of_those_known_if_training_rows_miss_some_too() {
    let colours = |i: usize| ["red", "", "?", "blue"][i % 4];
    let with_gaps =
        table("x,colour,shape", |i| format!("{i},{},{}", colours(i), ["round", "flat"][i % 2]));
    let data = load(&with_gaps, |_| ()).unwrap();
    let note = "missing values of 'colour' (50.0 %) count as none of the column's categories";
    assert!(data.notes.iter().any(|said| said.contains(note)), "{:?}", data.notes);
    assert_eq!(data.train.features(), 5);
    // x, blue, red, flat, round: a gap has neither colour.
    let inputs = data.train.inputs().unwrap();
    let gaps = inputs.chunks_exact(5).filter(|row| row[1..3] == [0.0, 0.0]).count();
    let has_gap = |row: &usize| row % 4 == 1 || row % 4 == 2;
    let held_out = data.test_rows.as_deref().unwrap();
    let kept = (0..40).filter(|row| !held_out.contains(&(*row as u32)));
    assert_eq!(gaps, kept.filter(has_gap).count());
    // Another file may have gaps where the training rows have them, and nowhere else.
    let read = |text: &str, missing: Missing| {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("more.csv");
        fs::write(&path, text).unwrap();
        let config = DataConfig { missing, ..DataConfig::default() };
        let features = data.train.features();
        let read = config.read_labelled(&path, None, &data.schema, &data.scaling, features);
        read.map(|rows| rows.samples.inputs().unwrap().to_vec()).map_err(|e| e.to_string())
    };
    let gap = read("x,colour,shape,t\n3,,flat,a\n", Missing::Auto).unwrap();
    assert_eq!(gap[1..], [0.0, 0.0, 1.0, 0.0]);
    let refused = read("x,colour,shape,t\n3,red,,a\n", Missing::Auto).unwrap_err();
    assert!(refused.contains("column 'shape': the value is missing"), "{refused}");
    let refused = read("x,colour,shape,t\n3,,flat,a\n", Missing::Error).unwrap_err();
    assert!(refused.contains("column 'colour': the value is missing"), "{refused}");
    assert!(read("x,colour,shape,t\n3,,,a\n", Missing::Zero).is_ok());
    // Numbers are not, and `error` refuses both.
    refuses(table("x,y", |i| format!("{i},{}", ["1", ""][i % 2])), "'y': the value is missing");
    refuses_with(with_gaps, "'colour': the value is missing", |c| c.missing = Missing::Error);
}

#[test]
fn what_looks_like_one_thing_and_is_another_is_told() {
    // Files put together with their headers, of which all columns are texts.
    let part =
        table("colour,shape", |i| format!("{},{}", ["red", "blue"][i % 2], ["x", "y"][i % 2]));
    refuses(format!("{part}{part}"), "line 42 is the header again");
    // UTF-16 without its mark, and with the flag that reads it.
    let text = table("x,y", |i| format!("{i},{}", i % 3));
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    refuses(&utf16, "`encoding` utf-16 reads it");
    let data = load(&utf16, |c| c.encoding = Encoding::Utf16).unwrap();
    assert_eq!((rows(&data), data.train.features()), (40, 2));
    // TRUE and true are one category, in the file and in later ones.
    let said = |i: usize| ["TRUE", "true", "False", "FALSE"][i % 4];
    let data = load(table("x,wild", |i| format!("{i},{}", said(i))), |_| ()).unwrap();
    assert_eq!(data.train.features(), 3, "{:?}", data.schema.columns);
    // Times among dates, times that there are not, and dates written as they are here.
    let seconds = |c: &mut DataConfig| c.dates = Dates::Seconds;
    let with = |odd: &'static str| {
        move |i: usize| {
            if i == 30 { odd.into() } else { format!("2026-01-{:02} 10:00", i % 28 + 1) }
        }
    };
    refuses_with(
        table("when", with("12:30")),
        "line 32, column 'when': '12:30' is a time",
        seconds,
    );
    for odd in ["25:00", "2026-13-01"] {
        refuses_with(table("when", with(odd)), "line 32, column 'when'", seconds);
    }
    for good in ["2026.01.05 10:00", "20260105T1000", "20260105T100000Z"] {
        let data = load(table("when", with(good)), seconds).unwrap();
        assert_eq!(data.schema.columns[0].kind, Kind::Seconds, "{good}");
    }
    refuses(table("when", |i| format!("{:02}:0{}", i % 30, i % 7)), "dates");
    // A plain file that is called gzip is what it is.
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.csv.gz");
    fs::write(&path, &text).unwrap();
    let (train, label) = (Some(path), Some("t".to_string()));
    let config = DataConfig { train, label, ..DataConfig::default() };
    assert_eq!(rows(&config.load().unwrap()), 40);
    // Settings of another format are not passed over.
    refuses_with(&text, "`features` is for SVMlight", |c| c.features = Some(9));
    refuses_with(&text, "`zero-based` is for SVMlight", |c| c.zero_based = true);
}

#[test]
fn what_numbers_may_lose_is_said() {
    let scaled = |c: &mut DataConfig| c.normalize = Normalize::Standard;
    let said = |text: String| load(text, scaled).unwrap().notes.join("; ");
    let big = table("n,x", |i| format!("{},{i}", 9_007_199_254_740_993u64 + i as u64));
    assert!(said(big).contains("whose last digits are lost"));
    let days = table("d,x", |i| format!("202101{:02},{}", i % 28 + 1, i * 7 % 11));
    assert!(said(days).contains("'d' may be dates written as 20261126"));
    let codes = table("zip,x", |i| format!("{:03},{}", i % 20, i * 7 % 11));
    assert!(said(codes).contains("'zip' has numbers with leading zeros"));
    let plain = table("a,b", |i| format!("{}.5,{}", i % 10, i * 7 % 11));
    assert_eq!(said(plain), "");
    let cases = table("c,x", |i| format!("{},{i}", ["red", "Red", "blue"][i % 3]));
    assert!(said(cases).contains("which differ in case alone"));
    // A comma that is decimal, and a point that then is not.
    let mixed =
        table("p;v", |i| format!("{}.{};{},5", 1 + i % 9, 100 + i * 7, i)).replace(",t", ";t");
    let mixed = mixed.replace(",a", ";a").replace(",b", ";b");
    refuses(&mixed, "column 'p' has numbers with a point, and column 'v' has decimal commas");
    // Also beside a column that is said to be of categories.
    let named = |config: &mut DataConfig| config.categorical = vec!["k".into()];
    let beside = mixed.replace("p;v", "p;v;k").replace(",5;", ",5;u;");
    refuses_with(beside, "column 'p' has numbers with a point, and column 'v' has decimal", named);
    // Delimiters at the end, of rows alone and of all lines.
    refuses(
        table("x,y", |i| format!("{i},{}", i % 3))
            .replace(",a\n", ",a,\n")
            .replace(",b\n", ",b,\n"),
        "line 2 ends with a delimiter and the first line does not",
    );
    let all = table("x,y", |i| format!("{i},{}", i % 3)).replace('\n', ",\n");
    refuses(&all, "column '' (4) has no values: `drop` 4 leaves it out");
    assert_eq!(load(&all, |c| c.drop = vec!["4".into()]).unwrap().train.features(), 2);
    // Dates that no setting reads are not sent to one.
    let refused = load(table("d", |i| format!("{:02}.01.2021", i % 28 + 1)), |_| ());
    let refused = refused.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("holds dates") && !refused.contains("`dates`"), "{refused}");
}
