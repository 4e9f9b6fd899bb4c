//! What can go wrong with a tensor.

use fourfold_error::ErrorKind;

use crate::{DType, MAX_RANK, Shape};

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The elements given do not fill the shape, or overfill it.
    #[error("shape {shape} holds {expected} elements, {actual} were given")]
    Length {
        /// The shape asked for.
        shape: Shape,
        /// The elements that the shape holds.
        expected: usize,
        /// The elements given.
        actual: usize,
    },
    /// The tensor has another element type.
    #[error("tensor holds {actual} elements, not {expected}")]
    DType {
        /// The type asked for.
        expected: DType,
        /// The tensor's type.
        actual: DType,
    },
    /// The elements are not floats, or were to become others.
    #[error("a conversion between float types cannot make {to} of {from}")]
    NotFloat {
        /// The tensor's type.
        from: DType,
        /// The type asked for.
        to: DType,
    },
    /// The shape has too many axes.
    #[error("rank {rank} exceeds the limit of {MAX_RANK} axes")]
    Rank {
        /// The number of axes given.
        rank: usize,
    },
    /// The number of bytes does not fit the address space.
    #[error("a tensor of shape {shape:?} is too large for this machine")]
    TooLarge {
        /// The axes given.
        shape: Vec<usize>,
    },
    /// Memory could not be allocated.
    #[error("out of memory: {bytes} bytes could not be allocated")]
    OutOfMemory {
        /// The bytes asked for.
        bytes: usize,
    },
    /// The axes of a permutation are not each axis once.
    #[error("axes {axes:?} are not a permutation of the {rank} axes of the tensor")]
    Permutation {
        /// The axes given.
        axes: Vec<usize>,
        /// The tensor's rank.
        rank: usize,
    },
    /// A range of the first axis goes past its end.
    #[error("rows {start}..{end} lie outside a first axis of {len}")]
    Rows {
        /// First row asked for.
        start: usize,
        /// One past the last row asked for.
        end: usize,
        /// The size of the first axis.
        len: usize,
    },
}

impl Error {
    /// What kind of error it is, which says whose fault it is and what helps.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::TooLarge { .. } | Error::OutOfMemory { .. } => ErrorKind::Limit,
            Error::Length { .. }
            | Error::DType { .. }
            | Error::NotFloat { .. }
            | Error::Rank { .. }
            | Error::Permutation { .. }
            | Error::Rows { .. } => ErrorKind::Invalid,
        }
    }

    /// There is no room for `count` elements.
    pub(crate) fn out_of_memory<T>(count: usize) -> Self {
        Error::OutOfMemory { bytes: count.saturating_mul(size_of::<T>()) }
    }
}
