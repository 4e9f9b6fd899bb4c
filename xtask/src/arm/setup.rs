//! Installs the tools for aarch64 with apt and rustup, or says how to.

use std::process::Command;
use std::time::Duration;

use super::tools::{Found, Tools, is_program, output};
use crate::Error;
use crate::step::{finish, succeeds};

/// QEMU, the linker and the C library.
const TOOLS: &[&str] = &[
    "apt-get update",
    "apt-get install -y --no-install-recommends qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
];

/// The standard library, from rustup's server.
const ADD_TARGET: &str = "rustup target add aarch64-unknown-linux-gnu";

/// Where that server cannot be reached, rustup retries for long.
const ADD_TARGET_LIMIT: Duration = Duration::from_secs(120);

/// The standard library from Debian, and the compiler that it belongs to: the one for building web browsers, which is
/// younger than `rustc`.
const DEBIAN_RUST: &[&str] = &[
    "dpkg --add-architecture arm64",
    "apt-get update",
    "apt-get install -y --no-install-recommends rustc-web libstd-rust-web-dev:arm64",
];

/// Finds the tools, after installing those that are missing. Prints each command before it runs.
///
/// # Errors
///
/// [`Error::NotSetUp`] if something is missing still, [`Error::Start`] if a command could not be started.
pub(super) fn install() -> Result<Tools, Error> {
    let found = Found::look();
    let apt = is_program("apt-get");
    // Whether a command succeeded does not matter, but whether the tool is there in the end.
    if apt && !found.has_tools() {
        for line in as_root(TOOLS) {
            succeeds(&mut announced(&line))?;
        }
    }
    if found.std.is_none() && is_program("rustup") {
        finish(&mut announced(ADD_TARGET), ADD_TARGET_LIMIT)?;
    }
    if apt && Found::look().std.is_none() {
        for line in as_root(DEBIAN_RUST) {
            succeeds(&mut announced(&line))?;
        }
    }
    Tools::find()
}

/// What is missing of `found`, and the commands that install it.
pub(super) fn error(found: Found) -> Error {
    let pieces = [
        (found.qemu.is_some(), "QEMU for aarch64 programs"),
        (found.linker, "a linker for aarch64"),
        (found.libc, "a static C library for aarch64"),
        (
            found.std.is_some(),
            concat!("Rust's standard library for aarch64, of ", env!("CARGO_PKG_RUST_VERSION"), " or newer"),
        ),
    ];
    let missing: Vec<&str> = pieces.into_iter().filter(|(there, _)| !there).map(|(_, name)| name).collect();
    let mut lines = Vec::new();
    if !found.has_tools() {
        lines.extend(as_root(TOOLS));
    }
    if found.std.is_none() {
        lines.push(ADD_TARGET.to_owned());
    }
    let mut commands = listed(&lines);
    if found.std.is_none() {
        commands += &format!("and only if rustup cannot do that:\n{}", listed(&as_root(DEBIAN_RUST)));
    }
    Error::NotSetUp { missing: missing.join(", "), commands }
}

fn listed(lines: &[String]) -> String {
    lines.iter().map(|line| format!("    {line}\n")).collect()
}

/// The command lines as the superuser must type them, or somebody else.
fn as_root(lines: &[&str]) -> Vec<String> {
    let superuser = output(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    let sudo = if superuser { "" } else { "sudo " };
    lines.iter().map(|line| format!("{sudo}{line}")).collect()
}

/// Prints the command `line`, whose words have no blanks in them.
fn announced(line: &str) -> Command {
    println!("$ {line}");
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

#[cfg(test)]
mod tests {
    use super::super::tools::Std;
    use super::*;

    const ALL: Found = Found { qemu: Some("qemu"), linker: true, libc: true, std: Some(Std::Toolchain) };

    #[test]
    fn a_missing_tool_comes_with_the_commands_that_install_it() {
        let message = error(Found { libc: false, ..ALL }).to_string();
        for words in ["a static C library", "apt-get update\n", "libc6-dev-arm64-cross\n", "test-arm --setup"] {
            assert!(message.contains(words), "no {words:?} in {message}");
        }
        assert!(!message.contains("rustup") && !message.contains("QEMU for"), "{message}");
    }

    #[test]
    fn a_missing_standard_library_comes_with_two_ways() {
        let message = error(Found { std: None, ..ALL }).to_string();
        for words in ["    rustup target add aarch64-unknown-linux-gnu\n", "libstd-rust-web-dev:arm64\n"] {
            assert!(message.contains(words), "no {words:?} in {message}");
        }
        assert!(!message.contains("qemu-user-static"), "{message}");
    }

    #[test]
    fn a_command_line_is_taken_apart_at_its_blanks() {
        let command = announced(ADD_TARGET);
        assert_eq!(command.get_program(), "rustup");
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["target", "add", super::super::TARGET]);
    }
}
