//! safetensors files that cannot be half right: named tensors, text metadata, and a digest.
//!
//! The layout is in `layout.rs`, by hand: the crate `safetensors` costs eleven more. This module
//! adds a SHA-256 over names, shapes, numbers and metadata, itself a part of the metadata that
//! other readers pass over: a flipped bit anywhere is an error, never a slightly different network.

mod layout;

use super::digest::Sha256;
use super::error::{Error, FileProblem};
use super::replace::replace_file;
use layout::Content;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The one entry of a file's metadata: a JSON object of all texts and the digest. One, because the
/// format leaves the order of entries open, and equal files shall be equal bytes.
const METADATA_KEY: &str = "fanin";
/// The digest's name in that object.
const DIGEST_KEY: &str = "sha256";

/// One tensor's numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// 32-bit floats with their shape.
    F32(Vec<usize>, Vec<f32>),
    /// 32-bit signed integers with their shape.
    I32(Vec<usize>, Vec<i32>),
}

/// Tensors by name, and metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    /// Every tensor.
    pub tensors: BTreeMap<String, Tensor>,
    /// Every text; `sha256` is the digest's own, and not kept.
    pub metadata: BTreeMap<String, String>,
}

impl Tensor {
    fn dtype_name(&self) -> &'static str {
        match self {
            Tensor::F32(..) => "F32",
            Tensor::I32(..) => "I32",
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Tensor::F32(shape, _) | Tensor::I32(shape, _) => shape,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Tensor::F32(_, values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Tensor::I32(_, values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

/// Whether metadata are what is left of this program's, which had a digest.
fn had_digest((key, text): &(String, String)) -> bool {
    let is_digest = |word: &str| word.len() == 64 && word.bytes().all(|c| c.is_ascii_hexdigit());
    let of_ours = |word: &str| word.starts_with("fanin-") || is_digest(word);
    key == METADATA_KEY || (text.starts_with('{') && text.split('"').any(of_ours))
}

fn damaged(problem: impl std::fmt::Display) -> FileProblem {
    FileProblem::Damaged(problem.to_string())
}

impl TensorFile {
    /// Writes the file with its digest: beside its place, synced, then renamed.
    ///
    /// **Errors**: [`Error::Io`]; whatever stood at `path` before is then untouched.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        replace_file(path, &self.to_bytes())
    }

    /// The file with its digest.
    fn to_bytes(&self) -> Vec<u8> {
        let mut metadata = self.metadata.clone();
        metadata.insert(DIGEST_KEY.to_string(), self.digest());
        let metadata = serde_json::to_string(&metadata).expect("a map of texts serialises");
        let is_float = |tensor: &Tensor| matches!(tensor, Tensor::F32(..));
        let mut tensors: Vec<(&String, &Tensor)> = self.tensors.iter().collect();
        tensors.sort_by_key(|(name, tensor)| (!is_float(tensor), *name));
        let parts = tensors.into_iter().map(|(name, tensor)| {
            (name.as_str(), tensor.dtype_name(), tensor.shape(), tensor.bytes())
        });
        let tensors: Vec<_> = parts.collect();
        layout::write((METADATA_KEY, &metadata), &tensors)
    }

    /// Reads a file and verifies its digest.
    ///
    /// **Errors**: [`Error::Io`]; [`Error::File`] for a file that is cut, damaged, or without
    /// digest.
    pub fn read(path: &Path) -> Result<TensorFile, Error> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        TensorFile::parse(&bytes).map_err(Error::file(path))
    }

    /// Reads a file of any origin; a digest, if there is one, is verified.
    ///
    /// **Errors**: [`Error::Io`]; [`Error::File`] for a file that is cut or damaged.
    pub fn read_any(path: &Path) -> Result<TensorFile, Error> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        match TensorFile::parse(&bytes) {
            Err(FileProblem::NoDigest) => layout::read(&bytes).and_then(|content| {
                match content.metadata.iter().any(had_digest) {
                    true => Err(FileProblem::Digest),
                    false => TensorFile::parse_tensors(content),
                }
            }),
            parsed => parsed,
        }
        .map_err(Error::file(path))
    }

    /// The tensors alone.
    fn parse_tensors(content: Content<'_>) -> Result<TensorFile, FileProblem> {
        let mut file = TensorFile::default();
        for (name, info, bytes) in content.tensors {
            let words = bytes.as_chunks::<4>().0.iter();
            let tensor = match info.dtype.as_str() {
                "F32" => {
                    Tensor::F32(info.shape, words.map(|&word| f32::from_le_bytes(word)).collect())
                }
                "I32" => {
                    Tensor::I32(info.shape, words.map(|&word| i32::from_le_bytes(word)).collect())
                }
                // Other tools' indices; wider than 31 bits there is no layer.
                "I64" => {
                    let words = bytes.as_chunks::<8>().0.iter();
                    let narrow = |&word| i32::try_from(i64::from_le_bytes(word)).ok();
                    let words: Option<Vec<i32>> = words.map(narrow).collect();
                    let words = words.ok_or_else(|| FileProblem::NotIndex(name.clone()))?;
                    Tensor::I32(info.shape, words)
                }
                other => return Err(FileProblem::Dtype(name, other.to_string())),
            };
            file.tensors.insert(name, tensor);
        }
        Ok(file)
    }

    fn parse(bytes: &[u8]) -> Result<TensorFile, FileProblem> {
        let mut content = layout::read(bytes)?;
        let metadata = std::mem::take(&mut content.metadata);
        let mut file = TensorFile::parse_tensors(content)?;
        let metadata = metadata.into_iter().find(|(key, _)| key == METADATA_KEY);
        let (_, metadata) = metadata.ok_or(FileProblem::NoDigest)?;
        file.metadata = serde_json::from_str(&metadata).map_err(damaged)?;
        let digest = file.metadata.remove(DIGEST_KEY).ok_or(FileProblem::NoDigest)?;
        if digest != file.digest() {
            return Err(FileProblem::Digest);
        }
        Ok(file)
    }

    /// SHA-256 over everything but the digest itself, each part preceded by its length.
    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let mut add = |part: &[u8]| {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        };
        for (name, tensor) in &self.tensors {
            add(name.as_bytes());
            add(tensor.dtype_name().as_bytes());
            add(format!("{:?}", tensor.shape()).as_bytes());
            add(&tensor.bytes());
        }
        for (key, value) in self.metadata.iter().filter(|(key, _)| *key != DIGEST_KEY) {
            add(key.as_bytes());
            add(value.as_bytes());
        }
        hasher.hexadecimal()
    }

    /// Adds a vector of floats.
    pub fn add_f32(&mut self, name: String, shape: Vec<usize>, values: &[f32]) {
        self.tensors.insert(name, Tensor::F32(shape, values.to_vec()));
    }

    /// Adds a vector of indices.
    ///
    /// **Panics** if one is beyond 2³¹ − 1.
    pub fn add_indices(&mut self, name: String, values: impl Iterator<Item = usize>) {
        let fits = |value| i32::try_from(value).expect("a layer has fewer than 2^31 entries");
        let values: Vec<i32> = values.map(fits).collect();
        self.tensors.insert(name, Tensor::I32(vec![values.len()], values));
    }

    /// Adds bytes, as little-endian words filled up with zeros: their number, then they.
    ///
    /// **Panics** if there are 2³¹ or more.
    pub fn add_bytes(&mut self, name: String, bytes: &[u8]) {
        let count = i32::try_from(bytes.len()).expect("fewer than 2^31 bytes");
        let word = |chunk: &[u8]| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            i32::from_le_bytes(word)
        };
        let words: Vec<i32> = [count].into_iter().chain(bytes.chunks(4).map(word)).collect();
        self.tensors.insert(name, Tensor::I32(vec![words.len()], words));
    }

    /// Takes out bytes that [`TensorFile::add_bytes`] put in.
    ///
    /// **Errors**: [`FileProblem::Missing`], [`FileProblem::Dtype`]; [`FileProblem::Length`] if
    /// there are not as many as it says.
    pub fn take_bytes(&mut self, name: &str) -> Result<Vec<u8>, FileProblem> {
        let words = match self.tensors.remove(name) {
            None => return Err(FileProblem::Missing(name.to_string())),
            Some(Tensor::I32(_, words)) => words,
            Some(other) => {
                let dtype = other.dtype_name().to_string();
                return Err(FileProblem::Dtype(name.to_string(), dtype));
            }
        };
        let [count, words @ ..] = words.as_slice() else {
            return Err(FileProblem::Length(name.to_string()));
        };
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        match usize::try_from(*count) {
            Ok(count) if count.div_ceil(4) == words.len() => bytes.truncate(count),
            _ => return Err(FileProblem::Length(name.to_string())),
        }
        Ok(bytes)
    }

    /// Takes out a tensor of floats of this shape.
    ///
    /// **Errors**: [`FileProblem::Missing`], [`FileProblem::Dtype`], [`FileProblem::Shape`].
    pub fn take_f32(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, FileProblem> {
        match self.tensors.remove(name) {
            None => Err(FileProblem::Missing(name.to_string())),
            Some(Tensor::F32(found, values)) if found == shape => Ok(values),
            Some(Tensor::F32(found, _)) => {
                Err(FileProblem::Shape { name: name.to_string(), found, expected: shape.to_vec() })
            }
            Some(other) => {
                Err(FileProblem::Dtype(name.to_string(), other.dtype_name().to_string()))
            }
        }
    }

    /// Takes out a vector of indices.
    ///
    /// **Errors**: [`FileProblem::Missing`], [`FileProblem::Dtype`]; [`FileProblem::NotIndex`] for
    /// a negative one.
    pub fn take_indices(&mut self, name: &str) -> Result<Vec<usize>, FileProblem> {
        match self.tensors.remove(name) {
            None => Err(FileProblem::Missing(name.to_string())),
            Some(Tensor::I32(_, values)) => {
                let index = |value| usize::try_from(value).ok();
                let indices: Option<Vec<usize>> = values.into_iter().map(index).collect();
                indices.ok_or_else(|| FileProblem::NotIndex(name.to_string()))
            }
            Some(other) => {
                Err(FileProblem::Dtype(name.to_string(), other.dtype_name().to_string()))
            }
        }
    }

    /// The shape of a tensor, if there is one of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(Tensor::shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::{Dtype, TensorView};
    use std::collections::HashMap;

    /// What the crate writes, given the same.
    fn by_crate(file: &TensorFile) -> Vec<u8> {
        let mut metadata = file.metadata.clone();
        metadata.insert(DIGEST_KEY.into(), file.digest());
        let metadata = serde_json::to_string(&metadata).unwrap();
        let bytes: Vec<(&str, &Tensor, Vec<u8>)> = file
            .tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor, tensor.bytes()))
            .collect();
        let tensors = bytes.iter().map(|(name, tensor, bytes)| {
            let dtype = match tensor {
                Tensor::F32(..) => Dtype::F32,
                Tensor::I32(..) => Dtype::I32,
            };
            (*name, TensorView::new(dtype, tensor.shape().to_vec(), bytes).unwrap())
        });
        let metadata = HashMap::from([(METADATA_KEY.to_string(), metadata)]);
        safetensors::serialize(tensors, Some(metadata)).unwrap()
    }

    #[test]
    fn bytes_are_those_of_the_crate_safetensors() {
        let mut file = TensorFile::default();
        assert_eq!(file.to_bytes(), by_crate(&file));
        file.metadata.insert("config".into(), "a = \"b\"\n\u{1}\u{7f} λ → 𝄞 / \\".into());
        for length in 0..9 {
            let name = "n".repeat(length);
            file.add_f32(format!("b{name}"), vec![length, 1], &vec![0.5; length]);
            file.add_indices(format!("a{name}"), 0..length);
            assert_eq!(file.to_bytes(), by_crate(&file), "{length}");
        }
        file.tensors.insert("no \"shape\" λ".into(), Tensor::F32(vec![], vec![f32::NAN]));
        file.tensors.insert("layers.10.x".into(), Tensor::I32(vec![0, 4], vec![]));
        file.tensors.insert("layers.2.x".into(), Tensor::I32(vec![2, 1], vec![i32::MIN, -1]));
        assert_eq!(file.to_bytes(), by_crate(&file));
    }

    #[test]
    fn a_text_with_the_digests_name_gives_way_to_it() {
        let mut file = TensorFile::default();
        file.metadata.insert("a".into(), "b".into());
        let bytes = file.to_bytes();
        let named = TensorFile {
            metadata: BTreeMap::from(["a", DIGEST_KEY].map(|key| (key.into(), "b".into()))),
            ..file.clone()
        };
        assert_eq!(named.to_bytes(), bytes);
        assert_eq!(TensorFile::parse(&bytes).unwrap(), file);
    }

    #[test]
    fn files_of_earlier_commits_are_read_and_written_again_to_the_same_bytes() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        for name in [
            "mnist-model.safetensors",
            "flowers-model.safetensors",
            "equilibrium-model.safetensors",
            "topology.safetensors",
            "run/model.safetensors",
            "run/checkpoint.safetensors",
        ] {
            let path = fixtures.join(name);
            let file = TensorFile::read(&path).unwrap();
            assert_eq!(file.to_bytes(), fs::read(&path).unwrap(), "{name}");
        }
    }

    #[test]
    fn other_tools_indices_are_read_and_files_without_digest_only_if_allowed() {
        let words: Vec<u8> =
            [7i64, 0, 1 << 30].iter().flat_map(|word| word.to_le_bytes()).collect();
        let view = |bytes| TensorView::new(Dtype::I64, vec![3], bytes).unwrap();
        let bytes = safetensors::serialize([("i", view(&words))], None).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.safetensors");
        fs::write(&path, bytes).unwrap();
        let file = TensorFile::read_any(&path).unwrap();
        assert_eq!(file.tensors["i"], Tensor::I32(vec![3], vec![7, 0, 1 << 30]));
        assert!(matches!(
            TensorFile::read(&path),
            Err(Error::File { problem: FileProblem::NoDigest, .. })
        ));
        // Texts of other tools' are nobody's digest; what is left of our own is.
        let with = |key: &str, text: &str| {
            let texts = HashMap::from([(key.to_string(), text.to_string())]);
            fs::write(&path, safetensors::serialize([("i", view(&words))], Some(texts)).unwrap())
                .unwrap();
            TensorFile::read_any(&path)
        };
        assert!(with("source", "/home/me/fanin-runs/a.pt").is_ok());
        assert!(with("options", r#"{"format":"pt"}"#).is_ok());
        let digest = format!(r#"{{"sha257":"{}"}}"#, "a7".repeat(32));
        for (key, text) in [("#anin", r#"{"format":"fanin-topology-1"}"#), ("x", &*digest)] {
            let damaged = with(key, text);
            assert!(matches!(damaged, Err(Error::File { problem: FileProblem::Digest, .. })));
        }
        let wide: Vec<u8> = [7i64, 0, 1 << 31].iter().flat_map(|word| word.to_le_bytes()).collect();
        fs::write(&path, safetensors::serialize([("i", view(&wide))], None).unwrap()).unwrap();
        assert!(matches!(
            TensorFile::read_any(&path),
            Err(Error::File { problem: FileProblem::NotIndex(_), .. })
        ));
    }
}
