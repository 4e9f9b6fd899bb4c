//! Layers whose weight has no elements: no input or output channels. All sums are empty, and the bias alone is the
//! result.

use fourfold_graph::{Activation, Value};
use fourfold_kernels::Kernel;
use fourfold_schemes::QuantParams;
use fourfold_tensor::memory::filled;

use super::requantize::Requantize;
use super::{Action, Call};
use crate::Error;

/// The same numbers in every row `[channels]` of the result, in the layout that has channels last.
#[derive(Debug)]
pub(crate) struct Bias {
    /// The bytes of a row, or of one element if all are the same.
    row: Vec<u8>,
}

impl Bias {
    /// Of real numbers: `clamp(0 + bias)`.
    pub(crate) fn real(bias: Option<&Value>, activation: Activation) -> Result<Self, Error> {
        let bias = bias.and_then(Value::constant).map(|bias| bias.as_slice::<f32>()).transpose()?.unwrap_or(&[0.0]);
        let (min, max) = activation.bounds();
        let mut row = filled(0_u8, size_of_val(bias))?;
        for (out, bias) in row.chunks_exact_mut(size_of::<f32>()).zip(bias) {
            out.copy_from_slice(&(0.0 + bias).clamp(min, max).to_ne_bytes());
        }
        Ok(Self { row })
    }

    /// Of codes whose result is the sums.
    pub(crate) fn sums(bias: Option<&Value>) -> Result<Self, Error> {
        let bias = bias.and_then(Value::constant).map(|bias| bias.as_slice::<i32>()).transpose()?.unwrap_or(&[0]);
        let mut row = filled(0_u8, size_of_val(bias))?;
        for (out, bias) in row.chunks_exact_mut(size_of::<i32>()).zip(bias) {
            out.copy_from_slice(&bias.to_ne_bytes());
        }
        Ok(Self { row })
    }

    /// Of codes with a bias, equation (4).
    pub(crate) fn requantized(kernel: Kernel, end: &Requantize) -> Result<Self, Error> {
        Ok(Self { row: end.of_bias(kernel)? })
    }

    /// Of codes without a bias: the code of 0.
    pub(crate) fn zero(y: &QuantParams, activation: Activation) -> Result<Self, Error> {
        let (min, max) = activation.quantized_bounds(y);
        let code = y.zero_points()[0].clamp(min, max);
        Ok(Self { row: code.to_le_bytes()[..1].to_vec() })
    }
}

impl Action for Bias {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        call.output.chunks_exact_mut(self.row.len().max(1)).for_each(|row| row.copy_from_slice(&self.row));
        Ok(())
    }
}
