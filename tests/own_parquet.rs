//! Tables in Parquet, written by pyarrow (`tests/fixtures/parquet.py`), against the same table as
//! text.

#[cfg(feature = "parquet")]
use fanin::dataset::Dates;
use fanin::dataset::{DataConfig, Dataset, Missing};
use std::path::Path;
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn load(path: PathBuf, change: impl Fn(&mut DataConfig)) -> Result<Dataset, String> {
    let (label, missing) = (Some("kind".into()), Missing::Mean);
    let mut config = DataConfig { train: Some(path), label, missing, ..DataConfig::default() };
    change(&mut config);
    config.load().map_err(|problem| problem.to_string())
}

#[cfg(feature = "parquet")]
#[test]
fn a_parquet_table_is_the_table_that_its_text_is() {
    let mut text = String::from("length,petals,single,price,wild,code,note,seen,day,kind\n");
    for i in 0..40 {
        let length = if i == 7 { String::new() } else { (f64::from(i) * 0.25).to_string() };
        let note = ["\"a, b\"", "\"say \"\"so\"\"\"", "c"][i as usize % 3];
        let (hour, day) = (i % 24, 1 + i / 24);
        let (month, of_month) = if i < 31 { (1, i + 1) } else { (2, i - 30) };
        text += &format!(
            "{length},{},{},{:.2},{},{:03},{note},2026-01-{day:02} {hour:02}:00:00,\
             2026-{month:02}-{of_month:02},{}\n",
            i % 5,
            f64::from(i) / 8.0,
            f64::from(i) / 4.0,
            i % 2 == 0,
            i % 3,
            ["oak", "elm"][i as usize / 3 % 2],
        );
    }
    let dir = tempfile::TempDir::new().unwrap();
    let csv = dir.path().join("x.csv");
    std::fs::write(&csv, text).unwrap();
    let dates = |config: &mut DataConfig| config.dates = Dates::Seconds;
    let of_text = load(csv.clone(), |config| {
        dates(config);
        config.categorical = vec!["code".into()];
    })
    .unwrap();
    let of_parquet = load(fixture("flowers.parquet"), dates).unwrap();
    assert_eq!(of_parquet.schema, of_text.schema);
    assert_eq!(of_parquet.digest(), of_text.digest());
    assert!(load(fixture("flowers.parquet"), |_| ()).unwrap_err().contains("'seen'"));
    // Rows of it are read by what training learned, from either file.
    let config = DataConfig { missing: Missing::Mean, ..DataConfig::default() };
    let read = |path: &Path| {
        let (schema, scaling) = (&of_text.schema, &of_text.scaling);
        let features = of_text.train.features();
        let config = DataConfig { dates: Dates::Seconds, ..config.clone() };
        let rows = config.read_labelled(path, None, schema, scaling, features).unwrap();
        (rows.samples.inputs().unwrap().to_vec(), rows.samples.labels().to_vec())
    };
    assert_eq!(read(&fixture("flowers.parquet")), read(&csv));
    let refused = load(fixture("flowers-nested.parquet"), |_| ()).unwrap_err();
    assert!(refused.contains("column 'x.a' is nested"), "{refused}");
    // Every cut is an error.
    let whole = std::fs::read(fixture("flowers.parquet")).unwrap();
    let cut = dir.path().join("cut.parquet");
    for at in (0..whole.len()).step_by(97) {
        std::fs::write(&cut, &whole[..at]).unwrap();
        let refused = load(cut.clone(), dates).unwrap_err();
        assert!(refused.contains("cut.parquet"), "{refused}");
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_parquet_file_is_called_by_its_name_where_it_is_not_read() {
    let refused = load(fixture("flowers.parquet"), |_| ()).unwrap_err();
    assert!(refused.contains("a build with the feature `parquet` reads it"), "{refused}");
}
