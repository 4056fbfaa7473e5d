//! The command, and a digest of the weights it trained.

use safetensors::SafeTensors;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The command in the repository's folder, without what the surroundings could change.
pub(crate) fn fanin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanin"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env_remove("FANIN_DATA_DIR").env_remove("FANIN_ISA");
    command
}

/// What the command printed, or the error it ended with.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().expect("the binary starts");
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).expect("the binary prints UTF-8")),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_string()),
    }
}

/// Whether the bits here are the promised ones; else prints that `test` is skipped.
pub(crate) fn has_fma(test: &str) -> bool {
    use fanin_kernels::{Isa, Level};
    let has_fma = Isa::detect().level() != Level::ScalarNoFma;
    if !has_fma {
        println!("skipped: {test}");
    }
    has_fma
}

/// The first 16 hex digits of the SHA-256 over the tensors `layers.*` of a model, by name: name,
/// dtype, shape and bytes, each after its length as a little-endian u64. Metadata does not count.
pub(crate) fn digest(model: &Path) -> String {
    let bytes = fs::read(model).expect("a run has a model");
    let file = SafeTensors::deserialize(&bytes).expect("a model is safetensors");
    let mut tensors = file.tensors();
    tensors.retain(|(name, _)| name.starts_with("layers."));
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(!tensors.is_empty(), "{}", model.display());
    let mut hash = Sha256::new();
    for (name, tensor) in &tensors {
        let (dtype, shape) = (format!("{:?}", tensor.dtype()), format!("{:?}", tensor.shape()));
        for part in [name.as_bytes(), dtype.as_bytes(), shape.as_bytes(), tensor.data()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
