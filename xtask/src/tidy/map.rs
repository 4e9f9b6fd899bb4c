//! Rules for ARCHITECTURE.md: what it says of the tree is true.

use super::{Tree, Violation, arrows};

/// Every rule of this kind.
pub(super) const RULES: &[fn(&Tree) -> Vec<Violation>] = &[crate_map, paths];

/// The file.
const MAP: &str = "ARCHITECTURE.md";

/// The crate map: one row of a table for each folder of `crates/`, with its path, its package and the crates that it
/// may depend on, and no row for a folder that is not there.
fn crate_map(tree: &Tree) -> Vec<Violation> {
    let Some(map) = tree.text(MAP) else { return Vec::new() };
    let rows = || map.lines().zip(1..).filter(|(line, _)| line.starts_with('|'));
    let mut violations = Vec::new();
    for name in tree.crates() {
        let (path, package) = (format!("crates/{name}"), package_of(name));
        let named = |row: &str| row_path(row) == Some(name) && row.contains(&format!("`{package}`"));
        match (rows().find(|(row, _)| named(row)), arrows::described(&package)) {
            (None, _) => {
                let message = format!("no row of the crate map has both {path} and `{package}`; add it");
                violations.push(Violation::new(MAP, 1, message));
            }
            (Some((row, line)), Some(targets)) if !row.ends_with(&format!("| {targets} |")) => {
                let message = format!("the row of {path} does not end in `| {targets} |`, as ARROWS has it");
                violations.push(Violation::new(MAP, line, message));
            }
            (Some(_), _) => {}
        }
    }
    for (row, line) in rows() {
        if let Some(name) = row_path(row).filter(|name| !tree.crates().contains(name)) {
            let message = format!("crates/{name} is in the crate map but not in the tree; remove the row");
            violations.push(Violation::new(MAP, line, message));
        }
    }
    violations
}

/// Paths in backquotes exist, from the root or in `crates/`. Upper case stands for a name, as in `ops/NAME.rs`.
fn paths(tree: &Tree) -> Vec<Violation> {
    let Some(map) = tree.text(MAP) else { return Vec::new() };
    let stands = |path: &str| {
        let is = |known: &str| known == path || (path.ends_with('/') && known.starts_with(path));
        tree.files().iter().any(|file| is(&file.path) || file.path.strip_prefix("crates/").is_some_and(is))
    };
    let quoted = |line: &'_ str| line.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let numbered = map.lines().zip(1..).flat_map(|(line, number)| quoted(line).into_iter().map(move |q| (q, number)));
    let missing = numbered.filter(|(path, _)| is_path(path) && !stands(path));
    missing
        .map(|(path, line)| Violation::new(MAP, line, format!("there is no {path}; write where it is now")))
        .collect()
}

/// Whether a text in backquotes is a path of one file or folder.
fn is_path(text: &str) -> bool {
    let placeholder = text.split(['/', '.']).any(|part| part.len() > 1 && part.chars().all(char::is_uppercase));
    let ends = text.ends_with('/') || text.ends_with(".rs") || text.ends_with(".py");
    ends && text.contains('/') && !text.contains(' ') && !placeholder
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(Violation::to_string).collect()
    }

    #[test]
    fn the_crate_map_is_complete_and_not_stale() {
        let map = |text: &str| {
            shown(&crate_map(&Tree::of(&[
                (MAP, text),
                ("crates/fourfold/src/lib.rs", ""),
                ("crates/nn/Cargo.toml", ""),
                ("crates/nn/src/lib.rs", ""),
            ])))
        };
        let facade = "| [crates/fourfold](crates/fourfold) | `fourfold` | every crate below |";
        let good = format!("{facade}\n| crates/nn | `fourfold-nn` | graph, tensor |\n");
        assert!(map(&good).is_empty());
        let missing = "ARCHITECTURE.md:1: no row of the crate map has both crates/nn and `fourfold-nn`; add it";
        for row in ["", "crates/nn `fourfold-nn`", "| crates/nn | nn |", "| `fourfold-nn` |"] {
            assert_eq!(map(&format!("{facade}\n{row}\n")), [missing], "{row}");
        }
        let arrow = format!("{facade}\n| crates/nn | `fourfold-nn` | graph |\n");
        let wrong = "ARCHITECTURE.md:2: the row of crates/nn does not end in `| graph, tensor |`, as ARROWS has it";
        assert_eq!(map(&arrow), [wrong]);
        let stale = format!("{good}| crates/nns | `fourfold-nns` |\n");
        let expected = "ARCHITECTURE.md:3: crates/nns is in the crate map but not in the tree; remove the row";
        assert_eq!(map(&stale), [expected]);
    }

    #[test]
    fn paths_exist() {
        let map = |text: &str| {
            shown(&paths(&Tree::of(&[
                (MAP, text),
                ("crates/a/src/b.rs", ""),
                ("xtask/src/main.rs", ""),
                ("c/d.py", ""),
            ])))
        };
        let good =
            "`a/src/b.rs`, `crates/a/src/b.rs`, `a/src/`, `xtask/`, `c/d.py`\n`a/src/NAME.rs` `b.rs` `x / y.rs`\n";
        assert!(map(good).is_empty(), "{:?}", map(good));
        for path in ["a/src/c.rs", "e/", "a/src/b/c.rs", "c/e.py"] {
            let expected = format!("ARCHITECTURE.md:2: there is no {path}; write where it is now");
            assert_eq!(map(&format!("a\nsee `{path}`.\n")), [expected]);
        }
    }
}
