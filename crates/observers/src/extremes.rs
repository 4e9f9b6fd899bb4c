//! Minimum and maximum of many values, and whether all are finite.

use fourfold_schemes::Range;
use fourfold_tensor::Tensor;

use crate::Error;
use crate::chunks::fold;

/// Values that are looked at together, so that the compiler uses vectors.
pub(crate) const LANES: usize = 16;

/// The values of a tensor that an observer takes in.
pub(crate) struct Values<'a> {
    /// The elements, infinities among them.
    elements: &'a [f32],
    /// The range of the finite ones, `None` if there are none.
    pub(crate) range: Option<Range>,
    /// The number of infinities.
    pub(crate) infinite: usize,
}

/// Checks that every element is a number, neither NaN nor infinite.
///
/// # Errors
///
/// [`Error::NotFinite`] with the counts of both, [`Error::Tensor`] if the elements are not `f32`.
pub fn check_finite(x: &Tensor) -> Result<(), Error> {
    Values::of(x, false).map(|_| ())
}

/// Checks that no element is NaN. A mask may hold infinities.
///
/// # Errors
///
/// [`Error::NotFinite`] with the counts, [`Error::Tensor`] if the elements are not `f32`.
pub fn check_not_nan(x: &Tensor) -> Result<(), Error> {
    Values::of(x, true).map(|_| ())
}

impl<'a> Values<'a> {
    /// The elements, all of them numbers and, unless infinities are allowed, finite.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] with the counts of what is refused, [`Error::Tensor`] if the elements are not `f32`.
    pub(crate) fn of(x: &'a Tensor, infinities_allowed: bool) -> Result<Self, Error> {
        let elements = x.as_slice::<f32>()?;
        let extremes = fold(elements, Extremes::of, Extremes::join);
        if extremes.is_none_or(|extremes| extremes.all_finite()) {
            return Ok(Self { elements, range: extremes.map(Extremes::range), infinite: 0 });
        }
        let nan = elements.iter().filter(|value| value.is_nan()).count();
        let infinite = elements.iter().filter(|value| value.is_infinite()).count();
        let refused = |value: &f32| value.is_nan() || (value.is_infinite() && !infinities_allowed);
        if let Some(first) = elements.iter().position(refused) {
            return Err(Error::NotFinite { nan, infinite, elements: elements.len(), first });
        }
        let values = Self { elements, range: None, infinite };
        let mut finite: Option<Extremes> = None;
        values.for_each_run(elements, |run| {
            let fresh = Extremes::of(run);
            finite = Some(finite.map_or(fresh, |seen| seen.join(fresh)));
        });
        Ok(Self { range: finite.map(Extremes::range), ..values })
    }

    /// Folds chunks of the values in parallel and joins the results; `each` is called with runs of finite values.
    pub(crate) fn fold<S: Send>(
        &self,
        start: impl Fn() -> S + Send + Sync,
        each: impl Fn(&mut S, &[f32]) + Send + Sync,
        join: impl Fn(S, S) -> S + Send + Sync,
    ) -> Option<S> {
        let of_chunk = |chunk: &[f32]| {
            let mut sum = start();
            self.for_each_run(chunk, |run| each(&mut sum, run));
            sum
        };
        fold(self.elements, of_chunk, join)
    }

    /// Calls `each` with runs of the finite values among `elements`; no run is empty.
    fn for_each_run(&self, elements: &[f32], mut each: impl FnMut(&[f32])) {
        if self.infinite == 0 {
            return each(elements);
        }
        let mut run = [0.0; 64 * LANES];
        for chunk in elements.chunks(run.len()) {
            let mut count = 0;
            for &value in chunk.iter().filter(|value| value.is_finite()) {
                run[count] = value;
                count += 1;
            }
            if count > 0 {
                each(&run[..count]);
            }
        }
    }
}

/// The extremes of at least one value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extremes {
    min: f32,
    max: f32,
    /// The sum of all `0 * x`: 0 only if every `x` is finite.
    zero: f32,
}

impl Extremes {
    pub(crate) fn of(x: &[f32]) -> Self {
        let (mut min, mut max, mut zero) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES], [0.0; LANES]);
        let (chunks, rest) = x.as_chunks::<LANES>();
        let mut last = [x.first().copied().unwrap_or(0.0); LANES];
        last[..rest.len()].copy_from_slice(rest);
        for chunk in chunks.iter().chain((!rest.is_empty()).then_some(&last)) {
            for lane in 0..LANES {
                let x = chunk[lane];
                min[lane] = if x < min[lane] { x } else { min[lane] };
                max[lane] = if x > max[lane] { x } else { max[lane] };
                zero[lane] += 0.0 * x;
            }
        }
        Self {
            min: min.into_iter().fold(f32::INFINITY, f32::min),
            max: max.into_iter().fold(f32::NEG_INFINITY, f32::max),
            zero: zero.into_iter().sum(),
        }
    }

    pub(crate) fn join(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max), zero: self.zero + other.zero }
    }

    fn all_finite(self) -> bool {
        self.zero == 0.0
    }

    /// The range; a bound of -0 becomes +0.
    pub(crate) fn range(self) -> Range {
        Range { min: self.min + 0.0, max: self.max + 0.0 }
    }
}

pub(crate) fn union(a: Range, b: Range) -> Range {
    Range { min: a.min.min(b.min), max: a.max.max(b.max) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_index_is_seen() {
        for length in 1..3 * LANES {
            for index in 0..length {
                let mut x = vec![1.0_f32; length];
                x[index] = -2.0;
                assert_eq!(Extremes::of(&x).range().min, -2.0, "{index} of {length}");
                x[index] = 3.0;
                assert_eq!(Extremes::of(&x).range().max, 3.0, "{index} of {length}");
                assert!(Extremes::of(&x).all_finite());
                x[index] = f32::NAN;
                assert!(!Extremes::of(&x).all_finite(), "{index} of {length}");
            }
        }
    }

    #[test]
    fn infinities_are_left_out_where_they_are_allowed() {
        let x = [f32::INFINITY, -0.0, 2.0, f32::NEG_INFINITY];
        let x = Tensor::from_slice(&[4], &x).expect("four");
        let values = Values::of(&x, true).expect("no NaN");
        let range = values.range.expect("two finite values");
        assert_eq!((range.min.to_bits(), range.max, values.infinite), (0, 2.0, 2));
        let finite = values.fold(Vec::new, |all, run| all.extend_from_slice(run), |a, b| [a, b].concat());
        assert_eq!(finite, Some(vec![-0.0, 2.0]));
        let refused = Values::of(&x, false).err();
        assert_eq!(refused, Some(Error::NotFinite { nan: 0, infinite: 2, elements: 4, first: 0 }));
    }
}
