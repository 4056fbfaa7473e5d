//! What a field of text says: a number, nothing, or a text; and which texts mean the same.

use super::value::{Decimal, POWERS, Written};
use crate::grammar::named;
use std::borrow::Cow;

named! {
    /// What separates the whole part of a number from its fraction.
    #[derive(Default)]
    pub enum DecimalMark as "decimal mark" {
        /// A point; or a comma, where a column has numbers that only this explains.
        #[default]
        Auto = "auto",
        /// A point.
        Point = "point",
        /// A comma.
        Comma = "comma",
    }
}

/// A field as text without the white space around it; none if it is not UTF-8.
pub(super) fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok().map(str::trim)
}

/// A field as a finite number with a decimal point, rounded as the standard library does.
pub(super) fn number(field: &[u8]) -> Option<f64> {
    number_as_written(field).map(Written::value)
}

/// As [`number`], as it is written.
pub(super) fn number_as_written(field: &[u8]) -> Option<Written> {
    let field = field.trim_ascii();
    plain_number(field).or_else(|| {
        let value: f64 = std::str::from_utf8(field).ok()?.parse().ok()?;
        value.is_finite().then_some(Written::Long(value))
    })
}

/// Digits with at most one point among them, up to 15 of them: both parts of the quotient are
/// exact, so it is the number rounded once.
fn plain_number(field: &[u8]) -> Option<Written> {
    let (is_negative, digits) = match field {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, field),
    };
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let (mut whole, mut count, mut after_point) = (0u64, 0, None);
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                whole = whole * 10 + u64::from(byte - b'0');
                count += 1;
                after_point = after_point.map(|places| places + 1);
            }
            b'.' if after_point.is_none() => after_point = Some(0usize),
            _ => return None,
        }
    }
    if count == 0 || count > 15 {
        return None;
    }
    let places = after_point.unwrap_or(0);
    // A negative zero is zero.
    let is_short = places < 10 && whole <= i32::MAX as u64;
    if is_short {
        let digits = if is_negative { -(whole as i32) } else { whole as i32 };
        return Some(Written::Short(Decimal { digits, places: places as u8 }));
    }
    let value = whole as f64 / POWERS[places];
    Some(Written::Long(if is_negative { -value } else { value }))
}

/// A number with a decimal comma, and whether the comma may as well separate thousands.
pub(super) fn comma_number(field: &[u8]) -> Option<(f64, bool)> {
    let text = std::str::from_utf8(field).ok()?.trim();
    let (whole, fraction) = text.split_once(',')?;
    let digits = whole.trim_start_matches(['+', '-']);
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = fraction.find(['e', 'E']).unwrap_or(fraction.len());
    let places = &fraction[..exponent];
    if !all_digits(digits) || !all_digits(places) || places.is_empty() {
        return None;
    }
    let value = number(format!("{whole}.{fraction}").as_bytes())?;
    let as_thousands = places.len() == 3
        && exponent == fraction.len()
        && (1..=3).contains(&digits.len())
        && !digits.starts_with('0');
    Some((value, as_thousands))
}

/// What stands for a missing value.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// Those named; none if they are the usual ones.
    given: Option<Vec<String>>,
    /// The numbers among them.
    numbers: Vec<f64>,
}

/// What usually stands for a missing value, in small letters.
const USUAL: [&str; 19] = [
    "na", "n/a", "nan", "-nan", "null", "none", "nil", "?", ".", "<na>", "#n/a", "#n/a n/a", "#na",
    "1.#qnan", "-1.#qnan", "1.#ind", "-1.#ind", "nat", "#null!",
];

impl Marks {
    /// These marks, or the usual ones if there are none.
    pub(super) fn new(given: &[String]) -> Marks {
        let numbers = given.iter().filter_map(|mark| number(mark.as_bytes())).collect();
        let given =
            (!given.is_empty()).then(|| given.iter().map(|mark| mark.trim().to_string()).collect());
        Marks { given, numbers }
    }

    /// Whether there are numbers among them.
    pub(super) fn any_numbers(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// Whether a number is one of them.
    pub(super) fn has_number(&self, value: f64) -> bool {
        self.numbers.contains(&value)
    }

    /// Whether a field is one of them, or a number that is. What is empty always is.
    pub(super) fn has(&self, field: &[u8]) -> bool {
        let field = field.trim_ascii();
        let is_number = || self.any_numbers() && number(field).is_some_and(|x| self.has_number(x));
        field.is_empty()
            || match &self.given {
                Some(marks) => marks.iter().any(|mark| mark.as_bytes() == field) || is_number(),
                None => USUAL.iter().any(|mark| field.eq_ignore_ascii_case(mark.as_bytes())),
            }
    }

    /// Whether a label is missing. A class may be called None or Nil unless such marks are named.
    pub(super) fn has_label(&self, label: &[u8]) -> bool {
        let label = label.trim_ascii();
        let is_name = self.given.is_none()
            && (label.eq_ignore_ascii_case(b"none") || label.eq_ignore_ascii_case(b"nil"));
        !is_name && self.has(label)
    }
}

/// What a text means, as a text: the same for 1, +1, 01 and 1.0, and for TRUE and true. Whole
/// numbers of any length keep all their digits.
pub(super) fn meaning(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let (sign, digits) = match text.as_bytes() {
        [b'-', ..] => ("-", &text[1..]),
        [b'+', ..] => ("", &text[1..]),
        _ => ("", text),
    };
    let whole = match digits.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => digits,
    };
    if !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit()) {
        let plain = whole.trim_start_matches('0');
        return match (sign, plain) {
            (_, "") => Cow::Borrowed("0"),
            ("", plain) => Cow::Borrowed(plain),
            (sign, plain) => Cow::Owned(format!("{sign}{plain}")),
        };
    }
    match number(text.as_bytes()) {
        Some(value) => Cow::Owned(value.to_string()),
        None => Cow::Borrowed(truth(text)),
    }
}

/// TRUE, True and true as one text, and so false; any other text as it is.
pub(super) fn truth(text: &str) -> &str {
    ["true", "false"].into_iter().find(|truth| text.eq_ignore_ascii_case(truth)).unwrap_or(text)
}

/// How people write numbers that are not read as such, in words; none if `text` is no such number.
pub(super) fn number_form(text: &str) -> Option<&'static str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain =
        |text: &str| number(text.as_bytes()).is_some() || comma_number(text.as_bytes()).is_some();
    let grouped = |text: &str, mark: char| {
        let whole = text.trim_start_matches(['+', '-']);
        let (whole, _) =
            whole.split_once(if mark == '.' { ',' } else { '.' }).unwrap_or((whole, ""));
        let mut groups = whole.split(mark);
        let first = groups.next().is_some_and(|group| digits(group) && group.len() <= 3);
        let rest: Vec<&str> = groups.collect();
        first && !rest.is_empty() && rest.iter().all(|group| digits(group) && group.len() == 3)
    };
    let currencies = ['$', '€', '£', '¥', '₹', '₽', '₩'];
    let bare = text.trim_matches(|c: char| c == '-' || c == '+' || c == ' ' || c == '\u{a0}');
    let without = bare.trim_matches(|c: char| currencies.contains(&c) || c.is_whitespace());
    let any_number = |text: &str| {
        plain(text)
            || [',', '.', ' ', '\u{a0}', '\u{202f}', '\'', '_']
                .iter()
                .any(|&mark| grouped(text, mark))
    };
    if without != bare && any_number(without) {
        return Some("amounts of money");
    }
    if let Some(share) = text.strip_suffix(['%', '‰'])
        && any_number(share.trim())
    {
        return Some("percentages");
    }
    if let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'))
        && any_number(inner)
    {
        return Some("numbers in brackets");
    }
    if [',', '.', ' ', '\u{a0}', '\u{202f}', '\'', '_', '’'].iter().any(|&mark| grouped(text, mark))
    {
        return Some("numbers with their thousands separated");
    }
    if text.contains('_') && plain(&text.replace('_', "")) {
        return Some("numbers with their digits separated");
    }
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
        && !hex.is_empty()
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Some("hexadecimal numbers");
    }
    if let Some(rest) = text.strip_prefix(['\u{2212}', '–'])
        && any_number(rest)
    {
        return Some("numbers with a minus sign that is no hyphen");
    }
    if let Some(rest) = text.strip_suffix('-')
        && any_number(rest)
    {
        return Some("numbers with the sign behind");
    }
    let fortran = text.replacen(['d', 'D'], "e", 1);
    if fortran != text
        && text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && plain(&fortran)
    {
        return Some("numbers with an exponent after D");
    }
    if let Some((above, below)) = text.split_once('/')
        && digits(above.trim_start_matches('-'))
        && digits(below)
    {
        return Some("fractions");
    }
    if let Some(rest) = text.strip_prefix(['<', '>', '~', '≤', '≥', '≈'])
        && any_number(rest.trim_start_matches('=').trim())
    {
        return Some("bounds of numbers");
    }
    let is_other_digit = |c: char| c.is_numeric() && !c.is_ascii();
    if text.chars().any(is_other_digit)
        && text.chars().all(|c| c.is_numeric() || "+-.,٫".contains(c))
    {
        return Some("numbers in other digits than 0 to 9");
    }
    None
}

/// A number with a unit behind it, such as 12 kg.
pub(super) fn is_with_unit(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || "+-., ".contains(c));
    let value = text[..text.len() - unit.len()].trim();
    !unit.is_empty()
        && unit.chars().count() <= 6
        && (number(value.as_bytes()).is_some() || comma_number(value.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_standard_librarys_and_finite() {
        for text in [
            "0",
            "7",
            "1234567",
            "12345678",
            "-3",
            "+2",
            "1e-3",
            " 4.25 ",
            ".5",
            "007",
            "5.",
            "0.1",
            "123456789.123456",
            "999999999999999",
            "1600000052.21",
            "-.7",
            "3.14159265358979",
            "12345678901234567890",
            "1e300",
            "2.025e-41",
            "0.000000000000001",
            "-1.7976931348623157e308",
        ] {
            let expected: f64 = text.trim().parse().unwrap();
            assert_eq!(
                number(text.as_bytes()).map(f64::to_bits),
                Some(expected.to_bits()),
                "{text}"
            );
        }
        for text in [
            "",
            " ",
            "x",
            "1,5",
            "nan",
            "inf",
            "-infinity",
            "1e999",
            "0x10",
            "1_0",
            ".",
            "-",
            "1.2.3",
            "--1",
        ] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn decimal_commas_are_told_from_thousands() {
        let read = |text: &str| comma_number(text.as_bytes());
        assert_eq!(read("3,25"), Some((3.25, false)));
        assert_eq!(read("-0,125"), Some((-0.125, false)));
        assert_eq!(read("1,234"), Some((1.234, true)));
        assert_eq!(read("1,5e3"), Some((1500.0, false)));
        for text in ["1.5", "1,234,567", "1,", "a,b", "1,234.5", "1,-2"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn texts_that_mean_the_same_are_the_same() {
        for (texts, means) in [
            (&["1", "1.0", "+1", "01", " 1 ", "1.", "1e0"][..], "1"),
            (&["0", "-0", "0.000", "00"], "0"),
            (&["-2", "-2.0", "-02"], "-2"),
            (&["1.5", "1.50", "+1.5", "15e-1"], "1.5"),
            (&["9007199254740993", "9007199254740993.0"], "9007199254740993"),
            (&["oak ", "oak"], "oak"),
            (&["inf"], "inf"),
        ] {
            texts.iter().for_each(|text| assert_eq!(meaning(text), means, "{text}"));
        }
    }

    #[test]
    fn marks_are_the_usual_ones_or_those_named() {
        let usual = Marks::new(&[]);
        for mark in ["", "  ", "NA", "n/a", "?", ".", "None", "#N/A", "<NA>", "NaN"] {
            assert!(usual.has(mark.as_bytes()), "{mark}");
        }
        assert!(!usual.has(b"nothing") && !usual.has_label(b"None") && usual.has_label(b"NaN"));
        let given = Marks::new(&["-999".to_string(), "None".to_string()]);
        assert!(given.has_number(-999.0) && given.has(b"None") && given.has(b""));
        assert!(!given.has(b"NA") && given.has_label(b"None") && !given.has_label(b"NA"));
    }

    #[test]
    fn ways_to_write_numbers_have_names() {
        for (text, form) in [
            ("$3.50", "amounts of money"),
            ("1.234,50 €", "amounts of money"),
            ("45%", "percentages"),
            ("12,5 %", "percentages"),
            ("1,234,567", "numbers with their thousands separated"),
            ("1 234", "numbers with their thousands separated"),
            ("1'234.5", "numbers with their thousands separated"),
            ("1.234,5", "numbers with their thousands separated"),
            ("(12.5)", "numbers in brackets"),
            ("0x1F", "hexadecimal numbers"),
            ("1_0", "numbers with their digits separated"),
            ("\u{2212}5", "numbers with a minus sign that is no hyphen"),
            ("5-", "numbers with the sign behind"),
            ("1.5D+03", "numbers with an exponent after D"),
            ("1/2", "fractions"),
            ("<0.5", "bounds of numbers"),
            ("٣٤", "numbers in other digits than 0 to 9"),
        ] {
            assert_eq!(number_form(text), Some(form), "{text}");
        }
        for text in ["red", "10-20", "A1", "", "$", "a/b", "1st", "D5", "12 kg"] {
            assert_eq!(number_form(text), None, "{text}");
        }
        assert_eq!(["12 kg", "-3.5cm", "kg", "5"].map(is_with_unit), [true, true, false, false]);
    }
}
