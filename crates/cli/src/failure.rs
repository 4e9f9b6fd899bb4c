//! Why a command failed, as a message and an exit code.

use std::fmt;
use std::io;
use std::path::Path;

use fourfold::{format, graph, onnx, quantize, runtime, schemes, tensor};

use crate::message::bounded;

/// The kinds of failure; each has an exit code that scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file could not be read or written.
    Io,
    /// The command line asks for something that makes no sense.
    Usage,
    /// An input is invalid or corrupt.
    Invalid,
    /// An input is valid but not supported.
    Unsupported,
    /// A gate that guards the result did not open.
    Gate,
    /// A resource limit was reached.
    Limit,
    /// The user interrupted the command.
    Interrupted,
    /// The reader of stdout went away.
    BrokenPipe,
}

impl Kind {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Kind::BrokenPipe => 0,
            Kind::Io => 1,
            Kind::Usage => 2,
            Kind::Invalid => 3,
            Kind::Unsupported => 4,
            Kind::Gate => 5,
            Kind::Limit => 6,
            Kind::Interrupted => 130,
        }
    }
}

/// A failure of a command.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: bounded(message) }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn invalid(message: impl fmt::Display) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// A failure of the file system.
    pub(crate) fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(Kind::Io, format_args!("cannot {action} {}: {error}", path.display()))
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

impl From<graph::Error> for Failure {
    fn from(error: graph::Error) -> Self {
        let kind = match error.is_limit() {
            true => Kind::Limit,
            false if matches!(error, graph::Error::Fixed { .. }) => Kind::Usage,
            false if error.is_unsupported() => Kind::Unsupported,
            false => Kind::Invalid,
        };
        Self::new(kind, error)
    }
}

impl From<runtime::Error> for Failure {
    fn from(error: runtime::Error) -> Self {
        let kind = match &error {
            _ if error.is_limit() => Kind::Limit,
            runtime::Error::Unsupported { .. } => Kind::Unsupported,
            runtime::Error::Threads { .. } => Kind::Io,
            _ => Kind::Invalid,
        };
        Self::new(kind, error)
    }
}

impl From<quantize::Error> for Failure {
    fn from(error: quantize::Error) -> Self {
        match error {
            _ if error.is_limit() => Self::new(Kind::Limit, error),
            quantize::Error::Graph(error) => error.into(),
            quantize::Error::Runtime(error) => error.into(),
            quantize::Error::Cancelled => Self::new(Kind::Interrupted, "interrupted; no output was written"),
            quantize::Error::AlreadyQuantized => Self::new(Kind::Unsupported, error),
            quantize::Error::Partial { shards } => Self::new(
                Kind::Gate,
                format_args!(
                    "the calibration has only {shards} of the samples; calibrate and merge the others, \
                     or make do with these by --allow-partial"
                ),
            ),
            quantize::Error::NotCalibrated
            | quantize::Error::Config { .. }
            | quantize::Error::Pattern { .. }
            | quantize::Error::NotDynamic { .. } => Self::usage(error),
            _ => Self::invalid(error),
        }
    }
}

impl From<tensor::Error> for Failure {
    fn from(error: tensor::Error) -> Self {
        Self::new(if error.is_limit() { Kind::Limit } else { Kind::Invalid }, error)
    }
}

impl From<schemes::Error> for Failure {
    fn from(error: schemes::Error) -> Self {
        Self::new(if error.is_limit() { Kind::Limit } else { Kind::Invalid }, error)
    }
}

impl From<onnx::Error> for Failure {
    fn from(error: onnx::Error) -> Self {
        match error {
            _ if error.is_limit() => Self::new(Kind::Limit, error),
            onnx::Error::Graph(error) => error.into(),
            _ if error.is_io() => Self::new(Kind::Io, error),
            _ if error.is_unsupported() => Self::new(Kind::Unsupported, error),
            _ => Self::invalid(error),
        }
    }
}

impl From<format::Error> for Failure {
    fn from(error: format::Error) -> Self {
        match error {
            _ if error.is_limit() => Self::new(Kind::Limit, error),
            format::Error::Graph(error) => error.into(),
            format::Error::Tensor(error) => error.into(),
            format::Error::Read { .. } => Self::new(Kind::Io, error),
            _ if error.is_unsupported() => Self::new(Kind::Unsupported, error),
            _ => Self::invalid(error),
        }
    }
}
