//! Texts for people: bounded, and without control sequences. Strings that come from a model are not trusted.

use std::fmt::{self, Write};

/// The maximum length of a message, in bytes.
pub(crate) const LONGEST: usize = 4096;

/// Bytes reserved for the note on what was cut.
const ENDING: usize = 64;

/// The text in at most [`LONGEST`] bytes. The rest of a longer text is counted, not stored.
pub(crate) fn bounded(text: impl fmt::Display) -> String {
    let mut message = Bounded::default();
    // Writing to a string does not fail. If a value's `Display` fails, the message ends there.
    let _ = write!(message, "{text}");
    let Bounded { mut text, left_out } = message;
    if left_out > 0 {
        let _ = write!(text, " ... ({left_out} more bytes)");
    }
    text
}

/// The text with control characters and those that change the text direction replaced.
pub(crate) fn visible(text: &str) -> String {
    text.chars().map(shown).collect()
}

/// The character, or its replacement if it must not be shown.
fn shown(c: char) -> char {
    let is_control = c.is_control() && c != '\n';
    let is_direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if is_control || is_direction { '\u{fffd}' } else { c }
}

/// The beginning of a text, and the number of bytes cut off.
#[derive(Default)]
struct Bounded {
    text: String,
    left_out: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.chars();
        while self.left_out == 0 {
            let before = rest.as_str().len();
            let Some(c) = rest.next().map(shown) else { break };
            if self.text.len() + c.len_utf8() > LONGEST - ENDING {
                self.left_out = before;
                return Ok(());
            }
            self.text.push(c);
        }
        self.left_out += rest.as_str().len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_steer_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\n\u{202e}c\t"), "a\u{fffd}[2Jb\n\u{fffd}c\u{fffd}");
        assert_eq!(bounded("a\u{1b}[2Jb\n\u{202e}c\t"), "a\u{fffd}[2Jb\n\u{fffd}c\u{fffd}");
    }

    #[test]
    fn messages_end_after_4_kib() {
        let most = "x".repeat(LONGEST - ENDING);
        assert_eq!(bounded(&most), most);
        let long = bounded(format_args!("{most}{}{}", "y".repeat(10_000_000), "z"));
        assert_eq!(long, format!("{most} ... (10000001 more bytes)"));
        let wide = bounded("\u{1b}".repeat(1_000_000));
        assert!(wide.len() <= LONGEST && wide.ends_with(" more bytes)"), "{}", wide.len());
        assert!(bounded(&wide).len() <= LONGEST);
    }
}
