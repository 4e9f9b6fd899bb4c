//! A histogram, and the range that loses least when it is quantized.

mod rebin;
mod search;
#[cfg(test)]
mod tests;

use fourfold_schemes::Range;
use fourfold_tensor::Tensor;

use crate::min_max::{range_of, union};
use crate::observer::checked;
use crate::{Error, Observer, Ranges};

/// The number of bins.
const BINS: usize = 2048;

/// Counts values in 2048 bins and searches the range with the least squared quantization error
/// (PyTorch's `HistogramObserver`, bit for bit).
///
/// The bins span the range seen so far. When a batch widens it, the old counts are distributed over the new bins: each old
/// bin is split into 16 parts, and each part goes where its middle lies. Infinities are left out.
///
/// The search starts from the whole range. In steps of 1e-5 of all counts it moves the end whose next step skips more bins,
/// and stops when the error of quantizing to 256 levels would grow; the levels are 256 even for codes 0 to 127, as in PyTorch.
/// The bins are counted in `f32`, exact up to 2^24 values per bin.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    state: Option<State>,
}

#[derive(Clone, Debug, PartialEq)]
struct State {
    counts: Vec<f32>,
    range: Range,
}

impl Histogram {
    /// An observer that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Observer for Histogram {
    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        let elements = checked(x, true)?;
        let Some(fresh) = range_of(elements.iter().copied().filter(|value| value.is_finite())) else {
            return Ok(());
        };
        self.state = Some(match self.state.take() {
            None => State { counts: rebin::count(elements, fresh), range: fresh },
            Some(old) => {
                let range = union(old.range, fresh);
                let mut counts = rebin::count(elements, range);
                let moved = if range == old.range { old.counts } else { rebin::rebin(&old.counts, old.range, range) };
                counts.iter_mut().zip(moved).for_each(|(count, moved)| *count += moved);
                State { counts, range }
            }
        });
        Ok(())
    }

    fn ranges(&self) -> Result<Ranges, Error> {
        let State { counts, range } = self.state.as_ref().ok_or(Error::Nothing)?;
        let (start, end) = search::search(counts, *range);
        #[expect(clippy::cast_precision_loss, reason = "bin numbers are below 2^24")]
        let edge = |bin: usize| range.min + (range.max - range.min) / BINS as f32 * bin as f32;
        Ok(Ranges::PerTensor(Range { min: edge(start), max: edge(end + 1) }))
    }
}
