//! What is said about a published method beside its parameters.

/// A published method, or topology: where it is from, what it does and what that costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// Authors, title, year and address.
    pub paper: &'static str,
    /// What it decides, and by what.
    pub decides: &'static str,
    /// When it does so.
    pub when: &'static str,
    /// What that costs; of a layer with n inputs and m neurons where those are named.
    pub cost: &'static str,
}
