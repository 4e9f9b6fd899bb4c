//! What can go wrong with a task.

use std::io;
use std::path::PathBuf;

/// An error of a task.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line makes no sense.
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
    /// A rule of the house is broken.
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
