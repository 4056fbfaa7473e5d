//! Files from real life that were once read wrongly, recreated: each with its right answer. One
//! list, though longer than 400 lines.

use command::{fanin, run, summary};
use fanin::dataset::{DataConfig, Dataset, Error, Missing};
use files::{gzip, npy, zip};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

#[path = "common/command.rs"]
mod command;
#[path = "common/files.rs"]
mod files;

const TREES: [&str; 3] = ["oak", "elm", "ash"];
const ROWS: usize = 120;

/// The tree of a row.
fn kind(row: usize) -> usize {
    row * 7 % 11 % 3
}

/// Four numbers that tell the trees apart.
fn numbers(row: usize) -> [f64; 4] {
    let wobble = |k: usize| ((row * (13 + 6 * k)) % 97) as f64 / 97.0;
    let center = [[0.0, 4.0, -2.0, 1.0], [5.0, -1.0, 3.0, 4.0], [-4.0, -3.0, 1.0, -5.0]][kind(row)];
    std::array::from_fn(|k| ((center[k] + wobble(k)) * 100.0).round() / 100.0)
}

/// Rows of text; `write` gets the numbers and the tree.
fn rows(write: impl Fn(usize, [f64; 4], &str) -> String) -> String {
    (0..ROWS).map(|row| write(row, numbers(row), TREES[kind(row)]) + "\n").collect()
}

fn plain(_: usize, x: [f64; 4], tree: &str) -> String {
    format!("{},{},{},{},{tree}", x[0], x[1], x[2], x[3])
}

/// The table as it should be written.
fn trees() -> String {
    format!("a,b,c,d,tree\n{}", rows(plain))
}

/// A folder with a file.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(TempDir::new().unwrap())
    }

    fn with(name: &str, content: impl AsRef<[u8]>) -> (Folder, PathBuf) {
        let folder = Folder::new();
        let path = folder.put(name, content);
        (folder, path)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A run on a training file, in `run/`; returns its model.
    fn train(&self, train: &PathBuf, flags: &[&str]) -> PathBuf {
        let out = self.0.path().join("run");
        let mut command = fanin();
        command.args(["train", "--quiet", "--hidden", "8", "--sparsity", "0", "--epochs", "30"]);
        command
            .args(["--lr", "0.05", "--force", "--threads", "1", "--train"])
            .arg(train)
            .args(flags);
        run(command.arg("--out").arg(&out));
        out.join("model.safetensors")
    }
}

/// Loads a file with the label `tree`, or what `change` says.
fn load(
    name: &str,
    content: impl AsRef<[u8]>,
    change: impl Fn(&mut DataConfig),
) -> Result<Dataset, Error> {
    let (_folder, path) = Folder::with(name, content);
    let mut config =
        DataConfig { train: Some(path), label: Some("tree".into()), ..DataConfig::default() };
    change(&mut config);
    config.load()
}

/// The same rows as of the table that is written as it should be.
fn is_as_plain(data: &Dataset) {
    let plain = load("plain.csv", trees(), |_| ()).unwrap();
    assert_eq!(data.train.inputs(), plain.train.inputs());
    assert_eq!(data.train.labels(), plain.train.labels());
    assert_eq!(data.test.inputs(), plain.test.inputs());
    assert_eq!(data.test.labels(), plain.test.labels());
}

fn problem(data: Result<Dataset, Error>) -> String {
    data.map(|data| data.description).unwrap_err().to_string()
}

#[test]
fn a_class_may_be_called_none() {
    let table = trees().replace(",oak", ",None");
    let data = load("x.csv", &table, |_| ()).unwrap();
    assert_eq!(data.schema.classes, ["None", "ash", "elm"]);
    let marked = load("x.csv", &table, |c| c.missing_values = vec!["None".into()]);
    assert!(problem(marked).contains("line 2, column 'tree': the value is missing"));
}

#[test]
fn decimal_commas_are_read() {
    let comma = |x: f64| format!("{x:.2}").replace('.', ",");
    let written = rows(|_, x, tree| format!("{};{tree}", x.map(comma).join(";")));
    let data = load("x.csv", format!("a;b;c;d;tree\n{written}"), |_| ()).unwrap();
    is_as_plain(&data);
}

#[test]
fn columns_are_left_out() {
    let table = rows(|row, x, tree| format!("{},{}", row + 1, plain(row, x, tree)));
    let table = format!("Id,a,b,c,d,tree\n{table}");
    let data = load("x.csv", &table, |_| ()).unwrap();
    assert!(data.notes[0].contains("column 'Id' numbers the rows"), "{:?}", data.notes);
    for drop in ["Id", "1", "-6"] {
        is_as_plain(&load("x.csv", &table, |c| c.drop = vec![drop.into()]).unwrap());
    }
    for columns in ["a:d", "2:5", "-5:-2"] {
        is_as_plain(&load("x.csv", &table, |c| c.columns = vec![columns.into()]).unwrap());
    }
}

#[test]
fn numbers_that_are_equal_are_one_class() {
    let ways = |row: usize| [["0", "0.0"], ["1", "+1"], ["2", "2.00"]][kind(row)][row % 2];
    let table = rows(|row, x, _| plain(row, x, ways(row)));
    let data = load("x.csv", format!("a,b,c,d,tree\n{table}"), |_| ()).unwrap();
    assert_eq!(data.schema.classes, ["0", "1", "2"]);
    let sparse = rows(|row, x, _| format!("{} 1:{} 4:{}", ways(row), x[0], x[3]));
    let data = load("x.svm", sparse, |c| c.label = None).unwrap();
    assert_eq!(data.schema.classes, ["0", "1", "2"]);
}

#[test]
fn sparse_rows_are_known_by_their_content() {
    let sparse = rows(|row, x, _| format!("{} 1:{} 4:{}", ["-1", "+1"][row % 2], x[0], x[3]));
    for name in ["a9a", "a9a.t", "rows.txt", "a9a.gz"] {
        let bytes =
            if name.ends_with("gz") { gzip(sparse.as_bytes()) } else { sparse.clone().into() };
        let data = load(name, bytes, |c| c.label = None).unwrap();
        assert_eq!((data.train.features(), data.train.outputs()), (4, 2), "{name}");
    }
}

#[test]
fn macro_f1_is_over_the_classes_that_occur() {
    let folder = Folder::new();
    let train = folder.put("train.csv", trees());
    let common: String = trees()
        .lines()
        .filter(|line| !line.ends_with("elm"))
        .map(|l| l.to_string() + "\n")
        .collect();
    let test = folder.put("test.csv", common);
    let model = folder.train(&train, &["--label", "tree"]);
    let eval = run(fanin().arg("eval").arg(&model).arg("--test").arg(test).arg("--json"));
    let eval: serde_json::Value = serde_json::from_str(&eval).unwrap();
    assert_eq!((&eval["accuracy"], &eval["macro_f1"]), (&1.0.into(), &1.0.into()));
}

#[test]
fn a_missing_value_in_the_first_row_makes_no_category() {
    let table = trees().replacen(&numbers(0)[0].to_string(), ".", 1);
    let refused = problem(load("x.csv", &table, |_| ()));
    assert!(refused.contains("line 2, column 'a': the value is missing"), "{refused}");
    let data = load("x.csv", &table, |c| c.missing = Missing::Mean).unwrap();
    assert_eq!(data.train.features(), 4);
    let table = trees().replacen(&numbers(0)[0].to_string(), "none yet", 1);
    let refused = problem(load("x.csv", &table, |_| ()));
    assert!(refused.contains("line 2, column 1: 'none yet' is not a finite number"), "{refused}");
    let data = load("x.csv", &table, |c| {
        (c.missing, c.missing_values) = (Missing::Mean, vec!["none yet".into()]);
    });
    assert_eq!(data.unwrap().train.features(), 4);
}

/// The numbers of all rows as NumPy has them.
fn array() -> Vec<u8> {
    let data: Vec<u8> = (0..ROWS).flat_map(numbers).flat_map(f64::to_le_bytes).collect();
    npy("<f8", &format!("({ROWS}, 4)"), &data)
}

#[test]
fn labels_that_are_nan_are_missing() {
    let label = |row: usize| if row % 9 == 5 { f64::NAN } else { kind(row) as f64 };
    let labels: Vec<u8> = (0..ROWS).map(label).flat_map(f64::to_le_bytes).collect();
    let y = npy("<f8", &format!("({ROWS},)"), &labels);
    let archive = zip(&[("x.npy", array()), ("y.npy", y)]);
    let refused = problem(load("x.npz", &archive, |c| c.label = None));
    assert!(refused.contains("line 6") && refused.contains("it is the label"), "{refused}");
    let data = load("x.npz", &archive, |c| (c.label, c.skip_unlabelled) = (None, true)).unwrap();
    assert_eq!((data.train.len() + data.test.len(), data.train.outputs()), (ROWS - 13, 3));
}

#[test]
fn arrays_that_are_not_needed_are_passed_over() {
    let y: Vec<u8> = (0..ROWS).map(|row| kind(row) as u8).collect();
    let y = npy("|u1", &format!("({ROWS},)"), &y);
    let names = npy("|O", "(4,)", b"\x80\x03]q\x00.");
    let archive = zip(&[("feature_names.npy", names), ("X.npy", array()), ("y.npy", y)]);
    let data = load("x.npz", archive, |c| c.label = None).unwrap();
    assert_eq!((data.train.features(), data.train.outputs()), (4, 3));
}

#[test]
fn names_that_count_the_columns_are_names() {
    let table = trees().replacen("a,b,c,d,tree", "0,1,2,3,label", 1);
    let data = load("x.csv", table, |c| c.label = Some("-1".into())).unwrap();
    is_as_plain(&data);
    assert!(data.notes[0].contains("counts the columns"), "{:?}", data.notes);
}

#[test]
fn without_a_header_the_first_row_is_a_row_for_ever() {
    let folder = Folder::new();
    let row = |row: usize, label: bool| {
        let fields = format!("{},{},{}", ["u", "v"][row % 2], row % 10, ["x", "y"][row % 3 % 2]);
        if label { format!("{fields},{}\n", ["no", "yes"][row % 2]) } else { fields + "\n" }
    };
    let table = |label: bool, rows: usize| (0..rows).map(|r| row(r, label)).collect::<String>();
    let train = folder.put("train.data", table(true, 100));
    let model = folder.train(&train, &["--label", "-1", "--missing", "mean"]);
    // Its only number is missing.
    let new = folder.put("new.csv", table(false, 10).replacen("u,0,", "u,?,", 1));
    let answers = run(fanin().arg("predict").arg(&model).arg(new));
    assert_eq!(answers.lines().count(), 11);
    let test = folder.put("test.csv", table(true, 10).replacen("u,0,", "u,?,", 1));
    let eval = run(fanin().arg("eval").arg(&model).arg("--test").arg(test));
    assert!(eval.contains("10 test samples: accuracy 100.00 %"), "{eval}");
}

#[test]
fn a_stray_quote_in_any_column_is_an_error() {
    let folder = Folder::new();
    let train = folder.put("train.csv", trees());
    let model = folder.train(&train, &["--label", "tree"]);
    let table = "a,b,c,d,note\n1,2,3,4,ok\n5,6,7,8,\"5 inch\n1,2,3,4,ok\n1,2,3,4,ok\n";
    let output =
        fanin().arg("predict").arg(&model).arg(folder.put("new.csv", table)).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("line 3: a quote is opened here and never closed"), "{stderr}");
}

#[test]
fn what_was_trained_on_is_answered() {
    let y: Vec<u8> = (0..ROWS).map(|row| kind(row) as u8).collect();
    let y = npy("|u1", &format!("({ROWS},)"), &y);
    let sparse = rows(|row, x, _| format!("{} 1:{} 2:{} 4:{}", kind(row), x[0], x[1], x[3]));
    for (name, bytes, flags) in [
        ("rows.svm", sparse.into_bytes(), &[][..]),
        ("rows.csv.gz", gzip(trees().as_bytes()), &["--label", "tree"]),
        ("rows.npz", zip(&[("x.npy", array()), ("y.npy", y)]), &[]),
        ("rows.data", rows(plain).into_bytes(), &["--label", "-1"]),
    ] {
        let (folder, file) = Folder::with(name, bytes);
        let model = folder.train(&file, flags);
        let answers = run(fanin().arg("predict").arg(&model).arg(&file));
        assert_eq!(answers.lines().count(), ROWS + 1, "{name}");
    }
}

#[test]
fn numbers_to_be_learned_are_no_classes() {
    let table = rows(|row, x, _| plain(row, x, &(x[0] * 3.0 + 7.0).to_string()));
    let refused = problem(load("x.csv", format!("a,b,c,d,tree\n{table}"), |_| ()));
    assert!(refused.contains("different numbers in 120 rows"), "{refused}");
}

#[test]
fn a_run_goes_on_with_the_data_that_it_began_with() {
    let folder = Folder::new();
    let train = folder.put("x.csv", trees());
    folder.train(&train, &["--label", "tree", "--lr-schedule", "constant"]);
    let swapped = trees().replace(",oak", ",?").replace(",elm", ",oak").replace(",?", ",elm");
    let ordered = {
        let row = |line: &str| {
            let fields: Vec<&str> = line.split(',').collect();
            [fields[1], fields[0], fields[2], fields[3], fields[4]].join(",") + "\n"
        };
        trees().lines().map(row).collect::<String>()
    };
    let resume = || {
        let mut command = fanin();
        command.args(["train", "--quiet", "--epochs", "31", "--resume"]);
        let output = command.arg(folder.0.path().join("run")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let fewer = trees().lines().take(100).map(|line| line.to_string() + "\n").collect();
    for changed in [swapped, ordered, fewer] {
        folder.put("x.csv", changed);
        let (code, stderr) = resume();
        assert!(code == Some(1) && stderr.contains("not the data that this run began"), "{stderr}");
        // Nor are rows that were trained on tested on.
        let model = folder.0.path().join("run/model.safetensors");
        let eval = fanin().arg("eval").arg(model).output().unwrap();
        assert_eq!(eval.status.code(), Some(1));
    }
    folder.put("x.csv", trees());
    assert_eq!(resume(), (Some(0), String::new()));
}

#[test]
fn columns_at_the_limits_keep_what_they_say() {
    let of = |b: &dyn Fn(usize) -> String| {
        let table: String =
            (0..ROWS).map(|row| format!("{},{}\n", b(row), ["yes", "no"][row % 2])).collect();
        let data = load("x.csv", format!("b,tree\n{table}"), |_| ()).unwrap();
        // Two values, standardised.
        let far = |&x: &f32| (x.abs() - 1.0).abs() < 0.2;
        assert!(data.train.inputs().unwrap().iter().all(far), "{table}");
    };
    of(&|row| format!("{}e-41", [2, 4][row % 2]));
    of(&|row| format!("{}e37", [12, 24][row % 2]));
    of(&|row| format!("{}e-300", [2, 4][row % 2]));
    of(&|row| format!("{}e300", [2, 4][row % 2]));
    of(&|row| format!("16000000{}.5", [10, 50][row % 2]));
    of(&|row| format!("10000000{}", [1, 2][row % 2]));
}

#[test]
fn seconds_within_a_minute_are_told_apart() {
    let time = |row: usize| row * 37 % 600;
    let table: String = (0..600)
        .map(|row| {
            let (time, noise) = (time(row), row * 13 % 7);
            let half = if time < 300 { "early" } else { "late" };
            format!("{}.{},{noise},{half}\n", 1_600_000_000 + time / 10, time % 10)
        })
        .collect();
    let (_folder, file) = Folder::with("x.csv", format!("time,noise,half\n{table}"));
    let flags = ["--hidden", "16", "--sparsity", "0.5", "--batch", "16", "--lr", "0.01"];
    let more = ["--epochs", "30", "--label", "half", "--train", file.to_str().unwrap()];
    let accuracy = summary(&[&flags[..], &more].concat())["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.95, "{accuracy}");
}

#[test]
fn bytes_in_rows_and_columns_are_a_table() {
    let byte = |row: usize| [kind(row) as u8, (row * 31 % 251) as u8, (row * 3 % 7) as u8];
    let bytes: Vec<u8> = (0..ROWS).flat_map(byte).collect();
    let wide: Vec<u8> = bytes.iter().flat_map(|&x| i32::from(x).to_le_bytes()).collect();
    let y: Vec<u8> = (0..ROWS).map(|row| kind(row) as u8).collect();
    let folder = Folder::new();
    let labels = folder.put("y.npy", npy("|u1", &format!("({ROWS},)"), &y));
    let of = |descr: &str, data: &[u8]| {
        let x = folder.put("x.npy", npy(descr, &format!("({ROWS}, 3)"), data));
        let train_labels = Some(labels.clone());
        DataConfig { train: Some(x), train_labels, ..DataConfig::default() }.load().unwrap()
    };
    let (a, b) = (of("|u1", &bytes), of("<i4", &wide));
    assert_eq!((a.train.inputs(), &a.scaling), (b.train.inputs(), &b.scaling));
    assert!(a.train.inputs().is_some());
}

#[test]
fn rows_are_not_swallowed() {
    let lines: Vec<String> = trees().lines().map(String::from).collect();
    for (place, stray) in [(62, "\"oak"), (119, "\"ash"), (2, "\"x y")] {
        let mut lines = lines.clone();
        let at = lines[place - 1].rfind(',').unwrap() + 1;
        lines[place - 1].replace_range(at.., stray);
        let refused = problem(load("x.csv", lines.join("\n") + "\n", |_| ()));
        let message = format!("line {place}: a quote is opened here and never closed");
        assert!(refused.contains(&message), "{refused}");
    }
}

#[test]
fn a_category_that_is_not_known_is_an_answer_less() {
    let folder = Folder::new();
    let row = |row: usize| format!("{},{}", row % 10, ["mill", "mine"][row % 2]);
    let table = |rows: usize, label: bool| -> String {
        let label = |row: usize| if label { [",no", ",yes"][row % 2] } else { "" };
        (0..rows).map(|r| format!("{}{}\n", row(r), label(r))).collect()
    };
    let train = folder.put("train.csv", format!("a,work,rich\n{}", table(100, true)));
    let model = folder.train(&train, &["--label", "rich"]);
    let port = |text: String| text.replacen("1,mine", "1,port", 1);
    let new = folder.put("new.csv", format!("a,work\n{}", port(table(60, false))));
    let test = folder.put("test.csv", format!("a,work,rich\n{}", port(table(60, true))));
    let output = fanin().arg("predict").arg(&model).arg(&new).output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), answers.lines().count()), (Some(1), 61));
    assert_eq!(answers.lines().nth(2), Some(",,"));
    assert!(stderr.contains("line 3, column 'work': 'port' does not occur"), "{stderr}");
    assert!(stderr.contains("1 of 60 rows have no answer"), "{stderr}");
    let unknown = ["--unknown", "missing"];
    let answers = run(fanin().arg("predict").arg(&model).arg(&new).args(unknown));
    assert!(answers.lines().count() == 61 && !answers.contains(",,"));
    let eval = run(fanin().arg("eval").arg(&model).arg("--test").arg(&test).args(unknown));
    assert!(eval.contains("60 test samples"), "{eval}");
}

#[test]
fn white_space_separates() {
    let table = rows(|_, x, tree| {
        format!("  {:>8.2} {:>8.2} {:>8.2} {:>8.2}   {tree}", x[0], x[1], x[2], x[3])
    });
    is_as_plain(&load("x.data", table, |c| c.label = Some("-1".into())).unwrap());
    let tabs = rows(|row, x, tree| {
        let gap = ["\t", "\t\t"][usize::from(row % 9 == 4)];
        format!("{}\t{}{gap}{}\t{}\t{tree}", x[0], x[1], x[2], x[3])
    });
    is_as_plain(&load("x.txt", tabs, |c| c.label = Some("-1".into())).unwrap());
}

#[test]
fn wide_tables_are_read_in_steps_that_grow_with_their_width() {
    // Twenty thousand names: to compare each with each would take a hundred times as long as this
    // test may.
    let names: Vec<String> = (0..20_000).map(|i| format!("gene_{i}")).collect();
    let row = |r: usize| {
        (0..20_000).map(|i| ((i * 7 + r) % 10).to_string()).collect::<Vec<_>>().join(",")
    };
    let rows: String = (0..6).map(|r| format!("{},{}\n", row(r), ["a", "b"][r % 2])).collect();
    let (folder, file) = Folder::with("w.csv", format!("{},kind\n{rows}", names.join(",")));
    let model = folder.train(&file, &["--label", "kind"]);
    let answers = run(fanin().arg("predict").arg(&model).arg(&file));
    assert_eq!(answers.lines().count(), 7);
}

#[test]
fn a_layer_of_one_neuron_is_said_to_learn_nothing() {
    let (_folder, file) = Folder::with("x.csv", trees());
    for hidden in ["1", "16,1,16"] {
        let mut command = fanin();
        command.args(["train", "--sparsity", "0", "--epochs", "1", "--hidden", hidden, "--label"]);
        let output = command.arg("tree").arg("--train").arg(&file).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("has one neuron, of which LayerNorm makes 0"), "{stderr}");
    }
}
