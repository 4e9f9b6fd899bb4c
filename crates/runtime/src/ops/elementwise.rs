//! Operators that treat every element by itself.

use fourfold_graph::Activation;
use fourfold_math::wide;
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Shape, Tensor};

use super::strided::Strided;
use super::{Action, Budget, Call, Operand, Scratch, channels};
use crate::Error;
use crate::plan::Layout;

/// `min(max(x, min), max)` of real numbers; NaN stays.
#[derive(Debug)]
pub(crate) struct Clamp {
    bounds: (f32, f32),
}

impl Clamp {
    pub(crate) fn new(activation: Activation) -> Self {
        Self { bounds: activation.bounds() }
    }
}

impl Action for Clamp {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let (min, max) = self.bounds;
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        out.iter_mut().zip(call.inputs[0].elements::<f32>()).for_each(|(out, x)| *out = x.clamp(min, max));
        Ok(())
    }
}

/// A clamp of codes that keep their parameters.
#[derive(Debug)]
pub(crate) struct QuantizedClamp {
    signed: bool,
    bounds: (i32, i32),
}

impl QuantizedClamp {
    pub(crate) fn new(params: &QuantParams, activation: Activation) -> Self {
        Self { signed: params.dtype() == DType::I8, bounds: activation.quantized_bounds(params) }
    }
}

impl Action for QuantizedClamp {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds are codes of the type")]
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let ((min, max), x) = (self.bounds, call.inputs[0]);
        if self.signed {
            let out = bytemuck::cast_slice_mut::<u8, i8>(call.output);
            out.iter_mut().zip(x.elements::<i8>()).for_each(|(out, x)| *out = (*x).clamp(min as i8, max as i8));
        } else {
            call.output.iter_mut().zip(x.bytes).for_each(|(out, x)| *out = (*x).clamp(min as u8, max as u8));
        }
        Ok(())
    }
}

/// The elements of two operands, each repeated to the shape of the result.
pub(crate) fn broadcast<'a>(
    operands: &[Operand<'a>],
    shape: Shape,
    [scratch_a, scratch_b]: &'a mut [Vec<f32>; 2],
    budget: &mut Budget,
) -> Result<[&'a [f32]; 2], Error> {
    let [a, b] = [(operands[0], scratch_a), (operands[1], scratch_b)].map(|(operand, scratch)| {
        if operand.shape == shape {
            return Ok(operand.elements::<f32>());
        }
        let expanded = budget.reserve(scratch, shape.element_count())?;
        Strided::broadcast(operand.shape, shape).copy(operand.elements(), shape, expanded);
        Ok::<_, Error>(&*expanded)
    });
    Ok([a?, b?])
}

/// The sum of real numbers, broadcast.
#[derive(Debug)]
pub(crate) struct Add {
    bounds: (f32, f32),
}

impl Add {
    pub(crate) fn new(activation: Activation) -> Self {
        Self { bounds: activation.bounds() }
    }
}

impl Action for Add {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let Scratch { reals, budget, .. } = call.scratch;
        let [a, b] = broadcast(call.inputs, call.output_shape, reals, budget)?;
        let (min, max) = self.bounds;
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        wide(
            #[inline(always)]
            || out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = (a + b).clamp(min, max)),
        );
        Ok(())
    }
}

/// `x * factor[c] + offset[c]`: a batch normalization with its statistics folded into two numbers per channel.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    factors: Vec<f32>,
    offsets: Vec<f32>,
    layout: Layout,
}

impl BatchNorm {
    /// From `[scale, bias, mean, variance]`.
    #[expect(clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
    pub(crate) fn new(epsilon: f32, constants: [&Tensor; 4], layout: Layout) -> Result<Self, Error> {
        let [scale, bias, mean, variance] = constants.map(|constant| constant.as_slice::<f32>());
        let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
        let factor = |c: usize| f64::from(scale[c]) / (f64::from(variance[c]) + f64::from(epsilon)).sqrt();
        let channels = 0..scale.len();
        Ok(Self {
            factors: channels.clone().map(|c| factor(c) as f32).collect(),
            offsets: channels.map(|c| (f64::from(bias[c]) - f64::from(mean[c]) * factor(c)) as f32).collect(),
            layout,
        })
    }
}

impl Action for BatchNorm {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0].elements::<f32>();
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        let (_, channels, positions) = channels(&call.output_shape);
        match self.layout {
            Layout::RowMajor => {
                let runs = out.chunks_mut(positions.max(1)).zip(x.chunks(positions.max(1))).enumerate();
                for (index, (out, x)) in runs {
                    let (factor, offset) = (self.factors[index % channels], self.offsets[index % channels]);
                    out.iter_mut().zip(x).for_each(|(out, x)| *out = x * factor + offset);
                }
            }
            Layout::ChannelsLast => {
                for (out, x) in out.chunks_mut(channels.max(1)).zip(x.chunks(channels.max(1))) {
                    let affine = self.factors.iter().zip(&self.offsets);
                    out.iter_mut()
                        .zip(x)
                        .zip(affine)
                        .for_each(|((out, x), (factor, offset))| *out = x * factor + offset);
                }
            }
        }
        Ok(())
    }
}
