//! Choices by text: `NAME` or `NAME:KEY=VALUE,KEY=VALUE,FLAG`, as in `rigl:drop=0.3,every=100`.
//!
//! What can be chosen is a list of [`Entry`]s, and the list is the only place that knows it:
//! parsing, help, completions and the text in configuration files all go by it. So a further
//! method, optimiser or generator is a file of its own and a line in a list. Paths are text, too
//! (`path.rs`).

mod card;
mod choice;
mod error;
mod list;
mod names;
pub(crate) mod path;

pub use card::Card;
pub use choice::Choice;
pub use error::{Error, Expected};
pub use list::{Arguments, Entry, Listed, Parameter, help, make};
pub use names::Names;
pub(crate) use names::named;
