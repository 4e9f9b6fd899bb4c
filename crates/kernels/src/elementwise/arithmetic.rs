//! Sums and products of quantized values.

use super::{Bounded, check_same_length};
use crate::backend::loops;
use crate::error::check_zero_point;
use crate::{Error, Kernel, QuantizedSlice};

/// An operand of [`Kernel::add`] or [`Kernel::multiply`].
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// The quantized values, as many as the result has; or a single one, which goes with every quantized value of the
    /// other operand.
    pub values: QuantizedSlice<'a>,
    /// The quantized value of 0.
    pub zero_point: i32,
}

impl<'a> Operand<'a> {
    /// The operand for a loop over `length` quantized values.
    fn open(self, length: usize) -> Result<loops::Operand<'a>, Error> {
        let Operand { values, zero_point } = self;
        if values.len() != 1 {
            check_same_length("an operand", values.len(), length)?;
        }
        check_zero_point("an operand", zero_point, values.range())?;
        Ok(loops::Operand { values: values.as_bytes(), is_signed: values.is_signed(), zero_point })
    }
}

impl Kernel {
    /// Adds quantized values:
    ///
    /// ```text
    /// out[i] = clamp(round(fma(m_b, b[i], fma(m_a, a[i], c))), q_min, q_max)
    /// c = zero_point - (m_a * z_a + m_b * z_b)
    /// ```
    ///
    /// where a multiplier is the scale of its operand divided by the scale of the result; `fma(x, y, z)` is `x * y + z`
    /// rounded once, the steps of `c` are rounded one by one; `round` is to nearest, ties to even; a NaN becomes
    /// `q_min`. This is the sum of ONNX Runtime's QLinearAdd, bit for bit: unlike in equation (4) the zero point is
    /// added before rounding, so that with an odd one ties go the other way. (Source: its vectors; the formula is that
    /// of MLAS on CPUs with fused multiplication.)
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if an operand is neither as long as the result nor a single quantized value,
    /// [`Error::ZeroPoint`] and [`Error::Bounds`] if a parameter is not a value of its type.
    pub fn add(
        self,
        (a, m_a): (Operand<'_>, f32),
        (b, m_b): (Operand<'_>, f32),
        sum: Bounded<'_>,
    ) -> Result<(), Error> {
        let (out, clamp) = sum.open()?;
        let (a, b) = (a.open(out.len())?, b.open(out.len())?);
        // SAFETY: the CPU has the backend of a `Kernel`; the operands are as long as the result, or single quantized
        // values.
        unsafe { (self.0.loops.add)((a, m_a), (b, m_b), clamp, out) };
        Ok(())
    }

    /// Multiplies quantized values:
    ///
    /// ```text
    /// out[i] = clamp(round(f32((a[i] - z_a) * (b[i] - z_b)) * multiplier + f32(zero_point)), q_min, q_max)
    /// ```
    ///
    /// where the multiplier is `scale_a * scale_b / scale_out`. The inner product is exact, the outer one and the sum
    /// are rounded; `round` is to nearest, ties to even; a NaN becomes `q_min`. The zero point is added before
    /// rounding, as in [`Kernel::add`].
    ///
    /// # Errors
    ///
    /// As [`Kernel::add`].
    pub fn multiply(self, a: Operand<'_>, b: Operand<'_>, multiplier: f32, product: Bounded<'_>) -> Result<(), Error> {
        let (out, clamp) = product.open()?;
        let (a, b) = (a.open(out.len())?, b.open(out.len())?);
        // SAFETY: the CPU has the backend of a `Kernel`; the operands are as long as the result, or single quantized
        // values.
        unsafe { (self.0.loops.multiply)(a, b, multiplier, clamp, out) };
        Ok(())
    }
}
