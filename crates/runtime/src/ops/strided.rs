//! Row-major elements read with any strides.

use fourfold_tensor::{MAX_RANK, Shape};

/// Strides through memory: `element[i0, i1, ..]` is at `start + sum of i * stride`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strided {
    start: isize,
    strides: [isize; MAX_RANK],
}

impl Strided {
    /// Through a value of `shape` as if it were repeated to the shape `to`: stride 0 where it has size 1 or lacks the
    /// axis.
    pub(crate) fn broadcast(shape: Shape, to: Shape) -> Self {
        let (offset, own) = (to.len() - shape.len(), shape.strides());
        let mut strides = [0; MAX_RANK];
        for axis in 0..shape.len() {
            strides[offset + axis] = if shape[axis] == 1 { 0 } else { own[axis].cast_signed() };
        }
        Self { start: 0, strides }
    }

    /// Through elements `first`, `first + step`, ... of one axis of a value of `shape`.
    pub(crate) fn slice(shape: Shape, axis: usize, first: usize, step: isize) -> Self {
        let mut strides = shape.strides().map(usize::cast_signed);
        let start = first.cast_signed() * strides[axis];
        strides[axis] *= step;
        Self { start, strides }
    }

    /// Copies elements to a row-major result of `shape`.
    pub(crate) fn copy<T: Copy>(&self, x: &[T], shape: Shape, out: &mut [T]) {
        let runs = Runs::new(*self, shape);
        let stride = runs.stride;
        for (out, from) in out.chunks_exact_mut(runs.length).zip(runs) {
            match stride {
                1 => out.copy_from_slice(&x[from..from + out.len()]),
                0 => out.fill(x[from]),
                _ => {
                    for (index, out) in out.iter_mut().enumerate() {
                        *out = x[from.wrapping_add_signed(stride * index.cast_signed())];
                    }
                }
            }
        }
    }

    /// Calls `f` for every element of a row-major result of `shape`, in order, with the element that belongs to it.
    pub(crate) fn for_each<T: Copy>(&self, x: &[T], shape: Shape, out: &mut [T], mut f: impl FnMut(&mut T, T)) {
        let runs = Runs::new(*self, shape);
        let stride = runs.stride;
        for (out, from) in out.chunks_exact_mut(runs.length).zip(runs) {
            for (index, out) in out.iter_mut().enumerate() {
                f(out, x[from.wrapping_add_signed(stride * index.cast_signed())]);
            }
        }
    }
}

/// Row-major elements with their shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shaped<'a, T> {
    pub(crate) elements: &'a [T],
    pub(crate) shape: Shape,
}

/// `out = f(a, b)` for every element of two operands that are repeated to the shape of the result.
pub(crate) fn zip<A: Copy, B: Copy, C>(
    a: Shaped<'_, A>,
    b: Shaped<'_, B>,
    shape: Shape,
    out: &mut [C],
    f: impl Fn(A, B) -> C,
) {
    let a_runs = Runs::new(Strided::broadcast(a.shape, shape), shape);
    let b_runs = Runs::new(Strided::broadcast(b.shape, shape), shape);
    let strides = (a_runs.stride, b_runs.stride);
    for ((out, a_from), b_from) in out.chunks_exact_mut(a_runs.length).zip(a_runs).zip(b_runs) {
        for (index, out) in out.iter_mut().enumerate() {
            let index = index.cast_signed();
            let at = |from: usize, stride: isize| from.wrapping_add_signed(stride * index);
            *out = f(a.elements[at(a_from, strides.0)], b.elements[at(b_from, strides.1)]);
        }
    }
}

/// The index in memory of the first element of each run along the last axis.
struct Runs {
    strided: Strided,
    shape: Shape,
    /// Elements of a run, at least 1 for the sake of division.
    length: usize,
    /// The distance in memory of neighbours.
    stride: isize,
    index: [usize; MAX_RANK],
    left: usize,
}

impl Runs {
    fn new(strided: Strided, shape: Shape) -> Self {
        let last = shape.len().checked_sub(1);
        let length = last.map_or(1, |last| shape[last]).max(1);
        let left = shape.element_count() / length;
        Self {
            strided,
            shape,
            length,
            stride: last.map_or(0, |last| strided.strides[last]),
            index: [0; MAX_RANK],
            left,
        }
    }
}

impl Iterator for Runs {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let outer = self.shape.len().saturating_sub(1);
        let offset: isize = (0..outer).map(|axis| self.index[axis].cast_signed() * self.strided.strides[axis]).sum();
        for axis in (0..outer).rev() {
            self.index[axis] += 1;
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.index[axis] = 0;
        }
        Some((self.strided.start + offset).cast_unsigned())
    }
}
