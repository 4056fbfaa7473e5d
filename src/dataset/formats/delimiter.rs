//! What separates the fields of a table of text, found out from its first lines.

use crate::dataset::field::{comma_number, number};
use crate::dataset::problem::DataProblem;

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

    fn in_words(self) -> &'static str {
        match self {
            Delimiter::Byte(b',') => "commas",
            Delimiter::Byte(b'\t') => "tabs",
            Delimiter::Byte(b';') => "semicolons",
            Delimiter::Byte(_) => "bars",
            Delimiter::Blanks => "blanks",
        }
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
/// of fields, the one with the fewest fields that look as if another separated them; else the most
/// frequent of the first line.
///
/// **Errors**: [`DataProblem::DelimiterUnclear`] where two explain several lines equally badly.
pub(super) fn likely_delimiter(
    start: &[u8],
    comment: Option<u8>,
) -> Result<Delimiter, DataProblem> {
    let lines = rows(start.split(|&byte| byte == b'\n'), comment);
    let Some(&first) = lines.first() else { return Ok(Delimiter::Byte(b',')) };
    // Where no delimiter explains all lines, a field may go on in the next one.
    let of_quotes = |delimiter| rows(cut(start, b'\n', delimiter).into_iter(), comment);
    let explained = match best_of(|_| lines.clone()) {
        (None, _) => best_of(of_quotes),
        explained => explained,
    };
    if let (Some((mixed, _, delimiter)), rival) = explained {
        return match rival {
            Some(rival) if mixed > 0 => {
                let [one, other] = [delimiter, rival].map(Delimiter::in_words);
                Err(DataProblem::DelimiterUnclear { one, other })
            }
            _ => Ok(delimiter),
        };
    }
    let count = |delimiter: u8| first.iter().filter(|&&byte| byte == delimiter).count();
    let most = [b'\t', b';', b'|'].into_iter().fold(b',', |best, delimiter| {
        if count(delimiter) > count(best) { delimiter } else { best }
    });
    Ok(Delimiter::Byte(most))
}

/// The first lines that are neither empty nor comments.
fn rows<'a>(lines: impl Iterator<Item = &'a [u8]>, comment: Option<u8>) -> Vec<&'a [u8]> {
    let mut lines: Vec<&[u8]> = lines.collect();
    // The last one may be cut.
    if lines.len() > 2 {
        lines.pop();
    }
    lines.retain(|line| {
        !line.trim_ascii().is_empty()
            && comment.is_none_or(|comment| line.first() != Some(&comment))
    });
    lines.truncate(LINES);
    lines
}

/// How many fields hold another delimiter, the fields of a line, and the delimiter.
type Explanation = (usize, usize, Delimiter);

/// The delimiter that explains its lines best, and another that does so equally well.
fn best_of<'a>(
    lines_of: impl Fn(Delimiter) -> Vec<&'a [u8]>,
) -> (Option<Explanation>, Option<Delimiter>) {
    let candidates = [b',', b'\t', b';', b'|'].map(Delimiter::Byte);
    let (mut best, mut rival): (Option<Explanation>, _) = (None, None);
    for delimiter in candidates.into_iter().chain([Delimiter::Blanks]) {
        let lines = lines_of(delimiter);
        // One line alone is text with blanks in it rather than fields between blanks.
        if delimiter == Delimiter::Blanks && lines.len() == 1 && best.is_some() {
            break;
        }
        let all: Vec<Vec<&[u8]>> = lines.iter().map(|line| fields(line, delimiter)).collect();
        let width = all.first().map_or(0, Vec::len);
        if width < 2 || all.iter().any(|fields| fields.len() != width) {
            continue;
        }
        let mixed = all.iter().flatten().map(|field| foreign(field, delimiter)).sum();
        let is_better = best.is_none_or(|(least, most, _)| {
            mixed < least || (mixed == least && width > most && delimiter != Delimiter::Blanks)
        });
        let is_as_good = best.is_some_and(|(least, ..)| mixed == least);
        let before = best.map(|(.., delimiter)| delimiter);
        rival = match (is_better, is_as_good) {
            (true, true) => before,
            (false, true) => Some(delimiter),
            (true, false) => None,
            (false, false) => rival,
        };
        if is_better {
            best = Some((mixed, width, delimiter));
        }
    }
    (best, rival)
}

/// The fields of a line, quotes left on.
fn fields(line: &[u8], delimiter: Delimiter) -> Vec<&[u8]> {
    match delimiter {
        Delimiter::Byte(byte) => cut(line, byte, delimiter),
        Delimiter::Blanks => {
            let mut all = cut(line, b' ', delimiter);
            all.retain(|field| !field.is_empty());
            all
        }
    }
}

/// A text cut at every `end`, or of blanks at each of them, that is not within quotes.
fn cut(text: &[u8], end: u8, delimiter: Delimiter) -> Vec<&[u8]> {
    let (mut all, mut start, mut field, mut is_quoted) = (Vec::new(), 0, 0, false);
    let is_between = |byte: u8| match delimiter {
        Delimiter::Byte(delimiter) => byte == delimiter || byte == b'\n',
        Delimiter::Blanks => byte.is_ascii_whitespace(),
    };
    let is_end = |byte: u8| byte == end || (end == b' ' && byte.is_ascii_whitespace());
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        if is_quoted && byte == b'"' && text.get(at + 1) == Some(&b'"') {
            // A quote within quotes.
            at += 1;
        } else if byte == b'"' && (is_quoted || text[field..at].trim_ascii().is_empty()) {
            is_quoted = !is_quoted;
        } else if !is_quoted && is_between(byte) {
            field = at + 1;
            if is_end(byte) {
                all.push(&text[start..at]);
                start = at + 1;
            }
        }
        at += 1;
    }
    all.push(&text[start..]);
    all
}

/// How many other delimiters a field holds; blanks beside numbers are one.
fn foreign(field: &[u8], delimiter: Delimiter) -> usize {
    let field = field.trim_ascii();
    let is_number = |field: &[u8]| number(field).is_some() || comma_number(field).is_some();
    if is_number(field) {
        return 0;
    }
    if let Some(rest) = field.strip_prefix(b"\"")
        && is_quoted_whole(rest)
    {
        return 0;
    }
    let is_other = |byte: &u8| b"\t;|,".contains(byte) && delimiter != Delimiter::Byte(*byte);
    let others = field.iter().filter(|byte| is_other(byte)).count();
    let words: Vec<&[u8]> =
        field.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    // Whoever writes tabs writes blanks within fields, but not between numbers alone.
    let numbers = words.iter().filter(|word| is_number(word)).count();
    let has_numbers = words.len() > 1
        && match delimiter {
            Delimiter::Byte(b'\t') => numbers == words.len(),
            _ => numbers > 0,
        };
    // A quote that is not closed where the field ends.
    let is_cut = field.starts_with(b"\"");
    others + usize::from(has_numbers) + usize::from(is_cut)
}

/// Whether what follows an opening quote is closed at its end, and nowhere before.
fn is_quoted_whole(rest: &[u8]) -> bool {
    let Some(inner) = rest.strip_suffix(b"\"") else { return false };
    // Within, quotes are doubled.
    let runs = inner.split(|&byte| byte != b'"');
    runs.map(<[u8]>::len).all(|run| run % 2 == 0)
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
            ("1,5 \"dark oak\" 2,5\n2,5 ash 0,5\n", Delimiter::Blanks),
            ("1, 2, a b\n3, 4, c d\n", Delimiter::Byte(b',')),
            ("5 Main St,6\n7 Old Oak Rd,8\n", Delimiter::Byte(b',')),
            ("5 Main St,6\n", Delimiter::Byte(b',')),
            ("\"oak\"  \"-53,1\"\n\"ash\" \"2,5\"\n", Delimiter::Blanks),
            ("\"a \"\"b\"\"; c\",1\n\"d\",2\n", Delimiter::Byte(b',')),
            ("\"a\"\" 0\"\tb\n0.7\tb 0\n0.8\tb 1\n", Delimiter::Byte(b'\t')),
            ("\"x,y\";b\nred;1\n\"two\nlines\";2\n", Delimiter::Byte(b';')),
            ("size 0\tlabel\n588\tclass 0\n583\tclass 1\n", Delimiter::Byte(b'\t')),
            ("5.1 3.5\tsetosa\n4.9 3.0\tsetosa\n", Delimiter::Blanks),
            ("18.0  8   70\t\"ford torino\"\n15.0  8   71\t\"buick\"\n", Delimiter::Blanks),
            ("", Delimiter::Byte(b',')),
        ] {
            assert_eq!(likely_delimiter(text.as_bytes(), None), Ok(expected), "{text:?}");
        }
        let commented = likely_delimiter(b"# a;b;c;d\n1,2\n3,4\n", Some(b'#'));
        assert_eq!(commented, Ok(Delimiter::Byte(b',')));
        let (one, other) = ("commas", "blanks");
        let unclear = likely_delimiter(b"5 Main St,6\n7 Oak Rd,8\n", None);
        assert_eq!(unclear, Err(DataProblem::DelimiterUnclear { one, other }));
    }
}
