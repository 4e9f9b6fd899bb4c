//! Rules for the tree as a whole.

use super::source::{Source, lines_with};
use super::{Tree, Violation};

/// Every rule of this kind.
pub(super) const RULES: &[fn(&Tree) -> Vec<Violation>] = &[required, one_codec_module];

const REQUIRED: &[&str] = &[
    ".ci/run",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "deny.toml",
    "rustfmt.toml",
];

/// The files that every clone must have.
fn required(tree: &Tree) -> Vec<Violation> {
    let missing = REQUIRED.iter().filter(|path| tree.text(path).is_none());
    missing.map(|path| Violation::new(path, 1, "missing; restore it from the history")).collect()
}

/// bincode is named in one module of `format`, so that another codec can take its place.
fn one_codec_module(tree: &Tree) -> Vec<Violation> {
    let mut module = None;
    let mut violations = Vec::new();
    for source in tree.files().iter().filter_map(Source::of) {
        let Some(&line) = lines_with(&source.code, "bincode").first() else { continue };
        let message = match module {
            _ if !source.path.starts_with("crates/format/src/") => {
                "bincode outside crates/format/src; go through fourfold-format".into()
            }
            Some(first) => format!("bincode is named in {first} already; keep it in that one module"),
            None => {
                module = Some(source.path);
                continue;
            }
        };
        violations.push(Violation::new(source.path, line, message));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(Violation::to_string).collect()
    }

    #[test]
    fn the_files_of_every_clone_are_there() {
        let all: Vec<(&str, &str)> = REQUIRED.iter().map(|path| (*path, "")).collect();
        assert!(required(&Tree::of(&all)).is_empty());
        for missing in 0..all.len() {
            let mut files = all.clone();
            let (path, _) = files.remove(missing);
            assert_eq!(
                shown(&required(&Tree::of(&files))),
                [format!("{path}:1: missing; restore it from the history")]
            );
        }
    }

    #[test]
    fn one_module_names_the_codec() {
        let codec = ("crates/format/src/container/codec.rs", "//! A.\nuse bincode::Encode;\n");
        let in_words = ("crates/format/src/lib.rs", "//! The header is encoded by bincode.\n");
        assert!(one_codec_module(&Tree::of(&[codec, in_words])).is_empty());
        let second = ("crates/format/src/state.rs", "//! A.\n\nuse bincode::Decode;\n");
        assert_eq!(
            shown(&one_codec_module(&Tree::of(&[codec, second]))),
            ["crates/format/src/state.rs:3: bincode is named in crates/format/src/container/codec.rs already; \
              keep it in that one module"]
        );
        let outside = ("fuzz/fuzz_targets/a.rs", "use bincode::Decode;\n");
        assert_eq!(
            shown(&one_codec_module(&Tree::of(&[codec, outside]))),
            ["fuzz/fuzz_targets/a.rs:1: bincode outside crates/format/src; go through fourfold-format"]
        );
    }
}
