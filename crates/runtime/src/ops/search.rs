//! The largest and smallest elements along one axis, row-major.

use core::cmp::Ordering;

use fourfold_graph::{Node, TopKResult};
use fourfold_tensor::{DType, Element};

use super::element::{Integer, by_integer};
use super::{Action, Call, Lower, Scratch, line};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::ArgExtreme {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let dtype = lowering.dtype(node);
        lowering.add(node, Layout::RowMajor, 1, ArgExtreme { attributes: *self, dtype });
        Ok(())
    }
}

impl Lower for fourfold_graph::TopK {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let dtype = lowering.dtype(node);
        lowering.add(node, Layout::RowMajor, 1, TopK { attributes: *self, dtype });
        Ok(())
    }
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

/// The index of the largest or smallest element.
#[derive(Debug)]
struct ArgExtreme {
    attributes: fourfold_graph::ArgExtreme,
    dtype: DType,
}

impl ArgExtreme {
    fn search<T: Ordered>(&self, call: Call<'_>) -> Result<(), Error> {
        let fourfold_graph::ArgExtreme { axis, largest, last, .. } = self.attributes;
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
                for position in 1..length {
                    let found = block[position * inner + column].order(block[best * inner + column]);
                    let found = if largest { found } else { found.reverse() };
                    if found == Ordering::Greater || last && found == Ordering::Equal {
                        best = position;
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

/// The largest or smallest elements, or their indices.
#[derive(Debug)]
struct TopK {
    attributes: fourfold_graph::TopK,
    dtype: DType,
}

impl TopK {
    fn run_on<T: Ordered>(&self, call: Call<'_>) -> Result<(), Error> {
        match self.attributes.result {
            TopKResult::Values => self.search(call, |value: T, _| value),
            TopKResult::Indices => self.search(call, |_: T, index| i64::try_from(index).unwrap_or(i64::MAX)),
        }
    }

    fn search<T: Ordered, U: Element>(&self, call: Call<'_>, made: impl Fn(T, usize) -> U) -> Result<(), Error> {
        let fourfold_graph::TopK { axis, count, largest, .. } = self.attributes;
        let x = call.inputs[0];
        let (length, inner) = line(&x.shape, axis);
        if count > length {
            return Err(Error::Range { axis, size: length, start: 0, step: 1, count });
        }
        let Scratch { indices, budget, .. } = call.scratch;
        let indices = budget.reserve(indices, length)?;
        let out = bytemuck::cast_slice_mut::<u8, U>(call.output);
        let blocks = x.elements::<T>().chunks_exact((length * inner).max(1));
        for (out, block) in out.chunks_exact_mut((count * inner).max(1)).zip(blocks) {
            for column in 0..inner {
                let at = |index: usize| block[index * inner + column];
                indices.iter_mut().enumerate().for_each(|(index, slot)| *slot = index);
                indices.sort_unstable_by(|&a, &b| {
                    let found = at(a).order(at(b));
                    (if largest { found.reverse() } else { found }).then(a.cmp(&b))
                });
                for (rank, &index) in indices[..count].iter().enumerate() {
                    out[rank * inner + column] = made(at(index), index);
                }
            }
        }
        Ok(())
    }
}

impl Action for TopK {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        if self.dtype == DType::F32 { self.run_on::<f32>(call) } else { by_integer!(self.dtype, self.run_on(call)) }
    }
}
