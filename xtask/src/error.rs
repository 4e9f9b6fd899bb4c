//! What can go wrong with a task.

use std::io;
use std::path::PathBuf;

/// An error of a task.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line is wrong.
    #[error("{what}; `cargo xtask help` lists the commands")]
    Usage {
        /// What is wrong with it.
        what: String,
    },
    /// A step of a task failed.
    #[error("{step} failed: {advice}")]
    Step {
        /// The step's name.
        step: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// A house rule is broken.
    #[error("tidy found {count} violation(s), listed above: fix each, or change the rule in xtask/src/tidy")]
    Tidy {
        /// The number of violations.
        count: usize,
    },
    /// A tool that the task needs is not installed.
    #[error("{tool} is not installed: run `{install}`")]
    Missing {
        /// The tool.
        tool: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// Tools for aarch64 are not installed.
    #[error(
        "missing for programs of aarch64: {missing}. Type (on Debian or Ubuntu; elsewhere the same under other \
         names)\n\n{commands}\nor let `cargo xtask test-arm --setup` do it"
    )]
    NotSetUp {
        /// The tools.
        missing: String,
        /// The commands that install them, one a line.
        commands: String,
    },
    /// A CPU selected another backend of the kernels than the one written for it.
    #[error(
        "{cpu} selected the backend `{found}`, but `{expected}` was expected: see `is_supported` of that backend and \
         the list in crates/kernels/src/backend.rs, or change the table in xtask/src/arm/cpu.rs"
    )]
    Backend {
        /// QEMU's name of the CPU.
        cpu: &'static str,
        /// The backend written for it.
        expected: &'static str,
        /// The backend that it selected.
        found: String,
    },
    /// Inner loops of the kernels have other instructions than expected.
    #[error(
        "the kernels for Arm: {}; look at their disassembly, or change the table in xtask/src/arm/instructions.rs",
        wrong.join("; ")
    )]
    Loops {
        /// What is wrong with each.
        wrong: Vec<String>,
    },
    /// Tests failed on Arm.
    #[error(
        "{} test binary runs failed on Arm: {}; their output is above, and `cargo xtask test-arm --cpu CPU -- TEST` \
         repeats one",
        failed.len(),
        failed.join(", ")
    )]
    ArmTests {
        /// The CPU and the test binary of each.
        failed: Vec<String>,
    },
    /// A binary is too large for distribution.
    #[error("{} has {bytes} bytes, more than {limit}: see which dependency added so much code", path.display())]
    Size {
        /// The binary.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The largest size allowed.
        limit: u64,
    },
    /// A program could not be started.
    #[error("could not start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// A file or directory could not be read or made.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// 2 for a wrong command line, 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Error::Usage { .. } => 2,
            _ => 1,
        }
    }
}
