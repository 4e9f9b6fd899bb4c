//! The tools for aarch64 Linux: QEMU, a linker, a C library and Rust's standard library.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::setup;
use crate::Error;
use crate::step::cargo;

/// The target of the build.
pub(crate) const TARGET: &str = "aarch64-unknown-linux-gnu";

const LINKER: &str = "aarch64-linux-gnu-gcc";

/// The names of QEMU, the preferred one first: newer systems leave the `-static` out.
const QEMU: &[&str] = &["qemu-aarch64-static", "qemu-aarch64"];

/// Debian's compiler, for which Debian has the standard library of other targets too.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Everything that building and running for aarch64 needs.
pub(crate) struct Tools {
    /// The program that runs aarch64 programs.
    pub(crate) qemu: &'static str,
    std: Std,
}

/// The compiler that has a standard library for the target.
#[derive(Clone, Copy)]
pub(super) enum Std {
    /// The one that cargo uses by default.
    Toolchain,
    /// [`DEBIAN_RUSTC`].
    Debian,
}

/// Which tools were found.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) qemu: Option<&'static str>,
    pub(super) linker: bool,
    pub(super) libc: bool,
    pub(super) std: Option<Std>,
}

impl Found {
    /// Looks for every tool.
    pub(super) fn look() -> Self {
        // The compiler answers with a path if it has the file, and with the bare name if not.
        let libc = output(Command::new(LINKER).arg("-print-file-name=libc.a"));
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let compilers = [(rustc, Std::Toolchain), (DEBIAN_RUSTC.into(), Std::Debian)];
        Self {
            qemu: QEMU.iter().copied().find(|name| is_program(name)),
            linker: is_program(LINKER),
            libc: libc.is_some_and(|path| Path::new(&path).is_absolute()),
            std: compilers.into_iter().find_map(|(rustc, std)| has_std(rustc).then_some(std)),
        }
    }

    /// Whether everything but the standard library was found.
    pub(super) fn has_tools(self) -> bool {
        self.qemu.is_some() && self.linker && self.libc
    }

    /// The tools, `None` if one is missing.
    pub(super) fn tools(self) -> Option<Tools> {
        match self {
            Self { qemu: Some(qemu), linker: true, libc: true, std: Some(std) } => Some(Tools { qemu, std }),
            _ => None,
        }
    }
}

impl Tools {
    /// The tools that are installed.
    ///
    /// # Errors
    ///
    /// [`Error::NotSetUp`] with the commands that install what is missing.
    pub(crate) fn find() -> Result<Self, Error> {
        let found = Found::look();
        found.tools().ok_or_else(|| setup::error(found))
    }

    /// The cargo that runs this task, in `root`, with an environment in which it can build for [`TARGET`].
    pub(crate) fn cargo(&self, root: &Path) -> Command {
        let mut command = cargo(root);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
        // With the dynamic loader QEMU needs libraries of the target, and programs with threads hang in it.
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-C target-feature=+crt-static");
        // Cargo prefers these to the line above, and they may be for this machine's CPU.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        match self.std {
            Std::Toolchain => &mut command,
            Std::Debian => command.env("RUSTC", DEBIAN_RUSTC),
        };
        command
    }

    /// The words before an aarch64 program that run it on QEMU's `cpu`.
    pub(crate) fn runner(&self, cpu: &'static str) -> [&'static str; 3] {
        [self.qemu, "-cpu", cpu]
    }

    /// Runs the aarch64 `program` on QEMU's `cpu`.
    pub(crate) fn emulate(&self, cpu: &'static str, program: &Path) -> Command {
        let [qemu, options @ ..] = self.runner(cpu);
        let mut command = Command::new(qemu);
        command.args(options).arg(program);
        command
    }
}

/// Whether `rustc` can compile this workspace, and has a standard library for the target.
fn has_std(rustc: OsString) -> bool {
    let version = output(Command::new(&rustc).arg("--version"));
    if version.as_deref().and_then(release) < release(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"))) {
        return false;
    }
    let folder = output(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]));
    let files = folder.and_then(|folder| fs::read_dir(folder).ok());
    files.into_iter().flatten().flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}

/// The numbers in `rustc 1.89.0 (29483883e 2025-08-04)` that tell what the compiler understands: 1 and 89.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix("rustc ")?.split(['.', '-', ' ']).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Whether the shell would find a program of that name.
pub(super) fn is_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// What `command` printed, without white space around it; `None` if it could not run or failed.
pub(super) fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missing_piece_is_too_few() {
        let all = Found { qemu: Some("qemu"), linker: true, libc: true, std: Some(Std::Debian) };
        assert_eq!(all.tools().expect("all there").runner("max"), ["qemu", "-cpu", "max"]);
        let without = [
            Found { qemu: None, ..all },
            Found { linker: false, ..all },
            Found { libc: false, ..all },
            Found { std: None, ..all },
        ];
        assert!(without.into_iter().all(|found| found.tools().is_none()));
    }

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(release("rustc 1.96.0-nightly (59807616e 2026-04-14)"), Some((1, 96)));
        assert!(release("rustc 1.100.0") > release(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"))));
        assert!(release("rustc 1.9.0") < release("rustc 1.89"));
        assert_eq!(release("clang 19.1.7"), None);
    }

    #[test]
    fn a_program_and_what_it_prints_are_found() {
        let cargo = std::env::var_os("CARGO").expect("set by cargo");
        assert!(output(Command::new(&cargo).arg("--version")).expect("a version").starts_with("cargo "));
        assert!(output(Command::new(cargo).arg("no-such-command")).is_none());
        assert!(!is_program("no-such-program-anywhere"));
    }
}
