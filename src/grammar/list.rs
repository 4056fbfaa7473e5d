//! Lists of what can be chosen: entries, their parameters, and the arguments of a text.

use super::error::{Error, Expected};
use super::names::Names;

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

/// The arguments of an entry: what is given, else the defaults.
#[derive(Debug)]
pub struct Arguments<'a> {
    text: &'a str,
    name: &'static str,
    pub(super) values: Vec<(Parameter, Option<&'a str>)>,
}

impl Arguments<'_> {
    /// The entry's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

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

    /// A finite number above 0, in `f32` too.
    pub fn positive(&self, key: &'static str) -> Result<f64, Error> {
        self.number_that(key, Expected::Positive, |x| x as f32 > 0.0)
    }

    /// A finite number, at least 0.
    pub fn not_negative(&self, key: &'static str) -> Result<f64, Error> {
        self.number_that(key, Expected::NotNegative, |x| x >= 0.0)
    }

    /// A number from 0 to 1.
    pub fn fraction(&self, key: &'static str) -> Result<f64, Error> {
        self.number_that(key, Expected::Fraction, |x| (0.0..=1.0).contains(&x))
    }

    /// A number from 0 to 1, no less than that of another key.
    pub fn fraction_from(&self, key: &'static str, other: &'static str) -> Result<f64, Error> {
        let least = self.fraction(other)?;
        let fraction = self.fraction(key)?;
        self.parse(key, Expected::AtLeast(other), |_| (fraction >= least).then_some(fraction))
    }

    /// A number of at least 0 and below 1, in `f32` too.
    pub fn below_one(&self, key: &'static str) -> Result<f64, Error> {
        self.number_that(key, Expected::BelowOne, |x| x >= 0.0 && (x as f32) < 1.0)
    }

    /// A whole number, at least `least`.
    pub fn whole(&self, key: &'static str, least: u64) -> Result<u64, Error> {
        let whole = |text: &str| text.parse().ok().filter(|n| *n >= least);
        self.parse(key, Expected::Whole(least), whole)
    }

    /// A whole number from `least` to `most`.
    pub fn whole_up_to(&self, key: &'static str, least: u64, most: u64) -> Result<u64, Error> {
        let whole = |text: &str| text.parse().ok().filter(|n| (least..=most).contains(n));
        self.parse(key, Expected::WholeUpTo(least, most), whole)
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

/// A name and the parameters given with it.
pub(super) type Parts<'a> = (&'a str, Vec<(&'a str, &'a str)>);

pub(super) fn parts(text: &str) -> Parts<'_> {
    let (name, parameters) = text.split_once(':').unwrap_or((text, ""));
    let items = parameters.split(',').map(str::trim).filter(|item| !item.is_empty());
    let pair = |item| str::split_once(item, '=').unwrap_or((item, "true"));
    (name.trim(), items.map(pair).map(|(key, value)| (key.trim(), value.trim())).collect())
}

/// The entry of a name with its arguments checked against its parameters.
pub(super) fn find<'a, 'l, T: Listed>(
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
    let values = entry.parameters.iter().map(value).collect();
    Ok((entry, Arguments { text, name: entry.name, values }))
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
