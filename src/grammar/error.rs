//! Why a text names nothing.

use std::fmt;

/// Why a text names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No entry has this name.
    #[error("unknown {what} '{name}': it is one of {}", known.join(", "))]
    UnknownName {
        /// What is chosen.
        what: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// The entry has no such parameter.
    #[error("'{text}': {name} has no parameter '{key}'{}", list_of(known))]
    UnknownParameter {
        /// The whole text.
        text: String,
        /// The entry.
        name: &'static str,
        /// The parameter.
        key: String,
        /// The parameters there are.
        known: Vec<&'static str>,
    },
    /// A parameter is given twice.
    #[error("'{text}': {key} is given twice")]
    Twice {
        /// The whole text.
        text: String,
        /// The parameter.
        key: String,
    },
    /// A parameter without a default is missing.
    #[error("'{text}': {key} is missing")]
    Missing {
        /// The whole text.
        text: String,
        /// The parameter.
        key: &'static str,
    },
    /// A parameter's value is not what it should be.
    #[error("'{text}': {key} must be {expected}, not '{value}'")]
    Value {
        /// The whole text.
        text: String,
        /// The parameter.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: Expected,
    },
}

/// What a parameter's value should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// Any finite number.
    Number,
    /// A finite number above 0.
    Positive,
    /// A finite number, at least 0.
    NotNegative,
    /// A number from 0 to 1.
    Fraction,
    /// A number of at least 0 and below 1.
    BelowOne,
    /// A whole number, at least the one named.
    Whole(u64),
    /// A whole number from one to another.
    WholeUpTo(u64, u64),
    /// No less than another parameter.
    AtLeast(&'static str),
    /// `true` or `false`; the key alone means `true`.
    Flag,
    /// One of these.
    OneOf(Vec<&'static str>),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Number => f.write_str("a number"),
            Expected::Positive => f.write_str("a positive number"),
            Expected::NotNegative => f.write_str("a number of at least 0"),
            Expected::Fraction => f.write_str("a fraction from 0 to 1"),
            Expected::BelowOne => f.write_str("a number of at least 0 and below 1"),
            Expected::Whole(least) => write!(f, "a whole number of at least {least}"),
            Expected::WholeUpTo(least, most) => write!(f, "a whole number from {least} to {most}"),
            Expected::AtLeast(other) => write!(f, "no less than {other}"),
            Expected::Flag => f.write_str("true or false"),
            Expected::OneOf(names) => write!(f, "one of {}", names.join(", ")),
        }
    }
}

fn list_of(known: &[&str]) -> String {
    match known {
        [] => String::new(),
        known => format!(": it has {}", known.join(", ")),
    }
}
