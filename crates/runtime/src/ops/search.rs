//! The largest and smallest elements along one axis, and running sums, row-major.

use core::cmp::Ordering;

use fourfold_graph::{ArgExtreme as ArgAttributes, CumSum as SumAttributes, TopK as TopAttributes, TopKPart};
use fourfold_tensor::Element;

use super::{Action, Call, Scratch, reserve};
use crate::Error;

/// The number of elements on one axis and of those that follow each.
fn line(shape: &[usize], axis: usize) -> (usize, usize) {
    (shape[axis], shape[axis + 1..].iter().product())
}

/// The order of real numbers in which NaN is the largest, and -0 equals 0.
fn order(a: f32, b: f32) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The place of the largest or smallest element.
#[derive(Debug)]
pub(crate) struct ArgExtreme(pub(crate) ArgAttributes);

impl Action for ArgExtreme {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let ArgAttributes { axis, largest, last, .. } = self.0;
        let x = call.inputs[0];
        let (length, inner) = line(&x.shape, axis);
        let out = bytemuck::cast_slice_mut::<u8, i64>(call.output);
        if length == 0 && !out.is_empty() {
            return Err(Error::Index { index: 0, size: 0 });
        }
        let blocks = x.elements::<f32>().chunks_exact((length * inner).max(1));
        for (out, block) in out.chunks_exact_mut(inner.max(1)).zip(blocks) {
            for (column, out) in out.iter_mut().enumerate() {
                let mut best = 0;
                for place in 1..length {
                    let found = order(block[place * inner + column], block[best * inner + column]);
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

/// The largest or smallest elements, or their places.
#[derive(Debug)]
pub(crate) struct TopK(pub(crate) TopAttributes);

impl TopK {
    fn search<T: Element>(&self, call: Call<'_>, made: impl Fn(f32, usize) -> T) -> Result<(), Error> {
        let TopAttributes { axis, count, largest, .. } = self.0;
        let x = call.inputs[0];
        let (length, inner) = line(&x.shape, axis);
        if count > length {
            return Err(Error::Range { axis, size: length, start: 0, step: 1, count });
        }
        let Scratch { places, .. } = call.scratch;
        let places = reserve(places, length);
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        let blocks = x.elements::<f32>().chunks_exact((length * inner).max(1));
        for (out, block) in out.chunks_exact_mut((count * inner).max(1)).zip(blocks) {
            for column in 0..inner {
                let at = |place: usize| block[place * inner + column];
                places.iter_mut().enumerate().for_each(|(place, slot)| *slot = place);
                places.sort_unstable_by(|&a, &b| {
                    let found = order(at(a), at(b));
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
        match self.0.part {
            TopKPart::Values => self.search(call, |value, _| value),
            TopKPart::Indices => self.search(call, |_, place| i64::try_from(place).unwrap_or(i64::MAX)),
        }
    }
}

/// Sums of all elements up to each, added one after another.
#[derive(Debug)]
pub(crate) struct CumSum {
    pub(crate) attributes: SumAttributes,
    pub(crate) is_real: bool,
}

impl CumSum {
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
        if self.is_real {
            self.sum::<f32>(call, |a, b| a + b)
        } else {
            self.sum::<i64>(call, i64::wrapping_add)
        }
        Ok(())
    }
}
