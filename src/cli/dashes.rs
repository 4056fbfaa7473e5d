//! Messages of the library name settings; here they are flags.

use std::borrow::Cow;

/// A message with its settings as flags: `` `label` `` becomes --label. What stands in backticks
/// with a space in it is a command. Characters that would move a terminal's cursor, which names and
/// files may bring, are written out: a message is one line.
pub(super) fn with_dashes(message: &str) -> String {
    let message = written_out(message);
    let (mut text, mut rest) = (String::new(), &*message);
    while let Some((before, after)) = rest.split_once('`') {
        text += before;
        rest = match after.split_once('`') {
            Some((name, after)) if is_setting(name) => {
                text += &format!("--{name}");
                after
            }
            _ => {
                text.push('`');
                after
            }
        };
    }
    text + rest
}

/// Control characters as escapes, and those that turn the direction of writing.
fn written_out(message: &str) -> Cow<'_, str> {
    let moves =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !message.contains(moves) {
        return Cow::Borrowed(message);
    }
    let escape = |c: char| match moves(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    message.chars().map(escape).collect()
}

/// The same of text of several lines.
pub(super) fn lines_written_out(text: &str) -> String {
    text.split('\n').map(written_out).collect::<Vec<_>>().join("\n")
}

fn is_setting(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        let message = "a\nb\u{1b}[31mc\u{7}\u{9b}é";
        assert_eq!(with_dashes(message), r"a\nb\u{1b}[31mc\u{7}\u{9b}é");
    }

    #[test]
    fn lines_stay_lines_and_no_character_turns_the_direction_of_writing() {
        let text = "a\u{1b}[2J\n\u{202e}b\u{2066}\n";
        assert_eq!(lines_written_out(text), "a\\u{1b}[2J\n\\u{202e}b\\u{2066}\n");
    }

    #[test]
    fn settings_in_backticks_are_printed_as_flags() {
        let message = "`label` or `data-dir`; `fanin data fetch x` gets it ` alone, `from`";
        let printed = "--label or --data-dir; `fanin data fetch x` gets it ` alone, --from";
        assert_eq!(with_dashes(message), printed);
    }
}
