//! Outputs of products: the `i32` sums, scaled to floats, or requantized.

use crate::elementwise::check_values;
use crate::error::{check_length, check_matrix, check_zero_point};
use crate::{Error, QuantizedSlice, Scales};

/// The result of a product `[m, n]` and how it is made of the exact sums `acc`.
#[derive(Debug)]
pub enum Output<'a> {
    /// The sums.
    I32(I32Output<'a>),
    /// Floats.
    F32(F32Output<'a>),
    /// Unsigned quantized values.
    U8(Requantized<'a, u8>),
    /// Signed quantized values.
    I8(Requantized<'a, i8>),
}

/// `out[i, j] = acc[i, j] + bias[j]`, modulo 2^32.
#[derive(Debug)]
pub struct I32Output<'a> {
    /// `[m, n]`, row-major.
    pub out: &'a mut [i32],
    /// Elements from one row to the next; at least `n`.
    pub row_stride: usize,
    /// One for each column.
    pub bias: Option<&'a [i32]>,
}

/// `out[i, j] = min(max(f32(acc[i, j]) * (row_scales[i] * column_scales[j]) + bias[j], min), max)`, every operation
/// rounded by itself; NaN stays.
#[derive(Debug)]
pub struct F32Output<'a> {
    /// `[m, n]`, row-major.
    pub out: &'a mut [f32],
    /// Elements from one row to the next; at least `n`.
    pub row_stride: usize,
    /// One, or one for each row.
    pub row_scales: Scales<'a>,
    /// One, or one for each column.
    pub column_scales: Scales<'a>,
    /// One for each column; 0 if absent.
    pub bias: Option<&'a [f32]>,
    /// The lower bound, negative infinity for none.
    pub min: f32,
    /// The upper bound, infinity for none.
    pub max: f32,
}

/// Equation (4), with an optional second operand:
///
/// ```text
/// t = f32(acc[i, j] + bias[j]) * multipliers[j]  [ + f32(residual[i, j] - residual.zero_point) * residual.multiplier ]
/// out[i, j] = clamp(round(t) + zero_point, q_min, q_max)
/// ```
///
/// `round` is to nearest, ties to even; every operation is rounded by itself; a NaN becomes `q_min`.
#[derive(Debug)]
pub struct Requantized<'a, T> {
    /// `[m, n]`, row-major.
    pub out: &'a mut [T],
    /// Elements from one row to the next; at least `n`.
    pub row_stride: usize,
    /// One for each column, added modulo 2^32.
    pub bias: Option<&'a [i32]>,
    /// One, or one for each column.
    pub multipliers: Scales<'a>,
    /// The quantized value of 0.
    pub zero_point: i32,
    /// The smallest quantized value of the result; ReLU is `q_min = zero_point`.
    pub q_min: i32,
    /// The largest quantized value of the result.
    pub q_max: i32,
    /// Added before rounding.
    pub residual: Option<Residual<'a>>,
}

/// A second operand of a sum, `[m, n]` quantized values.
#[derive(Clone, Copy, Debug)]
pub struct Residual<'a> {
    /// The quantized values, row-major.
    pub values: QuantizedSlice<'a>,
    /// Elements from one row to the next; at least `n`.
    pub row_stride: usize,
    /// The quantized value of 0.
    pub zero_point: i32,
    /// The scale of the quantized values divided by the scale of the result.
    pub multiplier: f32,
}

impl Output<'_> {
    /// The same output, borrowed for a shorter lifetime.
    pub(crate) fn reborrow(&mut self) -> Output<'_> {
        match self {
            Output::I32(output) => Output::I32(I32Output { out: output.out, ..*output }),
            Output::F32(output) => Output::F32(F32Output { out: output.out, ..*output }),
            Output::U8(output) => Output::U8(Requantized { out: output.out, ..*output }),
            Output::I8(output) => Output::I8(Requantized { out: output.out, ..*output }),
        }
    }

    /// Checks all lengths and bounds for a product `[m, n]`; returns the output with strides that [`check_matrix`]
    /// found.
    pub(crate) fn checked(self, m: usize, n: usize) -> Result<Self, Error> {
        let check_bias = |bias: Option<usize>| bias.map_or(Ok(()), |length| check_length("bias", length, n));
        Ok(match self {
            Output::I32(output) => {
                let row_stride = check_matrix("out", (m, n), output.row_stride, output.out.len())?;
                check_bias(output.bias.map(<[i32]>::len))?;
                Output::I32(I32Output { row_stride, ..output })
            }
            Output::F32(output) => {
                let row_stride = check_matrix("out", (m, n), output.row_stride, output.out.len())?;
                output.row_scales.check("row scales", m)?;
                output.column_scales.check("column scales", n)?;
                check_bias(output.bias.map(<[f32]>::len))?;
                Output::F32(F32Output { row_stride, ..output })
            }
            Output::U8(output) => Output::U8(output.checked((m, n), (0, 255))?),
            Output::I8(output) => Output::I8(output.checked((m, n), (-128, 127))?),
        })
    }
}

impl<T> Requantized<'_, T> {
    fn checked(mut self, (m, n): (usize, usize), range: (i32, i32)) -> Result<Self, Error> {
        self.row_stride = check_matrix("out", (m, n), self.row_stride, self.out.len())?;
        self.multipliers.check("multipliers", n)?;
        if let Some(bias) = self.bias {
            check_length("bias", bias.len(), n)?;
        }
        check_values(self.zero_point, (self.q_min, self.q_max), range)?;
        if let Some(residual) = &mut self.residual {
            residual.row_stride = check_matrix("residual", (m, n), residual.row_stride, residual.values.len())?;
            check_zero_point("the residual", residual.zero_point, residual.values.range())?;
        }
        Ok(self)
    }
}
