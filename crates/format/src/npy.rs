//! NumPy's `.npy` files: one tensor each.
//!
//! Versions 1.0 to 3.0 are read; 1.0 is written, byte for byte as NumPy does. Elements are `f4`, `i1`, `u1`, `i4` and `i8`; big-endian
//! files and files in Fortran order are converted. The header is read in one pass, without recursion.
//!
//! Source of the format: NumPy's `numpy/lib/format.py`.

use fourfold_graph::Limits;
use fourfold_tensor::{DType, Element, Shape, Tensor};

use crate::Error;

mod header;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Header bytes that are accepted; NumPy writes about a hundred.
const HEADER_LIMIT: u64 = 10_000;

/// Reads a tensor.
///
/// # Errors
///
/// [`Error::Foreign`] and [`Error::Corrupt`] for invalid files, [`Error::Unsupported`] for other element types,
/// [`Error::Limit`] for larger tensors than allowed.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Tensor, Error> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        let reason = if bytes.is_empty() { "it is empty" } else { "it does not begin with \\x93NUMPY" };
        return Err(Error::Foreign { format: ".npy", reason });
    };
    let cut_off = || Error::corrupt("header", "the file is cut off");
    let ([major, minor], rest) = rest.split_first_chunk::<2>().ok_or_else(cut_off)?;
    let (length, rest) = match (major, minor) {
        (1, 0) => rest.split_first_chunk::<2>().map(|(length, rest)| (u32::from(u16::from_le_bytes(*length)), rest)),
        (2 | 3, 0) => rest.split_first_chunk::<4>().map(|(length, rest)| (u32::from_le_bytes(*length), rest)),
        _ => return Err(Error::corrupt("header", format!("version {major}.{minor} is none of 1.0, 2.0 and 3.0"))),
    }
    .ok_or_else(cut_off)?;
    if u64::from(length) > HEADER_LIMIT {
        return Err(Error::corrupt("header", format!("{length} bytes, more than {HEADER_LIMIT}")));
    }
    let (header, data) = rest.split_at_checked(length as usize).ok_or_else(cut_off)?;
    let header = header::parse(header)?;
    tensor(&header, data, limits)
}

/// Writes a tensor in row-major order.
#[must_use]
pub fn write(tensor: &Tensor) -> Vec<u8> {
    let descr = match tensor.dtype() {
        DType::F32 => "<f4",
        DType::I8 => "|i1",
        DType::U8 => "|u1",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
    };
    let shape = match tensor.shape() {
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
    let data = tensor.to_le_bytes();
    [MAGIC, &[1, 0], &length.to_le_bytes(), header.as_bytes(), &data].concat()
}

fn tensor(header: &header::Header, data: &[u8], limits: &Limits) -> Result<Tensor, Error> {
    let header::Header { dtype, is_big_endian, is_fortran_order, shape } = header;
    let shape = Shape::new(shape).map_err(|error| Error::corrupt("header", error.to_string()))?;
    Limits::check("elements", shape.element_count() as u64, limits.elements)?;
    let expected = shape.element_count() * dtype.size();
    if data.len() != expected {
        let reason = format!("{} bytes, but shape {shape} of {dtype} takes {expected}", data.len());
        return Err(Error::corrupt("data", reason));
    }
    let mut swapped;
    let mut little_endian = data;
    if *is_big_endian && dtype.size() > 1 {
        swapped = data.to_vec();
        swapped.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
        little_endian = &swapped;
    }
    if !is_fortran_order || shape.len() < 2 {
        return Ok(Tensor::from_le_bytes(*dtype, &shape, little_endian)?);
    }
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    let columns = Tensor::from_le_bytes(*dtype, &reversed, little_endian)?;
    match dtype {
        DType::F32 => transposed::<f32>(&columns),
        DType::I8 => transposed::<i8>(&columns),
        DType::U8 => transposed::<u8>(&columns),
        DType::I32 => transposed::<i32>(&columns),
        DType::I64 => transposed::<i64>(&columns),
    }
}

/// The tensor with its axes in reverse.
fn transposed<T: Element>(tensor: &Tensor) -> Result<Tensor, Error> {
    let axes: Vec<usize> = (0..tensor.shape().len()).rev().collect();
    Ok(tensor.view::<T>()?.permute(&axes)?.to_tensor())
}

#[cfg(test)]
mod tests;
