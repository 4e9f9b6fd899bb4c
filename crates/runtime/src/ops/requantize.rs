//! The epilogue of a quantized convolution or product: what its sums become.

use fourfold_graph::{Activation, Node, Value};
use fourfold_kernels::{Bounded, I32Output, Kernel, Output, Requantized};
use fourfold_schemes::{QuantParams, multiplier};
use fourfold_tensor::DType;
use fourfold_tensor::memory::{collected, filled};

use super::quantized_mut;
use super::weight::{bias_of, scales};
use crate::Error;
use crate::lower::Lowering;

/// What the sums of products become.
#[derive(Debug)]
pub(crate) enum Epilogue {
    /// Quantized values, equation (4).
    Requantize(Requantize),
    /// The sums themselves, plus a bias, as `i32`.
    Sums(Option<Vec<i32>>),
}

impl Epilogue {
    /// Of a layer with quantized operands: it requantizes if the result has parameters.
    pub(crate) fn new(lowering: &Lowering<'_>, node: &Node, activation: Activation) -> Result<Self, Error> {
        let (x, weight, bias) = (lowering.params(node, 0)?, lowering.params(node, 1)?, lowering.bias(node));
        match lowering.ty(node.output()).params() {
            Some(y) => Ok(Self::Requantize(Requantize::new(x, weight, bias, y, activation)?)),
            None => Ok(Self::Sums(bias_of(bias)?)),
        }
    }

    /// The bytes of one result.
    pub(crate) fn size(&self) -> usize {
        match self {
            Epilogue::Requantize(_) => 1,
            Epilogue::Sums(_) => size_of::<i32>(),
        }
    }

    /// Where a kernel writes rows of `columns` results.
    pub(crate) fn output<'a>(&'a self, out: &'a mut [u8], columns: usize) -> Output<'a> {
        match self {
            Epilogue::Requantize(requantize) => requantize.output(out, columns),
            Epilogue::Sums(bias) => {
                let out = bytemuck::cast_slice_mut(out);
                Output::I32(I32Output { out, row_stride: columns, bias: bias.as_deref() })
            }
        }
    }
}

/// What equation (4) needs beside the sums: bias, multipliers and the parameters of the result.
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

    /// Where a kernel writes rows of `columns` quantized values.
    pub(crate) fn output<'a>(&'a self, out: &'a mut [u8], columns: usize) -> Output<'a> {
        if self.signed {
            Output::I8(self.requantized(bytemuck::cast_slice_mut(out), columns))
        } else {
            Output::U8(self.requantized(out, columns))
        }
    }

    /// The quantized values of one row of sums of nothing but the bias, as bytes; empty if there is no bias.
    pub(crate) fn of_bias(&self, kernel: Kernel) -> Result<Vec<u8>, Error> {
        let sums = self.bias.as_deref().unwrap_or_default();
        let mut row = filled(0, sums.len())?;
        let (q_min, q_max) = self.bounds;
        let out = Bounded { out: quantized_mut(&mut row, self.signed), zero_point: self.zero_point, q_min, q_max };
        kernel.requantize(sums, scales(&self.multipliers), out)?;
        Ok(row)
    }

    fn requantized<'a, T>(&'a self, out: &'a mut [T], columns: usize) -> Requantized<'a, T> {
        Requantized {
            out,
            row_stride: columns,
            bias: self.bias.as_deref(),
            multipliers: scales(&self.multipliers),
            zero_point: self.zero_point,
            q_min: self.bounds.0,
            q_max: self.bounds.1,
            residual: None,
        }
    }
}
