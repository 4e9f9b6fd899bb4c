//! The manifests of the workspace's crates, and the rules for one manifest.

use toml::{Table, Value};

use super::{File, Tree, Violation, arrows};

/// A rule for the manifests of all crates.
type Rule = fn(&[Manifest]) -> Vec<Violation>;

/// Every rule of this kind, those for the arrows among them.
pub(super) const RULES: &[Rule] = &[arrows::allowed, arrows::acyclic, inherits, codec_in_format];

/// The tables of a manifest that name dependencies; `DEV` is the last of them.
const SECTIONS: &[&str] = &["dependencies", "build-dependencies", DEV];
const DEV: &str = "dev-dependencies";

/// The keys of `[package]` that are the workspace's.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license"];

/// The manifest of a crate.
pub(super) struct Manifest {
    /// Path from the root.
    pub(super) path: String,
    /// The package's name.
    pub(super) package: String,
    /// What the package depends on.
    pub(super) dependencies: Vec<Dependency>,
    table: Table,
    text: String,
}

/// A dependency of a package.
pub(super) struct Dependency {
    /// The name of the package depended upon.
    pub(super) package: String,
    /// Whether only its tests, examples and benchmarks see it.
    pub(super) dev: bool,
    /// The line of the manifest, from 1.
    pub(super) line: usize,
}

/// The manifests of all crates, the fuzz targets among them.
///
/// # Errors
///
/// A violation for each manifest that is not TOML.
pub(super) fn members(tree: &Tree) -> Result<Vec<Manifest>, Vec<Violation>> {
    let root = tree.files().iter().find(|file| file.path == "Cargo.toml").map(parse).transpose();
    let root = root.map_err(|violation| vec![violation])?.unwrap_or_default();
    let shared = root.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let (mut members, mut unreadable) = (Vec::new(), Vec::new());
    for file in tree.files().iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        match parse(file) {
            Ok(table) => members.push(Manifest::new(file, table, shared)),
            Err(violation) => unreadable.push(violation),
        }
    }
    if unreadable.is_empty() { Ok(members) } else { Err(unreadable) }
}

fn parse(file: &File) -> Result<Table, Violation> {
    let text = file.text.as_deref().unwrap_or_default();
    text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Violation::new(&file.path, line, format!("not a manifest: {}; fix the TOML", error.message()))
    })
}

impl Manifest {
    /// The manifest in `file`, whose content is `table`; `shared` are the workspace's dependencies.
    fn new(file: &File, table: Table, shared: Option<&Value>) -> Self {
        let name = table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
        let mut manifest = Self {
            path: file.path.clone(),
            package: name.unwrap_or(&file.path).into(),
            dependencies: Vec::new(),
            text: file.text.clone().unwrap_or_default(),
            table,
        };
        manifest.dependencies = manifest.find_dependencies(shared);
        manifest
    }

    fn find_dependencies(&self, shared: Option<&Value>) -> Vec<Dependency> {
        let targets = self.table.get("target").and_then(Value::as_table).into_iter();
        let targets = targets.flat_map(|targets| targets.values().filter_map(Value::as_table));
        let mut dependencies = Vec::new();
        for table in std::iter::once(&self.table).chain(targets) {
            for section in SECTIONS {
                let entries = table.get(*section).and_then(Value::as_table).into_iter().flatten();
                dependencies.extend(entries.map(|(key, value)| {
                    let renamed = |value: &Value| Some(value.get("package")?.as_str()?.to_owned());
                    let name = renamed(value).or_else(|| renamed(shared?.get(key)?));
                    let package = name.unwrap_or_else(|| key.clone());
                    Dependency { package, dev: *section == DEV, line: self.line_of(section, key) }
                }));
            }
        }
        dependencies
    }

    /// The line, from 1, of `key` in the table `section` or in one of a target with this name; 1 if it is not found.
    fn line_of(&self, section: &str, key: &str) -> usize {
        let mut inside = false;
        for (line, number) in self.text.lines().zip(1..) {
            if let Some(header) = line.strip_prefix('[') {
                let header = header.split(']').next().unwrap_or_default();
                let is = |name: &str| header == name || header.ends_with(&format!(".{name}"));
                if is(&format!("{section}.{key}")) {
                    return number;
                }
                inside = is(section);
            } else if inside && line.split(['=', '.', ' ']).next() == Some(key) {
                return number;
            }
        }
        1
    }

    /// Whether `key` of the table `section` is `workspace = true`, or the table itself if `key` is empty.
    fn is_inherited(&self, section: &str, key: &str) -> bool {
        let value = self.table.get(section).and_then(|value| if key.is_empty() { Some(value) } else { value.get(key) });
        value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
    }
}

/// A crate takes its lints and its identity from the workspace. The fuzz targets are a workspace of their own.
fn inherits(members: &[Manifest]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for member in members.iter().filter(|member| !member.path.starts_with("fuzz/")) {
        if !member.is_inherited("lints", "") {
            let message = "the workspace's lints are not inherited; add `[lints]` with `workspace = true`";
            violations.push(Violation::new(&member.path, 1, message));
        }
        for key in INHERITED.iter().filter(|key| !member.is_inherited("package", key)) {
            let message = format!("{key} is not the workspace's; write `{key}.workspace = true` in `[package]`");
            violations.push(Violation::new(&member.path, member.line_of("package", key), message));
        }
    }
    violations
}

/// bincode is a dependency of `format` alone.
fn codec_in_format(members: &[Manifest]) -> Vec<Violation> {
    let others = members.iter().filter(|member| member.package != "fourfold-format");
    let found = others.flat_map(|member| {
        let named = member.dependencies.iter().filter(|dependency| dependency.package == "bincode");
        named.map(move |dependency| (member, dependency.line))
    });
    let message = "bincode is a dependency of fourfold-format alone; go through that crate";
    found.map(|(member, line)| Violation::new(&member.path, line, message)).collect()
}

#[cfg(test)]
mod tests;
