//! Formats of text against damaged files: a typed error with file and line, and never a panic, a
//! hang, or more memory than the file is worth.

use fanin::dataset::{DataConfig, DataProblem, Error, Header, Missing};
use files::{good_csv, gzip};
use loader::{Loader, alone};
use std::fs;
use tempfile::TempDir;

#[path = "common/files.rs"]
mod files;
#[path = "common/loader.rs"]
mod loader;

#[test]
fn damaged_csv_is_refused_with_line_and_column() {
    let _alone = alone();
    let good = good_csv();
    let loader = Loader::of_csv("data.csv", good.clone().into_bytes());
    let with = |from: &str, to: &str| good.replacen(from, to, 1).into_bytes();
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("empty", vec![], "no rows of values"),
        ("blank", b"\n\n\n".to_vec(), "no rows of values"),
        ("header alone", with(&good[24..], ""), "no rows of values"),
        ("a field less", with("3,9.5,red,oak", "3,9.5,oak"), "line 5: 3 fields where there are 4"),
        ("a field more", with("3,9.5,red", "3,9.5,1,red"), "line 5: 5 fields where there are 4"),
        ("a row cut", with("7,21.5,green,ash\n", "7,21\n"), "line 9: 2 fields"),
        ("text in a number", with("4,12.5", "4,twelve"), "line 6, column 2: 'twelve'"),
        ("two points", with("4,12.5", "4,1.2.5"), "line 6, column 2: '1.2.5'"),
        (
            "a comma number",
            with("4,12.5", "4,\"12,5\""),
            "line 6, column 'weight': '12,5' has a decimal comma, other values have points",
        ),
        ("infinity", with("4,12.5", "4,inf"), "line 6, column 2: 'inf' is not a finite"),
        ("minus infinity", with("4,12.5", "4,-inf"), "line 6, column 2: '-inf' is not a finite"),
        ("too large for f64", with("4,12.5", "4,1e999"), "line 6, column 2: '1e999'"),
        (
            "too large for f32",
            with("4,12.5", "4,1e39"),
            "line 6, column 'weight': the value is too",
        ),
        ("hexadecimal", with("4,12.5", "4,0x1f"), "line 6, column 2: '0x1f'"),
        ("NaN", with("4,12.5", "4,NaN"), "line 6, column 'weight': the value is missing"),
        ("nothing", with("4,12.5", "4,"), "line 6, column 'weight': the value is missing"),
        ("a blank", with("4,12.5", "4,  "), "line 6, column 'weight': the value is missing"),
        ("NA", with("4,12.5,green", "4,NA,green"), "line 6, column 'weight': the value is missing"),
        ("no label", with("green,ash", "green,"), "column 'kind': the value is missing"),
        ("two columns alike", with("weight", "size"), "two columns are called 'size'"),
        ("another label", with("kind", "sort"), "no column 'kind': the columns are size, weight"),
        ("not UTF-8", [good.as_bytes(), b"40,1,\xff\xfe,oak\n"].concat(), "line 42 is not UTF-8"),
        ("label not UTF-8", [good.as_bytes(), b"40,1,red,\xff\n"].concat(), "line 42 is not UTF-8"),
        (
            "header not UTF-8",
            [b"\xff,".as_slice(), good.as_bytes()].concat(),
            "line 1 is not UTF-8",
        ),
        ("zeros", vec![0; 4096], "bytes of 0"),
        ("garbage", (0..4096u32).map(|i| ((i * 7919) >> 3) as u8).collect(), "data.csv"),
        ("a huge line", [b"kind,x\n".to_vec(), vec![b'a'; 17 << 20]].concat(), "a line is longer"),
        ("an open quote", with("3,9.5", "3,\"9.5"), "line 5"),
        ("another delimiter", good.replace(',', ";;").into_bytes(), "two columns are called ''"),
        ("gzip of nothing", gzip(b""), "no rows of values"),
        ("gzip cut", gzip(good.as_bytes())[..60].to_vec(), "damaged gzip stream"),
        (
            "gzip changed",
            {
                let mut g = gzip(good.as_bytes());
                g[40] ^= 8;
                g
            },
            "data.csv",
        ),
        ("gzip bomb", gzip(&vec![b'x'; 64 << 20]), "a line is longer"),
    ];
    assert!(cases.len() >= 30);
    for (case, bytes, message) in cases {
        loader.refuses_within(64 << 20, case, bytes, message);
    }
}

#[test]
fn harmless_oddities_of_csv_change_nothing() {
    let _alone = alone();
    let good = good_csv();
    let loader = Loader::of_csv("data.csv", good.clone().into_bytes());
    let expected = loader.load(good.as_bytes()).unwrap();
    let padded = good.replace(',', " , ");
    let quoted = good.replace("red", "\"red\"");
    let variants: [(&str, Vec<u8>); 8] = [
        ("BOM", [b"\xef\xbb\xbf".as_slice(), good.as_bytes()].concat()),
        ("CRLF", good.replace('\n', "\r\n").into_bytes()),
        ("BOM and CRLF", format!("\u{feff}{}", good.replace('\n', "\r\n")).into_bytes()),
        ("no last newline", good.trim_end().as_bytes().to_vec()),
        ("blank lines", good.replace("\n3,", "\n\n3,").into_bytes()),
        ("white space", padded.into_bytes()),
        ("quotes", quoted.into_bytes()),
        ("gzip without the name", gzip(good.as_bytes())),
    ];
    for (case, bytes) in variants {
        let data = loader.load(&bytes).unwrap_or_else(|problem| panic!("{case}: {problem}"));
        assert_eq!(data.train.inputs(), expected.train.inputs(), "{case}");
        assert_eq!(data.schema, expected.schema, "{case}");
    }
    for (name, delimiter) in [("data.tsv", "\t"), ("data.csv", ";")] {
        let bytes = good.replace(',', delimiter).into_bytes();
        let data = Loader::of_csv(name, bytes.clone()).load(&bytes).unwrap();
        assert_eq!(data.train.inputs(), expected.train.inputs(), "{name}");
    }
}

#[test]
fn missing_values_are_filled_as_asked_from_training_rows() {
    let _alone = alone();
    let good = good_csv().replace("\n4,12.5", "\n4,").replace("9,27.5,red", "9,27.5,?");
    for missing in [Missing::Mean, Missing::Zero] {
        let mut loader = Loader::of_csv("data.csv", good_csv().into_bytes());
        loader.config.missing = missing;
        let data = loader.load(good.as_bytes()).unwrap();
        let known = data.schema.columns[1].mean.unwrap();
        let fill = if missing == Missing::Mean { known as f32 } else { 0.0 };
        let test = data.test_rows.clone().unwrap();
        let kept: Vec<f64> = (0..40)
            .filter(|row| !test.contains(row) && *row != 4)
            .map(|row| f64::from(row * 3) + 0.5)
            .collect();
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        match missing {
            Missing::Mean => assert!((known - mean).abs() < 1e-9, "{known}, {mean}"),
            _ => assert_eq!(fill, 0.0),
        }
        let values = [data.train.inputs().unwrap(), data.test.inputs().unwrap()].concat();
        let rows: Vec<&[f32]> = values.chunks(5).collect();
        assert!(rows.iter().any(|row| row[0] == 4.0 && row[1] == fill));
        // A missing category is none of those known.
        assert!(rows.iter().any(|row| row[0] == 9.0 && row[2..] == [0.0; 3]));
    }
}

#[test]
fn damaged_svmlight_is_refused_with_its_line() {
    let _alone = alone();
    let good: String = (0..30).map(|i| format!("{} 1:{i} 3:{}.5 # row\n", i % 3, i * 2)).collect();
    let loader = Loader::new("data.svm", good.clone().into_bytes(), None);
    let data = loader.load(good.as_bytes()).unwrap();
    assert_eq!((data.train.features(), data.train.outputs()), (3, 3));
    assert_eq!((data.train.len(), data.test.len()), (24, 6));
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    let entry = "is no index:value with ascending indices from 1";
    for (case, to) in [
        ("index 0", "0:4"),
        ("a negative index", "-1:4"),
        ("an index too large", "4294967296:4"),
        ("no index", ":4"),
        ("no value", "1:"),
        ("no colon", "14"),
        ("text", "1:four"),
        ("NaN", "1:nan"),
        ("infinity", "1:inf"),
        ("too large for f64", "1:1e400"),
        ("descending", "5:4"),
        ("twice", "3:4"),
        ("two colons", "1:4:4"),
        ("a float index", "1.5:4"),
        ("a word", "one:4"),
        ("the last index", "4294967295:4"),
    ] {
        let message = if case == "the last index" { "line 5" } else { entry };
        loader.refuses(case, with("1:4 ", &format!("{to} ")).as_bytes(), message);
        loader.refuses(case, with("1:4 ", &format!("{to} ")).as_bytes(), "line 5");
    }
    let none = "no rows of values";
    let many: String = (0..70_000).map(|i| format!("class{i} 1:1\n")).collect();
    let cases: [(&str, Vec<u8>, &str); 14] = [
        ("empty", vec![], none),
        ("blank", b"\n \n\n".to_vec(), none),
        ("comments alone", b"# 1 1:2\n#\n".to_vec(), none),
        ("labels alone", b"1\n2\n1\n".to_vec(), none),
        ("no label", with("1 1:4", "1:4").into_bytes(), "line 5"),
        ("an enormous width", with("3:8.5", "400000000:8.5").into_bytes(), "bytes of memory"),
        ("not UTF-8", [good.as_bytes(), b"1 1:\xff\n"].concat(), "line 31 is not UTF-8"),
        ("zeros", vec![0; 300], none),
        ("a huge line", vec![b'1'; 17 << 20], "a line is longer"),
        ("a CSV", good_csv().into_bytes(), "no rows of values"),
        ("too many classes", many.into_bytes(), "more than 65536 classes"),
        ("gzip cut", gzip(good.as_bytes())[..50].to_vec(), "damaged gzip"),
        ("gzip bomb", gzip(&vec![b'1'; 64 << 20]), "a line is longer"),
        ("gzip of nothing", gzip(b""), none),
    ];
    for (case, bytes, message) in cases {
        loader.refuses_within(64 << 20, case, &bytes, message);
    }
}

#[test]
fn labels_of_a_test_file_must_be_classes_of_the_training_file() {
    let _alone = alone();
    let loader = Loader::of_csv("data.csv", good_csv().into_bytes());
    fs::write(&loader.file, good_csv()).unwrap();
    let test = loader.dir.path().join("test.csv");
    let config = DataConfig { test: Some(test.clone()), ..loader.config.clone() };
    // Other columns, in another order, with one more.
    fs::write(&test, "kind,note,colour,weight,size\nelm,x,blue,2,1\n").unwrap();
    let data = config.load().unwrap();
    assert_eq!(data.test.inputs(), Some(&[1.0, 2.0, 1.0, 0.0, 0.0][..]));
    assert_eq!((data.test.labels(), data.schema.class(1)), (&[1][..], "elm".into()));
    for (text, message) in [
        ("kind,colour,weight,size\nyew,blue,2,1\n", "line 2: 'yew' is no class"),
        (
            "kind,colour,weight,size\nelm,pink,2,1\n",
            "line 2, column 'colour': 'pink' does not occur",
        ),
        ("kind,colour,weight\nelm,blue,2\n", "needs column 'size', which is not there"),
        ("kind,colour\nelm,blue\n", "needs columns 'size', 'weight', which are not there"),
        ("size,weight,colour\n1,2,blue\n", "no column 'kind'"),
    ] {
        fs::write(&test, text).unwrap();
        let problem = config.load().unwrap_err().to_string();
        assert!(problem.contains(message) && problem.contains("test.csv"), "{problem}");
    }
}

#[test]
fn tables_without_a_header_go_by_number() {
    let _alone = alone();
    let rows: String = (0..20).map(|i| format!("{},{i},{}\n", i % 2, i * i)).collect();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("data.csv");
    fs::write(&file, &rows).unwrap();
    let load = |label: &str, header| {
        let label = Some(label.to_string());
        DataConfig { train: Some(file.clone()), label, header, ..DataConfig::default() }.load()
    };
    let data = load("1", Header::Auto).unwrap();
    assert_eq!((data.train.outputs(), data.train.features()), (2, 2));
    assert_eq!(load("-3", Header::No).unwrap().train.inputs(), data.train.inputs());
    assert!(matches!(
        load("4", Header::Auto),
        Err(Error::Data { problem: DataProblem::UnknownColumn { .. }, .. })
    ));
    let no_label = DataConfig { train: Some(file.clone()), ..DataConfig::default() };
    assert!(matches!(no_label.load(), Err(Error::Data { problem: DataProblem::NoLabel, .. })));
    // Numbers that are names.
    let label = Some("1".to_string());
    let categorical = vec!["2".to_string()];
    let config = DataConfig { train: Some(file), label, categorical, ..DataConfig::default() };
    assert_eq!(config.load().unwrap().train.features(), 21);
}
