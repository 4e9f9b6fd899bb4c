//! Operations on every element by itself.

mod arithmetic;
mod dynamic;

use crate::backend::quantizer::Clamp;
use crate::error::check_zero_point;
use crate::{Affine, Error, Kernel, QuantizedSlice, QuantizedSliceMut, Scales};

pub use arithmetic::Operand;
pub use dynamic::Dynamic;

/// What [`Kernel::min_max`] saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinMax {
    /// The smallest finite element, infinity if there is none.
    pub min: f32,
    /// The largest finite element, negative infinity if there is none.
    pub max: f32,
    /// The number of NaN.
    pub nan: usize,
    /// The number of infinities.
    pub infinite: usize,
}

/// Quantized values that a kernel writes, and their bounds.
#[derive(Debug)]
pub struct Bounded<'a> {
    /// The quantized values.
    pub out: QuantizedSliceMut<'a>,
    /// The quantized value of 0.
    pub zero_point: i32,
    /// The smallest quantized value of the result; ReLU is `q_min = zero_point`.
    pub q_min: i32,
    /// The largest quantized value of the result.
    pub q_max: i32,
}

impl<'a> Bounded<'a> {
    /// The bytes to write and what bounds them, found to be values of the type.
    fn open(self) -> Result<(&'a mut [u8], Clamp), Error> {
        let Bounded { out, zero_point, q_min, q_max } = self;
        check_values(zero_point, (q_min, q_max), out.range())?;
        Ok((out.into_bytes(), Clamp { zero_point, q_min, q_max }))
    }
}

impl Kernel {
    /// Quantizes floats, equation (2):
    ///
    /// ```text
    /// out[i] = clamp(round(x[i] / scale) + zero_point, q_min, q_max)
    /// ```
    ///
    /// `round` is to nearest, ties to even; clamped as a float; NaN becomes the zero point.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` is not as long as `x`, [`Error::ZeroPoint`] and [`Error::Bounds`] if the parameters
    /// are not values of `u8`.
    pub fn quantize_u8(self, x: &[f32], affine: Affine, out: &mut [u8]) -> Result<(), Error> {
        self.quantize(x, affine, QuantizedSliceMut::U8(out))
    }

    /// As [`Kernel::quantize_u8`], to `i8`.
    ///
    /// # Errors
    ///
    /// As [`Kernel::quantize_u8`].
    pub fn quantize_i8(self, x: &[f32], affine: Affine, out: &mut [i8]) -> Result<(), Error> {
        self.quantize(x, affine, QuantizedSliceMut::I8(out))
    }

    fn quantize(self, x: &[f32], affine: Affine, out: QuantizedSliceMut<'_>) -> Result<(), Error> {
        let Affine { zero_point, q_min, q_max, .. } = affine;
        check_values(zero_point, (q_min, q_max), out.range())?;
        let out = out.into_bytes();
        check_same_length("out", out.len(), x.len())?;
        // SAFETY: the CPU has the backend of a `Kernel`.
        unsafe { (self.0.loops.quantize)(x, affine, out) };
        Ok(())
    }

    /// The floats of quantized values, equation (1): `out[i] = scale * (q[i] - zero_point)`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` is not as long as `q`, [`Error::ZeroPoint`] if the zero point is not a value of `u8`.
    pub fn dequantize_u8(self, q: &[u8], affine: Affine, out: &mut [f32]) -> Result<(), Error> {
        self.dequantize(QuantizedSlice::U8(q), affine, out)
    }

    /// As [`Kernel::dequantize_u8`], of `i8`.
    ///
    /// # Errors
    ///
    /// As [`Kernel::dequantize_u8`].
    pub fn dequantize_i8(self, q: &[i8], affine: Affine, out: &mut [f32]) -> Result<(), Error> {
        self.dequantize(QuantizedSlice::I8(q), affine, out)
    }

    fn dequantize(self, q: QuantizedSlice<'_>, affine: Affine, out: &mut [f32]) -> Result<(), Error> {
        check_zero_point("the values", affine.zero_point, q.range())?;
        check_same_length("out", out.len(), q.len())?;
        // SAFETY: the CPU has the backend of a `Kernel`.
        unsafe { (self.0.loops.dequantize)(q.as_bytes(), q.is_signed(), affine, out) };
        Ok(())
    }

    /// The range of the finite elements, and the number of the others.
    #[must_use]
    pub fn min_max(self, x: &[f32]) -> MinMax {
        // SAFETY: the CPU has the backend of a `Kernel`.
        unsafe { (self.0.loops.min_max)(x) }
    }

    /// Makes quantized values of sums, equation (4):
    ///
    /// ```text
    /// out[i] = clamp(round(f32(sums[i]) * multipliers[i % n]) + zero_point, q_min, q_max)
    /// ```
    ///
    /// with `n` multipliers, one for each column of `sums: [rows, n]`, or with one for all. `round` is to nearest, ties
    /// to even; the conversion and the product are rounded; a NaN becomes `q_min`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if the result is not as long as `sums` or the last row is not whole, [`Error::ZeroPoint`] and
    /// [`Error::Bounds`] if a parameter is not a value of its type.
    pub fn requantize(self, sums: &[i32], multipliers: Scales<'_>, out: Bounded<'_>) -> Result<(), Error> {
        let (out, clamp) = out.open()?;
        check_same_length("out", out.len(), sums.len())?;
        let one;
        let (multipliers, columns) = match multipliers {
            Scales::One(multiplier) => {
                one = [multiplier];
                (&one[..], sums.len())
            }
            Scales::Each(each) => (each, each.len()),
        };
        let rows = sums.len().checked_div(columns).unwrap_or(0);
        check_same_length("sums", sums.len(), rows * columns)?;
        for (sums, out) in sums.chunks_exact(columns.max(1)).zip(out.chunks_exact_mut(columns.max(1))) {
            // SAFETY: the CPU has the backend of a `Kernel`.
            unsafe { (self.0.loops.requantize)(sums, multipliers, clamp, out) };
        }
        Ok(())
    }

    /// `out[i] = table[x[i]]`: any function of one quantized value.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` is not as long as `x`.
    pub fn lookup(self, table: &[u8; 256], x: &[u8], out: &mut [u8]) -> Result<(), Error> {
        check_same_length("out", out.len(), x.len())?;
        out.iter_mut().zip(x).for_each(|(out, x)| *out = table[usize::from(*x)]);
        Ok(())
    }
}

fn check_same_length(what: &'static str, actual: usize, expected: usize) -> Result<(), Error> {
    if actual == expected { Ok(()) } else { Err(Error::Length { what, expected, actual }) }
}

/// Checks that a zero point and bounds are values of a type with this range.
pub(crate) fn check_values(zero_point: i32, (q_min, q_max): (i32, i32), range: (i32, i32)) -> Result<(), Error> {
    check_zero_point("the result", zero_point, range)?;
    if q_min > q_max || q_min < range.0 || q_max > range.1 {
        return Err(Error::Bounds { q_min, q_max });
    }
    Ok(())
}
