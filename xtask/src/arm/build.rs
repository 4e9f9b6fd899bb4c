//! Builds the tests for aarch64, and asks cargo where it put them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use super::tools::{TARGET, Tools};
use crate::Error;
use crate::step::{not_started, target_dir};

/// The crates of the project, without its tools; cargo builds for both calls below with the same features.
const CRATES: &[&str] = &["--workspace", "--exclude", "xtask", "--exclude", "fourfold-benches"];

/// What was built.
pub(super) struct Built {
    /// The test binaries, those that probably run longest first.
    pub(super) tests: Vec<Binary>,
    /// The example that prints the selected backend.
    pub(super) backend: PathBuf,
    /// The target directory of the build.
    pub(super) directory: PathBuf,
}

/// A binary that cargo built.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Binary {
    /// `lib`, `bin`, `test` or `example`.
    kind: String,
    name: String,
    /// Whether it holds tests.
    test: bool,
    /// The binary.
    pub(super) executable: PathBuf,
    /// The directory of its crate, where cargo runs tests.
    pub(super) directory: PathBuf,
}

impl Binary {
    /// The crate's folder, the kind and the name: `kernels lib fourfold_kernels`.
    pub(super) fn label(&self) -> String {
        let folder = self.directory.file_name().unwrap_or_default().to_string_lossy();
        format!("{folder} {} {}", self.kind, self.name)
    }

    /// A binary of that label, for tests.
    #[cfg(test)]
    pub(super) fn of(folder: &str, kind: &str, name: &str) -> Self {
        let directory = Path::new("/p/crates").join(folder);
        Self { kind: kind.into(), name: name.into(), test: true, executable: directory.join(name), directory }
    }
}

/// Builds all tests of the crates in `root`, and the example that prints the backend.
///
/// # Errors
///
/// [`Error::Step`] if cargo failed, [`Error::Start`].
pub(super) fn build(root: &Path, tools: &Tools) -> Result<Built, Error> {
    let directory = target_dir(root).join("arm");
    let mut tests = cargo(root, tools, &directory, &["test", "--no-run", "--lib", "--bins", "--tests"])?;
    tests.retain(|binary| binary.test);
    tests.sort_by_key(|binary| binary.kind != "test");
    let examples = cargo(root, tools, &directory, &["build", "--example", "backend"])?;
    let backend = examples.into_iter().find(|binary| binary.kind == "example").map(|binary| binary.executable);
    match backend {
        Some(backend) if !tests.is_empty() => Ok(Built { tests, backend, directory }),
        _ => {
            Err(Error::Step { step: "build for Arm", advice: "cargo named no binary; run `cargo clean` and try again" })
        }
    }
}

fn cargo(root: &Path, tools: &Tools, directory: &Path, args: &[&str]) -> Result<Vec<Binary>, Error> {
    let mut command = tools.cargo(root);
    command.args(args).args(CRATES).args(["--profile", "arm", "--target", TARGET, "--locked"]);
    command.arg("--message-format=json-render-diagnostics").arg("--target-dir").arg(directory);
    let output = command.stderr(Stdio::inherit()).output().map_err(|source| not_started(&command, source))?;
    if output.status.success() {
        Ok(binaries(&String::from_utf8_lossy(&output.stdout)))
    } else {
        Err(Error::Step {
            step: "build for Arm",
            advice: "see cargo's message above; code for x86_64 alone needs a cfg",
        })
    }
}

/// The binaries in cargo's messages, one JSON document a line.
fn binaries(messages: &str) -> Vec<Binary> {
    messages.lines().filter_map(|line| binary(&serde_json::from_str(line).ok()?)).collect()
}

fn binary(message: &Value) -> Option<Binary> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Binary {
        kind: text(&message["target"]["kind"][0])?,
        name: text(&message["target"]["name"])?,
        test: message["profile"]["test"].as_bool()?,
        executable: message["executable"].as_str()?.into(),
        directory: Path::new(message["manifest_path"].as_str()?).parent()?.into(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn binaries_are_found_in_the_messages_of_cargo() {
        let message = |folder: &str, kind: &str, name: &str, test: bool, executable: Option<&str>| {
            let target = json!({ "kind": [kind], "name": name });
            let manifest = format!("/p/crates/{folder}/Cargo.toml");
            let profile = json!({ "test": test });
            json!({ "manifest_path": manifest, "target": target, "profile": profile, "executable": executable })
                .to_string()
        };
        let messages = [
            message("tensor", "lib", "fourfold_tensor", false, None),
            message("tensor", "lib", "fourfold_tensor", true, Some("/t/fourfold_tensor-1")),
            message("cli", "bin", "fourfold", false, Some("/t/fourfold")),
            "not a message".into(),
            r#"{"reason":"build-finished","success":true}"#.into(),
        ];
        let found = binaries(&messages.join("\n"));
        assert_eq!(
            found.iter().map(Binary::label).collect::<Vec<_>>(),
            ["tensor lib fourfold_tensor", "cli bin fourfold"]
        );
        assert_eq!(found.iter().map(|binary| binary.test).collect::<Vec<_>>(), [true, false]);
        assert_eq!(found[0].executable, Path::new("/t/fourfold_tensor-1"));
        assert_eq!(found[0].directory, Path::new("/p/crates/tensor"));
    }
}
