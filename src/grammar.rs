//! Choices by text: `NAME` or `NAME:KEY=VALUE,KEY=VALUE,FLAG`, as in `rigl:drop=0.3,every=100`.
//!
//! What can be chosen is a list of [`Entry`]s, and the list is the only place that knows it: parsing,
//! help, completions and the text in configuration files all go by it. So a further method, optimiser
//! or generator is a file of its own and a line in a list.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// One thing that can be chosen.
pub struct Entry<T: 'static> {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a line, with its source.
    pub about: &'static str,
    /// What can be said about it.
    pub parameters: &'static [Parameter],
    /// Makes it from its arguments.
    pub make: fn(&Arguments<'_>) -> Result<T, Error>,
}

/// A parameter of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub key: &'static str,
    /// The value it has if it is not given; without one it must be given. A flag's is `false`.
    pub default: Option<&'static str>,
    /// What it means, in a line.
    pub about: &'static str,
}

/// What can be chosen by text.
pub trait Listed: Sized + 'static {
    /// What a name of the list stands for, for messages: "method", "optimiser".
    const WHAT: &'static str;
    /// Everything that can be chosen.
    fn list() -> Vec<Entry<Self>>;
}

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
    /// A whole number, at least the one named.
    Whole(u64),
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
            Expected::Whole(least) => write!(f, "a whole number of at least {least}"),
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

/// The arguments of an entry: what is given, else the defaults.
#[derive(Debug)]
pub struct Arguments<'a> {
    text: &'a str,
    values: Vec<(Parameter, Option<&'a str>)>,
}

impl Arguments<'_> {
    /// The value of a parameter, as text.
    ///
    /// **Errors**: [`Error::Missing`].
    ///
    /// **Panics** if the entry does not list the parameter.
    pub fn text(&self, key: &'static str) -> Result<&str, Error> {
        let (parameter, given) =
            self.values.iter().find(|(p, _)| p.key == key).unwrap_or_else(|| {
                panic!("the list has no parameter '{key}'");
            });
        let missing = || Error::Missing { text: self.text.to_string(), key };
        given.or(parameter.default).ok_or_else(missing)
    }

    fn parse<T>(
        &self,
        key: &'static str,
        expected: Expected,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Error> {
        let value = self.text(key)?;
        parse(value).ok_or_else(|| {
            let (text, value) = (self.text.to_string(), value.to_string());
            Error::Value { text, key, value, expected }
        })
    }

    fn number_that(
        &self,
        key: &'static str,
        expected: Expected,
        holds: fn(f64) -> bool,
    ) -> Result<f64, Error> {
        let number = |text: &str| text.parse().ok().filter(|x: &f64| x.is_finite() && holds(*x));
        self.parse(key, expected, number)
    }

    /// A finite number.
    ///
    /// **Errors**: [`Error::Missing`], [`Error::Value`]; so all the others.
    pub fn number(&self, key: &'static str) -> Result<f64, Error> {
        self.number_that(key, Expected::Number, |_| true)
    }

    /// A finite number above 0.
    pub fn positive(&self, key: &'static str) -> Result<f64, Error> {
        self.number_that(key, Expected::Positive, |x| x > 0.0)
    }

    /// A finite number, at least 0.
    pub fn not_negative(&self, key: &'static str) -> Result<f64, Error> {
        self.number_that(key, Expected::NotNegative, |x| x >= 0.0)
    }

    /// A number from 0 to 1.
    pub fn fraction(&self, key: &'static str) -> Result<f64, Error> {
        self.number_that(key, Expected::Fraction, |x| (0.0..=1.0).contains(&x))
    }

    /// A whole number, at least `least`.
    pub fn whole(&self, key: &'static str, least: u64) -> Result<u64, Error> {
        let whole = |text: &str| text.parse().ok().filter(|n| *n >= least);
        self.parse(key, Expected::Whole(least), whole)
    }

    /// Whether a flag is set.
    pub fn flag(&self, key: &'static str) -> Result<bool, Error> {
        self.parse(key, Expected::Flag, |text| text.parse().ok())
    }

    /// One of an enumeration's names.
    pub fn one_of<T: Names>(&self, key: &'static str) -> Result<T, Error> {
        let names = || Expected::OneOf(T::NAMES.to_vec());
        self.parse(key, names(), |text| text.parse().ok())
    }
}

/// An enumeration whose variants have names; [`named!`](crate::grammar::named) makes one.
pub trait Names: FromStr<Err = Error> + Copy + 'static {
    /// All names, in the order of the variants.
    const NAMES: &'static [&'static str];
}

/// A name and the parameters given with it.
type Parts<'a> = (&'a str, Vec<(&'a str, &'a str)>);

fn parts(text: &str) -> Parts<'_> {
    let (name, parameters) = text.split_once(':').unwrap_or((text, ""));
    let items = parameters.split(',').map(str::trim).filter(|item| !item.is_empty());
    let pair = |item| str::split_once(item, '=').unwrap_or((item, "true"));
    (name.trim(), items.map(pair).map(|(key, value)| (key.trim(), value.trim())).collect())
}

/// The entry of a name with its arguments checked against its parameters.
fn find<'a, 'l, T: Listed>(
    list: &'l [Entry<T>],
    text: &'a str,
) -> Result<(&'l Entry<T>, Arguments<'a>), Error> {
    let (name, given) = parts(text);
    let entry = list.iter().find(|entry| entry.name == name).ok_or_else(|| Error::UnknownName {
        what: T::WHAT,
        name: name.to_string(),
        known: list.iter().map(|entry| entry.name).collect(),
    })?;
    let text_of = || text.to_string();
    for (at, (key, _)) in given.iter().enumerate() {
        if !entry.parameters.iter().any(|parameter| parameter.key == *key) {
            let known = entry.parameters.iter().map(|parameter| parameter.key).collect();
            let (name, key) = (entry.name, key.to_string());
            return Err(Error::UnknownParameter { text: text_of(), name, key, known });
        }
        if given[..at].iter().any(|(before, _)| before == key) {
            return Err(Error::Twice { text: text_of(), key: key.to_string() });
        }
    }
    let value = |parameter: &Parameter| {
        let value = given.iter().find(|(key, _)| *key == parameter.key).map(|(_, value)| *value);
        (*parameter, value)
    };
    Ok((entry, Arguments { text, values: entry.parameters.iter().map(value).collect() }))
}

/// Makes what a text names.
///
/// **Errors**: each [`Error`].
pub fn make<T: Listed>(text: &str) -> Result<T, Error> {
    let list = T::list();
    let (entry, arguments) = find(&list, text)?;
    (entry.make)(&arguments)
}

/// A list as help shows it: a line per entry, and one per parameter with its default.
pub fn help<T: Listed>() -> String {
    let mut text = String::new();
    for entry in T::list() {
        text += &format!("  {:<12} {}\n", entry.name, entry.about);
        for Parameter { key, default, about } in entry.parameters {
            let default = default.map_or("must be given".to_string(), |d| format!("default {d}"));
            text += &format!("      {key:<10} {about} [{default}]\n");
        }
    }
    text
}

/// A text that names something of `T`'s list: checked, with every parameter written out.
pub struct Choice<T> {
    text: String,
    of: PhantomData<fn() -> T>,
}

impl<T: Listed> Choice<T> {
    /// Makes what it names.
    pub fn make(&self) -> T {
        make(&self.text).expect("a choice was checked when it was made")
    }

    /// The name without parameters.
    pub fn name(&self) -> &str {
        parts(&self.text).0
    }

    /// The choice with one more parameter, or another value of it.
    ///
    /// **Errors**: each [`Error`].
    pub fn with(&self, key: &str, value: &str) -> Result<Self, Error> {
        let (name, given) = parts(&self.text);
        let others = given.into_iter().filter(|(other, _)| *other != key);
        let all: Vec<String> =
            others.chain([(key, value)]).map(|(key, value)| format!("{key}={value}")).collect();
        format!("{name}:{}", all.join(",")).parse()
    }
}

impl<T: Listed> FromStr for Choice<T> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let list = T::list();
        let (entry, arguments) = find(&list, text)?;
        (entry.make)(&arguments)?;
        let written = |(parameter, given): &(Parameter, Option<&str>)| {
            let Parameter { key, default, .. } = *parameter;
            let value = given.or(default)?;
            match (default, value) {
                // A flag is there or it is not.
                (Some("false"), "false") => None,
                (Some("false"), "true") => Some(key.to_string()),
                _ => Some(format!("{key}={value}")),
            }
        };
        let parameters: Vec<String> = arguments.values.iter().filter_map(written).collect();
        let separator = if parameters.is_empty() { "" } else { ":" };
        let text = format!("{}{separator}{}", entry.name, parameters.join(","));
        Ok(Choice { text, of: PhantomData })
    }
}

impl<T> Clone for Choice<T> {
    fn clone(&self) -> Self {
        Choice { text: self.text.clone(), of: PhantomData }
    }
}

impl<T> PartialEq for Choice<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> fmt::Debug for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<T> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<T> Serialize for Choice<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, T: Listed> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An enumeration whose variants have names: as text, in files, and as values of flags.
///
/// ```ignore
/// named! {
///     /// How real fan-ins become whole.
///     pub enum Rounding as "rounding" {
///         /// Down.
///         Floor = "floor",
///         /// Up.
///         Ceil = "ceil",
///     }
/// }
/// ```
macro_rules! named {
    (
        $(#[$of_enum:meta])*
        $vis:vis enum $name:ident as $what:literal {
            $($(#[$of_variant:meta])* $variant:ident = $text:literal,)*
        }
    ) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
        $vis enum $name {
            $(
                $(#[$of_variant])*
                #[serde(rename = $text)]
                #[cfg_attr(feature = "cli", value(name = $text))]
                $variant,
            )*
        }

        impl $crate::grammar::Names for $name {
            const NAMES: &'static [&'static str] = &[$($text),*];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $($name::$variant => $text,)* })
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::grammar::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok($name::$variant),)*
                    _ => Err($crate::grammar::Error::UnknownName {
                        what: $what,
                        name: text.to_string(),
                        known: <$name as $crate::grammar::Names>::NAMES.to_vec(),
                    }),
                }
            }
        }
    };
}
pub(crate) use named;

#[cfg(test)]
mod tests {
    use super::*;

    named! {
        /// A tint.
        enum Tint as "tint" {
            /// Pale.
            Pale = "pale",
            /// Deep.
            VeryDeep = "very-deep",
        }
    }

    #[derive(Debug, PartialEq)]
    struct Colour {
        share: f64,
        tint: Tint,
        bright: bool,
    }

    impl Listed for Colour {
        const WHAT: &'static str = "colour";

        fn list() -> Vec<Entry<Self>> {
            const PARAMETERS: &[Parameter] = &[
                Parameter { key: "share", default: None, about: "how much of it" },
                Parameter { key: "tint", default: Some("pale"), about: "its tint" },
                Parameter { key: "bright", default: Some("false"), about: "whether it shines" },
            ];
            let make = |arguments: &Arguments<'_>| {
                let share = arguments.fraction("share")?;
                let (tint, bright) = (arguments.one_of("tint")?, arguments.flag("bright")?);
                Ok(Colour { share, tint, bright })
            };
            let none =
                |_: &Arguments<'_>| Ok(Colour { share: 0.0, tint: Tint::Pale, bright: false });
            vec![
                Entry { name: "red", about: "a colour", parameters: PARAMETERS, make },
                Entry { name: "none", about: "no colour", parameters: &[], make: none },
            ]
        }
    }

    #[test]
    fn texts_are_made_with_their_defaults_and_written_out() {
        let choice: Choice<Colour> = "red:bright, share=0.5".parse().unwrap();
        assert_eq!(choice.to_string(), "red:share=0.5,tint=pale,bright");
        assert_eq!(choice.make(), Colour { share: 0.5, tint: Tint::Pale, bright: true });
        assert_eq!(choice.to_string().parse(), Ok(choice.clone()));
        let deep = choice.with("tint", "very-deep").unwrap();
        assert_eq!((deep.name(), deep.make().tint), ("red", Tint::VeryDeep));
        assert_eq!("none".parse::<Choice<Colour>>().unwrap().to_string(), "none");
        assert!(help::<Colour>().contains("share      how much of it [must be given]"));
    }

    #[test]
    fn each_way_to_be_wrong_has_its_error() {
        let message = |text: &str| text.parse::<Choice<Colour>>().unwrap_err().to_string();
        assert_eq!(message("blue"), "unknown colour 'blue': it is one of red, none");
        assert_eq!(message("red"), "'red': share is missing");
        assert_eq!(
            message("red:hue=1"),
            "'red:hue=1': red has no parameter 'hue': it has share, tint, bright"
        );
        assert_eq!(message("none:x"), "'none:x': none has no parameter 'x'");
        assert_eq!(message("red:share=1,share=0"), "'red:share=1,share=0': share is given twice");
        for wrong in ["2", "nan", "x", ""] {
            let text = format!("red:share={wrong}");
            let expected = "share must be a fraction from 0 to 1";
            assert_eq!(message(&text), format!("'{text}': {expected}, not '{wrong}'"));
        }
        assert!(message("red:share=1,tint=x").contains("tint must be one of pale, very-deep"));
        assert!(message("red:share=1,bright=x").contains("bright must be true or false"));
    }
}
