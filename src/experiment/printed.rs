//! A number as the paper prints it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A printed number: `~` before what is said to be about right, `>` and `<` before bounds; commas
/// between thousands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Printed {
    text: String,
    /// The number.
    pub value: f64,
    /// Of its last digit.
    unit: f64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Exact,
    About,
    Above,
    Below,
}

impl Printed {
    /// Whether `ours` may be this number, if it may be missed by `more` than by what printing
    /// takes.
    pub fn is(&self, ours: f64, more: f64) -> bool {
        // What is equal but for the last bit is equal.
        let room = self.rounding() + more + 1e-9;
        match self.kind {
            Kind::Above => ours > self.value - room,
            Kind::Below => ours < self.value + room,
            Kind::Exact | Kind::About => (ours - self.value).abs() <= room,
        }
    }

    /// What printing may have taken away or added: of a bound nothing, of what is said to be about
    /// right a tenth, else half a unit.
    pub fn rounding(&self) -> f64 {
        match self.kind {
            Kind::Above | Kind::Below => 0.0,
            Kind::About if self.value != 0.0 => (self.value / 10.0).abs(),
            Kind::Exact | Kind::About => self.unit / 2.0,
        }
    }
}

impl TryFrom<String> for Printed {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let kind = match text.chars().next() {
            Some('~') => Kind::About,
            Some('>') => Kind::Above,
            Some('<') => Kind::Below,
            _ => Kind::Exact,
        };
        let digits = text.trim_start_matches(['~', '>', '<']).replace(',', "");
        let value = digits.parse().map_err(|_| format!("'{text}' is no printed number"))?;
        let places = match digits.split_once('.') {
            Some((_, fraction)) => -(fraction.len() as i32),
            None => 0,
        };
        Ok(Printed { text, value, unit: 10f64.powi(places), kind })
    }
}

impl From<Printed> for String {
    fn from(printed: Printed) -> String {
        printed.text
    }
}

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_missed_by_what_rounding_takes() {
        let is = |text: &str, ours: f64| Printed::try_from(text.to_string()).unwrap().is(ours, 0.0);
        for (text, same, other) in [
            ("247", 247.4, 247.6),
            ("20.6", 20.56, 20.5),
            ("0", 0.4, 1.0),
            ("60,000", 60000.0, 59999.0),
            ("0.00", 0.004, 0.006),
            ("-22.49", -22.486, -22.4),
            ("~80,800", 72720.0, 72719.0),
            ("~0.6", 0.66, 0.67),
            ("~0.00", 0.004, 0.006),
            (">99.9", 99.91, 99.87),
            ("<5", 4.99, 5.01),
        ] {
            assert!(is(text, same), "{text} {same}");
            assert!(!is(text, other), "{text} {other}");
        }
        assert!(Printed::try_from("about 3".to_string()).is_err());
    }
}
