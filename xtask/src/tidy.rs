//! `cargo xtask tidy`: the rules of the house that rustfmt and clippy do not know. Also a test, so that `cargo test`
//! finds every violation.
//!
//! A rule is one function. It sees one file, one Rust source, or the whole tree, and returns its violations.

mod arrows;
mod house;
mod manifest;
mod map;
mod rust;
mod source;
mod text;
mod tree;
mod violation;

use std::path::Path;

use crate::Error;
use source::Source;
use tree::{File, Tree};
use violation::Violation;

/// Prints every violation in `root`.
///
/// # Errors
///
/// [`Error::Tidy`] if there is one, [`Error::Io`] if a file could not be read.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    let violations = check(&Tree::read(root)?);
    for violation in &violations {
        println!("{violation}");
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::Tidy { count: violations.len() }) }
}

/// Every violation, ordered by file and line.
fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files() {
        violations.extend(text::RULES.iter().flat_map(|rule| rule(file)));
        if let Some(source) = Source::of(file) {
            violations.extend(rust::RULES.iter().flat_map(|rule| rule(&source)));
        }
    }
    violations.extend(house::RULES.iter().chain(map::RULES).flat_map(|rule| rule(tree)));
    match manifest::members(tree) {
        Ok(members) => violations.extend(manifest::RULES.iter().flat_map(|rule| rule(&members))),
        Err(unreadable) => violations.extend(unreadable),
    }
    violations.sort();
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let tree = Tree::read(&crate::root()).expect("a readable tree");
        let violations: Vec<String> = check(&tree).iter().map(Violation::to_string).collect();
        assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
    }

    #[test]
    fn violations_of_every_kind_are_found_and_sorted() {
        let tree = Tree::of(&[("crates/b/src/lib.rs", "pub fn f() { todo!() }"), ("crates/a/Cargo.toml", "[broken")]);
        let found: Vec<String> = check(&tree).iter().map(Violation::to_string).collect();
        assert!(found[0].starts_with(".ci/run:1: "), "{found:?}");
        for start in ["ARCHITECTURE.md:1: ", "crates/a/Cargo.toml:1: ", "crates/b/src/lib.rs:1: "] {
            assert!(found.iter().any(|violation| violation.starts_with(start)), "{start}: {found:?}");
        }
    }
}
