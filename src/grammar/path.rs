//! Paths in settings: as text, or, where a system's path is none, as the list of its bytes.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

struct Borrowed<'a>(&'a Path);

impl Serialize for Borrowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Some(text) => text.serialize(serializer),
            None => self.0.as_os_str().as_encoded_bytes().serialize(serializer),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a path, as a text or as the list of its bytes")]
enum Written {
    Text(PathBuf),
    Bytes(Vec<u8>),
}

impl Written {
    fn path<E: Error>(self) -> Result<PathBuf, E> {
        match self {
            Written::Text(path) => Ok(path),
            Written::Bytes(bytes) => match of_bytes(bytes) {
                Some(name) => Ok(name.into()),
                None => Err(E::custom("a path of this system is text")),
            },
        }
    }
}

#[cfg(unix)]
fn of_bytes(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

#[cfg(not(unix))]
fn of_bytes(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

/// For `#[serde(with)]` of a path that may not be there.
pub(crate) mod maybe {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        path: &Option<PathBuf>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_deref().map(Borrowed).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PathBuf>, D::Error> {
        Option::<Written>::deserialize(deserializer)?.map(Written::path).transpose()
    }
}

/// For `#[serde(with)]` of several paths.
pub(crate) mod list {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        paths: &[PathBuf],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| Borrowed(path)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        Vec::<Written>::deserialize(deserializer)?.into_iter().map(Written::path).collect()
    }
}
