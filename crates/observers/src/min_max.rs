//! The smallest and the largest value.

use fourfold_schemes::Range;
use fourfold_tensor::Tensor;

use crate::observer::checked;
use crate::{Error, Observer, Ranges};

/// The smallest and the largest value of all elements (PyTorch's `MinMaxObserver`).
#[derive(Clone, Debug, Default)]
pub struct MinMax {
    range: Option<Range>,
}

impl MinMax {
    /// An observer that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Observer for MinMax {
    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        if let Some(range) = range_of(checked(x, false)?.iter().copied()) {
            self.range = Some(self.range.map_or(range, |seen| union(seen, range)));
        }
        Ok(())
    }

    fn ranges(&self) -> Result<Ranges, Error> {
        self.range.map(Ranges::PerTensor).ok_or(Error::Nothing)
    }
}

/// The smallest and the largest value for each index of one axis (PyTorch's `PerChannelMinMaxObserver`).
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
}

impl Observer for PerChannelMinMax {
    /// Takes in a tensor with as many channels as the first one had.
    ///
    /// # Errors
    ///
    /// [`Error::Channels`] for another number of channels.
    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        let elements = checked(x, false)?;
        let (shape, seen) = (x.shape(), self.ranges.len());
        let channels = shape.get(self.axis).copied().filter(|&count| seen == 0 || seen == count);
        let Some(channels) = channels else {
            return Err(Error::Channels { shape: shape.to_vec(), axis: self.axis, expected: seen.max(1) });
        };
        let inner: usize = shape[self.axis + 1..].iter().product();
        let fresh = (0..channels).map_while(|channel| {
            let rows = elements.chunks_exact(inner.max(1)).skip(channel).step_by(channels);
            range_of(rows.flatten().copied())
        });
        let fresh: Vec<Range> = fresh.collect();
        if fresh.len() == channels {
            self.ranges = match seen {
                0 => fresh,
                _ => self.ranges.iter().zip(fresh).map(|(&seen, fresh)| union(seen, fresh)).collect(),
            };
        }
        Ok(())
    }

    fn ranges(&self) -> Result<Ranges, Error> {
        match self.ranges.as_slice() {
            [] => Err(Error::Nothing),
            ranges => Ok(Ranges::PerChannel { axis: self.axis, ranges: ranges.to_vec() }),
        }
    }
}

/// The range of some numbers, `None` if there are none.
pub(crate) fn range_of(values: impl Iterator<Item = f32>) -> Option<Range> {
    let (min, max) = values
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), value| (f32::min(min, value), f32::max(max, value)));
    (min <= max).then_some(Range { min, max })
}

pub(crate) fn union(a: Range, b: Range) -> Range {
    Range { min: a.min.min(b.min), max: a.max.max(b.max) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], elements: &[f32]) -> Tensor {
        Tensor::from_slice(shape, elements).expect("as many elements as the shape has")
    }

    #[test]
    fn min_max_keeps_the_extremes_of_all_batches() {
        let mut observer = MinMax::new();
        assert_eq!(observer.ranges(), Err(Error::Nothing));
        observer.observe(&tensor(&[0], &[])).expect("nothing to refuse");
        assert_eq!(observer.ranges(), Err(Error::Nothing));
        observer.observe(&tensor(&[2, 2], &[1.0, -3.0, 0.5, 2.0])).expect("finite");
        observer.observe(&tensor(&[1], &[7.0])).expect("finite");
        assert_eq!(observer.ranges(), Ok(Ranges::PerTensor(Range { min: -3.0, max: 7.0 })));
    }

    #[test]
    fn values_that_are_not_finite_are_counted_and_refused() {
        let error = MinMax::new().observe(&tensor(&[4], &[0.0, f32::INFINITY, f32::NAN, 1.0]));
        assert_eq!(error, Err(Error::NotFinite { nan: 1, infinite: 1, elements: 4, first: 1 }));
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
}
