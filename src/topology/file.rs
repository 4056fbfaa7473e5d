//! A topology alone, as a file: SciPy's `.npz` (one layer) or safetensors (any number).

use crate::Error;
use crate::error::FileProblem;
use crate::format;
use crate::format::npz::{self, CsrArrays};
use crate::format::safetensors::TensorFile;
use crate::sparse::CsrPattern;
use std::path::{Path, PathBuf};

const FORMAT: &str = "fanin-topology-1";

fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npz")
}

/// Writes patterns: one to `.npz` as `scipy.sparse.save_npz` would, else safetensors with
/// `layers.N.{row_ptr, col_idx}` and their widths in `layers.N.shape` `[neurons, inputs]`.
///
/// **Errors**: [`Error::Io`]; [`Error::Config`] for more than one layer to an `.npz`.
pub fn write_topology(path: &Path, patterns: &[&CsrPattern]) -> Result<(), Error> {
    if is_npz(path) {
        let [pattern] = patterns else {
            let problem = "an .npz holds one layer: name a .safetensors file for several";
            return Err(Error::Config(problem.to_string()));
        };
        return Ok(npz::write_csr(
            path,
            [pattern.rows(), pattern.cols()],
            pattern.row_ptr(),
            pattern.col_idx(),
        )?);
    }
    let mut file = TensorFile::default();
    file.metadata.insert("format".into(), FORMAT.into());
    for (layer, pattern) in patterns.iter().enumerate() {
        let shape = [pattern.rows(), pattern.cols()];
        file.add_indices(format!("layers.{layer}.shape"), shape.into_iter());
        file.add_indices(format!("layers.{layer}.row_ptr"), pattern.row_ptr().iter().copied());
        let columns = pattern.col_idx().iter().map(|&col| col as usize);
        file.add_indices(format!("layers.{layer}.col_idx"), columns);
    }
    Ok(file.write(path)?)
}

/// Reads the patterns of one safetensors file, or of one `.npz` per layer.
///
/// Columns may come in any order within a row, as SciPy allows; they are sorted here.
///
/// **Errors**: [`Error::Io`]; [`Error::File`] for a file that is damaged or no topology.
pub fn read_topology(paths: &[PathBuf]) -> Result<Vec<CsrPattern>, Error> {
    let mut patterns = Vec::new();
    for path in paths {
        let problem = |problem| Error::file(path, problem);
        if is_npz(path) {
            let arrays = npz::read_csr(path)?;
            patterns.push(pattern(arrays, 0).map_err(problem)?);
        } else {
            let file = TensorFile::read_any(path)?;
            patterns.extend(parse(file).map_err(problem)?);
        }
    }
    Ok(patterns)
}

fn parse(mut file: TensorFile) -> Result<Vec<CsrPattern>, FileProblem> {
    let mut patterns = Vec::new();
    while patterns.is_empty() || file.shape(&format!("layers.{}.shape", patterns.len())).is_some() {
        let layer = patterns.len();
        let mut take = |part: &str| file.take_indices(&format!("layers.{layer}.{part}"));
        let shape = take("shape")?;
        let &[rows, cols] = shape.as_slice() else {
            let (name, found) = (format!("layers.{layer}.shape"), vec![shape.len()]);
            let expected = vec![2];
            return Err(format::FileProblem::Shape { name, found, expected }.into());
        };
        let arrays =
            CsrArrays { shape: [rows, cols], row_ptr: take("row_ptr")?, col_idx: take("col_idx")? };
        patterns.push(pattern(arrays, layer)?);
    }
    Ok(patterns)
}

/// Sorts the rows' columns and validates all.
fn pattern(arrays: CsrArrays, layer: usize) -> Result<CsrPattern, FileProblem> {
    let CsrArrays { shape: [rows, cols], row_ptr, col_idx } = arrays;
    if row_ptr.len() != rows + 1 {
        let (found, expected) = (vec![row_ptr.len()], vec![rows + 1]);
        let name = "row_ptr".to_string();
        return Err(format::FileProblem::Shape { name, found, expected }.into());
    }
    // A column beyond u32 is beyond any width, and validation will say so.
    let mut col_idx: Vec<u32> =
        col_idx.into_iter().map(|col| u32::try_from(col).unwrap_or(u32::MAX)).collect();
    for row in row_ptr.windows(2) {
        if let Some(columns) = col_idx.get_mut(row[0]..row[1].max(row[0])) {
            columns.sort_unstable();
        }
    }
    CsrPattern::new(cols, row_ptr, col_idx).map_err(|source| FileProblem::Pattern { layer, source })
}
