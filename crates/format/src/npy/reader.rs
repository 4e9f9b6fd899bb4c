//! A `.npy` file that is read a few rows at a time.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use fourfold_graph::Limits;
use fourfold_tensor::{DType, Shape, Tensor};

use super::header::{self, Header};
use super::{HEADER_LIMIT, MAGIC};
use crate::Error;

/// A `.npy` file of which only the header is in memory; rows are read when they are asked for.
///
/// ```
/// use std::io::Cursor;
/// use fourfold_format::npy;
/// use fourfold_graph::Limits;
/// use fourfold_tensor::Tensor;
///
/// let file = npy::write(&Tensor::from_vec(&[3, 2], vec![0_u8, 1, 2, 3, 4, 5])?);
/// let mut reader = npy::Reader::new(Cursor::new(file), &Limits::default())?;
/// assert_eq!(reader.shape(), [3, 2]);
/// assert_eq!(reader.rows(1..2)?, Tensor::from_vec(&[1, 2], vec![2_u8, 3])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    header: Header,
    shape: Shape,
    /// Offset of the first element.
    data: u64,
    limits: Limits,
}

impl<R: Read + Seek> Reader<R> {
    /// Reads the header, and checks that the file is as long as it says. Limits hold for what is read at once, not for
    /// the file.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] and [`Error::Corrupt`] for invalid files, [`Error::Unsupported`] for other element types,
    /// [`Error::Read`] if the source fails.
    pub fn new(mut source: R, limits: &Limits) -> Result<Self, Error> {
        let length = source.seek(SeekFrom::End(0)).map_err(failed(0))?;
        source.rewind().map_err(failed(0))?;
        let (header, data) = header(&mut source, length)?;
        let shape = Shape::new(&header.shape).map_err(|error| Error::corrupt("header", error.to_string()))?;
        let (expected, actual) = ((shape.element_count() * header.dtype.size()) as u64, length - data);
        if actual != expected {
            let reason = format!("{actual} bytes, but shape {shape} of {} takes {expected}", header.dtype);
            return Err(Error::corrupt("data", reason));
        }
        Ok(Self { source, header, shape, data, limits: limits.clone() })
    }

    /// The type of the elements.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.header.dtype
    }

    /// The axis sizes, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Some rows: a range of the first axis, all other axes whole.
    ///
    /// A file in Fortran order is read in as many pieces as a row has elements.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if the file has no such rows, [`Error::Limit`] if they have more elements than allowed,
    /// [`Error::Read`] if the source fails or has become shorter.
    pub fn rows(&mut self, range: Range<usize>) -> Result<Tensor, Error> {
        let count = self.shape.first().copied().unwrap_or(0);
        if range.start > range.end || range.end > count {
            return Err(fourfold_tensor::Error::Rows { start: range.start, end: range.end, len: count }.into());
        }
        let mut shape = self.shape.to_vec();
        if let Some(first) = shape.first_mut() {
            *first = range.len();
        }
        self.part(&shape, range.start)
    }

    /// All elements.
    ///
    /// # Errors
    ///
    /// As [`Reader::rows`].
    pub fn tensor(&mut self) -> Result<Tensor, Error> {
        let shape = self.shape;
        self.part(&shape, 0)
    }

    /// A tensor of the given shape, whose first row is the file's row `first`.
    fn part(&mut self, shape: &[usize], first: usize) -> Result<Tensor, Error> {
        let count: usize = shape.iter().product();
        Limits::check("elements", count as u64, self.limits.elements)?;
        let (dtype, size) = (self.header.dtype, self.header.dtype.size());
        let mut tensor = Tensor::zeros(dtype, shape)?;
        if self.header.is_fortran_order && shape.len() > 1 {
            // The elements of one column, all rows of it, are neighbours.
            let (rows, all) = (shape[0], self.shape[0]);
            let columns = count.checked_div(rows).unwrap_or(0);
            let reversed: Vec<usize> = shape.iter().rev().copied().collect();
            let mut transposed = Tensor::zeros(dtype, &reversed)?;
            for (column, bytes) in (0..columns).zip(transposed.bytes_mut()?.chunks_exact_mut((rows * size).max(1))) {
                self.read_at(column * all + first, bytes)?;
            }
            tensor = super::transposed(&transposed)?;
        } else {
            let row: usize = shape.iter().skip(1).product();
            self.read_at(first * row, tensor.bytes_mut()?)?;
        }
        if self.header.is_big_endian != cfg!(target_endian = "big") && size > 1 {
            tensor.bytes_mut()?.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        Ok(tensor)
    }

    /// Fills `bytes` with the elements from that of number `element` on.
    fn read_at(&mut self, element: usize, bytes: &mut [u8]) -> Result<(), Error> {
        let offset = self.data + element as u64 * self.header.dtype.size() as u64;
        self.source.seek(SeekFrom::Start(offset)).map_err(failed(offset))?;
        self.source.read_exact(bytes).map_err(failed(offset))
    }
}

/// The header of a file of `length` bytes, and the offset of what follows it.
fn header(source: &mut impl Read, length: u64) -> Result<(Header, u64), Error> {
    let mut start = Vec::new();
    let most = MAGIC.len() as u64 + 6 + HEADER_LIMIT;
    source.take(most).read_to_end(&mut start).map_err(failed(0))?;
    let Some(rest) = start.strip_prefix(MAGIC) else {
        let reason = if length == 0 { "it is empty" } else { "it does not begin with \\x93NUMPY" };
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
    let data = (start.len() - after.len()) as u64;
    Ok((header::parse(header)?, data))
}

/// An error of the source, and where it was.
fn failed(offset: u64) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::corrupt("data", format!("the file ends behind offset {offset}")),
        kind => Error::Read { offset, kind, reason: error.to_string() },
    }
}
