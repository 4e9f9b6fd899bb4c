//! Reductions and normalizations, row-major, in sums of one fixed order.

use fourfold_graph::{Reduction, Value};
use fourfold_math as math;
use fourfold_tensor::memory::copied;
use fourfold_tensor::{Tensor, View};

use super::{Action, Call, Scratch, bias_of};
use crate::Error;

/// One number for all elements along some axes.
#[derive(Debug)]
pub(crate) struct Reduce {
    /// The axes that stay, then those that are reduced.
    axes: Vec<usize>,
    /// The number of axes that stay.
    kept: usize,
    line: fn(&[f32]) -> f32,
}

impl Reduce {
    /// The reduction of a value with `rank` axes, `None` if there is no code for it.
    pub(crate) fn new(reduction: Reduction, reduced: &[usize], rank: usize) -> Option<Self> {
        let line: fn(&[f32]) -> f32 = match reduction {
            Reduction::Mean => math::mean,
            Reduction::Sum => math::sum,
            Reduction::Max => math::max,
            Reduction::Min => math::min,
            Reduction::L2 => math::l2,
        };
        let kept: Vec<usize> = (0..rank).filter(|axis| !reduced.contains(axis)).collect();
        Some(Self { axes: [&kept[..], reduced].concat(), kept: kept.len(), line })
    }
}

impl Action for Reduce {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let Scratch { reals: [lines, _], budget, .. } = call.scratch;
        let lines = budget.reserve(lines, x.shape.element_count())?;
        View::new(x.elements::<f32>(), &x.shape)?.permute(&self.axes)?.copy_to(lines)?;
        let length: usize = self.axes[self.kept..].iter().map(|&axis| x.shape[axis]).product();
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        if length == 0 {
            out.fill((self.line)(&[]));
        }
        for (line, out) in lines.chunks_exact(length.max(1)).zip(out) {
            *out = (self.line)(line);
        }
        Ok(())
    }
}

/// A normalization over the last axes.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    scale: Vec<f32>,
    bias: Option<Vec<f32>>,
    epsilon: f32,
}

impl LayerNorm {
    pub(crate) fn new(scale: &Tensor, bias: Option<&Value>, epsilon: f32) -> Result<Self, Error> {
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
pub(crate) struct GroupNorm {
    groups: usize,
    scale: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl GroupNorm {
    pub(crate) fn new(groups: usize, epsilon: f32, scale: &Tensor, bias: &Tensor) -> Result<Self, Error> {
        Ok(Self { groups, scale: copied(scale.as_slice()?)?, bias: copied(bias.as_slice()?)?, epsilon })
    }
}

impl Action for GroupNorm {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let channels = self.scale.len();
        let positions: usize = x.shape[2..].iter().product();
        let width = channels / self.groups.max(1) * positions;
        let Scratch { reals: [ones, _], budget, .. } = call.scratch;
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
