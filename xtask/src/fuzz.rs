//! `cargo xtask fuzz TARGET [SECONDS]`: one target of `fuzz/` under cargo-fuzz, on a nightly toolchain.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;
use crate::step::succeeds;

const DEFAULT_SECONDS: u64 = 60;

/// Runs `target` in `root` for `seconds`, starting from the corpus found so far and from the committed seeds.
///
/// # Errors
///
/// [`Error::Usage`] if there is no such target or `seconds` is not a whole number above zero, [`Error::Missing`] if
/// a tool is not installed, [`Error::Step`] if the target crashed, [`Error::Io`] and [`Error::Start`].
pub(crate) fn run(root: &Path, target: &str, seconds: Option<&str>) -> Result<(), Error> {
    let seconds = parse_seconds(seconds)?;
    let targets = targets(root)?;
    if !targets.iter().any(|name| name == target) {
        return Err(Error::Usage { what: format!("no fuzz target {target:?}; there are: {}", targets.join(", ")) });
    }
    require(root, &["--version"], "a nightly toolchain", "rustup toolchain install nightly")?;
    require(root, &["fuzz", "--version"], "cargo-fuzz", "cargo install cargo-fuzz")?;

    let corpus = format!("fuzz/corpus/{target}");
    let path = root.join(&corpus);
    fs::create_dir_all(&path).map_err(|source| Error::Io { path, source })?;
    let seeds = format!("fuzz/seeds/{target}");
    let mut command = nightly(root);
    command.args(["fuzz", "run", target, &corpus]);
    if root.join(&seeds).is_dir() {
        command.arg(&seeds);
    }
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    if succeeds(&mut command)? {
        Ok(())
    } else {
        let advice = "if it crashed, the input lies in fuzz/artifacts: fix the cause, keep the input as a test";
        Err(Error::Step { step: "fuzz", advice })
    }
}

fn parse_seconds(text: Option<&str>) -> Result<u64, Error> {
    let Some(text) = text else { return Ok(DEFAULT_SECONDS) };
    match text.parse() {
        // libFuzzer takes 0 seconds as no limit.
        Ok(seconds) if seconds > 0 => Ok(seconds),
        _ => Err(Error::Usage { what: format!("{text:?} is not a whole number of seconds above zero") }),
    }
}

/// The names of the targets, sorted.
fn targets(root: &Path) -> Result<Vec<String>, Error> {
    let path = root.join("fuzz/fuzz_targets");
    let failed = |source| Error::Io { path: path.clone(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|extension| extension == "rs") {
            names.extend(file.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn require(root: &Path, args: &[&str], tool: &'static str, install: &'static str) -> Result<(), Error> {
    let mut command = nightly(root);
    command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    if succeeds(&mut command)? { Ok(()) } else { Err(Error::Missing { tool, install }) }
}

/// rustup's cargo, not the one that runs this task: only rustup's knows `+nightly`.
fn nightly(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").current_dir(root).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_whole_and_above_zero() {
        assert_eq!(parse_seconds(None).expect("the default"), DEFAULT_SECONDS);
        assert_eq!(parse_seconds(Some("5")).expect("a number"), 5);
        for text in ["0", "-1", "1.5", "", "long", "99999999999999999999"] {
            assert_eq!(parse_seconds(Some(text)).expect_err(text).exit_code(), 2, "{text}");
        }
    }
}
