//! What separates the fields of a table of text, found out from its first lines.

use crate::dataset::field::{comma_number, number};

/// What separates fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimiter {
    /// One character.
    Byte(u8),
    /// Any white space, however much of it.
    Blanks,
}

impl Delimiter {
    /// That of a setting: a blank stands for any white space.
    pub(super) fn of(byte: u8) -> Delimiter {
        if byte == b' ' { Delimiter::Blanks } else { Delimiter::Byte(byte) }
    }

    /// The byte between fields; a tab between those of white space, once each run of it is one.
    pub(super) fn byte(self) -> u8 {
        match self {
            Delimiter::Byte(byte) => byte,
            Delimiter::Blanks => b'\t',
        }
    }
}

/// More lines than these say nothing new.
const LINES: usize = 500;

/// The delimiter that explains the first lines best: one that cuts all of them into the same number
/// of fields, the one with the fewest fields that hold other delimiters; else white space that
/// does; else the most frequent of the first line.
pub(super) fn likely_delimiter(start: &[u8], comment: Option<u8>) -> Delimiter {
    let is_row = |line: &&[u8]| {
        !line.trim_ascii().is_empty()
            && comment.is_none_or(|comment| line.first() != Some(&comment))
    };
    let mut lines: Vec<&[u8]> = start.split(|&byte| byte == b'\n').collect();
    // The last one may be cut.
    if lines.len() > 2 {
        lines.pop();
    }
    let lines: Vec<&[u8]> = lines.into_iter().filter(is_row).take(LINES).collect();
    let Some(&first) = lines.first() else { return Delimiter::Byte(b',') };
    let mut best: Option<(usize, usize, u8)> = None;
    for delimiter in [b',', b'\t', b';', b'|'] {
        let width = fields(first, delimiter).len();
        let all: Vec<Vec<&[u8]>> = lines.iter().map(|line| fields(line, delimiter)).collect();
        if width < 2 || all.iter().any(|fields| fields.len() != width) {
            continue;
        }
        let mixed = all.iter().flatten().filter(|field| is_mixed(field, delimiter)).count();
        let is_better =
            best.is_none_or(|(least, most, _)| mixed < least || (mixed == least && width > most));
        if is_better {
            best = Some((mixed, width, delimiter));
        }
    }
    if let Some((_, _, delimiter)) = best {
        return Delimiter::Byte(delimiter);
    }
    let words =
        |line: &[u8]| line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    let width = words(first);
    if width > 1 && lines.iter().all(|line| words(line) == width) {
        return Delimiter::Blanks;
    }
    let count = |delimiter: u8| first.iter().filter(|&&byte| byte == delimiter).count();
    let most = [b'\t', b';', b'|'].into_iter().fold(b',', |best, delimiter| {
        if count(delimiter) > count(best) { delimiter } else { best }
    });
    Delimiter::Byte(most)
}

/// The fields of a line, quotes left on.
fn fields(line: &[u8], delimiter: u8) -> Vec<&[u8]> {
    let (mut all, mut start, mut is_quoted) = (Vec::new(), 0, false);
    for (at, &byte) in line.iter().enumerate() {
        if byte == b'"' && (is_quoted || at == start) {
            is_quoted = !is_quoted;
        } else if byte == delimiter && !is_quoted {
            all.push(&line[start..at]);
            start = at + 1;
        }
    }
    all.push(&line[start..]);
    all
}

/// Whether a field looks as if something else than `delimiter` separated fields.
fn is_mixed(field: &[u8], delimiter: u8) -> bool {
    let field = field.trim_ascii();
    let is_quoted = field.first() == Some(&b'"');
    let has = |byte: u8| byte != delimiter && field.contains(&byte);
    let has_comma = has(b',') && comma_number(field).is_none();
    !is_quoted && number(field).is_none() && (has(b'\t') || has(b';') || has(b'|') || has_comma)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_what_explains_all_lines() {
        for (text, expected) in [
            ("a,b;c,d\n;;;;", Delimiter::Byte(b',')),
            ("a\tb\tc,d", Delimiter::Byte(b'\t')),
            ("1;2,5;3", Delimiter::Byte(b';')),
            ("1,5;2,5;3,5\n2,5;3,5;4,5\n", Delimiter::Byte(b';')),
            ("alone", Delimiter::Byte(b',')),
            ("a|b\n1|2\n", Delimiter::Byte(b'|')),
            ("\"x;y\",b\n\"p;q\",c\n", Delimiter::Byte(b',')),
            ("  1.0   2.0  oak\n -1.0  12.0  ash\n", Delimiter::Blanks),
            ("1\t2\t\t3\n1\t\t2\t3\n1\t2\t3\n", Delimiter::Blanks),
            ("1\t\t3\n1\t2\t3\n", Delimiter::Byte(b'\t')),
            ("New York,5\nBoston,6\n", Delimiter::Byte(b',')),
            ("", Delimiter::Byte(b',')),
        ] {
            assert_eq!(likely_delimiter(text.as_bytes(), None), expected, "{text:?}");
        }
        let commented = likely_delimiter(b"# a;b;c;d\n1,2\n3,4\n", Some(b'#'));
        assert_eq!(commented, Delimiter::Byte(b','));
    }
}
