//! What can go wrong with a file.

use fourfold_error::{ErrorKind, Excerpt, LimitExceeded};

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The file is something else.
    #[error("not a {format} file: {reason}")]
    Foreign {
        /// What was expected.
        format: &'static str,
        /// What it looks like.
        reason: &'static str,
    },
    /// The file was made by a newer version of the format.
    #[error("format version {major}.{minor} is newer than this program; update fourfold")]
    Version {
        /// The major version, which readers must know.
        major: u16,
        /// The minor version.
        minor: u16,
    },
    /// The file uses features that this program does not know.
    #[error("the file needs features that this program does not have (flags {flags:#x}); update fourfold")]
    Flags {
        /// The unknown bits.
        flags: u32,
    },
    /// The checksum of a section is wrong.
    #[error("the checksum of {} is wrong; the file was damaged, get it again", Excerpt(part))]
    Checksum {
        /// The section.
        part: String,
    },
    /// The file could not be read.
    #[error("reading failed at offset {offset}: {reason}")]
    Read {
        /// The bytes that were read before.
        offset: u64,
        /// The kind of failure.
        kind: std::io::ErrorKind,
        /// What the system says.
        reason: String,
    },
    /// The file is not as its format says.
    #[error("{}: {}", Excerpt(part), Excerpt(reason))]
    Corrupt {
        /// The section of the file, or the tensor.
        part: String,
        /// What is wrong.
        reason: String,
    },
    /// The file is valid, but holds what fourfold has no type for.
    #[error("{}: {} is not supported", Excerpt(part), Excerpt(what))]
    Unsupported {
        /// Where.
        part: String,
        /// What is not supported.
        what: String,
    },
    /// An archive has no array of that name.
    #[error("there is no array `{}`; there are: {}", Excerpt(name), Excerpt(known))]
    Missing {
        /// The name.
        name: String,
        /// The names of its arrays.
        known: String,
    },
    /// The file is larger than allowed.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The graph in the file is not valid.
    #[error(transparent)]
    Graph(#[from] fourfold_graph::Error),
    /// A tensor does not fit into memory.
    #[error(transparent)]
    Tensor(#[from] fourfold_tensor::Error),
}

impl Error {
    /// What kind of error it is, which says whose fault it is and what helps.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Read { .. } => ErrorKind::Io,
            Error::Foreign { .. } | Error::Checksum { .. } | Error::Corrupt { .. } | Error::Missing { .. } => {
                ErrorKind::Invalid
            }
            Error::Version { .. } | Error::Flags { .. } | Error::Unsupported { .. } => ErrorKind::Unsupported,
            Error::Limit(error) => error.kind(),
            Error::Graph(error) => error.kind(),
            Error::Tensor(error) => error.kind(),
        }
    }

    /// The error of a file inside of another.
    pub(crate) fn within(self, outer: &str) -> Self {
        match self {
            Error::Foreign { format, reason } => Error::corrupt(outer, format!("not a {format} file: {reason}")),
            Error::Checksum { part } => Error::Checksum { part: format!("{part} of {outer}") },
            Error::Corrupt { part, reason } => Error::Corrupt { part: format!("{outer}, {part}"), reason },
            Error::Unsupported { part, what } => Error::Unsupported { part: format!("{outer}, {part}"), what },
            other => other,
        }
    }

    pub(crate) fn corrupt(part: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Corrupt { part: part.into(), reason: reason.into() }
    }
}
