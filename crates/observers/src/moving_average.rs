//! Moving averages of minimum and maximum.

use fourfold_schemes::Range;
use fourfold_tensor::Tensor;

use crate::extremes::Values;
use crate::per_channel::{found, loaded, of_tensor, saved};
use crate::state::ranges;
use crate::{Error, Observer, Ranges, State};

/// Why averages do not merge.
const NO_MERGE: &str = "an average depends on the order of the batches, and what each weighed is not kept; \
                        observe all batches with one observer, or choose one that merges, such as `mse` or `min_max`";

/// Moving averages of the minimum and the maximum of each batch (PyTorch's `MovingAverageMinMaxObserver`).
///
/// ```text
/// min = min + c * (batch_min - min)      max = max + c * (batch_max - max)      in f32; the first batch sets them
/// ```
///
/// The averaging constant `c` lies above 0 and is at most 1. With PyTorch's 0.01 it takes some 300 batches until the
/// first one is forgotten. States do not merge.
#[derive(Clone, Debug)]
pub struct MovingAverageMinMax {
    averaging_constant: f32,
    range: Option<Range>,
}

impl MovingAverageMinMax {
    /// An observer that has seen nothing.
    #[must_use]
    pub fn new(averaging_constant: f32) -> Self {
        Self { averaging_constant, range: None }
    }
}

impl Observer for MovingAverageMinMax {
    fn name(&self) -> &'static str {
        "moving_average_min_max"
    }

    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        if let Some(fresh) = Values::of(x, false)?.range {
            self.range = Some(self.range.map_or(fresh, |seen| average(seen, fresh, self.averaging_constant)));
        }
        Ok(())
    }

    fn ranges(&self) -> Result<Ranges, Error> {
        self.range.map(Ranges::PerTensor).ok_or(Error::Nothing)
    }

    fn reset(&mut self) {
        self.range = None;
    }

    fn state(&self) -> State {
        State::MovingAverageMinMax(self.range.map(Into::into))
    }

    fn load(&mut self, state: &State) -> Result<(), Error> {
        let State::MovingAverageMinMax(extent) = state else { return Err(state.of_another_kind(self.name())) };
        self.range = ranges(state, self.name(), extent.as_slice())?.first().copied();
        Ok(())
    }

    fn merge(&mut self, _: &State) -> Result<(), Error> {
        Err(Error::Merge { observer: self.name(), reason: NO_MERGE })
    }
}

/// The same for each index of one axis (PyTorch's `MovingAveragePerChannelMinMaxObserver`).
///
/// States do not merge.
#[derive(Clone, Debug)]
pub struct MovingAveragePerChannelMinMax {
    averaging_constant: f32,
    axis: usize,
    ranges: Vec<Range>,
}

impl MovingAveragePerChannelMinMax {
    /// An observer of that axis that has seen nothing.
    #[must_use]
    pub fn new(axis: usize, averaging_constant: f32) -> Self {
        Self { averaging_constant, axis, ranges: Vec::new() }
    }
}

impl Observer for MovingAveragePerChannelMinMax {
    fn name(&self) -> &'static str {
        "moving_average_per_channel_min_max"
    }

    /// Takes in a tensor with as many channels as the first one had.
    ///
    /// # Errors
    ///
    /// [`Error::Channels`] for another number of channels.
    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        let fresh = of_tensor(x, self.axis, self.ranges.len())?;
        if self.ranges.is_empty() {
            self.ranges = fresh;
        } else {
            let pairs = self.ranges.iter_mut().zip(fresh);
            pairs.for_each(|(seen, fresh)| *seen = average(*seen, fresh, self.averaging_constant));
        }
        Ok(())
    }

    fn ranges(&self) -> Result<Ranges, Error> {
        found(self.axis, &self.ranges)
    }

    fn reset(&mut self) {
        self.ranges.clear();
    }

    fn state(&self) -> State {
        State::MovingAveragePerChannelMinMax(saved(self.axis, &self.ranges))
    }

    fn load(&mut self, state: &State) -> Result<(), Error> {
        let State::MovingAveragePerChannelMinMax(channels) = state else {
            return Err(state.of_another_kind(self.name()));
        };
        self.ranges = loaded(state, self.name(), channels, self.axis)?;
        Ok(())
    }

    fn merge(&mut self, _: &State) -> Result<(), Error> {
        Err(Error::Merge { observer: self.name(), reason: NO_MERGE })
    }
}

/// One update of the averages; in `f64` only where the difference is too large for PyTorch's `f32`.
fn average(seen: Range, fresh: Range, constant: f32) -> Range {
    #[expect(clippy::cast_possible_truncation, reason = "the average lies between two f32")]
    let in_f64 = |seen: f64, fresh: f64| (seen + f64::from(constant) * (fresh - seen)) as f32;
    let update = |seen: f32, fresh: f32| match fresh - seen {
        difference if difference.is_finite() => seen + constant * difference,
        _ => in_f64(seen.into(), fresh.into()),
    };
    Range { min: update(seen.min, fresh.min), max: update(seen.max, fresh.max) }
}
