//! Minimum and maximum of every channel.

use fourfold_schemes::Range;
use fourfold_tensor::{Tensor, memory};

use crate::extremes::{Extremes, LANES, Values, union};
use crate::state::{Channels, ranges};
use crate::{Error, Observer, Ranges, State};

/// Minimum and maximum for each index of one axis (PyTorch's `PerChannelMinMaxObserver`).
///
/// States merge exactly, in any order.
#[derive(Clone, Debug)]
pub struct PerChannelMinMax {
    axis: usize,
    ranges: Vec<Range>,
}

impl PerChannelMinMax {
    /// An observer of that axis that has seen nothing.
    #[must_use]
    pub fn new(axis: usize) -> Self {
        Self { axis, ranges: Vec::new() }
    }

    fn widen(&mut self, fresh: Vec<Range>) {
        if self.ranges.is_empty() {
            self.ranges = fresh;
        } else {
            self.ranges.iter_mut().zip(fresh).for_each(|(seen, fresh)| *seen = union(*seen, fresh));
        }
    }
}

impl Observer for PerChannelMinMax {
    fn name(&self) -> &'static str {
        "per_channel_min_max"
    }

    /// Takes in a tensor with as many channels as the first one had.
    ///
    /// # Errors
    ///
    /// [`Error::Channels`] for another number of channels.
    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        let fresh = of_tensor(x, self.axis, self.ranges.len())?;
        self.widen(fresh);
        Ok(())
    }

    fn ranges(&self) -> Result<Ranges, Error> {
        found(self.axis, &self.ranges)
    }

    fn reset(&mut self) {
        self.ranges.clear();
    }

    fn state(&self) -> State {
        State::PerChannelMinMax(saved(self.axis, &self.ranges))
    }

    fn load(&mut self, state: &State) -> Result<(), Error> {
        let State::PerChannelMinMax(channels) = state else { return Err(state.of_another_kind(self.name())) };
        self.ranges = loaded(state, self.name(), channels, self.axis)?;
        Ok(())
    }

    fn merge(&mut self, other: &State) -> Result<(), Error> {
        let mut fresh = Self::new(self.axis);
        fresh.load(other)?;
        let (seen, added) = (self.ranges.len(), fresh.ranges.len());
        if seen != added && seen != 0 && added != 0 {
            return Err(other.unfit(self.name(), "it has another number of channels"));
        }
        self.widen(fresh.ranges);
        Ok(())
    }
}

/// The ranges of the channels of a tensor, none if it is empty; `seen` is the number of channels expected, or 0.
pub(crate) fn of_tensor(x: &Tensor, axis: usize, seen: usize) -> Result<Vec<Range>, Error> {
    let shape = x.shape();
    let elements = x.as_slice::<f32>()?;
    let channels = shape.get(axis).copied().filter(|&count| seen == 0 || seen == count);
    let Some(channels) = channels else {
        return Err(Error::Channels { shape: shape.to_vec(), axis, expected: seen.max(1) });
    };
    // Also refuses what is not finite.
    if Values::of(x, false)?.range.is_none() {
        return Ok(Vec::new());
    }
    let inner: usize = shape[axis + 1..].iter().product();
    let mut found: Vec<Option<Extremes>> = memory::filled(None, channels)?;
    if inner < LANES {
        let mut extremes = memory::filled((f32::INFINITY, f32::NEG_INFINITY), channels * inner)?;
        for row in elements.chunks_exact(channels * inner) {
            for ((min, max), &x) in extremes.iter_mut().zip(row) {
                *min = if x < *min { x } else { *min };
                *max = if x > *max { x } else { *max };
            }
        }
        let channel = |columns: &[(f32, f32)]| {
            columns.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &(min, max)| (a.min(min), b.max(max)))
        };
        let range = |(min, max): (f32, f32)| Range { min: min + 0.0, max: max + 0.0 };
        return Ok(extremes.chunks_exact(inner).map(|columns| range(channel(columns))).collect());
    }
    for (row, at) in elements.chunks_exact(inner).zip((0..channels).cycle()) {
        let fresh = Extremes::of(row);
        found[at] = Some(found[at].map_or(fresh, |seen| seen.join(fresh)));
    }
    Ok(found.into_iter().flatten().map(Extremes::range).collect())
}

pub(crate) fn found(axis: usize, ranges: &[Range]) -> Result<Ranges, Error> {
    match ranges {
        [] => Err(Error::Nothing),
        ranges => Ok(Ranges::PerChannel { axis, ranges: ranges.to_vec() }),
    }
}

pub(crate) fn saved(axis: usize, ranges: &[Range]) -> Channels {
    Channels { axis: axis as u64, extents: ranges.iter().map(|&range| range.into()).collect() }
}

pub(crate) fn loaded(
    state: &State,
    observer: &'static str,
    channels: &Channels,
    axis: usize,
) -> Result<Vec<Range>, Error> {
    if channels.axis != axis as u64 {
        return Err(state.unfit(observer, "it is of another axis"));
    }
    ranges(state, observer, &channels.extents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], elements: &[f32]) -> Tensor {
        Tensor::from_slice(shape, elements).expect("as many elements as the shape has")
    }

    #[test]
    fn every_index_of_the_axis_has_its_range() {
        let x = tensor(&[2, 3, 2], &[0., 1., 2., 3., 4., 5., -6., 7., -8., 9., -10., 11.]);
        let mut observer = PerChannelMinMax::new(1);
        observer.observe(&x).expect("finite");
        let range = |min, max| Range { min, max };
        let ranges = vec![range(-6.0, 7.0), range(-8.0, 9.0), range(-10.0, 11.0)];
        assert_eq!(observer.ranges(), Ok(Ranges::PerChannel { axis: 1, ranges }));
        assert!(matches!(observer.observe(&tensor(&[2, 2], &[0.0; 4])), Err(Error::Channels { expected: 3, .. })));
        assert!(matches!(PerChannelMinMax::new(2).observe(&tensor(&[4], &[0.0; 4])), Err(Error::Channels { .. })));
    }

    #[test]
    fn long_and_short_rows_give_the_same() {
        let elements: Vec<f32> = (0..2 * 3 * 40).map(|at| ((at * 37 % 101) as f32) - 50.0).collect();
        let long = of_tensor(&tensor(&[2, 3, 40], &elements), 1, 0).expect("finite");
        let mut columns = vec![0.0; elements.len()];
        for (at, &value) in elements.iter().enumerate() {
            let (outer, channel, inner) = (at / 120, at / 40 % 3, at % 40);
            columns[(outer * 40 + inner) * 3 + channel] = value;
        }
        assert_eq!(of_tensor(&tensor(&[80, 3], &columns), 1, 3), Ok(long));
    }

    #[test]
    fn an_empty_tensor_changes_nothing() {
        let mut observer = PerChannelMinMax::new(0);
        observer.observe(&tensor(&[3, 0], &[])).expect("nothing to refuse");
        observer.observe(&tensor(&[0, 3], &[])).expect("nothing to refuse");
        assert_eq!(observer.ranges(), Err(Error::Nothing));
    }

    #[test]
    fn states_of_other_channels_do_not_merge() {
        let mut two = PerChannelMinMax::new(0);
        two.observe(&tensor(&[2], &[1.0, 2.0])).expect("finite");
        let mut three = PerChannelMinMax::new(0);
        three.observe(&tensor(&[3], &[1.0, 2.0, 3.0])).expect("finite");
        assert!(matches!(two.merge(&three.state()), Err(Error::State { .. })));
        assert!(matches!(PerChannelMinMax::new(1).merge(&three.state()), Err(Error::State { .. })));
    }
}
