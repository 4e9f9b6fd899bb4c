//! Shapes: up to eight axis sizes, held without allocation.

use core::fmt;
use core::ops::Deref;

use crate::Error;

/// The largest number of axes.
pub const MAX_RANK: usize = 8;

/// The axis sizes of a tensor, outermost first.
///
/// Dereferences to `[usize]`. The product of the sizes is known to fit `usize`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    sizes: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// Checks and keeps `sizes`, outermost axis first.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`] for more than [`MAX_RANK`] axes, [`Error::TooLarge`] if the product of the sizes that are not 0,
    /// times 8 bytes, does not fit `isize`.
    pub fn new(sizes: &[usize]) -> Result<Self, Error> {
        if sizes.len() > MAX_RANK {
            return Err(Error::Rank { rank: sizes.len() });
        }
        let bytes =
            sizes.iter().filter(|&&size| size > 0).try_fold(8_usize, |product, &size| product.checked_mul(size));
        if bytes.is_none_or(|bytes| bytes > isize::MAX.unsigned_abs()) {
            return Err(Error::TooLarge { shape: sizes.to_vec() });
        }
        let mut kept = [0; MAX_RANK];
        kept[..sizes.len()].copy_from_slice(sizes);
        Ok(Self { sizes: kept, rank: sizes.len() })
    }

    /// The number of elements: the product of the sizes, 1 for a scalar.
    #[must_use]
    pub fn element_count(&self) -> usize {
        self.iter().product()
    }

    /// The sizes with the axes in another order: axis `i` of the result is axis `axes[i]`.
    ///
    /// # Errors
    ///
    /// [`Error::Permutation`] if `axes` does not name each axis exactly once.
    pub fn permute(&self, axes: &[usize]) -> Result<Self, Error> {
        let mut seen = [false; MAX_RANK];
        let is_new = |&axis: &usize| axis < self.rank && !core::mem::replace(&mut seen[axis], true);
        if axes.len() != self.rank || !axes.iter().all(is_new) {
            return Err(Error::Permutation { axes: axes.to_vec(), rank: self.rank });
        }
        let mut sizes = [0; MAX_RANK];
        for (to, &from) in sizes.iter_mut().zip(axes) {
            *to = self.sizes[from];
        }
        Ok(Self { sizes, rank: self.rank })
    }

    /// The distance in elements between neighbours on each axis of a contiguous row-major tensor.
    #[must_use]
    pub fn strides(&self) -> [usize; MAX_RANK] {
        let mut strides = [0; MAX_RANK];
        let mut stride = 1;
        for axis in (0..self.rank).rev() {
            strides[axis] = stride;
            stride *= self.sizes[axis];
        }
        strides
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.sizes[..self.rank]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl PartialEq<[usize]> for Shape {
    fn eq(&self, other: &[usize]) -> bool {
        **self == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_checked() {
        assert_eq!(Shape::new(&[1; 9]), Err(Error::Rank { rank: 9 }));
        assert!(matches!(Shape::new(&[usize::MAX, 2]), Err(Error::TooLarge { .. })));
        assert!(matches!(Shape::new(&[0, usize::MAX]), Err(Error::TooLarge { .. })));
        assert_eq!(Shape::new(&[]).map(|shape| shape.element_count()), Ok(1));
        assert_eq!(Shape::new(&[3, 0]).map(|shape| shape.element_count()), Ok(0));
    }

    #[test]
    fn strides_are_row_major() {
        assert_eq!(Shape::new(&[2, 3, 4]).map(|shape| shape.strides()[..3].to_vec()), Ok(vec![12, 4, 1]));
    }
}
