//! Why a command failed, as a message and an exit code.

use std::fmt;
use std::io;
use std::path::Path;

use fourfold::{ErrorKind, format, graph, onnx, quantize, runtime, schemes, tensor};

use crate::message::bounded;

/// The exit code of a kind of failure; scripts rely on it. README.md lists them.
pub(crate) fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Io => 1,
        ErrorKind::Usage => 2,
        ErrorKind::Invalid => 3,
        ErrorKind::Unsupported => 4,
        ErrorKind::Incomplete => 5,
        ErrorKind::Limit => 6,
        ErrorKind::Interrupted => 130,
    }
}

/// A failure of a command.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    /// Whether the reader of stdout closed it. It has seen enough: the command succeeds.
    pub(crate) is_unread: bool,
    message: String,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, is_unread: false, message: bounded(message) }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    pub(crate) fn invalid(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// A failure of the file system.
    pub(crate) fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(ErrorKind::Io, format_args!("cannot {action} {}: {error}", path.display()))
    }

    /// A failure to write to stdout.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        let failure = Self::new(ErrorKind::Io, format_args!("cannot write to stdout: {error}"));
        Self { is_unread: error.kind() == io::ErrorKind::BrokenPipe, ..failure }
    }

    /// The same failure, with what it is about in front.
    pub(crate) fn about(mut self, subject: impl fmt::Display) -> Self {
        self.message = bounded(format_args!("{subject}: {}", self.message));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<tensor::Error> for Failure {
    fn from(error: tensor::Error) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<schemes::Error> for Failure {
    fn from(error: schemes::Error) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<graph::Error> for Failure {
    fn from(error: graph::Error) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<runtime::Error> for Failure {
    fn from(error: runtime::Error) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<quantize::Error> for Failure {
    fn from(error: quantize::Error) -> Self {
        let kind = error.kind();
        match error {
            quantize::Error::Cancelled => Self::new(kind, "interrupted; no output was written"),
            quantize::Error::Partial { shards } => Self::new(
                kind,
                format_args!(
                    "the calibration has only {shards} of the samples; calibrate and merge the others, \
                     or make do with these by --allow-partial"
                ),
            ),
            error => Self::new(kind, error),
        }
    }
}

impl From<format::Error> for Failure {
    fn from(error: format::Error) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<onnx::Error> for Failure {
    fn from(error: onnx::Error) -> Self {
        Self::new(error.kind(), error)
    }
}
