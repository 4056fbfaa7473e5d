//! What a command says, and where: results to stdout, or all but one JSON object to stderr.

use super::dashes::{lines_written_out, with_dashes};
use crate::format;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::OnceLock;
use unicode_width::UnicodeWidthStr;

/// How much a command says.
pub(super) struct Console {
    json: bool,
    quiet: bool,
}

impl Console {
    pub(super) fn new(json: bool, quiet: bool) -> Console {
        Console { json, quiet }
    }

    /// A line for people.
    pub(super) fn line(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        match (self.quiet, self.json) {
            (true, _) => {}
            (false, true) => self.hint(text),
            (false, false) => print(&format!("{}\n", lines_written_out(text))),
        }
    }

    /// The object for programs, where `--json` asked for it.
    pub(super) fn object(&self, value: &impl serde::Serialize) {
        if self.json {
            let text = serde_json::to_string(value).expect("plain data serialises");
            print(&format!("{text}\n"));
        }
    }

    /// A warning, to stderr.
    pub(super) fn warn(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "warning: {}", with_dashes(text));
    }

    /// A problem that does not end the command, to stderr.
    pub(super) fn error(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "error: {}", with_dashes(text));
    }

    /// A word to who sits before a terminal.
    pub(super) fn hint(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{}", lines_written_out(text));
    }

    /// Text that is the command's whole output, to stdout as it is.
    pub(super) fn raw(&self, text: &str) {
        print(text);
    }

    /// A bar over `length` units on stderr; hidden unless stderr is a terminal.
    pub(super) fn progress(&self, length: u64, template: &str) -> ProgressBar {
        let shown = !self.quiet && std::io::stderr().is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        let bar = ProgressBar::with_draw_target(Some(length), target);
        bar.set_style(style.progress_chars("=> "));
        bar
    }
}

/// What goes to a terminal line by line, without the characters that would move its cursor.
pub(super) struct ForTerminal<W: Write> {
    to: W,
    line: Vec<u8>,
}

impl<W: Write> ForTerminal<W> {
    pub(super) fn new(to: W) -> ForTerminal<W> {
        ForTerminal { to, line: Vec::new() }
    }
}

impl<W: Write> Write for ForTerminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if let Some(end) = self.line.iter().rposition(|&byte| byte == b'\n') {
            let whole: Vec<u8> = self.line.drain(..=end).collect();
            self.to.write_all(lines_written_out(&String::from_utf8_lossy(&whole)).as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.line);
        self.to.write_all(lines_written_out(&String::from_utf8_lossy(&rest)).as_bytes())?;
        self.to.flush()
    }
}

/// Why output did not arrive, if some did not.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Writes to stdout. What is lost is remembered: work that is under way goes on.
fn print(text: &str) {
    if let Err(problem) = io::stdout().write_all(text.as_bytes()) {
        let _ = LOST.set(problem);
    }
}

/// At a command's end, when all of its output must have arrived.
///
/// **Errors**: why some did not. A reader that went away (`| head`) is no error of ours.
pub(super) fn finish_output() -> Result<(), format::Error> {
    if let Err(problem) = io::stdout().flush() {
        let _ = LOST.set(problem);
    }
    match LOST.get() {
        Some(problem) if problem.kind() != ErrorKind::BrokenPipe => {
            // The first one is kept, which cannot be given away.
            let problem = io::Error::new(problem.kind(), problem.to_string());
            Err(format::Error::io(Path::new("<stdout>"))(problem))
        }
        _ => Ok(()),
    }
}

/// Columns of text, numbers to the right; those that a narrow terminal has no room for are left
/// out, and named.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    table_within(rows, room())
}

/// Columns of the terminal that is written to; none where it is no terminal.
fn room() -> Option<usize> {
    // As shells and tests say it.
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    said.or_else(|| console::Term::stdout().size_checked().map(|(_, columns)| columns.into()))
}

fn table_within(rows: &[Vec<String>], room: Option<usize>) -> String {
    let text = aligned(rows);
    let Some(room) = room.filter(|room| text.lines().any(|line| line.width() > *room)) else {
        return text;
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let first = |count: usize| -> Vec<Vec<String>> {
        rows.iter().map(|row| row[..count.min(row.len())].to_vec()).collect()
    };
    // At least two columns: less says nothing.
    let fits = |count: &usize| aligned(&first(*count)).lines().all(|line| line.width() <= room);
    let kept = (2..columns).rev().find(fits).unwrap_or(columns.min(2));
    let left_out: Vec<&str> =
        rows.first().map_or(&[][..], |row| row).iter().skip(kept).map(|name| name.trim()).collect();
    match left_out.len() {
        0 => text,
        count @ 1..=8 => {
            let left_out = left_out.join(", ");
            let plural = if count == 1 { "" } else { "s" };
            format!("{}\n({count} more column{plural}: {left_out})", aligned(&first(kept)))
        }
        count => format!("{}\n({count} more columns)", aligned(&first(kept))),
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            // In columns of a terminal, of which some characters take two.
            let blanks = " ".repeat(width - cell.width());
            if column == 0 { format!("{cell}{blanks}") } else { format!("{blanks}{cell}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A time in a unit that shows it.
pub(super) fn seconds_text(seconds: f64) -> String {
    match seconds {
        s if s >= 0.1 => format!("{s:.2} s"),
        s if s >= 1e-4 => format!("{:.1} ms", 1e3 * s),
        s => format!("{:.1} µs", 1e6 * s),
    }
}

/// 1234567 as 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let text = [0, 999, 1000, 1_867_786].map(grouped);
        assert_eq!(text, ["0", "999", "1,000", "1,867,786"]);
    }

    #[test]
    fn a_terminal_gets_whole_lines_without_what_moves_its_cursor() {
        let mut shown = Vec::new();
        let mut to = ForTerminal::new(&mut shown);
        // A character may come in two pieces.
        for piece in [b"a\x1b[2Jb\nc\xc2".as_slice(), b"\x9bd\ne"] {
            to.write_all(piece).unwrap();
        }
        to.flush().unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), "a\\u{1b}[2Jb\nc\\u{9b}d\ne");
    }

    #[test]
    fn short_times_are_seen() {
        let text = [12.345, 0.1, 0.0123, 0.0000123].map(seconds_text);
        assert_eq!(text, ["12.35 s", "0.10 s", "12.3 ms", "12.3 µs"]);
    }

    #[test]
    fn narrow_terminals_get_the_first_columns_and_the_names_of_the_others() {
        let row = |cells: [&str; 4]| cells.map(String::from).to_vec();
        let rows = [row(["layer", "shape", "density", "nnz"]), row(["1", "9→8", "50 %", "36"])];
        let whole = "layer  shape  density  nnz\n1        9→8     50 %   36";
        assert_eq!(table_within(&rows, None), whole);
        assert_eq!(table_within(&rows, Some(26)), whole);
        let less = "layer  shape  density\n1        9→8     50 %\n(1 more column: nnz)";
        assert_eq!(table_within(&rows, Some(25)), less);
        let least = "layer  shape\n1        9→8\n(2 more columns: density, nnz)";
        assert_eq!([12, 3].map(|room| table_within(&rows, Some(room))), [least; 2]);
    }

    #[test]
    fn tables_align_names_left_and_numbers_right() {
        let rows = [vec!["a".into(), "10".into()], vec!["bcd".into(), "5".into()]];
        assert_eq!(table(&rows), "a    10\nbcd   5");
        let rows = [vec!["東京".into(), "10".into()], vec!["abc".into(), "5".into()]];
        assert_eq!(table(&rows), "東京  10\nabc    5");
    }
}
