//! A text that was checked against its list.

use super::error::Error;
use super::list::{Listed, Parameter, find, make, parts};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

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
            let value = given.map(|given| in_one_form(given, default));
            let value = value.or(default.map(str::to_string))?;
            match (default, value.as_str()) {
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

/// A number as it is written here, whichever way it is given: as the default if it is equal to
/// that.
fn in_one_form(given: &str, default: Option<&str>) -> String {
    let number = |text: &str| {
        let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        text.parse::<f64>().ok().filter(|number| is_number && number.is_finite())
    };
    let given = given.strip_prefix('+').unwrap_or(given);
    match (number(given), default.and_then(number)) {
        (None, _) => given.to_string(),
        (Some(number), Some(same)) if number == same => default.unwrap_or(given).to_string(),
        // Up to here every whole number is an f64.
        (Some(number), _) if number.fract() == 0.0 && number.abs() < 2f64.powi(53) => {
            // And 0 has no sign.
            format!("{:.0}", number + 0.0)
        }
        (Some(_), _) if given.bytes().all(|byte| byte.is_ascii_digit()) => given.to_string(),
        (Some(number), _) => format!("{number:?}"),
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

#[cfg(test)]
mod tests {
    use super::super::list::{Arguments, Entry, help};
    use super::super::names::named;
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

    #[test]
    fn numbers_have_one_form() {
        let form = |text| in_one_form(text, Some("0.30"));
        for (given, written) in [
            (".5", "0.5"),
            ("0.50", "0.5"),
            ("5e-1", "0.5"),
            ("+.5", "0.5"),
            ("3", "3"),
            ("3.0", "3"),
            ("-0", "0"),
            ("1e-7", "1e-7"),
            (".3", "0.30"),
            ("18446744073709551615", "18446744073709551615"),
            ("+9007199254740993", "9007199254740993"),
        ] {
            assert_eq!(form(given), written);
        }
        // What only begins like one, and what is none.
        let texts = ["1e-7x", "infinity", "nan", "-", ".", "0.9;0.95", "deep"];
        assert_eq!(texts.map(form), texts);
    }
}
