//! NumPy's `.npy` files: one tensor each.
//!
//! Versions 1.0 to 3.0 are read; 1.0 is written, byte for byte as NumPy does. Elements are `f2`, `f4`, `f8`, `i1`,
//! `u1`, `i4`, `i8` and `b1`; NumPy has no `bf16`, which is written as `f4`, exactly. Integers of other types are read
//! as a type that holds them: `i2` and `u2` as [`DType::I32`], `u4` and `u8` as [`DType::I64`], where a number that is
//! too large is an error. Big-endian files and files in Fortran order are converted. The header is read in one pass,
//! without recursion. A [`Reader`] has a few rows in memory at a time.
//!
//! Source of the format: NumPy's `numpy/lib/format.py`.

use std::io::Cursor;

use fourfold_error::Limits;
use fourfold_tensor::{DType, Tensor, bf16};

use crate::Error;

mod elements;
mod header;
mod reader;

pub(crate) use elements::Elements;
pub use reader::Reader;
pub(crate) use reader::{failed, read_at};

pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// Header bytes that are accepted; NumPy writes about a hundred.
const HEADER_LIMIT: u64 = 10_000;

/// Reads a tensor.
///
/// # Errors
///
/// [`Error::Foreign`] and [`Error::Corrupt`] for invalid files, [`Error::Unsupported`] for other element types,
/// [`Error::Limit`] for larger tensors than allowed.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Tensor, Error> {
    Reader::new(Cursor::new(bytes), limits)?.tensor()
}

/// Writes a tensor in row-major order.
#[must_use]
pub fn write(tensor: &Tensor) -> Vec<u8> {
    [header(tensor.dtype(), tensor.shape()), elements(tensor)].concat()
}

/// The elements of a tensor as a file has them: little-endian and row-major, `bf16` as `f32`.
#[must_use]
pub fn elements(tensor: &Tensor) -> Vec<u8> {
    match tensor.as_slice::<bf16>() {
        Ok(numbers) => numbers.iter().flat_map(|number| number.to_f32().to_le_bytes()).collect(),
        Err(_) => tensor.to_le_bytes(),
    }
}

/// The bytes before the elements of a tensor. A file is these bytes and then the elements as [`elements`] gives them,
/// so that it can be written piece by piece.
#[must_use]
pub fn header(dtype: DType, shape: &[usize]) -> Vec<u8> {
    let descr = match dtype {
        DType::F32 | DType::BF16 => "<f4",
        DType::F16 => "<f2",
        DType::F64 => "<f8",
        DType::I8 => "|i1",
        DType::U8 => "|u1",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::Bool => "|b1",
    };
    let shape = match shape {
        [one] => format!("({one},)"),
        sizes => format!("({})", sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // The data begin at a multiple of 64; the header ends in a line feed.
    let prefix = MAGIC.len() + 4;
    let padding = 63 - (prefix + header.len()) % 64;
    header.extend(core::iter::repeat_n(' ', padding));
    header.push('\n');
    // At most eight sizes of at most twenty digits.
    let length = u16::try_from(header.len()).unwrap_or(u16::MAX);
    [MAGIC, &[1, 0], &length.to_le_bytes(), header.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
