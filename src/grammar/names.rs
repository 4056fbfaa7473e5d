//! Enumerations whose variants have names.

use super::error::Error;
use std::str::FromStr;

/// An enumeration whose variants have names; `named!` makes one.
pub trait Names: FromStr<Err = Error> + Copy + 'static {
    /// All names, in the order of the variants.
    const NAMES: &'static [&'static str];
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
        #[non_exhaustive]
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
