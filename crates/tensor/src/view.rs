//! Borrowed elements with strides.

use crate::{DType, Element, Error, MAX_RANK, Shape, Tensor};

/// Elements borrowed from a slice, with a shape and a stride (in elements) for each axis.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    elements: &'a [T],
    shape: Shape,
    strides: [usize; MAX_RANK],
}

impl<'a, T: Copy> View<'a, T> {
    /// Sees contiguous row-major `elements` as a tensor of `shape`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if the slice does not hold exactly the elements of `shape`, and the errors of [`Shape::new`].
    pub fn new(elements: &'a [T], shape: &[usize]) -> Result<Self, Error> {
        let shape = Shape::new(shape)?;
        if shape.element_count() != elements.len() {
            return Err(Error::Length { shape, expected: shape.element_count(), actual: elements.len() });
        }
        Ok(Self { elements, shape, strides: shape.strides() })
    }

    /// The axis sizes, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The same elements with axis `i` of the result being axis `axes[i]` of this view.
    ///
    /// # Errors
    ///
    /// [`Error::Permutation`] if `axes` does not name each axis exactly once.
    pub fn permute(&self, axes: &[usize]) -> Result<Self, Error> {
        let shape = self.shape.permute(axes)?;
        let mut strides = [0; MAX_RANK];
        for (to, &from) in strides.iter_mut().zip(axes) {
            *to = self.strides[from];
        }
        Ok(Self { elements: self.elements, shape, strides })
    }

    /// Writes the elements in row-major order of this view's shape to `out`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` does not have exactly as many elements.
    pub fn copy_to(&self, out: &mut [T]) -> Result<(), Error> {
        let count = self.shape.element_count();
        if out.len() != count {
            return Err(Error::Length { shape: self.shape, expected: count, actual: out.len() });
        }
        if count > 0 {
            self.copy_axis(0, 0, out);
        }
        Ok(())
    }

    fn copy_axis(&self, axis: usize, offset: usize, out: &mut [T]) {
        let rank = self.shape.len();
        if out.is_empty() {
            return;
        }
        if axis == rank {
            out[0] = self.elements[offset];
            return;
        }
        let (size, stride) = (self.shape[axis], self.strides[axis]);
        if axis + 1 == rank {
            for (i, out) in out.iter_mut().enumerate() {
                *out = self.elements[offset + i * stride];
            }
        } else {
            let inner = out.len() / size;
            for (i, out) in out.chunks_exact_mut(inner).enumerate() {
                self.copy_axis(axis + 1, offset + i * stride, out);
            }
        }
    }
}

impl<T: Element> View<'_, T> {
    /// A contiguous copy.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn to_tensor(&self) -> Result<Tensor, Error> {
        let mut tensor = Tensor::zeros(T::DTYPE, &self.shape)?;
        self.copy_axis(0, 0, tensor.as_mut_slice()?);
        Ok(tensor)
    }
}

/// Copies elements with the axes in another order, whatever their type: axis `i` of `out` is axis `axes[i]` of
/// `elements: shape`. Bytes need no alignment.
///
/// # Errors
///
/// [`Error::Permutation`] if `axes` does not name each axis exactly once, [`Error::Length`] if `elements` or `out` does
/// not hold exactly the elements of `shape`, and the errors of [`Shape::new`].
pub fn permute_bytes(
    dtype: DType,
    elements: &[u8],
    shape: &[usize],
    axes: &[usize],
    out: &mut [u8],
) -> Result<(), Error> {
    match dtype.size() {
        1 => View::new(elements, shape)?.permute(axes)?.copy_to(out),
        2 => permute_sized::<2>(elements, shape, axes, out),
        4 => permute_sized::<4>(elements, shape, axes, out),
        _ => permute_sized::<8>(elements, shape, axes, out),
    }
}

/// [`permute_bytes`] for elements of `SIZE` bytes.
fn permute_sized<const SIZE: usize>(
    elements: &[u8],
    shape: &[usize],
    axes: &[usize],
    out: &mut [u8],
) -> Result<(), Error> {
    let ((elements, rest), (out, out_rest)) = (elements.as_chunks::<SIZE>(), out.as_chunks_mut::<SIZE>());
    if !rest.is_empty() || !out_rest.is_empty() {
        let shape = Shape::new(shape)?;
        let actual = if rest.is_empty() { out.len() } else { elements.len() };
        return Err(Error::Length { shape, expected: shape.element_count(), actual });
    }
    View::new(elements, shape)?.permute(axes)?.copy_to(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permuting_matches_index_arithmetic() {
        let shape = [2, 3, 4, 5];
        let elements: Vec<i32> = (0..120).collect();
        let view = View::new(&elements, &shape).expect("120 elements");
        let moved = view.permute(&[2, 0, 3, 1]).and_then(|view| view.to_tensor()).expect("a permutation");
        assert_eq!(moved.shape(), [4, 2, 5, 3]);
        let moved = moved.as_slice::<i32>().expect("i32");
        for (i, j, k, l) in (0..120).map(|n| (n / 60, n / 20 % 3, n / 5 % 4, n % 5)) {
            assert_eq!(moved[((k * 2 + i) * 5 + l) * 3 + j], elements[((i * 3 + j) * 4 + k) * 5 + l]);
        }
    }

    #[test]
    fn bad_permutations_are_refused() {
        let view = View::new(&[0_u8; 6], &[2, 3]).expect("six elements");
        for axes in [&[0, 0][..], &[0], &[0, 2], &[0, 1, 2]] {
            assert!(matches!(view.permute(axes), Err(Error::Permutation { .. })), "{axes:?}");
        }
    }

    #[test]
    fn empty_and_scalar_views_copy() {
        let empty = View::<u8>::new(&[], &[0, 3]).and_then(|view| view.permute(&[1, 0])?.to_tensor());
        assert!(empty.is_ok_and(|tensor| tensor.is_empty() && tensor.shape() == [3, 0]));
        let scalar = View::new(&[7_u8], &[]).and_then(|view| view.to_tensor()).expect("a scalar");
        assert_eq!(scalar.as_slice::<u8>(), Ok(&[7][..]));
    }
}
