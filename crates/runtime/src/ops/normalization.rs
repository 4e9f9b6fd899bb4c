//! Normalizations, in sums of one fixed order.

use fourfold_graph::{Node, Value};
use fourfold_math as math;
use fourfold_tensor::Tensor;
use fourfold_tensor::memory::copied;

use super::weight::bias_of;
use super::{Action, Call, Lower, Scratch, channels};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::BatchNorm {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let layout = lowering.layout(node.inputs()[0]);
        let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|operand| lowering.constant(node, operand));
        let action = BatchNorm::new(self.epsilon, [scale?, bias?, mean?, variance?], layout)?;
        lowering.add(node, layout, 1, action);
        Ok(())
    }
}

impl Lower for fourfold_graph::LayerNorm {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let action = LayerNorm::new(lowering.constant(node, 1)?, lowering.bias(node), self.epsilon)?;
        lowering.add(node, Layout::RowMajor, 1, action);
        Ok(())
    }
}

impl Lower for fourfold_graph::GroupNorm {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let (scale, bias) = (lowering.constant(node, 1)?, lowering.constant(node, 2)?);
        let action = GroupNorm::new(self.groups, self.epsilon, scale, bias)?;
        lowering.add(node, Layout::RowMajor, 1, action);
        Ok(())
    }
}

/// `x * factor[c] + offset[c]`: a batch normalization with its statistics folded into two numbers per channel, in any
/// layout.
#[derive(Debug)]
struct BatchNorm {
    factors: Vec<f32>,
    offsets: Vec<f32>,
    layout: Layout,
}

impl BatchNorm {
    /// From `[scale, bias, mean, variance]`.
    #[expect(clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
    fn new(epsilon: f32, constants: [&Tensor; 4], layout: Layout) -> Result<Self, Error> {
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

/// A normalization over the last axes, row-major.
#[derive(Debug)]
struct LayerNorm {
    scale: Vec<f32>,
    bias: Option<Vec<f32>>,
    epsilon: f32,
}

impl LayerNorm {
    fn new(scale: &Tensor, bias: Option<&Value>, epsilon: f32) -> Result<Self, Error> {
        Ok(Self { scale: copied(scale.as_slice()?)?, bias: bias_of(bias)?, epsilon })
    }
}

impl Action for LayerNorm {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let norm = math::LayerNorm { gamma: &self.scale, beta: self.bias.as_deref(), epsilon: self.epsilon };
        Ok(norm.apply(call.inputs[0].elements(), bytemuck::cast_slice_mut(call.output))?)
    }
}

/// A normalization of each image and group of channels, row-major.
#[derive(Debug)]
struct GroupNorm {
    groups: usize,
    scale: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl GroupNorm {
    fn new(groups: usize, epsilon: f32, scale: &Tensor, bias: &Tensor) -> Result<Self, Error> {
        Ok(Self { groups, scale: copied(scale.as_slice()?)?, bias: copied(bias.as_slice()?)?, epsilon })
    }
}

impl Action for GroupNorm {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let channels = self.scale.len();
        let positions: usize = x.shape[2..].iter().product();
        let width = channels / self.groups.max(1) * positions;
        let Scratch { floats: [ones, _], budget, .. } = call.scratch;
        let ones = budget.reserve(ones, width)?;
        ones.fill(1.0);
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        math::LayerNorm { gamma: ones, beta: None, epsilon: self.epsilon }.apply(x.elements(), out)?;
        for (index, out) in out.chunks_exact_mut(positions.max(1)).enumerate() {
            let (scale, bias) = (self.scale[index % channels], self.bias[index % channels]);
            out.iter_mut().for_each(|out| *out = *out * scale + bias);
        }
        Ok(())
    }
}
