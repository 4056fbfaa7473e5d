//! Patterns and texts in files of tensors: what models and checkpoints share.

use super::ModelProblem;
use crate::format::FileProblem;
use crate::format::safetensors::TensorFile;
use crate::sparse::CsrPattern;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value as JSON text.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data serialises")
}

/// The metadata entry `key`, parsed.
pub(crate) fn from_json<T: DeserializeOwned>(
    file: &TensorFile,
    key: &'static str,
) -> Result<T, ModelProblem> {
    let text = file.metadata.get(key).ok_or_else(|| FileProblem::Missing(key.to_string()))?;
    serde_json::from_str(text)
        .map_err(|problem| ModelProblem::Metadata { key, problem: problem.to_string() })
}

/// Which of `formats` a file is.
///
/// **Errors**: [`FileProblem::Kind`] for none of them.
pub(crate) fn expect_format(
    file: &TensorFile,
    formats: &[&'static str],
    kind: &'static str,
) -> Result<&'static str, FileProblem> {
    let found = file.metadata.get("format");
    let known = formats.iter().find(|format| Some(**format) == found.map(String::as_str));
    known.copied().ok_or_else(|| FileProblem::Kind {
        expected: kind,
        found: found.map_or_else(|| "foreign".to_string(), String::clone),
    })
}

/// Adds `PREFIX.row_ptr` and `PREFIX.col_idx`.
pub(crate) fn add_pattern(file: &mut TensorFile, prefix: &str, pattern: &CsrPattern) {
    let columns = pattern.col_idx().iter().map(|&col| col as usize);
    file.add_indices(format!("{prefix}.row_ptr"), pattern.row_ptr().iter().copied());
    file.add_indices(format!("{prefix}.col_idx"), columns);
}

/// Takes `PREFIX.row_ptr` and `PREFIX.col_idx` out of a file as a `[rows, cols]` pattern.
pub(crate) fn take_pattern(
    file: &mut TensorFile,
    layer: usize,
    prefix: &str,
    [rows, cols]: [usize; 2],
) -> Result<CsrPattern, ModelProblem> {
    let row_ptr = file.take_indices(&format!("{prefix}.row_ptr"))?;
    let col_idx = file.take_indices(&format!("{prefix}.col_idx"))?;
    if row_ptr.len() != rows + 1 {
        let (found, expected) = (vec![row_ptr.len()], vec![rows + 1]);
        return Err(
            FileProblem::Shape { name: format!("{prefix}.row_ptr"), found, expected }.into()
        );
    }
    let col_idx = col_idx.into_iter().map(|col| col as u32).collect();
    CsrPattern::new(cols, row_ptr, col_idx)
        .map_err(|source| ModelProblem::Pattern { layer, source })
}
