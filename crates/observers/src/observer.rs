//! What every observer does.

use core::fmt;

use fourfold_schemes::{QuantParams, Range, Scheme};
use fourfold_tensor::Tensor;

use crate::{Error, State};

/// Watches tensors and gives the range that quantized values should span.
pub trait Observer: fmt::Debug + Send {
    /// The name in reports and errors.
    fn name(&self) -> &'static str;

    /// Takes in the elements of an `f32` tensor.
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
    /// [`Error::Nothing`] if nothing was observed, [`Error::NoRange`] if the observer never has a range.
    fn ranges(&self) -> Result<Ranges, Error>;

    /// The parameters that `scheme` makes of what was seen. An observer that searches its range does so for the range
    /// and the symmetry of the scheme.
    ///
    /// # Errors
    ///
    /// As [`Observer::ranges`] and [`Ranges::params`].
    fn params(&self, scheme: &Scheme) -> Result<QuantParams, Error> {
        self.ranges()?.params(scheme)
    }

    /// The number of infinities that were left out; 0 for observers that refuse them.
    fn left_out(&self) -> u64 {
        0
    }

    /// Forgets everything that was seen.
    fn reset(&mut self);

    /// What was seen, as data; the settings of the observer are not in it.
    fn state(&self) -> State;

    /// Takes a saved state in the place of its own.
    ///
    /// An error leaves the state as it was.
    ///
    /// # Errors
    ///
    /// [`Error::State`] if the state is of another kind of observer or was not made by one.
    fn load(&mut self, state: &State) -> Result<(), Error>;

    /// Adds what another observer of the same kind saw, as if this one had seen it.
    ///
    /// An error leaves the state as it was.
    ///
    /// # Errors
    ///
    /// As [`Observer::load`]; [`Error::Merge`] if the result would depend on the order in which values were seen.
    fn merge(&mut self, other: &State) -> Result<(), Error>;
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
