//! `cargo xtask dist`: static binaries of the command `fourfold` for Linux, for distribution.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::arm::{self, Tools};
use crate::step::{cargo, succeeds, target_dir};

/// The target for x86-64.
const X86_64: &str = "x86_64-unknown-linux-gnu";

/// The maximum size of the binary for x86_64, in bytes.
const MAX_BYTES: u64 = 6 << 20;

/// Builds the binaries in `root`, prints their sizes, and runs `quickstart` of each.
///
/// # Errors
///
/// [`Error::NotSetUp`] if a tool for aarch64 is missing, [`Error::Step`] if a build or a run failed, [`Error::Size`] if
/// the binary for x86_64 is too large, [`Error::Start`] and [`Error::Io`].
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    let tools = Tools::find()?;
    let mut command = cargo(root);
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-C target-feature=+crt-static");
    let x86_64 = build(root, command, X86_64, "fourfold-x86_64-linux")?;
    let aarch64 = build(root, tools.cargo(root), arm::TARGET, "fourfold-aarch64-linux")?;
    let bytes = size(&x86_64)?;
    if bytes > MAX_BYTES {
        return Err(Error::Size { path: x86_64, bytes, limit: MAX_BYTES });
    }
    quickstart(Command::new(&x86_64), &x86_64)?;
    quickstart(tools.emulate("max", &aarch64), &aarch64)
}

/// Builds the command for `target`, puts it into `target/dist/NAME` and prints its size.
fn build(root: &Path, mut cargo: Command, target: &str, name: &str) -> Result<PathBuf, Error> {
    // The standard library may come from another compiler, so this build has its own directory.
    let directory = target_dir(root).join("static");
    cargo.args(["build", "--package", "fourfold-cli", "--profile", "dist", "--target", target, "--locked"]);
    if !succeeds(cargo.arg("--target-dir").arg(&directory))? {
        let advice = "see cargo's message above; the C library must be there for static linking too (libc6-dev)";
        return Err(Error::Step { step: "build of a static binary", advice });
    }
    let folder = target_dir(root).join("dist");
    fs::create_dir_all(&folder).map_err(|source| Error::Io { path: folder.clone(), source })?;
    let path = folder.join(name);
    let built = directory.join(target).join("dist/fourfold");
    fs::copy(&built, &path).map_err(|source| Error::Io { path: built, source })?;
    println!("{}: {:.2} MiB", path.display(), size(&path)? as f64 / f64::from(1 << 20));
    Ok(path)
}

fn size(path: &Path) -> Result<u64, Error> {
    fs::metadata(path).map(|metadata| metadata.len()).map_err(|source| Error::Io { path: path.into(), source })
}

/// Runs `quickstart` with `command`, which starts `binary`, in a temporary folder.
fn quickstart(mut command: Command, binary: &Path) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
    println!("--- {} quickstart", binary.display());
    if succeeds(command.arg("quickstart").current_dir(folder.path()))? {
        Ok(())
    } else {
        Err(Error::Step { step: "quickstart of a static binary", advice: "see its message above" })
    }
}
