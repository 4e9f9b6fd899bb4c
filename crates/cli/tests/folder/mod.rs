//! A folder to run the command in, and what a run leaves.
#![allow(dead_code, reason = "every test file uses a part")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own to run the command in.
pub(crate) struct Folder(pub(crate) TempDir);

/// What a run of the command left.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("a file");
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Outcome {
        let output = command().args(arguments).current_dir(self.0.path()).output().expect("the command runs");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Outcome { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Runs a command line that must succeed; returns stdout.
    pub(crate) fn ok(&self, line: &str) -> String {
        let outcome = self.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(outcome.code, Some(0), "{line}: {}", outcome.stderr);
        outcome.stdout
    }

    /// Runs a command line that must fail with a code, an empty stdout and a message with all of the words.
    pub(crate) fn fails(&self, line: &str, code: i32, words: &[&str]) {
        let outcome = self.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(outcome.code, Some(code), "{line}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{line}");
        for word in words {
            assert!(outcome.stderr.contains(word), "{line}: no `{word}` in {}", outcome.stderr);
        }
    }

    /// A folder with the digits model and its data under short names.
    pub(crate) fn with_digits() -> Self {
        let folder = Self::new();
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
        for (from, to) in [
            ("digits_cnn.onnx", "cnn.onnx"),
            ("digits_calib_images.npy", "calib.npy"),
            ("digits_test_images.npy", "images.npy"),
            ("digits_test_labels.npy", "labels.npy"),
        ] {
            fs::copy(data.join(from), folder.path(to)).expect("a file of the project");
        }
        folder
    }
}

/// The built command, behind the words of the variable `FOURFOLD_RUNNER`: an emulator and its options, where the
/// command is built for another CPU.
pub(crate) fn command() -> Command {
    let runner = std::env::var("FOURFOLD_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace().chain([env!("CARGO_BIN_EXE_fourfold")]);
    let mut command = Command::new(words.next().expect("the command itself"));
    command.args(words);
    command
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("one JSON document")
}
