//! What stands in one place of a table: as it is written, and as it is read.

/// What stands in one place of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// A number.
    Number(f64),
    /// A text, by its number among its column's.
    Text(u32),
    /// Nothing.
    Missing,
}

/// A number as it was written, if that is short: `digits / 10^places`, the sign with the digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) digits: i32,
    pub(super) places: u8,
}

impl Decimal {
    fn value(self) -> f64 {
        f64::from(self.digits) / POWERS[usize::from(self.places)]
    }
}

/// A number as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Written {
    /// With few digits.
    Short(Decimal),
    /// With more than those, or in another way.
    Long(f64),
}

impl Written {
    /// The number, rounded once.
    pub(super) fn value(self) -> f64 {
        match self {
            Written::Short(decimal) => decimal.value(),
            Written::Long(value) => value,
        }
    }
}

/// What a column is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Entry {
    /// A number.
    Number(Written),
    /// A text, by its number among its column's.
    Text(u32),
    /// Nothing.
    Missing,
}

impl Entry {
    /// What comes back of it.
    pub(super) fn value(self) -> Value {
        match self {
            Entry::Number(number) => Value::Number(number.value()),
            Entry::Text(text) => Value::Text(text),
            Entry::Missing => Value::Missing,
        }
    }
}

impl From<Value> for Entry {
    fn from(value: Value) -> Entry {
        match value {
            Value::Number(number) => Entry::Number(Written::Long(number)),
            Value::Text(text) => Entry::Text(text),
            Value::Missing => Entry::Missing,
        }
    }
}

/// Powers of ten that f64 has exactly.
pub(super) const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
