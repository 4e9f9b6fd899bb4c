//! Manifests are read with their lines, and each rule fires on a bad one.

use super::*;

fn shown(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(Violation::to_string).collect()
}

const GOOD: &str = "[package]
name = \"fourfold-graph\"
version.workspace = true
edition = { workspace = true }
rust-version.workspace = true
license.workspace = true

[lints]
workspace = true
";

fn member(path: &str, text: &str) -> Vec<Manifest> {
    members(&Tree::of(&[(path, text)])).unwrap_or_else(|violations| panic!("{:?}", shown(&violations)))
}

#[test]
fn dependencies_of_every_kind_are_found_with_their_lines() {
    let root = "[workspace.dependencies]\nnarrow = { package = \"narrow-numbers\", version = \"1\" }\n";
    let text = "[package]
name = \"a\"
[dependencies]
b.workspace = true
narrow = { workspace = true, optional = true }
[build-dependencies]
c = \"1\"
[dev-dependencies]
b = { path = \"../b\" }
[target.'cfg(unix)'.dependencies]
d = { package = \"e\", version = \"1\" }
[dependencies.f]
version = \"1\"
";
    let tree = Tree::of(&[("Cargo.toml", root), ("crates/a/Cargo.toml", text)]);
    let members = members(&tree).unwrap_or_else(|violations| panic!("{:?}", shown(&violations)));
    let [member] = &members[..] else { panic!("{} members", members.len()) };
    assert_eq!(member.package, "a");
    let mut found: Vec<_> = member.dependencies.iter().map(|d| (d.line, d.package.as_str(), d.dev)).collect();
    found.sort_unstable();
    let expected = [
        (4, "b", false),
        (5, "narrow-numbers", false),
        (7, "c", false),
        (9, "b", true),
        (11, "e", false),
        (12, "f", false),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_not_toml_is_named_with_its_line() {
    let tree = Tree::of(&[("crates/a/Cargo.toml", "[package]\nname = a\n")]);
    let violations = members(&tree).err().unwrap_or_default();
    assert!(shown(&violations)[0].starts_with("crates/a/Cargo.toml:2: not a manifest: "), "{violations:?}");
}

#[test]
fn identity_and_lints_are_the_workspaces() {
    assert!(inherits(&member("crates/graph/Cargo.toml", GOOD)).is_empty());
    let own = GOOD.replace("edition = { workspace = true }", "edition = \"2021\"");
    let expected = "crates/graph/Cargo.toml:4: edition is not the workspace's; write `edition.workspace = true` in \
                    `[package]`";
    assert_eq!(shown(&inherits(&member("crates/graph/Cargo.toml", &own))), [expected]);
    for key in INHERITED {
        let lines: Vec<&str> = GOOD.lines().filter(|line| !line.starts_with(key)).collect();
        assert_eq!(inherits(&member("crates/graph/Cargo.toml", &lines.join("\n"))).len(), 1, "{key}");
    }
    let without_lints = GOOD.replace("[lints]\nworkspace = true\n", "[lints.rust]\n");
    let violations = shown(&inherits(&member("crates/graph/Cargo.toml", &without_lints)));
    assert!(violations[0].contains("lints are not inherited"), "{violations:?}");
    assert!(inherits(&member("fuzz/Cargo.toml", "[package]\nname = \"fourfold-fuzz\"\n")).is_empty());
}

#[test]
fn the_codec_is_a_dependency_of_format_alone() {
    let text = |name: &str| format!("[package]\nname = \"{name}\"\n\n[dev-dependencies]\nbincode.workspace = true\n");
    assert!(codec_in_format(&member("crates/format/Cargo.toml", &text("fourfold-format"))).is_empty());
    let expected = "fuzz/Cargo.toml:5: bincode is a dependency of fourfold-format alone; go through that crate";
    assert_eq!(shown(&codec_in_format(&member("fuzz/Cargo.toml", &text("fourfold-fuzz")))), [expected]);
}
