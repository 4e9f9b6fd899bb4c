//! What can go wrong with an image.

use fourfold_error::{ErrorKind, Excerpt, LimitExceeded};

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is not an image.
    #[error("not a PNG or JPEG file: {reason}")]
    Foreign {
        /// Why.
        reason: &'static str,
    },
    /// The file is corrupt or truncated.
    #[error("{format}: {}", Excerpt(reason))]
    Corrupt {
        /// `"PNG"` or `"JPEG"`.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The file is valid, but not supported.
    #[error("{what} is not supported; convert the image to an ordinary PNG or JPEG file")]
    Unsupported {
        /// What is not supported.
        what: String,
    },
    /// A setting of [`Preprocess`](crate::Preprocess) is invalid, or contradicts another.
    #[error("{setting}: {reason}")]
    Setting {
        /// The field.
        setting: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The image is larger than allowed.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// A tensor does not fit into memory.
    #[error(transparent)]
    Tensor(#[from] fourfold_tensor::Error),
}

impl Error {
    /// The kind of the error: whose fault it is, and what helps.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Foreign { .. } | Error::Corrupt { .. } => ErrorKind::Invalid,
            Error::Unsupported { .. } => ErrorKind::Unsupported,
            Error::Setting { .. } => ErrorKind::Usage,
            Error::Limit(error) => error.kind(),
            Error::Tensor(error) => error.kind(),
        }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Error::Unsupported { what: what.into() }
    }
}
