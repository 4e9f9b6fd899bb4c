//! The owned tensor.

use core::fmt;
use core::ops::Range;
use std::borrow::Cow;
use std::sync::Arc;

use crate::buffer::Buffer;
use crate::{DType, Element, Error, Shape, View, memory, permute_bytes};

/// Contiguous row-major elements with a shape.
///
/// Cloning shares the bytes; writing through [`Tensor::as_mut_slice`] copies them first if they are shared.
#[derive(Clone)]
pub struct Tensor {
    dtype: DType,
    shape: Shape,
    buffer: Arc<Buffer>,
}

impl Tensor {
    /// A tensor of zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`], [`Error::TooLarge`] and [`Error::OutOfMemory`] for a shape that cannot be held.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Result<Self, Error> {
        let shape = Shape::new(shape)?;
        let buffer = Arc::new(Buffer::zeroed(shape.element_count() * dtype.size())?);
        Ok(Self { dtype, shape, buffer })
    }

    /// A tensor of the given elements, row-major.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `elements` does not fill `shape` exactly, and the errors of [`Tensor::zeros`].
    pub fn from_slice<T: Element>(shape: &[usize], elements: &[T]) -> Result<Self, Error> {
        let checked = Shape::new(shape)?;
        if checked.element_count() != elements.len() {
            let expected = checked.element_count();
            return Err(Error::Length { shape: checked, expected, actual: elements.len() });
        }
        let mut tensor = Self::zeros(T::DTYPE, shape)?;
        tensor.bytes_mut()?.copy_from_slice(bytemuck::cast_slice(elements));
        Ok(tensor)
    }

    /// A tensor of the given elements, row-major; [`Tensor::from_slice`] for a vector at hand.
    ///
    /// # Errors
    ///
    /// As [`Tensor::from_slice`].
    #[expect(clippy::needless_pass_by_value, reason = "callers that have just built the vector read better this way")]
    pub fn from_vec<T: Element>(shape: &[usize], elements: Vec<T>) -> Result<Self, Error> {
        Self::from_slice(shape, &elements)
    }

    /// A tensor of what an iterator gives, row-major, which is held nowhere else.
    ///
    /// # Errors
    ///
    /// As [`Tensor::from_slice`].
    pub fn from_elements<T: Element>(shape: &[usize], elements: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let (mut tensor, mut elements) = (Self::zeros(T::DTYPE, shape)?, elements.into_iter());
        let mut actual = 0;
        for (place, element) in tensor.as_mut_slice::<T>()?.iter_mut().zip(&mut elements) {
            *place = element;
            actual += 1;
        }
        actual += elements.count();
        match tensor.len() {
            expected if expected == actual => Ok(tensor),
            expected => Err(Error::Length { shape: tensor.shape, expected, actual }),
        }
    }

    /// A tensor of bools, row-major.
    ///
    /// # Errors
    ///
    /// As [`Tensor::from_slice`].
    pub fn from_bools(shape: &[usize], elements: &[bool]) -> Result<Self, Error> {
        let bytes: Vec<u8> = elements.iter().map(|&truth| truth.into()).collect();
        Ok(Self { dtype: DType::Bool, ..Self::from_slice(shape, &bytes)? })
    }

    /// A tensor from little-endian bytes, row-major; of bools, every byte but 0 is 1.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `bytes` does not hold exactly the elements of `shape`, and the errors of [`Tensor::zeros`].
    pub fn from_le_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> Result<Self, Error> {
        let checked = Shape::new(shape)?;
        if checked.element_count() * dtype.size() != bytes.len() {
            let expected = checked.element_count();
            return Err(Error::Length { shape: checked, expected, actual: bytes.len() / dtype.size() });
        }
        Self::from_le_fill(dtype, shape, |filled| {
            filled.copy_from_slice(bytes);
            Ok(())
        })
    }

    /// A tensor whose little-endian bytes, row-major, `fill` writes: all of them, which are 0 before.
    ///
    /// # Errors
    ///
    /// Those of `fill` and of [`Tensor::zeros`].
    pub fn from_le_fill<E: From<Error>>(
        dtype: DType,
        shape: &[usize],
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut tensor = Self::zeros(dtype, shape)?;
        fill(tensor.bytes_mut()?)?;
        if dtype == DType::Bool {
            tensor.bytes_mut()?.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
        }
        if cfg!(target_endian = "big") {
            tensor.bytes_mut()?.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
        }
        Ok(tensor)
    }

    /// The elements as little-endian bytes, row-major; a copy only where the machine has another order.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if they cannot be copied.
    pub fn le_bytes(&self) -> Result<Cow<'_, [u8]>, Error> {
        if cfg!(target_endian = "little") || self.dtype.size() == 1 {
            return Ok(Cow::Borrowed(self.bytes()));
        }
        let mut bytes = memory::copied(self.bytes())?;
        bytes.chunks_exact_mut(self.dtype.size()).for_each(<[u8]>::reverse);
        Ok(Cow::Owned(bytes))
    }

    /// The elements as little-endian bytes, row-major; see [`Tensor::le_bytes`] for large tensors.
    #[must_use]
    pub fn to_le_bytes(&self) -> Vec<u8> {
        let mut bytes = self.bytes().to_vec();
        if cfg!(target_endian = "big") {
            bytes.chunks_exact_mut(self.dtype.size()).for_each(<[u8]>::reverse);
        }
        bytes
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The axis sizes, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.element_count()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements' bytes in the machine's order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// The elements' bytes in the machine's order, for writing.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if they are shared and cannot be copied.
    pub fn bytes_mut(&mut self) -> Result<&mut [u8], Error> {
        if Arc::get_mut(&mut self.buffer).is_none() {
            self.buffer = Arc::new(self.buffer.copied()?);
        }
        Ok(Arc::get_mut(&mut self.buffer).map_or(&mut [], Buffer::bytes_mut))
    }

    /// The elements, row-major.
    ///
    /// # Errors
    ///
    /// [`Error::DType`] if the elements are not of type `T`.
    pub fn as_slice<T: Element>(&self) -> Result<&[T], Error> {
        self.expect_dtype(T::DTYPE)?;
        Ok(bytemuck::cast_slice(self.buffer.bytes()))
    }

    /// The elements, row-major, for writing.
    ///
    /// # Errors
    ///
    /// [`Error::DType`] if the elements are not of type `T`, and the errors of [`Tensor::bytes_mut`].
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T], Error> {
        self.expect_dtype(T::DTYPE)?;
        Ok(bytemuck::cast_slice_mut(self.bytes_mut()?))
    }

    /// A strided view of the whole tensor.
    ///
    /// # Errors
    ///
    /// [`Error::DType`] if the elements are not of type `T`.
    pub fn view<T: Element>(&self) -> Result<View<'_, T>, Error> {
        View::new(self.as_slice()?, &self.shape)
    }

    /// The same elements under another shape, without copying.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `shape` holds another number of elements, and the errors of [`Shape::new`].
    pub fn reshape(&self, shape: &[usize]) -> Result<Self, Error> {
        let shape = Shape::new(shape)?;
        if shape.element_count() != self.len() {
            return Err(Error::Length { shape, expected: shape.element_count(), actual: self.len() });
        }
        Ok(Self { dtype: self.dtype, shape, buffer: Arc::clone(&self.buffer) })
    }

    /// A copy with the axes in another order: axis `i` of the result is axis `axes[i]`.
    ///
    /// # Errors
    ///
    /// [`Error::Permutation`] if `axes` does not name each axis exactly once, and the errors of [`Tensor::zeros`].
    pub fn permute(&self, axes: &[usize]) -> Result<Self, Error> {
        let mut permuted = Self::zeros(self.dtype, &self.shape.permute(axes)?)?;
        permute_bytes(self.dtype, self.bytes(), &self.shape, axes, permuted.bytes_mut()?)?;
        Ok(permuted)
    }

    /// A copy of the given rows: a range of the first axis, all other axes whole.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] if the tensor is a scalar or the range goes past the first axis.
    pub fn rows(&self, range: Range<usize>) -> Result<Self, Error> {
        let len = self.shape.first().copied().unwrap_or(0);
        if range.start > range.end || range.end > len {
            return Err(Error::Rows { start: range.start, end: range.end, len });
        }
        let row_bytes = self.bytes().len().checked_div(len).unwrap_or(0);
        let mut shape = self.shape.to_vec();
        if let Some(first) = shape.first_mut() {
            *first = range.len();
        }
        let mut rows = Self::zeros(self.dtype, &shape)?;
        let bytes = &self.bytes()[range.start * row_bytes..range.end * row_bytes];
        rows.bytes_mut()?.copy_from_slice(bytes);
        Ok(rows)
    }

    fn expect_dtype(&self, expected: DType) -> Result<(), Error> {
        if self.dtype.is_read_as(expected) { Ok(()) } else { Err(Error::DType { expected, actual: self.dtype }) }
    }
}

impl PartialEq for Tensor {
    /// Equal types, shapes and bits: two NaN of the same bits are equal, 0.0 and -0.0 are not.
    fn eq(&self, other: &Self) -> bool {
        self.dtype == other.dtype && self.shape == other.shape && self.bytes() == other.bytes()
    }
}

impl Eq for Tensor {}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({} {})", self.dtype, self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_aligned_and_typed() {
        let tensor = Tensor::from_vec(&[3], vec![1_i64, -2, 3]).expect("three elements");
        assert_eq!(tensor.bytes().as_ptr() as usize % 64, 0);
        assert_eq!(tensor.as_slice::<i64>(), Ok(&[1, -2, 3][..]));
        assert_eq!(tensor.as_slice::<i32>(), Err(Error::DType { expected: DType::I32, actual: DType::I64 }));
    }

    #[test]
    fn writing_leaves_clones_alone() {
        let mut tensor = Tensor::from_vec(&[2], vec![1_u8, 2]).expect("two elements");
        let clone = tensor.clone();
        tensor.as_mut_slice::<u8>().expect("u8")[0] = 9;
        assert_eq!(clone.as_slice::<u8>(), Ok(&[1, 2][..]));
        assert_ne!(tensor, clone);
    }

    #[test]
    fn rows_are_bounded() {
        let tensor = Tensor::from_vec(&[3, 2], vec![1_i32, 2, 3, 4, 5, 6]).expect("six elements");
        assert_eq!(tensor.rows(1..3).expect("in range").as_slice::<i32>(), Ok(&[3, 4, 5, 6][..]));
        assert_eq!(tensor.rows(2..4), Err(Error::Rows { start: 2, end: 4, len: 3 }));
        assert!(tensor.rows(3..3).expect("empty").is_empty());
    }

    #[test]
    fn bools_are_bytes_of_a_type_of_their_own() {
        let tensor = Tensor::from_bools(&[2], &[true, false]).expect("two elements");
        assert_eq!((tensor.dtype(), tensor.as_slice::<u8>()), (DType::Bool, Ok(&[1, 0][..])));
        assert_eq!(Tensor::from_le_bytes(DType::Bool, &[2], &[7, 0]), Ok(tensor.clone()));
        assert_ne!(tensor, Tensor::from_vec(&[2], vec![1_u8, 0]).expect("two elements"));
        assert!(tensor.as_slice::<i8>().is_err());
    }

    #[test]
    fn axes_are_permuted_and_types_stay() {
        let bytes: Vec<u8> = (0..48).collect();
        for dtype in DType::ALL {
            let tensor = Tensor::from_le_bytes(dtype, &[2, 3], &bytes[..6 * dtype.size()]).expect("six elements");
            let transposed = tensor.permute(&[1, 0]).expect("a permutation");
            assert_eq!((transposed.dtype(), transposed.shape()), (dtype, &[3, 2][..]));
            assert_eq!(transposed.permute(&[1, 0]), Ok(tensor));
        }
    }

    #[test]
    fn lengths_are_checked() {
        assert!(matches!(Tensor::from_vec(&[2, 2], vec![0_u8; 3]), Err(Error::Length { expected: 4, actual: 3, .. })));
        assert_eq!(Tensor::from_elements(&[2], 3_u8..5), Tensor::from_slice(&[2], &[3_u8, 4]));
        assert!(matches!(Tensor::from_elements(&[2], 0_u8..1), Err(Error::Length { actual: 1, .. })));
        assert!(matches!(Tensor::from_elements(&[2], 0_u8..5), Err(Error::Length { actual: 5, .. })));
        assert!(matches!(Tensor::from_le_bytes(DType::F32, &[2], &[0; 7]), Err(Error::Length { .. })));
        let tensor = Tensor::from_le_bytes(DType::F32, &[1], &1.5_f32.to_le_bytes()).expect("four bytes");
        assert_eq!(tensor.to_le_bytes(), 1.5_f32.to_le_bytes());
        assert_eq!(tensor.le_bytes().as_deref(), Ok(&1.5_f32.to_le_bytes()[..]));
    }
}
