//! The end of a quantized convolution or product.

use fourfold_graph::{Activation, Value};
use fourfold_kernels::{Bounded, I32Output, Kernel, Output, Requantized, Scales};
use fourfold_schemes::{QuantParams, multiplier};
use fourfold_tensor::DType;
use fourfold_tensor::memory::{collected, filled};

use super::{bias_of, codes_mut};
use crate::Error;

/// What becomes of the sums of products of codes.
#[derive(Debug)]
pub(crate) enum End {
    /// Codes, equation (4).
    Codes(Requantize),
    /// The sums themselves, with a bias that is added.
    Sums(Option<Vec<i32>>),
}

impl End {
    /// The sums of equation (3).
    pub(crate) fn sums(bias: Option<&Value>) -> Result<Self, Error> {
        Ok(Self::Sums(bias_of(bias)?))
    }

    /// The bytes of a result.
    pub(crate) fn size(&self) -> usize {
        match self {
            End::Codes(_) => 1,
            End::Sums(_) => size_of::<i32>(),
        }
    }

    /// Where a kernel writes rows of `columns` results.
    pub(crate) fn output<'a>(&'a self, out: &'a mut [u8], columns: usize) -> Output<'a> {
        match self {
            End::Codes(end) => end.output(out, columns),
            End::Sums(bias) => {
                let out = bytemuck::cast_slice_mut(out);
                Output::I32(I32Output { out, row_stride: columns, bias: bias.as_deref() })
            }
        }
    }
}

/// What equation (4) needs beside the sums: bias, multipliers and the codes of the result.
#[derive(Debug)]
pub(crate) struct Requantize {
    signed: bool,
    bias: Option<Vec<i32>>,
    multipliers: Vec<f32>,
    zero_point: i32,
    bounds: (i32, i32),
}

impl Requantize {
    /// For operands with the parameters `a` (per tensor) and `weight`, and a result with the parameters `y`.
    pub(crate) fn new(
        a: &QuantParams,
        weight: &QuantParams,
        bias: Option<&Value>,
        y: &QuantParams,
        activation: Activation,
    ) -> Result<Self, Error> {
        let (s_a, s_y) = (a.scales()[0], y.scales()[0]);
        Ok(Self {
            signed: y.dtype() == DType::I8,
            bias: bias_of(bias)?,
            multipliers: collected(weight.scales().iter().map(|&s_w| multiplier(s_a, s_w, s_y)))?,
            zero_point: y.zero_points()[0],
            bounds: activation.quantized_bounds(y),
        })
    }

    /// Where a kernel writes rows of `columns` codes.
    pub(crate) fn output<'a>(&'a self, out: &'a mut [u8], columns: usize) -> Output<'a> {
        if self.signed {
            Output::I8(self.requantized(bytemuck::cast_slice_mut(out), columns))
        } else {
            Output::U8(self.requantized(out, columns))
        }
    }

    /// The codes of one row of sums of nothing but the bias, as bytes; empty if there is no bias.
    pub(crate) fn of_bias(&self, kernel: Kernel) -> Result<Vec<u8>, Error> {
        let sums = self.bias.as_deref().unwrap_or_default();
        let mut row = filled(0, sums.len())?;
        let (q_min, q_max) = self.bounds;
        let out = Bounded { out: codes_mut(&mut row, self.signed), zero_point: self.zero_point, q_min, q_max };
        kernel.requantize(sums, self.multipliers(), out)?;
        Ok(row)
    }

    fn multipliers(&self) -> Scales<'_> {
        match self.multipliers.as_slice() {
            [one] => Scales::One(*one),
            each => Scales::Each(each),
        }
    }

    fn requantized<'a, T>(&'a self, out: &'a mut [T], columns: usize) -> Requantized<'a, T> {
        Requantized {
            out,
            row_stride: columns,
            bias: self.bias.as_deref(),
            multipliers: self.multipliers(),
            zero_point: self.zero_point,
            q_min: self.bounds.0,
            q_max: self.bounds.1,
            residual: None,
        }
    }
}
