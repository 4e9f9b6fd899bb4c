//! Rules for the tree as a whole.

use super::source::{Source, lines_with};
use super::{Tree, Violation};

/// Every rule of this kind.
pub(super) const RULES: &[fn(&Tree) -> Vec<Violation>] = &[required, crate_map, one_codec_module];

const REQUIRED: &[&str] = &[
    ".ci/run",
    "CHANGELOG.md",
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

/// The crate map of the README: one row of a table for each folder of `crates/`, with its path and its package, and no
/// row for a folder that is not there.
fn crate_map(tree: &Tree) -> Vec<Violation> {
    let Some(readme) = tree.text("README.md") else { return Vec::new() };
    let rows = || readme.lines().zip(1..).filter(|(line, _)| line.starts_with('|'));
    let mut violations = Vec::new();
    for name in tree.crates() {
        let (path, package) = (format!("crates/{name}"), package_of(name));
        if !rows().any(|(row, _)| row_path(row) == Some(name) && row.contains(&format!("`{package}`"))) {
            let message = format!("no row of the crate map has both {path} and `{package}`; add it");
            violations.push(Violation::new("README.md", 1, message));
        }
    }
    for (row, line) in rows() {
        if let Some(name) = row_path(row).filter(|name| !tree.crates().contains(name)) {
            let message = format!("crates/{name} is in the crate map but not in the tree; remove the row");
            violations.push(Violation::new("README.md", line, message));
        }
    }
    violations
}

/// The package in `crates/NAME`.
fn package_of(name: &str) -> String {
    if name == "fourfold" { name.into() } else { format!("fourfold-{name}") }
}

/// The `NAME` of the first `crates/NAME` in a row.
fn row_path(row: &str) -> Option<&str> {
    let (_, rest) = row.split_once("crates/")?;
    let name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    Some(&rest[..rest.find(|c| !name(c)).unwrap_or(rest.len())])
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
    fn the_crate_map_is_complete_and_not_stale() {
        let map = |readme: &str| {
            shown(&crate_map(&Tree::of(&[
                ("README.md", readme),
                ("crates/fourfold/src/lib.rs", ""),
                ("crates/graph/Cargo.toml", ""),
                ("crates/graph/src/lib.rs", ""),
            ])))
        };
        let good = "| [crates/fourfold](crates/fourfold) | `fourfold` |\n| crates/graph | `fourfold-graph` |\n";
        assert!(map(good).is_empty());
        let missing = "README.md:1: no row of the crate map has both crates/graph and `fourfold-graph`; add it";
        for row in ["", "crates/graph `fourfold-graph`", "| crates/graph | graph |", "| `fourfold-graph` |"] {
            let readme = format!("| crates/fourfold | `fourfold` |\n{row}\n");
            assert_eq!(map(&readme), [missing], "{row}");
        }
        let stale = format!("{good}| crates/graphs | `fourfold-graphs` |\n");
        assert_eq!(map(&stale), ["README.md:3: crates/graphs is in the crate map but not in the tree; remove the row"]);
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
