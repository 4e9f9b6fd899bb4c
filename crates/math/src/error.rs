//! What can be wrong with the operands of a function.

use core::fmt;

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A slice has another number of elements than it must have.
    Length {
        /// Which slice.
        what: &'static str,
        /// The elements that it must have.
        expected: usize,
        /// The elements that it has.
        actual: usize,
    },
    /// The elements are no whole number of rows.
    Rows {
        /// The elements.
        elements: usize,
        /// The elements of a row.
        width: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length { what, expected, actual } => write!(f, "{what} has {actual} elements, expected {expected}"),
            Error::Rows { elements, width } => write!(f, "{elements} elements are no whole number of rows of {width}"),
        }
    }
}

impl core::error::Error for Error {}

/// `actual` elements are as many as expected.
pub(crate) fn check_length(what: &'static str, actual: usize, expected: usize) -> Result<(), Error> {
    if actual == expected { Ok(()) } else { Err(Error::Length { what, expected, actual }) }
}

/// The elements are whole rows; rows of no elements hold none.
pub(crate) fn check_rows(elements: usize, width: usize) -> Result<(), Error> {
    let whole = elements == 0 || elements.checked_rem(width) == Some(0);
    if whole { Ok(()) } else { Err(Error::Rows { elements, width }) }
}
