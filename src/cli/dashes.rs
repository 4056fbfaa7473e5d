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

/// Control characters as escapes.
fn written_out(message: &str) -> Cow<'_, str> {
    if !message.contains(char::is_control) {
        return Cow::Borrowed(message);
    }
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    message.chars().map(escape).collect()
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
    fn settings_in_backticks_are_printed_as_flags() {
        let message = "`label` or `data-dir`; `fanin data fetch x` gets it ` alone, `from`";
        let printed = "--label or --data-dir; `fanin data fetch x` gets it ` alone, --from";
        assert_eq!(with_dashes(message), printed);
    }
}
