//! The arrows between the crates: what each may depend on.

use std::collections::BTreeSet;

use super::Violation;
use super::manifest::Manifest;

/// Each package, and the packages of this workspace that it may depend on (build scripts included). A package depends
/// only on packages further down.
const ARROWS: &[(&str, &[&str])] = &[
    ("xtask", &[]),
    ("fourfold-fuzz", LIBRARIES),
    ("fourfold-benches", LIBRARIES),
    ("fourfold-cli", &["fourfold"]),
    ("fourfold", PARTS),
    ("fourfold-onnx", &["fourfold-runtime", "fourfold-graph", "fourfold-schemes", "fourfold-tensor"]),
    (
        "fourfold-format",
        &["fourfold-graph", "fourfold-observers", "fourfold-schemes", "fourfold-tensor", "fourfold-error"],
    ),
    ("fourfold-nn", &["fourfold-graph", "fourfold-tensor"]),
    ("fourfold-images", &["fourfold-tensor", "fourfold-error"]),
    ("fourfold-testing", &["fourfold-runtime", "fourfold-graph", "fourfold-tensor"]),
    (
        "fourfold-quantize",
        &[
            "fourfold-runtime",
            "fourfold-graph",
            "fourfold-observers",
            "fourfold-schemes",
            "fourfold-tensor",
            "fourfold-math",
        ],
    ),
    (
        "fourfold-runtime",
        &["fourfold-graph", "fourfold-schemes", "fourfold-tensor", "fourfold-kernels", "fourfold-math"],
    ),
    ("fourfold-graph", &["fourfold-schemes", "fourfold-tensor", "fourfold-error"]),
    ("fourfold-observers", &["fourfold-schemes", "fourfold-tensor", "fourfold-error"]),
    ("fourfold-schemes", &["fourfold-tensor", "fourfold-kernels", "fourfold-error"]),
    ("fourfold-tensor", &["fourfold-error"]),
    ("fourfold-kernels", &[]),
    ("fourfold-math", &[]),
    ("fourfold-error", &[]),
];

/// Every library, the facade last.
const LIBRARIES: &[&str] = &[
    "fourfold-error",
    "fourfold-tensor",
    "fourfold-kernels",
    "fourfold-math",
    "fourfold-schemes",
    "fourfold-observers",
    "fourfold-graph",
    "fourfold-nn",
    "fourfold-images",
    "fourfold-runtime",
    "fourfold-quantize",
    "fourfold-format",
    "fourfold-onnx",
    "fourfold",
];

/// The libraries that the facade re-exports: all others.
const PARTS: &[&str] = LIBRARIES.split_at(LIBRARIES.len() - 1).0;

/// The packages that `package` may depend on, as the crate map of ARCHITECTURE.md lists them: without `fourfold-`.
pub(super) fn described(package: &str) -> Option<String> {
    let (_, targets) = ARROWS.iter().find(|(name, _)| *name == package)?;
    let short = |name: &&str| name.strip_prefix("fourfold-").unwrap_or(name).to_owned();
    Some(match *targets {
        [] => "nothing".to_owned(),
        targets if targets == PARTS => "every crate below".to_owned(),
        targets => targets.iter().map(short).collect::<Vec<_>>().join(", "),
    })
}

/// A crate depends on nothing of this workspace but what its row allows, and every crate has a row.
pub(super) fn allowed(members: &[Manifest]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for member in members {
        let Some((_, targets)) = ARROWS.iter().find(|(package, _)| *package == member.package) else {
            let message = format!("{} has no row in ARROWS in xtask/src/tidy/arrows.rs; add one", member.package);
            violations.push(Violation::new(&member.path, 1, message));
            continue;
        };
        let dependencies = member.dependencies.iter().filter(|dependency| !dependency.dev);
        for dependency in dependencies.filter(|dependency| is_ours(members, &dependency.package)) {
            if !targets.contains(&dependency.package.as_str()) {
                let message = format!(
                    "{} may not depend on {}; move what is needed down, or pass it in from above",
                    member.package, dependency.package
                );
                violations.push(Violation::new(&member.path, dependency.line, message));
            }
        }
    }
    violations
}

/// The tests of a crate use no crate that depends on it.
pub(super) fn acyclic(members: &[Manifest]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for member in members {
        for dependency in member.dependencies.iter().filter(|dependency| dependency.dev) {
            if reaches(members, &dependency.package, &member.package) {
                let message = format!(
                    "{} depends on {}, so its tests may not use it; move the test to the upper crate",
                    dependency.package, member.package
                );
                violations.push(Violation::new(&member.path, dependency.line, message));
            }
        }
    }
    violations
}

/// Whether `package` is a crate of this workspace, or claims to be.
fn is_ours(members: &[Manifest], package: &str) -> bool {
    package.starts_with("fourfold") || members.iter().any(|member| member.package == package)
}

/// Whether a path of dependencies of any kind leads from `start` to `goal`; the empty path too.
fn reaches(members: &[Manifest], start: &str, goal: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(package) = open.pop() {
        if package == goal {
            return true;
        }
        if seen.insert(package) {
            let found = members.iter().filter(|member| member.package == package);
            open.extend(found.flat_map(|member| &member.dependencies).map(|dependency| dependency.package.as_str()));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::{Tree, manifest};
    use super::*;

    /// Manifests of packages with these lines below `[package]`; the first of them is line 3.
    fn members(packages: &[(&str, &str)]) -> Vec<Manifest> {
        let text = |name: &str, lines: &str| format!("[package]\nname = \"{name}\"\n{lines}\n");
        let files: Vec<(String, String)> =
            packages.iter().map(|(name, lines)| (format!("crates/{name}/Cargo.toml"), text(name, lines))).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        manifest::members(&Tree::of(&files)).unwrap_or_else(|violations| panic!("{violations:?}"))
    }

    fn shown(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(Violation::to_string).collect()
    }

    #[test]
    fn the_table_points_down() {
        for (at, (package, targets)) in ARROWS.iter().enumerate() {
            let below: Vec<&str> = ARROWS[at + 1..].iter().map(|(package, _)| *package).collect();
            for target in *targets {
                assert!(below.contains(target), "{package} -> {target}");
            }
        }
    }

    #[test]
    fn an_arrow_up_is_rejected() {
        for section in ["dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
            let lines = format!("[{section}]\nfourfold-graph.workspace = true");
            let violations = allowed(&members(&[("fourfold-tensor", &lines)]));
            let expected = "crates/fourfold-tensor/Cargo.toml:4: fourfold-tensor may not depend on fourfold-graph; \
                            move what is needed down, or pass it in from above";
            assert_eq!(shown(&violations), [expected], "{section}");
        }
        let renamed = "[dependencies]\ng = { package = \"fourfold-graph\", path = \"../graph\" }";
        assert_eq!(allowed(&members(&[("fourfold-kernels", renamed)])).len(), 1);
        let facade = "[dependencies]\nfourfold-graph.workspace = true\nfourfold.workspace = true";
        assert_eq!(allowed(&members(&[("fourfold-cli", facade)])).len(), 1);
    }

    #[test]
    fn an_arrow_down_and_a_foreign_crate_are_fine() {
        let lines = "[dependencies]\nfourfold-tensor.workspace = true\nserde.workspace = true\n\
                     [dev-dependencies]\nfourfold-kernels.workspace = true";
        assert!(allowed(&members(&[("fourfold-graph", lines)])).is_empty());
    }

    #[test]
    fn a_crate_without_a_row_is_rejected() {
        let expected = "crates/fourfold-new/Cargo.toml:1: fourfold-new has no row in ARROWS in \
                        xtask/src/tidy/arrows.rs; add one";
        assert_eq!(shown(&allowed(&members(&[("fourfold-new", "")]))), [expected]);
    }

    #[test]
    fn tests_make_no_cycle() {
        let up = "[dev-dependencies]\nfourfold-runtime.workspace = true";
        let runtime = ("fourfold-runtime", "[dependencies]\nfourfold-graph.workspace = true");
        let graph = ("fourfold-graph", "[dependencies]\nfourfold-tensor.workspace = true");
        let expected = "crates/fourfold-tensor/Cargo.toml:4: fourfold-runtime depends on fourfold-tensor, so its \
                        tests may not use it; move the test to the upper crate";
        assert_eq!(shown(&acyclic(&members(&[("fourfold-tensor", up), graph, runtime]))), [expected]);
        assert!(acyclic(&members(&[("fourfold-onnx", up), graph, runtime])).is_empty());
    }
}
