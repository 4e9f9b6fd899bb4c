//! Texts of files in messages.

use core::fmt;

/// Bytes of a text that are shown.
const LONGEST: usize = 1024;

/// A text that a file may have made long: shown up to about a kilobyte, and without control characters.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'t>(pub &'t str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = (0..=LONGEST.min(self.0.len())).rev().find(|&end| self.0.is_char_boundary(end)).unwrap_or(0);
        let shown = &self.0[..end];
        for part in shown.split_inclusive(char::is_control) {
            match part.strip_suffix(char::is_control) {
                Some(text) => write!(f, "{text}\u{fffd}")?,
                None => f.write_str(part)?,
            }
        }
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, "... ({more} more bytes)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_and_control_characters_replaced() {
        assert_eq!(Excerpt("a\u{1b}[2Jb\n").to_string(), "a\u{fffd}[2Jb\u{fffd}");
        let long = Excerpt(&"\u{e9}".repeat(1_000_000)).to_string();
        assert!(long.len() < LONGEST + 40 && long.ends_with("... (1998976 more bytes)"), "{long}");
    }
}
