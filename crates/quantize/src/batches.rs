//! Batches that can be gone through more than once.

use fourfold_tensor::Tensor;

use crate::Error;

/// Batches of inputs that can be gone through again and again: in memory, or in files that are read anew each time.
///
/// A batch is one tensor for each input of the graph, as [`Calibration::observe`](crate::Calibration::observe) takes
/// it.
pub trait Batches {
    /// What can go wrong: reading a batch, or what is done with it.
    type Error: From<Error>;

    /// Gives every batch to `take`, always in the same order, until it fails.
    ///
    /// # Errors
    ///
    /// That of `take`, and what goes wrong on the way to a batch.
    fn for_each(&self, take: impl FnMut(&[Tensor]) -> Result<(), Error>) -> Result<(), Self::Error>;
}

impl<B: AsRef<[Tensor]>> Batches for [B] {
    type Error = Error;

    fn for_each(&self, mut take: impl FnMut(&[Tensor]) -> Result<(), Error>) -> Result<(), Error> {
        self.iter().try_for_each(|batch| take(batch.as_ref()))
    }
}

impl<B: AsRef<[Tensor]>> Batches for Vec<B> {
    type Error = Error;

    fn for_each(&self, take: impl FnMut(&[Tensor]) -> Result<(), Error>) -> Result<(), Error> {
        self.as_slice().for_each(take)
    }
}

impl<B: AsRef<[Tensor]>, const N: usize> Batches for [B; N] {
    type Error = Error;

    fn for_each(&self, take: impl FnMut(&[Tensor]) -> Result<(), Error>) -> Result<(), Error> {
        self.as_slice().for_each(take)
    }
}
