//! The largest and smallest elements along one axis, and running sums, row-major.

use core::cmp::Ordering;

use fourfold_graph::{ArgExtreme as ArgAttributes, CumSum as SumAttributes, TopK as TopAttributes, TopKPart};
use fourfold_tensor::{DType, Element};

use super::integers::{Integer, by_integer};
use super::{Action, Call, Scratch};
use crate::Error;

/// The number of elements on one axis and of those that follow each.
fn line(shape: &[usize], axis: usize) -> (usize, usize) {
    (shape[axis], shape[axis + 1..].iter().product())
}

/// The order of numbers, in which NaN is the largest, and -0 equals 0.
trait Ordered: Element {
    fn order(self, other: Self) -> Ordering;
}

impl Ordered for f32 {
    fn order(self, other: Self) -> Ordering {
        self.partial_cmp(&other).unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
    }
}

impl<T: Integer> Ordered for T {
    fn order(self, other: Self) -> Ordering {
        self.cmp(&other)
    }
}

/// The place of the largest or smallest element.
#[derive(Debug)]
pub(crate) struct ArgExtreme {
    pub(crate) attributes: ArgAttributes,
    pub(crate) dtype: DType,
}

impl ArgExtreme {
    fn search<T: Ordered>(&self, call: Call<'_>) -> Result<(), Error> {
        let ArgAttributes { axis, largest, last, .. } = self.attributes;
        let x = call.inputs[0];
        let (length, inner) = line(&x.shape, axis);
        let out = bytemuck::cast_slice_mut::<u8, i64>(call.output);
        if length == 0 && !out.is_empty() {
            return Err(Error::Empty { axis });
        }
        let blocks = x.elements::<T>().chunks_exact((length * inner).max(1));
        for (out, block) in out.chunks_exact_mut(inner.max(1)).zip(blocks) {
            for (column, out) in out.iter_mut().enumerate() {
                let mut best = 0;
                for place in 1..length {
                    let found = block[place * inner + column].order(block[best * inner + column]);
                    let found = if largest { found } else { found.reverse() };
                    if found == Ordering::Greater || last && found == Ordering::Equal {
                        best = place;
                    }
                }
                *out = i64::try_from(best).unwrap_or(i64::MAX);
            }
        }
        Ok(())
    }
}

impl Action for ArgExtreme {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        if self.dtype == DType::F32 { self.search::<f32>(call) } else { by_integer!(self.dtype, self.search(call)) }
    }
}

/// The largest or smallest elements, or their places.
#[derive(Debug)]
pub(crate) struct TopK {
    pub(crate) attributes: TopAttributes,
    pub(crate) dtype: DType,
}

impl TopK {
    fn part<T: Ordered>(&self, call: Call<'_>) -> Result<(), Error> {
        match self.attributes.part {
            TopKPart::Values => self.search(call, |value: T, _| value),
            TopKPart::Indices => self.search(call, |_: T, place| i64::try_from(place).unwrap_or(i64::MAX)),
        }
    }

    fn search<T: Ordered, U: Element>(&self, call: Call<'_>, made: impl Fn(T, usize) -> U) -> Result<(), Error> {
        let TopAttributes { axis, count, largest, .. } = self.attributes;
        let x = call.inputs[0];
        let (length, inner) = line(&x.shape, axis);
        if count > length {
            return Err(Error::Range { axis, size: length, start: 0, step: 1, count });
        }
        let Scratch { places, budget, .. } = call.scratch;
        let places = budget.reserve(places, length)?;
        let out = bytemuck::cast_slice_mut::<u8, U>(call.output);
        let blocks = x.elements::<T>().chunks_exact((length * inner).max(1));
        for (out, block) in out.chunks_exact_mut((count * inner).max(1)).zip(blocks) {
            for column in 0..inner {
                let at = |place: usize| block[place * inner + column];
                places.iter_mut().enumerate().for_each(|(place, slot)| *slot = place);
                places.sort_unstable_by(|&a, &b| {
                    let found = at(a).order(at(b));
                    (if largest { found.reverse() } else { found }).then(a.cmp(&b))
                });
                for (rank, &place) in places[..count].iter().enumerate() {
                    out[rank * inner + column] = made(at(place), place);
                }
            }
        }
        Ok(())
    }
}

impl Action for TopK {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        if self.dtype == DType::F32 { self.part::<f32>(call) } else { by_integer!(self.dtype, self.part(call)) }
    }
}

/// Sums of all elements up to each, added one after another.
#[derive(Debug)]
pub(crate) struct CumSum {
    pub(crate) attributes: SumAttributes,
    pub(crate) dtype: DType,
}

impl CumSum {
    fn integers<T: Integer>(&self, call: Call<'_>) {
        self.sum(call, |a: T, b: T| T::narrow(a.into().wrapping_add(b.into())));
    }

    fn sum<T: Element>(&self, call: Call<'_>, add: impl Fn(T, T) -> T) {
        let SumAttributes { axis, exclusive, reverse } = self.attributes;
        let x = call.inputs[0];
        let (length, inner) = line(&x.shape, axis);
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        let blocks = x.elements::<T>().chunks_exact((length * inner).max(1));
        for (out, block) in out.chunks_exact_mut((length * inner).max(1)).zip(blocks) {
            for column in 0..inner {
                let mut sum = T::zeroed();
                for step in 0..length {
                    let place = if reverse { length - 1 - step } else { step } * inner + column;
                    let with = add(sum, block[place]);
                    out[place] = if exclusive { sum } else { with };
                    sum = with;
                }
            }
        }
    }
}

impl Action for CumSum {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        match self.dtype {
            DType::F32 => self.sum::<f32>(call, |a, b| a + b),
            _ => by_integer!(self.dtype, self.integers(call)),
        }
        Ok(())
    }
}
