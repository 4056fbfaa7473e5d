//! Messages of the library name settings; here they are flags.

/// A message with its settings as flags: `` `label` `` becomes --label. What stands in backticks
/// with a space in it is a command.
pub(super) fn with_dashes(message: &str) -> String {
    let (mut text, mut rest) = (String::new(), message);
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

fn is_setting(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_in_backticks_are_printed_as_flags() {
        let message = "`label` or `data-dir`; `fanin data fetch x` gets it ` alone, `from`";
        let printed = "--label or --data-dir; `fanin data fetch x` gets it ` alone, --from";
        assert_eq!(with_dashes(message), printed);
    }
}
