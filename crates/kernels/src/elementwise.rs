//! Operations on every element by itself.

use crate::backend::loops::{Clamp, Operand};
use crate::error::check_zero_point;
use crate::{Affine, Codes, CodesMut, Error, Kernel};

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

/// An operand of [`Kernel::add`].
#[derive(Clone, Copy, Debug)]
pub struct Addend<'a> {
    /// The codes.
    pub codes: Codes<'a>,
    /// The code of 0.
    pub zero_point: i32,
    /// The scale of the codes divided by the scale of the result.
    pub multiplier: f32,
}

/// Codes that a kernel writes, and their bounds.
#[derive(Debug)]
pub struct Sum<'a> {
    /// The codes.
    pub out: CodesMut<'a>,
    /// The code of 0.
    pub zero_point: i32,
    /// The smallest code of the result; ReLU is `q_min = zero_point`.
    pub q_min: i32,
    /// The largest code of the result.
    pub q_max: i32,
}

impl Kernel {
    /// Quantizes real numbers, equation (2):
    ///
    /// ```text
    /// out[i] = clamp(round(x[i] / scale) + zero_point, q_min, q_max)
    /// ```
    ///
    /// `round` is to nearest, ties to even; clamped as a real number; NaN becomes the zero point.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` is not as long as `x`, [`Error::ZeroPoint`] and [`Error::Bounds`] if the parameters are not
    /// values of `u8`.
    pub fn quantize_u8(self, x: &[f32], affine: Affine, out: &mut [u8]) -> Result<(), Error> {
        self.quantize(x, affine, CodesMut::U8(out))
    }

    /// As [`Kernel::quantize_u8`], to `i8`.
    ///
    /// # Errors
    ///
    /// As [`Kernel::quantize_u8`].
    pub fn quantize_i8(self, x: &[f32], affine: Affine, out: &mut [i8]) -> Result<(), Error> {
        self.quantize(x, affine, CodesMut::I8(out))
    }

    fn quantize(self, x: &[f32], affine: Affine, out: CodesMut<'_>) -> Result<(), Error> {
        let Affine { zero_point, q_min, q_max, .. } = affine;
        check_codes(zero_point, (q_min, q_max), out.range())?;
        let out = out.into_bytes();
        check_same_length("out", out.len(), x.len())?;
        // SAFETY: a `Kernel` is supported.
        unsafe { (self.0.loops.quantize)(x, affine, out) };
        Ok(())
    }

    /// The real numbers of codes, equation (1): `out[i] = scale * (q[i] - zero_point)`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` is not as long as `q`, [`Error::ZeroPoint`] if the zero point is not a value of `u8`.
    pub fn dequantize_u8(self, q: &[u8], affine: Affine, out: &mut [f32]) -> Result<(), Error> {
        self.dequantize(Codes::U8(q), affine, out)
    }

    /// As [`Kernel::dequantize_u8`], of `i8`.
    ///
    /// # Errors
    ///
    /// As [`Kernel::dequantize_u8`].
    pub fn dequantize_i8(self, q: &[i8], affine: Affine, out: &mut [f32]) -> Result<(), Error> {
        self.dequantize(Codes::I8(q), affine, out)
    }

    fn dequantize(self, q: Codes<'_>, affine: Affine, out: &mut [f32]) -> Result<(), Error> {
        check_zero_point("the codes", affine.zero_point, q.range())?;
        check_same_length("out", out.len(), q.len())?;
        // SAFETY: a `Kernel` is supported.
        unsafe { (self.0.loops.dequantize)(q.as_bytes(), q.is_signed(), affine, out) };
        Ok(())
    }

    /// The range of the finite elements, and the number of the others.
    #[must_use]
    pub fn min_max(self, x: &[f32]) -> MinMax {
        // SAFETY: a `Kernel` is supported.
        unsafe { (self.0.loops.min_max)(x) }
    }

    /// Quantizes every row of `x: [rows, columns]` with parameters from that row alone, equation (6):
    ///
    /// ```text
    /// low = min(row, 0)    high = max(row, 0)    scale = (high - low) / 255    zero_point = clamp(round(-low / scale), 0, 255)
    /// ```
    ///
    /// and then as [`Kernel::quantize_u8`]. Only finite values make the range; where it is 0, or too small or too large for a
    /// normal scale, the scale is 1. `out` is `[rows, columns]`; `scales` and `zero_points` get one element for each row.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if a slice has another length than the sizes say.
    pub fn quantize_rows(
        self,
        x: &[f32],
        (rows, columns): (usize, usize),
        out: &mut [u8],
        scales: &mut [f32],
        zero_points: &mut [i32],
    ) -> Result<(), Error> {
        let count = rows.checked_mul(columns).ok_or(Error::TooLarge { what: "x" })?;
        check_same_length("x", x.len(), count)?;
        check_same_length("out", out.len(), count)?;
        check_same_length("scales", scales.len(), rows)?;
        check_same_length("zero points", zero_points.len(), rows)?;
        for row in 0..rows {
            let codes = row * columns..(row + 1) * columns;
            let affine = affine_of(self.min_max(&x[codes.clone()]));
            (scales[row], zero_points[row]) = (affine.scale, affine.zero_point);
            self.quantize_u8(&x[codes.clone()], affine, &mut out[codes])?;
        }
        Ok(())
    }

    /// `out[i] = table[x[i]]`: any function of one code.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` is not as long as `x`.
    pub fn lookup(self, table: &[u8; 256], x: &[u8], out: &mut [u8]) -> Result<(), Error> {
        check_same_length("out", out.len(), x.len())?;
        out.iter_mut().zip(x).for_each(|(out, x)| *out = table[usize::from(*x)]);
        Ok(())
    }

    /// Adds codes:
    ///
    /// ```text
    /// out[i] = clamp(round(f32(a[i] - z_a) * m_a + f32(b[i] - z_b) * m_b) + zero_point, q_min, q_max)
    /// ```
    ///
    /// Both products and their sum are rounded; `round` is to nearest, ties to even; a NaN becomes `q_min`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if the operands are not as long as the result, [`Error::ZeroPoint`] and [`Error::Bounds`] if a parameter is
    /// not a value of its type.
    pub fn add(self, a: Addend<'_>, b: Addend<'_>, sum: Sum<'_>) -> Result<(), Error> {
        let Sum { out, zero_point, q_min, q_max } = sum;
        check_codes(zero_point, (q_min, q_max), out.range())?;
        let out = out.into_bytes();
        let [a, b] = [a, b].map(|Addend { codes, zero_point, multiplier }| Operand {
            codes: codes.as_bytes(),
            is_signed: codes.is_signed(),
            zero_point,
            multiplier,
        });
        for operand in [a, b] {
            check_same_length("an operand", operand.codes.len(), out.len())?;
            check_zero_point("an operand", operand.zero_point, if operand.is_signed { (-128, 127) } else { (0, 255) })?;
        }
        // SAFETY: a `Kernel` is supported.
        unsafe { (self.0.loops.add)(a, b, Clamp { zero_point, q_min, q_max }, out) };
        Ok(())
    }
}

/// The parameters of a row, equation (6).
fn affine_of(seen: MinMax) -> Affine {
    let (low, high) = (seen.min.min(0.0), seen.max.max(0.0));
    let scale = (high - low) / 255.0;
    if !(scale.is_normal() && scale > 0.0) {
        return Affine { scale: 1.0, zero_point: 0, q_min: 0, q_max: 255 };
    }
    let zero_point = crate::reference::round((-low / scale).clamp(0.0, 255.0));
    Affine { scale, zero_point, q_min: 0, q_max: 255 }
}

fn check_same_length(what: &'static str, actual: usize, expected: usize) -> Result<(), Error> {
    if actual == expected { Ok(()) } else { Err(Error::Length { what, expected, actual }) }
}

/// Checks that a zero point and bounds are values of a type with this range.
pub(crate) fn check_codes(zero_point: i32, (q_min, q_max): (i32, i32), range: (i32, i32)) -> Result<(), Error> {
    check_zero_point("the result", zero_point, range)?;
    if q_min > q_max || q_min < range.0 || q_max > range.1 {
        return Err(Error::Bounds { q_min, q_max });
    }
    Ok(())
}
