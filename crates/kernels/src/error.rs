//! What can be wrong with the operands of a kernel.

use core::fmt;

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// A slice has another number of elements than the sizes ask for.
    Length {
        /// Which slice.
        what: &'static str,
        /// The elements that it must have, at least.
        expected: usize,
        /// The elements that it has.
        actual: usize,
    },
    /// The distance between rows is smaller than a row.
    Stride {
        /// Of which matrix.
        what: &'static str,
        /// The elements of a row.
        columns: usize,
        /// The distance given.
        stride: usize,
    },
    /// Weights were packed for a kernel with another layout.
    Layout {
        /// The layout of the weights.
        packed: &'static str,
        /// The layout that the kernel reads.
        expected: &'static str,
    },
    /// A zero point is not a value of its type.
    ZeroPoint {
        /// Of what.
        what: &'static str,
        /// The zero point.
        value: i32,
        /// The smallest value of the type.
        min: i32,
        /// The largest value of the type.
        max: i32,
    },
    /// The bounds of the result are not values of its type, or in the wrong order.
    Bounds {
        /// The lower bound.
        q_min: i32,
        /// The upper bound.
        q_max: i32,
    },
    /// The sizes of a convolution or pooling do not fit each other.
    Geometry {
        /// What does not fit.
        reason: &'static str,
    },
    /// The number of elements does not fit the address space.
    TooLarge {
        /// Of what.
        what: &'static str,
    },
    /// The system has not as much memory as an operation needs besides its operands.
    OutOfMemory {
        /// For what.
        what: &'static str,
        /// The bytes that were asked for.
        bytes: usize,
    },
}

impl Error {
    /// Whether the machine is too small for the operands.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        matches!(self, Error::TooLarge { .. } | Error::OutOfMemory { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length { what, expected, actual } => {
                write!(f, "{what} has {actual} elements where {expected} are needed")
            }
            Error::Stride { what, columns, stride } => {
                write!(f, "rows of {what} have {columns} elements, but start only {stride} apart")
            }
            Error::Layout { packed, expected } => {
                write!(f, "weights are packed as {packed}, this kernel reads {expected}; pack them with this kernel")
            }
            Error::ZeroPoint { what, value, min, max } => {
                write!(f, "zero point {value} of {what} lies outside {min}..={max}")
            }
            Error::Bounds { q_min, q_max } => {
                write!(f, "{q_min} and {q_max} are not a lower and an upper bound of the result's type")
            }
            Error::Geometry { reason } => f.write_str(reason),
            Error::TooLarge { what } => write!(f, "{what} is too large for this machine"),
            Error::OutOfMemory { what, bytes } => write!(f, "out of memory: {bytes} bytes for {what}"),
        }
    }
}

impl core::error::Error for Error {}

/// Checks that a slice has at least so many elements.
pub(crate) fn check_length(what: &'static str, actual: usize, expected: usize) -> Result<(), Error> {
    if actual < expected { Err(Error::Length { what, expected, actual }) } else { Ok(()) }
}

/// Checks that a matrix of `rows * columns` with `stride` elements between rows fits a slice of `length`; returns a
/// stride of which no multiple within the matrix overflows: where there is no second row, or nothing in a row, any
/// would do, and it is that of a dense matrix.
pub(crate) fn check_matrix(
    what: &'static str,
    (rows, columns): (usize, usize),
    stride: usize,
    length: usize,
) -> Result<usize, Error> {
    if rows == 0 || columns == 0 {
        return Ok(0);
    }
    if rows > 1 && stride < columns {
        return Err(Error::Stride { what, columns, stride });
    }
    let stride = if rows > 1 { stride } else { columns };
    let last_row = (rows - 1).checked_mul(stride).and_then(|start| start.checked_add(columns));
    check_length(what, length, last_row.ok_or(Error::TooLarge { what })?)?;
    Ok(stride)
}

/// Checks that a zero point is a value of its type.
pub(crate) fn check_zero_point(what: &'static str, value: i32, (min, max): (i32, i32)) -> Result<(), Error> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(Error::ZeroPoint { what, value, min, max }) }
}
