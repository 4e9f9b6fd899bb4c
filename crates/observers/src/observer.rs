//! What every observer does.

use core::fmt;

use fourfold_schemes::{QuantParams, Range, Scheme};
use fourfold_tensor::Tensor;

use crate::Error;

/// Watches tensors and gives the range that codes should span.
pub trait Observer: fmt::Debug + Send {
    /// Takes in the elements of a tensor of real numbers.
    ///
    /// An error leaves the state as it was.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] for NaN and, where the observer has no use for them, infinities; [`Error::Tensor`] if the
    /// elements are not `f32`.
    fn observe(&mut self, x: &Tensor) -> Result<(), Error>;

    /// The ranges seen so far.
    ///
    /// # Errors
    ///
    /// [`Error::Nothing`] if nothing was observed.
    fn ranges(&self) -> Result<Ranges, Error>;
}

/// What an observer found.
#[derive(Clone, Debug, PartialEq)]
pub enum Ranges {
    /// One range for all elements.
    PerTensor(Range),
    /// One range for every index of an axis.
    PerChannel {
        /// The axis.
        axis: usize,
        /// The ranges, one for every index.
        ranges: Vec<Range>,
    },
}

impl Ranges {
    /// The parameters that `scheme` makes of the ranges.
    ///
    /// # Errors
    ///
    /// As [`Scheme::per_tensor`].
    pub fn params(&self, scheme: &Scheme) -> Result<QuantParams, Error> {
        Ok(match self {
            Ranges::PerTensor(range) => scheme.per_tensor(*range)?,
            Ranges::PerChannel { axis, ranges } => scheme.per_channel(*axis, ranges)?,
        })
    }
}

/// The elements, all of them numbers and, unless infinities are allowed, finite.
pub(crate) fn checked(x: &Tensor, infinities_allowed: bool) -> Result<&[f32], Error> {
    let elements = x.as_slice::<f32>()?;
    let refused = |value: f32| value.is_nan() || (value.is_infinite() && !infinities_allowed);
    // The sum of all `0 * x` is 0 only if every x is finite: one pass without branches.
    if elements.iter().fold(0.0, |sum, &value| sum + 0.0 * value) == 0.0 {
        return Ok(elements);
    }
    match elements.iter().position(|&value| refused(value)) {
        None => Ok(elements),
        Some(first) => {
            let nan = elements.iter().filter(|value| value.is_nan()).count();
            let infinite = elements.iter().filter(|value| value.is_infinite()).count();
            Err(Error::NotFinite { nan, infinite, elements: elements.len(), first })
        }
    }
}
