//! A histogram, and the range with the smallest error when it is quantized.

mod rebin;
mod search;
#[cfg(test)]
mod tests;

use fourfold_schemes::Range;
use fourfold_tensor::Tensor;

use crate::extremes::{Values, union};
use crate::{Error, Observer, Ranges, State};

/// The number of bins.
const BINS: usize = 2048;

/// Counts values in 2048 bins and searches the range with the smallest squared quantization error
/// (PyTorch's `HistogramObserver`, bit for bit).
///
/// The bins span the range seen so far. When a batch widens it, the old counts are distributed over the new bins: each
/// old bin is split into 16 slices, and each slice goes where its middle lies. Infinities are left out and counted.
///
/// The search starts from the whole range. It moves one bound at a time over 1e-5 of all counts, the one that skips
/// more bins, and stops when the error of quantizing to 256 levels would grow. The levels are 256 even for values 0 to
/// 127, as in PyTorch. The bins are counted in `f32`, exact up to 2^24 values per bin.
///
/// States do not merge: where the counts end up depends on the order of the batches.
/// [`DyadicHistogram`](crate::DyadicHistogram) is the histogram that does.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    seen: Option<Seen>,
    infinite: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Seen {
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
    fn name(&self) -> &'static str {
        "histogram"
    }

    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        let values = Values::of(x, true)?;
        self.infinite = self.infinite.saturating_add(values.infinite as u64);
        let Some(fresh) = values.range else { return Ok(()) };
        let range = self.seen.as_ref().map_or(fresh, |seen| union(seen.range, fresh));
        let mut counts = rebin::count(&values, range);
        if let Some(old) = self.seen.take() {
            let moved = if range == old.range { old.counts } else { rebin::rebin(&old.counts, old.range, range) };
            counts.iter_mut().zip(moved).for_each(|(count, moved)| *count += moved);
        }
        self.seen = Some(Seen { counts, range });
        Ok(())
    }

    fn ranges(&self) -> Result<Ranges, Error> {
        let Seen { counts, range } = self.seen.as_ref().ok_or(Error::Nothing)?;
        let (start, end) = search::search(counts, *range);
        #[expect(clippy::cast_precision_loss, reason = "bin numbers are below 2^24")]
        let edge = |bin: usize| range.min + (range.max - range.min) / BINS as f32 * bin as f32;
        Ok(Ranges::PerTensor(Range { min: edge(start), max: edge(end + 1) }))
    }

    fn left_out(&self) -> u64 {
        self.infinite
    }

    fn reset(&mut self) {
        *self = Self::new();
    }

    fn state(&self) -> State {
        let extent = self.seen.as_ref().map(|seen| seen.range.into());
        let counts = self.seen.as_ref().map_or(Vec::new(), |seen| seen.counts.clone());
        State::Histogram { extent, counts, infinite: self.infinite }
    }

    fn load(&mut self, state: &State) -> Result<(), Error> {
        let State::Histogram { extent, counts, infinite } = state else {
            return Err(state.of_another_kind(self.name()));
        };
        let unfit = |reason| state.unfit(self.name(), reason);
        let seen = match extent {
            None if counts.is_empty() => None,
            None => return Err(unfit("it has counts but no range")),
            Some(extent) => {
                let range = extent.checked().ok_or_else(|| unfit("its range is not finite, or not in order"))?;
                if counts.len() != BINS || counts.iter().any(|&count| !(0.0..f32::INFINITY).contains(&count)) {
                    return Err(unfit("it does not have 2048 counts that are finite and not negative"));
                }
                Some(Seen { counts: counts.clone(), range })
            }
        };
        *self = Self { seen, infinite: *infinite };
        Ok(())
    }

    fn merge(&mut self, _: &State) -> Result<(), Error> {
        let reason = "PyTorch spreads old counts over new bins, so the result depends on the order of the batches; \
                      observe all batches with one observer, or choose `mse`, whose histogram merges exactly";
        Err(Error::Merge { observer: self.name(), reason })
    }
}
