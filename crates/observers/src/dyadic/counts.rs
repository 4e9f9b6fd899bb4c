//! Counts that depend on the multiset of the values only.

use fourfold_schemes::Range;

use super::bins::Bins;
use crate::extremes::{LANES, Values, union};
use crate::{Error, State};

/// Bins of the values of one sign.
pub(super) const SIDE: usize = 4096;

/// `log2` of [`SIDE`].
const SIDE_LOG2: i32 = SIDE.ilog2().cast_signed();

/// Bins of both signs: bin `SIDE + i` holds `i <= |x| * SIDE / 2^e < i + 1` of `x >= 0`, bin `SIDE - 1 - i` that of `x
/// < 0`.
pub(super) const BINS: usize = 2 * SIDE;

/// The smallest exponent: below it, `SIDE / 2^e` would not be an `f32`.
const MIN_EXPONENT: i32 = SIDE_LOG2 - 126;

/// The state of the histogram. Before anything was seen there are no counts, which take no memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counts {
    range: Option<Range>,
    counts: Vec<u64>,
    zeros: u64,
    infinite: u64,
}

impl Counts {
    pub(super) fn range(&self) -> Option<Range> {
        self.range
    }

    pub(super) fn zeros(&self) -> u64 {
        self.zeros
    }

    pub(super) fn infinite(&self) -> u64 {
        self.infinite
    }

    pub(super) fn values(&self) -> u64 {
        self.counts.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// The counts with their edges.
    pub(super) fn bins(&self, range: Range) -> Bins {
        let bound = f64::from(exponent(range)).exp2();
        Bins { counts: self.counts.clone(), first: -bound, last: bound }
    }

    /// The same without the values that are exactly 0.
    pub(super) fn bins_without_zeros(&self, range: Range) -> Bins {
        let mut bins = self.bins(range);
        bins.counts[SIDE] -= self.zeros.min(bins.counts[SIDE]);
        bins
    }

    /// Counts the finite values.
    pub(super) fn observe(&mut self, values: &Values<'_>) {
        self.infinite = self.infinite.saturating_add(values.infinite as u64);
        let Some(fresh) = values.range else { return };
        let exponent = self.widen(fresh);
        let start = || Tally { counts: vec![0; BINS], zeros: 0 };
        if let Some(tally) = values.fold(start, |tally, run| tally.count(run, exponent), Tally::join) {
            self.add(&tally.counts, tally.zeros, 0);
        }
    }

    /// Adds the values of another state.
    pub(super) fn merge(&mut self, other: &Self) {
        self.infinite = self.infinite.saturating_add(other.infinite);
        let Some(range) = other.range else { return };
        let shift = self.widen(range) - exponent(range);
        self.add(&other.counts, other.zeros, shift);
    }

    /// Takes in a range, and brings the counts to its exponent, which is returned.
    fn widen(&mut self, fresh: Range) -> i32 {
        let (range, shift) = match self.range {
            None => (fresh, 0),
            Some(seen) => {
                let range = union(seen, fresh);
                (range, exponent(range) - exponent(seen))
            }
        };
        self.range = Some(range);
        if self.counts.is_empty() {
            self.counts = vec![0; BINS];
        } else if shift > 0 {
            let old = core::mem::replace(&mut self.counts, vec![0; BINS]);
            self.add(&old, 0, shift);
        }
        exponent(range)
    }

    /// Adds counts whose exponent is `shift` lower.
    fn add(&mut self, counts: &[u64], zeros: u64, shift: i32) {
        // After log2(SIDE) halvings all of a side is in its first bin.
        let shift = shift.clamp(0, SIDE_LOG2);
        let (below, above) = counts.split_at(SIDE);
        for (distance, (&negative, &positive)) in below.iter().rev().zip(above).enumerate() {
            let bin = distance >> shift;
            let sums = &mut self.counts;
            sums[SIDE + bin] = sums[SIDE + bin].saturating_add(positive);
            sums[SIDE - 1 - bin] = sums[SIDE - 1 - bin].saturating_add(negative);
        }
        self.zeros = self.zeros.saturating_add(zeros);
    }

    pub(super) fn state(&self) -> State {
        let Self { range, counts, zeros, infinite } = self;
        let extent = range.map(Into::into);
        State::DyadicHistogram { extent, counts: counts.clone(), zeros: *zeros, infinite: *infinite }
    }

    /// The counts of a state, if values can have made them.
    pub(super) fn of_state(state: &State, observer: &'static str) -> Result<Self, Error> {
        let State::DyadicHistogram { extent, counts, zeros, infinite } = state else {
            return Err(state.of_another_kind(observer));
        };
        let unfit = |reason| state.unfit(observer, reason);
        let Some(extent) = extent else {
            if counts.is_empty() && *zeros == 0 {
                return Ok(Self { infinite: *infinite, ..Self::default() });
            }
            return Err(unfit("it has counts but no extent"));
        };
        let range = extent.checked().ok_or_else(|| unfit("its extent is not finite, or not in order"))?;
        if counts.len() != BINS {
            return Err(unfit("it does not have 8192 counts"));
        }
        let exponent = exponent(range);
        let (first, last) = (bin(range.min, exponent), bin(range.max, exponent));
        let bounds_are_counted = counts[first] > 0 && counts[last] > 0;
        let none_outside = counts[..first].iter().chain(&counts[last + 1..]).all(|&count| count == 0);
        if !bounds_are_counted || !none_outside {
            return Err(unfit("its counts do not begin and end at its extent"));
        }
        if *zeros > counts[SIDE] {
            return Err(unfit("it has more zeros than values in their bin"));
        }
        // A bound of -0 becomes +0, as in every state that values made.
        let range = Range { min: range.min + 0.0, max: range.max + 0.0 };
        Ok(Self { range: Some(range), counts: counts.clone(), zeros: *zeros, infinite: *infinite })
    }
}

/// The smallest `e` with `2^e > max |x|`, and not less than [`MIN_EXPONENT`].
fn exponent(range: Range) -> i32 {
    let largest = range.max.max(-range.min);
    // The biased exponent of a normal number `1.f * 2^k` is `k + 127`, that of a subnormal one is 0.
    let above = (largest.to_bits() >> 23).cast_signed() - 126;
    above.max(MIN_EXPONENT)
}

/// `SIDE / 2^e`, a power of two.
fn factor(exponent: i32) -> f32 {
    f32::from_bits((SIDE_LOG2 - exponent + 127).cast_unsigned() << 23)
}

/// The bin of a value whose magnitude is below `2^exponent`.
fn bin(value: f32, exponent: i32) -> usize {
    bin_by(value, factor(exponent)).cast_unsigned() as usize
}

/// The same with `factor = SIDE / 2^e`.
///
/// The product is exact unless it is subnormal, and then its whole part is 0 all the same.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the product lies between -SIDE and SIDE")]
fn bin_by(value: f32, factor: f32) -> i32 {
    const MIDDLE: i32 = SIDE as i32;
    MIDDLE + (value * factor) as i32 - i32::from(value < 0.0)
}

/// Counts of one chunk of a tensor.
struct Tally {
    counts: Vec<u64>,
    zeros: u64,
}

impl Tally {
    fn count(&mut self, run: &[f32], exponent: i32) {
        let factor = factor(exponent);
        let mut bins = [0_i32; 16 * LANES];
        for chunk in run.chunks(bins.len()) {
            let mut zeros = 0_u32;
            for (at, &value) in bins.iter_mut().zip(chunk) {
                *at = bin_by(value, factor);
                zeros += u32::from(value == 0.0);
            }
            self.zeros += u64::from(zeros);
            for &at in &bins[..chunk.len()] {
                self.counts[at.cast_unsigned() as usize] += 1;
            }
        }
    }

    fn join(mut self, other: Self) -> Self {
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum += count);
        Self { zeros: self.zeros + other.zeros, ..self }
    }
}
