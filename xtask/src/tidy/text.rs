//! Rules for every file, whatever its language.

use super::source::{Source, lines_with};
use super::tree::MAX_BYTES;
use super::{File, Violation};

/// Every rule of this kind.
pub(super) const RULES: &[fn(&File) -> Vec<Violation>] = &[size, white_space, width, unfinished, name];

const DATA: &str = "data belongs in a folder named data, with its origin and licence beside it";

/// Large and binary files stand in data folders.
fn size(file: &File) -> Vec<Violation> {
    if file.is_data() {
        return Vec::new();
    }
    let message = match &file.text {
        _ if file.bytes > MAX_BYTES => format!("{} bytes, more than {MAX_BYTES}; {DATA}", file.bytes),
        None => format!("a binary file; {DATA}"),
        Some(_) => return Vec::new(),
    };
    vec![Violation::new(&file.path, 1, message)]
}

/// No tabs, no white space at the end of a line, a line feed at the end of the file and no empty line before it.
fn white_space(file: &File) -> Vec<Violation> {
    let Some(text) = file.text.as_deref().filter(|_| !file.is_data()) else { return Vec::new() };
    let mut violations = Vec::new();
    let mut last = 1;
    for (line, number) in text.split('\n').zip(1..) {
        last = number;
        if line.contains('\t') {
            violations.push(Violation::new(&file.path, number, "a tab; use spaces"));
        }
        if line.ends_with(char::is_whitespace) {
            violations.push(Violation::new(&file.path, number, "white space at the end of the line; remove it"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        violations.push(Violation::new(&file.path, last, "no line feed at the end of the file; add one"));
    }
    if text.ends_with("\n\n") {
        violations.push(Violation::new(&file.path, last - 1, "an empty line at the end of the file; remove it"));
    }
    violations
}

/// Columns of a line.
const COLUMNS: usize = 120;

/// Sources and prose fit into a window. Rows of tables and lines with an address cannot be broken.
fn width(file: &File) -> Vec<Violation> {
    let is_text = [".rs", ".md"].iter().any(|extension| file.path.ends_with(extension));
    let Some(text) = file.text.as_deref().filter(|_| is_text) else { return Vec::new() };
    let is_table = |line: &str| line.trim_start().trim_start_matches(['/', '!']).trim_start().starts_with('|');
    let numbered = text.lines().zip(1..).map(|(line, number)| (line, line.chars().count(), number));
    let wide = numbered.filter(|(line, columns, _)| *columns > COLUMNS && !is_table(line) && !line.contains("://"));
    let message = |columns| format!("{columns} columns, more than {COLUMNS}; break the line");
    wide.map(|(_, columns, number)| Violation::new(&file.path, number, message(columns))).collect()
}

/// Nothing is left for later in a comment: it is done, or it is an issue.
fn unfinished(file: &File) -> Vec<Violation> {
    let Some(text) = file.text.as_deref().filter(|_| !file.is_data()) else { return Vec::new() };
    let source = Source::of(file);
    let text = source.as_ref().map_or(text, |source| &source.comments);
    let found = |marker: &&str| {
        let message = format!("{marker}; do it now, or open an issue and remove the comment");
        let lines = lines_with(text, marker).into_iter();
        lines.map(|line| Violation::new(&file.path, line, message.clone())).collect::<Vec<_>>()
    };
    ["TODO", "FIXME", "XXX"].iter().flat_map(found).collect()
}

/// No module is named after having no subject. `tests/common` is the place cargo knows for what test files share.
fn name(file: &File) -> Vec<Violation> {
    let Some(path) = file.path.strip_suffix(".rs") else { return Vec::new() };
    let parts: Vec<&str> = path.split('/').collect();
    let vague = ["utils", "util", "common", "helpers", "helper", "misc"];
    let found = parts.iter().enumerate().find(|&(at, part)| {
        let shared_by_tests = *part == "common" && at > 0 && parts[at - 1] == "tests";
        vague.contains(part) && !shared_by_tests
    });
    let message = |part| format!("{part} says nothing about what is inside; name the subject");
    found.map(|(_, part)| Violation::new(&file.path, 1, message(part))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(Violation::to_string).collect()
    }

    #[test]
    fn large_and_binary_files_belong_in_data_folders() {
        let file =
            |path: &str, bytes, text: Option<&str>| File { path: path.into(), bytes, text: text.map(Into::into) };
        assert_eq!(shown(&size(&file("a.onnx", 9, None))), [format!("a.onnx:1: a binary file; {DATA}")]);
        let large = format!("a.txt:1: 1048577 bytes, more than 1048576; {DATA}");
        assert_eq!(shown(&size(&file("a.txt", MAX_BYTES + 1, None))), [large]);
        assert!(size(&file("crates/cli/data/a.onnx", MAX_BYTES + 1, None)).is_empty());
        assert!(size(&file("a.txt", MAX_BYTES, Some("a\n"))).is_empty());
    }

    #[test]
    fn white_space_is_plain() {
        for (text, expected) in [
            ("a\n\tb\n", "a.md:2: a tab; use spaces"),
            ("a \nb\n", "a.md:1: white space at the end of the line; remove it"),
            ("a\r\n", "a.md:1: white space at the end of the line; remove it"),
            ("a\nb", "a.md:2: no line feed at the end of the file; add one"),
            ("a\n\n", "a.md:2: an empty line at the end of the file; remove it"),
        ] {
            assert_eq!(shown(&white_space(&File::of("a.md", text))), [expected], "{text:?}");
        }
        for text in ["", "a\n", "a\n\n  b\n"] {
            assert!(white_space(&File::of("a.md", text)).is_empty(), "{text:?}");
        }
        assert!(white_space(&File::of("crates/cli/data/a.csv", "a\t1")).is_empty());
    }

    #[test]
    fn lines_fit_into_120_columns() {
        let widest = "\u{e9}".repeat(120);
        for path in ["a.md", "crates/a/src/data/b.rs", "crates/a/tests/data/README.md"] {
            assert!(width(&File::of(path, &format!("{widest}\n"))).is_empty());
            let found = width(&File::of(path, &format!("a\n{widest}b\n")));
            assert_eq!(shown(&found), [format!("{path}:2: 121 columns, more than 120; break the line")]);
        }
        for line in ["| a", "//! | a", "    /// | a", "see https://example.org/"] {
            assert!(width(&File::of("a.rs", &format!("{line} {widest}\n"))).is_empty(), "{line}");
        }
        assert!(width(&File::of("Cargo.lock", &format!("{widest}b\n"))).is_empty());
    }

    #[test]
    fn nothing_is_left_for_later() {
        for marker in ["TODO", "FIXME", "XXX"] {
            let expected = format!("{marker}; do it now, or open an issue and remove the comment");
            let source = format!("//! A.\nlet a = 1; // {marker}: b\nlet b = \"{marker}\";\n");
            assert_eq!(shown(&unfinished(&File::of("a.rs", &source))), [format!("a.rs:2: {expected}")]);
            let manifest = format!("[package]\n# {marker}\n");
            assert_eq!(shown(&unfinished(&File::of("a.toml", &manifest))), [format!("a.toml:2: {expected}")]);
        }
        assert!(unfinished(&File::of("a.rs", "// METHODOLOGY, XXXL, todos\n")).is_empty());
    }

    #[test]
    fn modules_are_named_after_their_subject() {
        for path in ["crates/a/src/utils.rs", "crates/a/src/common/shape.rs", "crates/a/tests/helpers.rs"] {
            assert_eq!(name(&File::of(path, "")).len(), 1, "{path}");
        }
        for path in ["crates/a/tests/common/mod.rs", "crates/a/tests/common.rs", "crates/a/src/shape.rs", "common.md"] {
            assert!(name(&File::of(path, "")).is_empty(), "{path}");
        }
    }
}
