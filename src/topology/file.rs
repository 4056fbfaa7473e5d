//! A topology alone, as a file: a matrix of one layer that NumPy or SciPy saved (`.npz`, `.npy`),
//! or safetensors (any number of layers).

use super::error::TopologyError;
use super::generator::{Generated, Generator, Request};
use crate::format::matrix::read_mask;
use crate::format::npz::{self, CsrArrays};
use crate::format::safetensors::TensorFile;
use crate::format::{self, FileProblem};
use crate::sparse::{CsrPattern, PatternError};
use std::path::{Path, PathBuf};

const FORMAT: &str = "fanin-topology-1";

/// An error of a topology's file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read or written, or is not of its format.
    #[error(transparent)]
    Format(#[from] format::Error),
    /// Connections that are no CSR pattern.
    #[error("{}: layers.{layer}: {source}", path.display())]
    Pattern {
        /// The file.
        path: PathBuf,
        /// The layer as the file counts: from 0.
        layer: usize,
        /// What is wrong.
        source: PatternError,
    },
    /// Several layers for a file of one.
    #[error("{}: an .npz holds one layer; a .safetensors file holds several", .0.display())]
    OneLayer(PathBuf),
}

/// What is wrong with a file's content.
enum Problem {
    Format(FileProblem),
    Pattern { layer: usize, source: PatternError },
}

impl From<FileProblem> for Problem {
    fn from(problem: FileProblem) -> Self {
        Problem::Format(problem)
    }
}

impl Problem {
    fn at(self, path: &Path) -> Error {
        match self {
            Problem::Format(problem) => format::Error::file(path)(problem).into(),
            Problem::Pattern { layer, source } => {
                Error::Pattern { path: path.to_path_buf(), layer, source }
            }
        }
    }
}

fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npz")
}

fn is_matrix(path: &Path) -> bool {
    is_npz(path) || path.extension().is_some_and(|extension| extension == "npy")
}

/// Connections made elsewhere, for the sparse layers of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct FileTopology {
    /// The layers' indices in the network, each with its connections.
    patterns: Vec<(usize, CsrPattern)>,
}

impl FileTopology {
    /// The patterns of a file, in order those of the network's layers with these indices.
    ///
    /// **Errors**: [`TopologyError::LayerCount`] unless there is one for each.
    pub fn new(patterns: Vec<CsrPattern>, layers: &[usize]) -> Result<Self, TopologyError> {
        let (found, expected) = (patterns.len(), layers.len());
        if found != expected {
            return Err(TopologyError::LayerCount { found, expected });
        }
        Ok(FileTopology { patterns: layers.iter().copied().zip(patterns).collect() })
    }
}

impl Generator for FileTopology {
    /// The layer's connections as they are, whatever sparsity is asked for.
    ///
    /// **Errors**: [`TopologyError::Shape`].
    ///
    /// **Panics** if the layer is none of those that the topology is for.
    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let of_layer = self.patterns.iter().find(|(layer, _)| *layer == request.layer);
        let (_, pattern) = of_layer.expect("a layer that the topology is for");
        let [in_features, out_features] = request.shape;
        let (found, expected) = ([pattern.rows(), pattern.cols()], [out_features, in_features]);
        match found == expected {
            true => Ok(pattern.clone().into()),
            false => Err(TopologyError::Shape { found, expected }),
        }
    }
}

/// Writes patterns: one to `.npz` as `scipy.sparse.save_npz` would, else safetensors with
/// `layers.N.{row_ptr, col_idx}` and their widths in `layers.N.shape` `[neurons, inputs]`.
///
/// **Errors**: [`Error::Format`]; [`Error::OneLayer`] for more than one layer to an `.npz`.
pub fn write_topology(path: &Path, patterns: &[&CsrPattern]) -> Result<(), Error> {
    if is_npz(path) {
        let [pattern] = patterns else {
            return Err(Error::OneLayer(path.to_path_buf()));
        };
        let shape = [pattern.rows(), pattern.cols()];
        return Ok(npz::write_csr(path, shape, pattern.row_ptr(), pattern.col_idx())?);
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

/// Reads the patterns of one safetensors file, or of one matrix per layer, `.npz` or `.npy`: its
/// connections are where it is not 0.
///
/// Columns may come in any order within a row, as SciPy allows; they are sorted here.
///
/// **Errors**: [`Error::Format`] for a file that is damaged or no topology; [`Error::Pattern`].
pub fn read_topology(paths: &[PathBuf]) -> Result<Vec<CsrPattern>, Error> {
    let mut patterns = Vec::new();
    for path in paths {
        let problem = |problem: Problem| problem.at(path);
        if is_matrix(path) {
            let arrays = read_mask(path)?;
            patterns.push(pattern(arrays, 0).map_err(problem)?);
        } else {
            let file = TensorFile::read_any(path)?;
            patterns.extend(parse(file).map_err(problem)?);
        }
    }
    Ok(patterns)
}

fn parse(mut file: TensorFile) -> Result<Vec<CsrPattern>, Problem> {
    let mut patterns = Vec::new();
    while patterns.is_empty() || file.shape(&format!("layers.{}.shape", patterns.len())).is_some() {
        let layer = patterns.len();
        let mut take = |part: &str| file.take_indices(&format!("layers.{layer}.{part}"));
        let shape = take("shape")?;
        let &[rows, cols] = shape.as_slice() else {
            let (name, found) = (format!("layers.{layer}.shape"), vec![shape.len()]);
            return Err(FileProblem::Shape { name, found, expected: vec![2] }.into());
        };
        let arrays =
            CsrArrays { shape: [rows, cols], row_ptr: take("row_ptr")?, col_idx: take("col_idx")? };
        patterns.push(pattern(arrays, layer)?);
    }
    Ok(patterns)
}

/// Sorts the rows' columns and validates all.
fn pattern(arrays: CsrArrays, layer: usize) -> Result<CsrPattern, Problem> {
    let CsrArrays { shape: [rows, cols], row_ptr, col_idx } = arrays;
    if row_ptr.len() != rows + 1 {
        let (found, expected) = (vec![row_ptr.len()], vec![rows + 1]);
        return Err(FileProblem::Shape { name: "row_ptr".into(), found, expected }.into());
    }
    // A column beyond u32 is beyond any width, and validation will say so.
    let mut col_idx: Vec<u32> =
        col_idx.into_iter().map(|col| u32::try_from(col).unwrap_or(u32::MAX)).collect();
    for row in row_ptr.windows(2) {
        if let Some(columns) = col_idx.get_mut(row[0]..row[1].max(row[0])) {
            columns.sort_unstable();
        }
    }
    CsrPattern::new(cols, row_ptr, col_idx).map_err(|source| Problem::Pattern { layer, source })
}
