//! Where a rule is broken, how, and what to do.

use std::fmt;

/// A broken rule, shown as `path:line: what and what to do`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Violation {
    path: String,
    line: usize,
    message: String,
}

impl Violation {
    /// A violation at `line`, counted from 1, of `path`; 1 also stands for the whole file.
    pub(super) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_a_clickable_line() {
        assert_eq!(Violation::new("a/b.rs", 3, "a tab; use spaces").to_string(), "a/b.rs:3: a tab; use spaces");
    }
}
