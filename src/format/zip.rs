//! ZIP archives, as far as NumPy's `.npz` and data sets need them: members stored or deflated.
//!
//! An archive is read from its end: a last record says where the directory is, the directory where
//! each member is. By hand because the crate `zip` brings thirteen more. The layout is that of
//! PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3; numbers that do not fit 32 bits stand in
//! zip64 fields, which `numpy.savez` always writes.
//!
//! Nothing is allocated on an archive's word: members are streams that end where the directory says
//! (and must), so that a bomb costs its reader no more than it asks for.

mod directory;
mod problem;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use problem::ZipProblem;
pub(crate) use read::ZipArchive;
pub(crate) use write::zip;
