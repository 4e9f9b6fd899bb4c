//! Memory that steps use while they run.

use fourfold_graph::Limits;
use fourfold_tensor::memory::grow;

use super::recurrent;
use crate::Error;

/// Buffers that steps may use while they run, kept between runs with inputs of the same sizes.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) kernel: fourfold_kernels::Scratch,
    pub(crate) floats: [Vec<f32>; 2],
    pub(crate) bytes: Vec<u8>,
    pub(crate) operands: [Vec<u8>; 2],
    pub(crate) zero_points: Vec<i32>,
    /// Indices of elements.
    pub(crate) indices: Vec<usize>,
    /// The right side of a product of two activations.
    pub(crate) packed: fourfold_kernels::PackedWeights,
    pub(crate) recurrent: recurrent::Buffers,
    pub(crate) budget: Budget,
}

impl Scratch {
    /// Empty buffers for so many threads (`None`: those of the caller), which may take what the limit leaves beside
    /// `used` bytes.
    pub(crate) fn new(threads: Option<core::num::NonZeroUsize>, limit: u64, used: u64) -> Self {
        let kernel = threads.map_or_else(Default::default, fourfold_kernels::Scratch::with_threads);
        Self { kernel, budget: Budget { limit, used }, ..Self::default() }
    }
}

/// The bytes that a session may hold, and those that it holds.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    limit: u64,
    used: u64,
}

impl Budget {
    /// Checks that `bytes` more may be held for a moment, by a kernel.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`].
    pub(crate) fn allow(&self, bytes: usize) -> Result<(), Error> {
        Ok(Limits::check("arena-bytes", self.used.saturating_add(bytes as u64), self.limit)?)
    }

    /// The first `count` elements of a buffer, which grows if it must and may.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and [`Error::Tensor`] if there is no memory.
    pub(crate) fn reserve<'b, T: Copy + bytemuck::Zeroable>(
        &mut self,
        buffer: &'b mut Vec<T>,
        count: usize,
    ) -> Result<&'b mut [T], Error> {
        if let Some(missing @ 1..) = count.checked_sub(buffer.len()) {
            let bytes = missing.saturating_mul(size_of::<T>());
            self.allow(bytes)?;
            grow(buffer, T::zeroed(), count)?;
            self.used += bytes as u64;
        }
        Ok(&mut buffer[..count])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_grow_within_the_budget() {
        let mut budget = Budget { limit: 100, used: 40 };
        let mut buffer = Vec::new();
        assert_eq!(budget.reserve::<u32>(&mut buffer, 10).map(|elements| elements.len()), Ok(10));
        assert_eq!(budget.reserve::<u32>(&mut buffer, 4).map(|elements| elements.len()), Ok(4));
        assert!(matches!(budget.reserve(&mut buffer, 16), Err(Error::Limit(_))));
        assert_eq!(budget.reserve(&mut buffer, 15).map(|elements| elements.len()), Ok(15));
        assert!(budget.allow(0).is_ok() && budget.allow(1).is_err());
    }
}
