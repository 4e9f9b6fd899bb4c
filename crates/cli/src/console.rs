//! What the user sees: data on stdout, messages on stderr.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;
use crate::message::{bounded, visible};

/// Whether messages and progress are wanted, and the warnings so far.
#[derive(Debug)]
pub(crate) struct Console {
    /// No messages but errors and warnings.
    quiet: bool,
    /// One JSON document instead of text.
    pub(crate) json: bool,
    warnings: RefCell<Vec<String>>,
}

impl Console {
    pub(crate) fn new(quiet: bool, json: bool) -> Self {
        Self { quiet, json, warnings: RefCell::default() }
    }

    /// Writes data to stdout.
    pub(crate) fn data(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(visible(text).as_bytes()).and_then(|()| stdout.flush());
        written.map_err(|error| Failure::stdout(&error))
    }

    /// Writes one JSON document, with its schema and the warnings, to stdout.
    pub(crate) fn document(&self, verb: &str, mut fields: serde_json::Value) -> Result<(), Failure> {
        fields["schema"] = format!("fourfold.{verb}/1").into();
        fields["warnings"] = self.warnings().into();
        self.data(&format!("{fields:#}\n"))
    }

    /// Writes a message to stderr, unless told to be quiet.
    pub(crate) fn message(&self, text: impl fmt::Display) {
        if !self.quiet {
            to_stderr(text);
        }
    }

    /// Writes a warning to stderr, even when told to be quiet, and keeps it for the document.
    pub(crate) fn warning(&self, text: impl fmt::Display) {
        to_stderr(format_args!("warning: {text}"));
        self.warnings.borrow_mut().push(text.to_string());
    }

    /// The warnings so far.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.borrow().clone()
    }

    /// A progress bar over `steps` steps on stderr; hidden unless stderr is a terminal and text is wanted.
    pub(crate) fn progress(&self, label: &'static str, steps: usize) -> ProgressBar {
        if self.quiet || self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let template = if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            "{msg:>12} [{bar:30}] {pos}/{len} {eta}"
        } else {
            "{msg:>12} [{bar:30.cyan}] {pos}/{len} {eta}"
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(steps as u64).with_style(style.progress_chars("=> ")).with_message(label)
    }
}

/// Writes a failure to stderr.
pub(crate) fn error(failure: &Failure) {
    to_stderr(format_args!("error: {failure}"));
}

/// A message that cannot be written is lost: there is nowhere to say so.
fn to_stderr(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{}", bounded(text));
}
