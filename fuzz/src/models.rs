//! safetensors as they stand, and, under a digest that is right, models and topologies.

#![no_main]

mod files;

use fanin::format::safetensors::TensorFile;
use fanin::model::{ModelFile, Predictor};
use fanin::parallel::Executor;
use fanin::topology::read_topology;
use fanin_kernels::Isa;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let path = files::write("it.safetensors", data);
    drop(TensorFile::read(&path));
    drop(read_topology(std::slice::from_ref(&path)));
    // What is a safetensors file gets a digest.
    let Some(mut file) = TensorFile::read_any(&path).ok() else { return };
    file.metadata = metadata(data).unwrap_or_default();
    file.write(&path).expect("a file is written");
    // As texts, in which a number that is none is equal to itself.
    let (written, read) = (format!("{:?}", Ok::<_, ()>(file)), TensorFile::read(&path));
    assert_eq!(format!("{:?}", read.map_err(drop)), written, "what was written comes back");
    drop(read_topology(std::slice::from_ref(&path)));
    let Ok(model) = ModelFile::read(&path) else { return };
    let mut predictor = Predictor::new(Executor::new(Isa::detect(), 1).expect("one thread"), model);
    let answers = predictor.rows(&vec![0.5f32; 2 * predictor.in_features()]);
    predictor.values(&answers);
});

/// The texts that a file has in its header, with a digest or without.
fn metadata(data: &[u8]) -> Option<std::collections::BTreeMap<String, String>> {
    let len = u64::from_le_bytes(*data.first_chunk()?);
    let header = data.get(8..)?.get(..usize::try_from(len).ok()?)?;
    let header: serde_json::Value = serde_json::from_slice(header).ok()?;
    let text = header.get("__metadata__")?.get("fuzz")?.as_str()?;
    // As it stands it would be taken for a file whose digest is lost.
    let mut texts: std::collections::BTreeMap<String, String> =
        serde_json::from_str(&text.replace("FANIN", "fanin")).ok()?;
    // Which is the digest's own.
    texts.remove("sha256");
    Some(texts)
}
