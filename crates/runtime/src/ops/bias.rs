//! Layers whose weight has no elements: no input or output channels. All sums are empty, and the bias alone is the
//! result.

use fourfold_graph::{Activation, Node, Value};
use fourfold_kernels::Kernel;
use fourfold_schemes::QuantParams;
use fourfold_tensor::memory::filled;

use super::requantize::Requantize;
use super::{Action, Call};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

/// Adds the step of a layer whose weight has no elements; `weight` holds the parameters of all its output channels.
pub(crate) fn lower(
    lowering: &mut Lowering<'_>,
    node: &Node,
    weight: Option<&QuantParams>,
    activation: Activation,
    layout: Layout,
) -> Result<(), Error> {
    let bias = lowering.bias(node);
    let action = if !lowering.is_quantized(node) {
        Bias::float(bias, activation)?
    } else if lowering.ty(node.output()).params().is_none() {
        Bias::sums(bias)?
    } else if bias.is_none() {
        Bias::zero(lowering.result_params(node)?, activation)?
    } else {
        let weight = weight.ok_or_else(|| lowering.unsupported(node))?;
        let (x, y) = (lowering.params(node, 0)?, lowering.result_params(node)?);
        Bias::requantized(lowering.kernel, &Requantize::new(x, weight, bias, y, activation)?)?
    };
    lowering.add(node, layout, 1, action);
    Ok(())
}

/// The same values in every row `[channels]` of the result, in the layout that has channels last.
#[derive(Debug)]
struct Bias {
    /// The bytes of a row, or of one element if all are the same.
    row: Vec<u8>,
}

impl Bias {
    /// Of floats: `clamp(0 + bias)`.
    fn float(bias: Option<&Value>, activation: Activation) -> Result<Self, Error> {
        let bias = bias.and_then(Value::constant).map(|bias| bias.as_slice::<f32>()).transpose()?.unwrap_or(&[0.0]);
        let (min, max) = activation.bounds();
        let mut row = filled(0_u8, size_of_val(bias))?;
        for (out, bias) in row.chunks_exact_mut(size_of::<f32>()).zip(bias) {
            out.copy_from_slice(&(0.0 + bias).clamp(min, max).to_ne_bytes());
        }
        Ok(Self { row })
    }

    /// Of quantized values, whose result is the sums.
    fn sums(bias: Option<&Value>) -> Result<Self, Error> {
        let bias = bias.and_then(Value::constant).map(|bias| bias.as_slice::<i32>()).transpose()?.unwrap_or(&[0]);
        let mut row = filled(0_u8, size_of_val(bias))?;
        for (out, bias) in row.chunks_exact_mut(size_of::<i32>()).zip(bias) {
            out.copy_from_slice(&bias.to_ne_bytes());
        }
        Ok(Self { row })
    }

    /// Of quantized values with a bias, equation (4).
    fn requantized(kernel: Kernel, requantize: &Requantize) -> Result<Self, Error> {
        Ok(Self { row: requantize.of_bias(kernel)? })
    }

    /// Of quantized values without a bias: 0 quantized.
    fn zero(y: &QuantParams, activation: Activation) -> Result<Self, Error> {
        let (min, max) = activation.quantized_bounds(y);
        let q = y.zero_points()[0].clamp(min, max);
        Ok(Self { row: q.to_le_bytes()[..1].to_vec() })
    }
}

impl Action for Bias {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        call.output.chunks_exact_mut(self.row.len().max(1)).for_each(|row| row.copy_from_slice(&self.row));
        Ok(())
    }
}
