//! Writing safetensors files: named tensors and text metadata.
//!
//! The crate `safetensors` lays out the file; this module gives it tensors without copies of type
//! and replaces a file only by a complete one.

use crate::Error;
use safetensors::tensor::{Dtype, View};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// One tensor's numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// 32-bit floats with their shape.
    F32(Vec<usize>, Vec<f32>),
    /// 32-bit signed integers with their shape.
    I32(Vec<usize>, Vec<i32>),
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        match self {
            Tensor::F32(..) => Dtype::F32,
            Tensor::I32(..) => Dtype::I32,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Tensor::F32(shape, _) | Tensor::I32(shape, _) => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match self {
            Tensor::F32(_, values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Tensor::I32(_, values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        })
    }

    fn data_len(&self) -> usize {
        4 * match self {
            Tensor::F32(_, values) => values.len(),
            Tensor::I32(_, values) => values.len(),
        }
    }
}

/// Writes a file of tensors: beside its place, synced, then renamed.
///
/// **Errors**: [`Error::Io`]; whatever stood at `path` before is then untouched.
pub fn write(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: HashMap<String, String>,
) -> Result<(), Error> {
    let views = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
    let bytes = safetensors::serialize(views, Some(metadata))
        .map_err(|problem| Error::io(path)(std::io::Error::other(problem)))?;
    replace_file(path, &bytes)
}

/// Writes a whole file beside its place, syncs it, and renames it there.
///
/// **Errors**: [`Error::Io`]; whatever stood at `path` before is then untouched.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    let beside = path.with_file_name(name);
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| {
        // The partial file is of no use; failing to remove it changes nothing.
        let _ = fs::remove_file(&beside);
        Error::io(path)(source)
    })
}
