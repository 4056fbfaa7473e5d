//! The different texts of a column while its rows are read.

use std::collections::HashMap;

/// The different texts of a column.
#[derive(Debug, Default)]
pub(super) struct Texts {
    ids: HashMap<Box<str>, u32>,
    /// Each text by its number.
    pub(super) seen: Vec<SeenText>,
    /// How many fields had one text more than there may be.
    pub(super) beyond: u64,
}

/// One text of a column.
#[derive(Clone, Debug)]
pub(super) struct SeenText {
    /// As it was first written.
    pub(super) text: Box<str>,
    /// The row it was first in, from 0; later than the first of the file if it can be.
    row: usize,
    /// Whether the first row of the file has it.
    in_first: bool,
    /// Rows that have it, but for the first of the file.
    pub(super) count: u64,
    /// Whether it was written in several ways.
    pub(super) is_respelled: bool,
}

impl Texts {
    /// The number of a text; none beyond `most` different ones.
    pub(super) fn intern(&mut self, key: &str, text: &str, row: usize, most: usize) -> Option<u32> {
        let id = match self.ids.get(key) {
            Some(&id) => id,
            None if self.seen.len() >= most => {
                self.beyond += 1;
                return None;
            }
            None => {
                let id = self.seen.len() as u32;
                self.ids.insert(key.into(), id);
                self.seen.push(SeenText {
                    text: text.into(),
                    row,
                    in_first: row == 0,
                    count: 0,
                    is_respelled: false,
                });
                id
            }
        };
        let seen = &mut self.seen[id as usize];
        if seen.count == 0 {
            seen.row = row;
        }
        seen.count += u64::from(row > 0);
        seen.is_respelled |= &*seen.text != text;
        Some(id)
    }
}

impl SeenText {
    /// The row it was first in, where rows begin with `start`.
    pub(super) fn first_row(&self, start: usize) -> usize {
        if self.in_first && start == 0 { 0 } else { self.row }
    }
}
