//! Rules for Rust sources.

use super::Violation;
use super::source::{Source, lines_with};

/// Every rule of this kind.
pub(super) const RULES: &[fn(&Source<'_>) -> Vec<Violation>] =
    &[header, length, unsafe_code, printing, unfinished, allow, ignored_test];

const MAX_LINES: usize = 400;

/// The only sources with `unsafe`, by the start of their path: the kernels (instructions of one CPU, parts of one
/// result on several threads), the loops of `f32` compiled for the CPU's vectors, the test whose allocator counts (an
/// allocator is an unsafe trait), and the loop that finds the peak of a CPU.
const UNSAFE: &[&str] = &[
    "crates/kernels/src/",
    "crates/math/src/wide.rs",
    "crates/fourfold/tests/allocation.rs",
    "benches/benches/peak/ceiling.rs",
];

/// The only sources that print, by the start of their path.
const PRINTING: &[&str] = &["crates/cli/", "xtask/", "benches/"];

/// A source begins with a line that says what it is.
fn header(source: &Source<'_>) -> Vec<Violation> {
    if source.text.starts_with("//! ") || source.is_generated() {
        return Vec::new();
    }
    vec![Violation::new(source.path, 1, "no header; begin the file with `//!` and one line that says what it is")]
}

/// A source is short enough to be read at once.
fn length(source: &Source<'_>) -> Vec<Violation> {
    let lines = source.text.lines().count();
    if lines <= MAX_LINES || source.is_generated() {
        return Vec::new();
    }
    let message = format!("{lines} lines, more than {MAX_LINES}; split it by subject, or move its tests beside it");
    vec![Violation::new(source.path, MAX_LINES + 1, message)]
}

/// `unsafe` stands in few named modules.
fn unsafe_code(source: &Source<'_>) -> Vec<Violation> {
    if starts_with_any(source.path, UNSAFE) {
        return Vec::new();
    }
    let message = "unsafe outside the backends of the kernels; write it safely, or list the file in UNSAFE in \
                   xtask/src/tidy/rust.rs and say there why it must be";
    on_lines(source, "unsafe", message)
}

/// Only the command, the tasks and whatever is run by hand print; a library returns.
fn printing(source: &Source<'_>) -> Vec<Violation> {
    let by_hand = source.path.split('/').any(|part| part == "examples" || part == "tests");
    if by_hand || starts_with_any(source.path, PRINTING) {
        return Vec::new();
    }
    let macros = ["println!", "eprintln!", "print!", "eprint!"];
    let found = |name| on_lines(source, name, &format!("{name} in a library; return the value, the caller shows it"));
    macros.into_iter().flat_map(found).collect()
}

/// No macro that stands for code still to be written or removed.
fn unfinished(source: &Source<'_>) -> Vec<Violation> {
    let macros = ["todo!", "unimplemented!", "dbg!"];
    macros.into_iter().flat_map(|name| on_lines(source, name, &format!("{name}; write what belongs there"))).collect()
}

/// A lint is lifted with a reason.
fn allow(source: &Source<'_>) -> Vec<Violation> {
    let starts = ["#[allow(", "#![allow("].into_iter().flat_map(|start| source.code.match_indices(start));
    let without_reason = starts.filter(|(at, _)| {
        let attribute = source.code[*at..].split(']').next().unwrap_or_default();
        lines_with(attribute, "reason").is_empty()
    });
    let message = "allow without a reason; use #[expect(.., reason = \"..\")], which says when it is no longer needed";
    let line = |at| source.code[..at].matches('\n').count() + 1;
    without_reason.map(|(at, _)| Violation::new(source.path, line(at), message)).collect()
}

/// A test runs, or it is not there.
fn ignored_test(source: &Source<'_>) -> Vec<Violation> {
    on_lines(source, "#[ignore", "an ignored test; make it run, or remove it")
}

fn starts_with_any(path: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| path.starts_with(start))
}

/// `message` at each line of code with `word`.
fn on_lines(source: &Source<'_>, word: &str, message: &str) -> Vec<Violation> {
    lines_with(&source.code, word).into_iter().map(|line| Violation::new(source.path, line, message)).collect()
}

#[cfg(test)]
mod tests;
