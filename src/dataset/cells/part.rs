//! A column's values in the rows of a block: four bytes each where they are short numbers or texts.

use crate::dataset::value::{Entry, POWERS, Value, Written};
use std::ops::Range;

/// A [`Value`] in eight bytes: the number itself, or a pattern of bits that no finite number has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell(u64);

impl Cell {
    /// The bits above a text's number.
    const TEXT: u64 = 0x7ff8_0001 << 32;
    /// Nothing.
    const MISSING: u64 = 0x7ff8_0000 << 32;

    fn new(value: Value) -> Cell {
        match value {
            Value::Number(number) => {
                assert!(number.is_finite(), "a cell's number is finite");
                Cell(number.to_bits())
            }
            Value::Text(text) => Cell(Cell::TEXT | u64::from(text)),
            Value::Missing => Cell(Cell::MISSING),
        }
    }

    fn value(self) -> Value {
        match self.0 >> 32 {
            0x7ff8_0001 => Value::Text(self.0 as u32),
            0x7ff8_0000 => Value::Missing,
            _ => Value::Number(f64::from_bits(self.0)),
        }
    }
}

/// What no text and no short number is: nothing stands there.
const NO_DIGITS: i32 = i32::MIN;
const NO_TEXT: u32 = u32::MAX;

/// A column's values in the rows of a block.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Short numbers with as many places each.
    Decimals { digits: Vec<i32>, places: u8 },
    /// Texts.
    Texts(Vec<u32>),
    /// All else.
    Any(Vec<Cell>),
}

impl Part {
    pub(super) fn new(capacity: usize) -> Part {
        Part::Decimals { digits: Vec::with_capacity(capacity), places: 0 }
    }

    /// One value.
    pub(super) fn of(value: Value) -> Part {
        let mut part = Part::new(1);
        part.push(value.into());
        part
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Part::Decimals { digits, .. } => digits.len(),
            Part::Texts(texts) => texts.len(),
            Part::Any(cells) => cells.len(),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, entry: Entry) {
        match (&mut *self, entry) {
            (Part::Decimals { digits, places }, Entry::Number(Written::Short(number)))
                if number.places == *places =>
            {
                digits.push(number.digits);
            }
            (Part::Decimals { digits, .. }, Entry::Missing) => digits.push(NO_DIGITS),
            (Part::Texts(texts), Entry::Text(text)) => texts.push(text),
            (Part::Texts(texts), Entry::Missing) => texts.push(NO_TEXT),
            (Part::Any(cells), entry) => cells.push(Cell::new(entry.value())),
            _ => self.push_otherwise(entry),
        }
    }

    /// Takes what the part as it is has no room for.
    #[cold]
    fn push_otherwise(&mut self, entry: Entry) {
        match (&mut *self, entry) {
            (Part::Decimals { digits, places }, Entry::Number(Written::Short(number))) => {
                // As many places for all, if the digits are still short then.
                let all_places = number.places.max(*places);
                let more = all_places - *places;
                let own = scaled(number.digits, all_places - number.places);
                let other = |&d: &i32| if d == NO_DIGITS { Some(d) } else { scaled(d, more) };
                let others = match more {
                    0 => Some(()),
                    _ => digits.iter().map(other).collect::<Option<Vec<i32>>>().map(|others| {
                        digits.clear();
                        digits.extend(others);
                    }),
                };
                if let (Some(own), Some(())) = (own, others) {
                    *places = all_places;
                    digits.push(own);
                    return;
                }
            }
            (part, Entry::Text(text)) if part.all_missing() => {
                let mut texts = Vec::with_capacity(part.capacity());
                texts.resize(part.len(), NO_TEXT);
                texts.push(text);
                *self = Part::Texts(texts);
                return;
            }
            _ => {}
        }
        let mut cells = Vec::with_capacity(self.capacity().max(self.len() + 1));
        self.each(0..self.len(), |_, value| cells.push(Cell::new(value)));
        cells.push(Cell::new(entry.value()));
        *self = Part::Any(cells);
    }

    fn capacity(&self) -> usize {
        match self {
            Part::Decimals { digits, .. } => digits.capacity(),
            Part::Texts(texts) => texts.capacity(),
            Part::Any(cells) => cells.capacity(),
        }
    }

    fn all_missing(&self) -> bool {
        match self {
            Part::Decimals { digits, .. } => digits.iter().all(|&digits| digits == NO_DIGITS),
            Part::Texts(texts) => texts.iter().all(|&text| text == NO_TEXT),
            Part::Any(_) => false,
        }
    }

    /// Each value of these rows of the block, with its row.
    #[inline]
    pub(super) fn each(&self, rows: Range<usize>, mut take: impl FnMut(usize, Value)) {
        let first = rows.start;
        match self {
            Part::Decimals { digits, places } => {
                let power = POWERS[usize::from(*places)];
                for (row, &digits) in digits[rows].iter().enumerate() {
                    let value = match digits {
                        NO_DIGITS => Value::Missing,
                        digits => Value::Number(f64::from(digits) / power),
                    };
                    take(first + row, value);
                }
            }
            Part::Texts(texts) => {
                for (row, &text) in texts[rows].iter().enumerate() {
                    let value = if text == NO_TEXT { Value::Missing } else { Value::Text(text) };
                    take(first + row, value);
                }
            }
            Part::Any(cells) => {
                for (row, cell) in cells[rows].iter().enumerate() {
                    take(first + row, cell.value());
                }
            }
        }
    }
}

/// Digits with some more places, if they are still short.
fn scaled(digits: i32, more: u8) -> Option<i32> {
    match more {
        0 => Some(digits),
        1..=9 => digits.checked_mul(10i32.pow(more.into())).filter(|&digits| digits != NO_DIGITS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_holds_what_it_was_given() {
        let values = [0.0, -0.0, 1.5, f64::MAX, f64::MIN_POSITIVE, -5e-324].map(Value::Number);
        let texts = [0, 1, u32::MAX].map(Value::Text);
        for value in values.into_iter().chain(texts).chain([Value::Missing]) {
            assert_eq!(Cell::new(value).value(), value);
        }
        assert_eq!(size_of::<Cell>(), 8);
    }
}
