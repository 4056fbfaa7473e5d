//! Writes what fuzzing begins with: small good files of every kind, into `corpus/TARGET/`.

use fanin::dataset::DataConfig;
use fanin::format::safetensors::TensorFile;
use fanin::grammar::Listed;
use fanin::method::Method;
use fanin::model::{Meaning, ModelFile};
use fanin::train::{RunConfig, TrainConfig, Trainer};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Tables, and the columns of their labels.
const TABLES: [(&str, Option<&str>); 7] = [
    (
        "size,weight,colour,kind\n1,2.5,red,oak\n3,4e1,blue,ash\n5,-6,\"dark, red\",oak\n",
        Some("kind"),
    ),
    ("a;b;c\n1,5;2;x\n2,5;3;y\n4,25;0;x\n", Some("c")),
    ("a\tb\n1\tx y\n2\tz\n3\tx y\n", Some("b")),
    ("1 2.0 oak\n3 4.0 ash\n5 0.5 oak\n", Some("3")),
    ("\u{feff}when,label\r\n2024-01-31,yes\r\n2024-02-01,no\r\n,yes\r\n", Some("label")),
    ("1 1:0.5 3:2 # x\n-1 2:1\n1 qid:3 1:4\n", None),
    ("# comment\nx|\"q\"\"q\"|NA\n1|\"two\nlines\"|nan\n2|z|0\n", Some("1")),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = |target: &str, name: String, bytes: &[u8]| -> Result<(), Box<dyn Error>> {
        fs::create_dir_all(folder.join(target))?;
        Ok(fs::write(folder.join(target).join(name), bytes)?)
    };
    for (at, (table, _)) in TABLES.iter().enumerate() {
        for kind in [0u8, 1, 2, 4] {
            let bytes = [&[kind], table.as_bytes()].concat();
            write("tables", format!("table-{at}-{kind}"), &bytes)?;
        }
    }
    let npy = |descr: &str, shape: &str, data: &[u8]| {
        let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let len = (text.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00".as_slice(), &len, text.as_bytes(), data].concat()
    };
    let singles: Vec<u8> = (0..12).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let words =
        |values: &[i64]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
    let x = npy("<f4", "(4, 3)", &singles);
    let idx = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1][..], &[1, 2, 3, 4]].concat();
    let member =
        |name: u8, bytes: &[u8]| [&[name], &(bytes.len() as u16).to_le_bytes()[..], bytes].concat();
    let dense = [member(0, &x), member(1, &npy("|u1", "(4,)", &[0, 1, 0, 1]))].concat();
    let matrix = |format: &str, ptr: &[i64]| {
        [
            member(6, &npy("|S3", "()", format.as_bytes())),
            member(5, &npy("<i8", "(2,)", &words(&[2, 3]))),
            member(4, &npy("<i8", &format!("({},)", ptr.len()), &words(ptr))),
            member(3, &npy("<i8", "(3,)", &words(&[0, 2, 1]))),
            member(2, &npy("<f4", "(3,)", &singles[..12])),
            member(1, &npy("|u1", "(2,)", &[0, 1])),
        ]
        .concat()
    };
    let (csr, csc) = (matrix("csr", &[0, 2, 3]), matrix("csc", &[0, 1, 2, 3]));
    for kind in [0u8, 32, 64, 80] {
        for (at, (of, bytes)) in
            [(0, &x), (1, &idx), (2, &dense), (2, &csr), (3, &csc)].iter().enumerate()
        {
            write("arrays", format!("array-{at}-{kind}"), &[&[kind | of], &bytes[..]].concat())?;
        }
    }
    for entry in <Box<dyn Method>>::list() {
        write("settings", format!("method-{}", entry.name), entry.name.as_bytes())?;
    }
    write("settings", "default".to_string(), RunConfig::default().to_toml().as_bytes())?;
    models(&write)?;
    for (at, bytes) in
        [&[0u8, 0][..], &[7, 9, 0, 200, 3], &[32, 39, 1, 90, 1, 2, 3]].iter().enumerate()
    {
        write("kernels", format!("shape-{at}"), bytes)?;
    }
    Ok(())
}

/// Models of small networks, of images and tables, their digests left off.
fn models(
    write: &impl Fn(&str, String, &[u8]) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for (at, (table, label)) in TABLES.iter().enumerate() {
        let name = if label.is_some() { "rows.csv" } else { "rows.svm" };
        let (csv, path) = (folder.path().join(name), folder.path().join("it.safetensors"));
        fs::write(&csv, table)?;
        let config = DataConfig {
            train: Some(csv.clone()),
            test: Some(csv),
            label: label.map(String::from),
            ..DataConfig::default()
        };
        let Ok(data) = config.load() else { continue };
        let data = Arc::new(data);
        let mixture = if at == 0 { Some("noisy-top-k:experts=2,top=1".parse()?) } else { None };
        let config =
            TrainConfig { hidden: vec![3], sparsity: 0.3, mixture, ..TrainConfig::default() };
        let trainer = Trainer::new(config, Arc::clone(&data))?;
        ModelFile::write(&path, trainer.model(), &Meaning::of(&data, "seed = 1".into()))?;
        write("models", format!("model-{at}"), &without_digest(&TensorFile::read(&path)?, &path)?)?;
    }
    Ok(())
}

/// The file with its texts under another name, and no digest.
fn without_digest(file: &TensorFile, path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let bytes = fs::read(path)?;
    let of_header = u64::from_le_bytes(*bytes.first_chunk().ok_or("a header")?) as usize;
    let (header, tensors) = bytes[8..].split_at(of_header);
    let mut header: serde_json::Value = serde_json::from_slice(header)?;
    let texts = serde_json::to_string(&file.metadata)?.replace("fanin", "FANIN");
    header["__metadata__"] = serde_json::json!({ "fuzz": texts });
    let header = header.to_string();
    let len = (header.len() as u64).to_le_bytes();
    Ok([&len[..], header.as_bytes(), tensors].concat())
}
