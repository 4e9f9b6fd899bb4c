//! The histogram whose states merge exactly.

mod bins;
mod counts;
mod entropy;
mod mse;
mod percentile;
mod rule;
#[cfg(test)]
mod tests;

use fourfold_schemes::{QuantParams, Range, Scheme};
use fourfold_tensor::Tensor;

use self::counts::Counts;
use crate::extremes::Values;
use crate::{Error, Observer, Ranges, State};

pub use self::rule::RangeRule;

/// A histogram on ranges that are powers of two, from which ranges of every [`RangeRule`] are made; fourfold's default.
///
/// ```text
/// 2^e > max |x|, with the smallest such e from -114 on
/// bin of x = floor(|x| * 4096 / 2^e), for x >= 0 and x < 0 apart
/// ```
///
/// When `e` grows by 1, pairs of bins become one. As `floor(floor(y) / 2) = floor(y / 2)`, every value is then in the
/// bin where a large `e` would have put it from the start. So the state depends on the multiset of the values only, not
/// on their order, their batches or their observers: states merge exactly, in any order, bit for bit.
///
/// The counts are `u64`; minimum, maximum and the number of zeros are exact. The state takes
/// 64 KiB, however much is observed. There are at least 2048 bins between 0 and the largest magnitude. Infinities are
/// left out and counted.
///
/// ```
/// use fourfold_observers::{DyadicHistogram, Observer, RangeRule};
/// use fourfold_schemes::Scheme;
/// use fourfold_tensor::Tensor;
///
/// let batch = |elements: &[f32]| Tensor::from_slice(&[elements.len()], elements);
/// let (mut here, mut there) = (DyadicHistogram::new(RangeRule::Mse), DyadicHistogram::new(RangeRule::Mse));
/// here.observe(&batch(&[0.25, -1.0])?)?;
/// there.observe(&batch(&[100.0, 0.0])?)?;
/// let state = here.state();
/// here.merge(&there.state())?;
/// there.merge(&state)?;
/// assert_eq!(here.state(), there.state());
/// let range = here.range(RangeRule::MinMax, &Scheme::U8_AFFINE)?;
/// assert_eq!((range.min, range.max), (-1.0, 100.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DyadicHistogram {
    rule: RangeRule,
    counts: Counts,
}

impl DyadicHistogram {
    /// An observer that has seen nothing and whose ranges are made by that rule.
    #[must_use]
    pub fn new(rule: RangeRule) -> Self {
        Self { rule, counts: Counts::default() }
    }

    /// The range that a rule makes of what was seen, for the range and the symmetry of a scheme.
    ///
    /// # Errors
    ///
    /// [`Error::Nothing`] if nothing was observed, [`Error::Setting`] as [`RangeRule::check`].
    pub fn range(&self, rule: RangeRule, scheme: &Scheme) -> Result<Range, Error> {
        rule.check()?;
        let seen = self.counts.range().ok_or(Error::Nothing)?;
        Ok(rule.range(&self.counts, seen, scheme))
    }

    /// The number of values observed, without infinities.
    #[must_use]
    pub fn values(&self) -> u64 {
        self.counts.values()
    }

    /// The number of them that are exactly 0.
    #[must_use]
    pub fn zeros(&self) -> u64 {
        self.counts.zeros()
    }
}

impl Observer for DyadicHistogram {
    fn name(&self) -> &'static str {
        self.rule.name()
    }

    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        self.counts.observe(&Values::of(x, true)?);
        Ok(())
    }

    /// The range for 256 affine values; [`Observer::params`] makes it for its scheme.
    fn ranges(&self) -> Result<Ranges, Error> {
        self.range(self.rule, &Scheme::U8_AFFINE).map(Ranges::PerTensor)
    }

    fn params(&self, scheme: &Scheme) -> Result<QuantParams, Error> {
        Ranges::PerTensor(self.range(self.rule, scheme)?).params(scheme)
    }

    fn left_out(&self) -> u64 {
        self.counts.infinite()
    }

    fn reset(&mut self) {
        self.counts = Counts::default();
    }

    fn state(&self) -> State {
        self.counts.state()
    }

    fn load(&mut self, state: &State) -> Result<(), Error> {
        self.counts = Counts::of_state(state, self.name())?;
        Ok(())
    }

    fn merge(&mut self, other: &State) -> Result<(), Error> {
        self.counts.merge(&Counts::of_state(other, self.name())?);
        Ok(())
    }
}
