//! A `.npy` file that is read a few rows at a time.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use fourfold_error::Limits;
use fourfold_tensor::{DType, Tensor};

use super::Elements;
use crate::Error;

/// A `.npy` file of which only the header is in memory; rows are read when they are asked for.
///
/// ```
/// use std::io::Cursor;
/// use fourfold_format::npy;
/// use fourfold_error::Limits;
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
    elements: Elements,
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
        let mut start = Vec::new();
        source.by_ref().take(Elements::HEAD).read_to_end(&mut start).map_err(failed(0))?;
        Ok(Self { source, elements: Elements::new(&start, length)?, limits: limits.clone() })
    }

    /// The type of the elements.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.elements.dtype()
    }

    /// The axis sizes, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.elements.shape()
    }

    /// Some rows: a range of the first axis, all other axes whole.
    ///
    /// A file in Fortran order is read in as many pieces as a row has elements.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if the file has no such rows, [`Error::Limit`] if they have more elements than allowed,
    /// [`Error::Unsupported`] for an unsigned number that `i64` does not hold, [`Error::Read`] if the source fails or
    /// has become shorter.
    pub fn rows(&mut self, range: Range<usize>) -> Result<Tensor, Error> {
        self.elements.rows(range, &self.limits, &mut |offset, bytes| read_at(&mut self.source, offset, bytes))
    }

    /// All elements.
    ///
    /// # Errors
    ///
    /// As [`Reader::rows`].
    pub fn tensor(&mut self) -> Result<Tensor, Error> {
        self.elements.tensor(&self.limits, &mut |offset, bytes| read_at(&mut self.source, offset, bytes))
    }
}

/// Fills `bytes` with those of the file from `offset` on.
pub(crate) fn read_at(source: &mut (impl Read + Seek), offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
    source.seek(SeekFrom::Start(offset)).map_err(failed(offset))?;
    source.read_exact(bytes).map_err(failed(offset))
}

/// An error of the source, and where it was.
pub(crate) fn failed(offset: u64) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::corrupt("data", format!("the file ends behind offset {offset}")),
        kind => Error::Read { offset, kind, reason: error.to_string() },
    }
}
