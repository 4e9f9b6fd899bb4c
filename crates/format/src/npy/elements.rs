//! The elements of a file, wherever its bytes come from.

use std::ops::Range;

use fourfold_error::Limits;
use fourfold_tensor::{DType, Shape, Tensor};

use super::header::{self, Header, Stored};
use super::{HEADER_LIMIT, MAGIC};
use crate::Error;

/// Where the elements of a file are, and what they are: its header.
#[derive(Debug)]
pub(crate) struct Elements {
    header: Header,
    shape: Shape,
    /// Offset of the first element.
    data: u64,
}

/// Fills bytes with those of the file from an offset on.
pub(crate) type ReadAt<'a> = dyn FnMut(u64, &mut [u8]) -> Result<(), Error> + 'a;

impl Elements {
    /// As much of a file as its header may take.
    pub(crate) const HEAD: u64 = MAGIC.len() as u64 + 6 + HEADER_LIMIT;

    /// Reads the header of a file of `length` bytes, and checks that it is as long as it says; `start` are its first
    /// [`HEAD`](Self::HEAD) bytes, or all.
    pub(crate) fn new(start: &[u8], length: u64) -> Result<Self, Error> {
        let (header, data) = header(start)?;
        let shape = Shape::new(&header.shape).map_err(|error| Error::corrupt("header", error.to_string()))?;
        let expected = shape.element_count() as u64 * header.stored_size() as u64;
        let actual = length.saturating_sub(data);
        if actual != expected {
            let reason = format!("{actual} bytes, but shape {shape} of {} takes {expected}", header.stored_name());
            return Err(Error::corrupt("data", reason));
        }
        Ok(Self { header, shape, data })
    }

    /// The type of the elements in a tensor.
    pub(crate) fn dtype(&self) -> DType {
        self.header.dtype
    }

    /// The axis sizes, outermost first.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether the elements of a row are apart: all rows of one column are neighbours.
    pub(crate) fn is_by_columns(&self) -> bool {
        self.header.is_fortran_order && self.shape.len() > 1
    }

    /// A range of the first axis, all other axes whole.
    pub(crate) fn rows(&self, range: Range<usize>, limits: &Limits, read: &mut ReadAt<'_>) -> Result<Tensor, Error> {
        let count = self.shape.first().copied().unwrap_or(0);
        if range.start > range.end || range.end > count {
            return Err(fourfold_tensor::Error::Rows { start: range.start, end: range.end, len: count }.into());
        }
        let mut shape = self.shape.to_vec();
        if let Some(first) = shape.first_mut() {
            *first = range.len();
        }
        self.part(&shape, range.start, limits, read)
    }

    /// All elements.
    pub(crate) fn tensor(&self, limits: &Limits, read: &mut ReadAt<'_>) -> Result<Tensor, Error> {
        self.part(&self.shape, 0, limits, read)
    }

    /// A tensor of the given shape, whose first row is the file's row `first`.
    fn part(&self, shape: &[usize], first: usize, limits: &Limits, read: &mut ReadAt<'_>) -> Result<Tensor, Error> {
        let count: usize = shape.iter().product();
        Limits::check("elements", count as u64, limits.elements)?;
        let (dtype, size) = (self.header.dtype, self.header.dtype.size());
        if !self.is_by_columns() {
            let row: usize = shape.iter().skip(1).product();
            let mut tensor = Tensor::zeros(dtype, shape)?;
            self.fill(first * row, tensor.bytes_mut()?, read)?;
            return Ok(tensor);
        }
        let (rows, all) = (shape[0], self.shape[0]);
        let columns = count.checked_div(rows).unwrap_or(0);
        let reversed: Vec<usize> = shape.iter().rev().copied().collect();
        let mut transposed = Tensor::zeros(dtype, &reversed)?;
        for (column, bytes) in (0..columns).zip(transposed.bytes_mut()?.chunks_exact_mut((rows * size).max(1))) {
            self.fill(column * all + first, bytes, read)?;
        }
        let axes: Vec<usize> = (0..shape.len()).rev().collect();
        Ok(transposed.permute(&axes)?)
    }

    /// Fills the bytes of a tensor with the elements from that of number `element` of the file on.
    fn fill(&self, element: usize, bytes: &mut [u8], read: &mut ReadAt<'_>) -> Result<(), Error> {
        let stored_size = self.header.stored_size();
        let offset = self.data + element as u64 * stored_size as u64;
        match self.header.stored {
            Stored::Same => {
                read(offset, bytes)?;
                self.make_native(bytes);
            }
            Stored::U64 => {
                read(offset, bytes)?;
                self.make_native(bytes);
                let sizes = bytes.chunks_exact(8).map(|bytes| bytes.try_into().map_or(0, u64::from_ne_bytes));
                if let Some((index, number)) = sizes.enumerate().find(|&(_, number)| i64::try_from(number).is_err()) {
                    let part = format!("element {:?}", self.index(element + index));
                    return Err(Error::Unsupported { part, what: format!("{number}, more than i64 holds,") });
                }
            }
            Stored::I16 => self.widen(offset, bytes, read, |two| i32::from(i16::from_ne_bytes(two)).to_ne_bytes())?,
            Stored::U16 => self.widen(offset, bytes, read, |two| i32::from(u16::from_ne_bytes(two)).to_ne_bytes())?,
            Stored::U32 => self.widen(offset, bytes, read, |four| i64::from(u32::from_ne_bytes(four)).to_ne_bytes())?,
        }
        if self.header.dtype == DType::Bool {
            bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
        }
        Ok(())
    }

    /// Fills the bytes of a tensor with elements of `WIDE` bytes, of which the file has `NARROW`, a piece at a time.
    fn widen<const NARROW: usize, const WIDE: usize>(
        &self,
        mut offset: u64,
        bytes: &mut [u8],
        read: &mut ReadAt<'_>,
        wide: impl Fn([u8; NARROW]) -> [u8; WIDE],
    ) -> Result<(), Error> {
        const PIECE: usize = 4096;
        let mut narrow = [[0; NARROW]; PIECE];
        for piece in bytes.chunks_mut(PIECE * WIDE) {
            let narrow = &mut narrow[..piece.len() / WIDE];
            let stored = narrow.as_flattened_mut();
            read(offset, stored)?;
            self.make_native(stored);
            offset += stored.len() as u64;
            for (place, &element) in piece.chunks_exact_mut(WIDE).zip(narrow.iter()) {
                place.copy_from_slice(&wide(element));
            }
        }
        Ok(())
    }

    /// Gives stored elements the byte order of the machine.
    fn make_native(&self, bytes: &mut [u8]) {
        let size = self.header.stored_size();
        if self.header.is_big_endian != cfg!(target_endian = "big") && size > 1 {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
    }

    /// Where the element of a number is, one index for each axis.
    fn index(&self, mut element: usize) -> Vec<usize> {
        // From the axis on which neighbours in the file are neighbours.
        let mut axes: Vec<usize> = (0..self.shape.len()).collect();
        if !self.header.is_fortran_order {
            axes.reverse();
        }
        let mut index = vec![0; axes.len()];
        for axis in axes {
            index[axis] = element % self.shape[axis];
            element /= self.shape[axis];
        }
        index
    }
}

/// The header of a file, and the offset of what follows it.
fn header(start: &[u8]) -> Result<(Header, u64), Error> {
    let Some(rest) = start.strip_prefix(MAGIC) else {
        let reason = if start.is_empty() { "it is empty" } else { "it does not begin with \\x93NUMPY" };
        return Err(Error::Foreign { format: ".npy", reason });
    };
    let cut_off = || Error::corrupt("header", "the file is cut off");
    let ([major, minor], rest) = rest.split_first_chunk::<2>().ok_or_else(cut_off)?;
    let (text, rest) = match (major, minor) {
        (1, 0) => rest.split_first_chunk::<2>().map(|(length, rest)| (u32::from(u16::from_le_bytes(*length)), rest)),
        (2 | 3, 0) => rest.split_first_chunk::<4>().map(|(length, rest)| (u32::from_le_bytes(*length), rest)),
        _ => return Err(Error::corrupt("header", format!("version {major}.{minor} is none of 1.0, 2.0 and 3.0"))),
    }
    .ok_or_else(cut_off)?;
    if u64::from(text) > HEADER_LIMIT {
        return Err(Error::corrupt("header", format!("{text} bytes, more than {HEADER_LIMIT}")));
    }
    let (header, after) = rest.split_at_checked(text as usize).ok_or_else(cut_off)?;
    Ok((header::parse(header)?, (start.len() - after.len()) as u64))
}
