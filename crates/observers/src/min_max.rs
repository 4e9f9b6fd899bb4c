//! Minimum and maximum.

use fourfold_schemes::Range;
use fourfold_tensor::Tensor;

use crate::extremes::{Values, union};
use crate::state::ranges;
use crate::{Error, Observer, Ranges, State};

/// Minimum and maximum of all elements (PyTorch's `MinMaxObserver`).
///
/// States merge exactly, in any order.
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

    fn widen(&mut self, fresh: Option<Range>) {
        self.range = match (self.range, fresh) {
            (Some(seen), Some(fresh)) => Some(union(seen, fresh)),
            (seen, fresh) => seen.or(fresh),
        };
    }
}

impl Observer for MinMax {
    fn name(&self) -> &'static str {
        "min_max"
    }

    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        self.widen(Values::of(x, false)?.range);
        Ok(())
    }

    fn ranges(&self) -> Result<Ranges, Error> {
        self.range.map(Ranges::PerTensor).ok_or(Error::Nothing)
    }

    fn reset(&mut self) {
        self.range = None;
    }

    fn state(&self) -> State {
        State::MinMax(self.range.map(Into::into))
    }

    fn load(&mut self, state: &State) -> Result<(), Error> {
        let State::MinMax(extent) = state else { return Err(state.of_another_kind(self.name())) };
        self.range = ranges(state, self.name(), extent.as_slice())?.first().copied();
        Ok(())
    }

    fn merge(&mut self, other: &State) -> Result<(), Error> {
        let mut fresh = Self::new();
        fresh.load(other)?;
        self.widen(fresh.range);
        Ok(())
    }
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
        observer.reset();
        assert_eq!(observer.ranges(), Err(Error::Nothing));
    }

    #[test]
    fn values_that_are_not_finite_are_counted_and_refused() {
        let error = MinMax::new().observe(&tensor(&[4], &[0.0, f32::INFINITY, f32::NAN, 1.0]));
        assert_eq!(error, Err(Error::NotFinite { nan: 1, infinite: 1, elements: 4, first: 1 }));
    }

    #[test]
    fn large_tensors_are_observed_in_chunks() {
        let mut elements = vec![0.5_f32; (3 << 20) + 5];
        (elements[7], elements[(3 << 20) + 4]) = (-1.0, 2.0);
        let mut observer = MinMax::new();
        observer.observe(&tensor(&[elements.len()], &elements)).expect("finite");
        assert_eq!(observer.ranges(), Ok(Ranges::PerTensor(Range { min: -1.0, max: 2.0 })));
        elements[2 << 20] = f32::NAN;
        let error = observer.observe(&tensor(&[elements.len()], &elements));
        assert!(matches!(error, Err(Error::NotFinite { nan: 1, first, .. }) if first == 2 << 20), "{error:?}");
    }
}
