//! Normalizations.

use fourfold_graph::{Op, ValueId};
use fourfold_tensor::{DType, Tensor};

use crate::{Builder, Error, Module};

/// `nn.BatchNorm1d`.
pub type BatchNorm1d = BatchNorm;
/// `nn.BatchNorm2d`.
pub type BatchNorm2d = BatchNorm;
/// `nn.BatchNorm3d`.
pub type BatchNorm3d = BatchNorm;

/// `(x - running_mean) / sqrt(running_var + eps) * weight + bias` per channel.
///
/// Keys: `weight`, `bias`, `running_mean`, `running_var`, each `[channels]`; `num_batches_tracked` may be there and is
/// not read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    channels: usize,
    eps: f32,
    affine: bool,
}

impl BatchNorm {
    /// A normalization with `eps = 1e-5`, a weight and a bias.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        Self { channels, eps: 1e-5, affine: true }
    }

    /// What is added to the variance.
    #[must_use]
    pub fn eps(self, eps: f32) -> Self {
        Self { eps, ..self }
    }

    /// Whether there are a weight and a bias.
    #[must_use]
    pub fn affine(self, affine: bool) -> Self {
        Self { affine, ..self }
    }
}

impl Module for BatchNorm {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let shape = [self.channels];
        let weight = weight(builder, &shape, self.affine)?;
        let bias = bias(builder, &shape, self.affine)?;
        let mean = builder.parameter("running_mean", &shape)?;
        let variance = builder.parameter("running_var", &shape)?;
        builder.ignore("num_batches_tracked");
        builder.node(Op::BatchNorm(fourfold_graph::BatchNorm { epsilon: self.eps }), &[x, weight, bias, mean, variance])
    }
}

/// `nn.LayerNorm`: `(x - mean) / sqrt(variance + eps) * weight + bias` over the last axes. Keys: `weight`, `bias`, of
/// the shape of those axes.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    shape: Vec<usize>,
    eps: f32,
    affine: bool,
    bias: bool,
}

impl LayerNorm {
    /// A normalization over the last axis, with `eps = 1e-5`, a weight and a bias.
    #[must_use]
    pub fn new(features: usize) -> Self {
        Self::over(&[features])
    }

    /// A normalization over the last axes, of the given sizes.
    #[must_use]
    pub fn over(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), eps: 1e-5, affine: true, bias: true }
    }

    /// What is added to the variance.
    #[must_use]
    pub fn eps(self, eps: f32) -> Self {
        Self { eps, ..self }
    }

    /// Whether there are a weight and a bias.
    #[must_use]
    pub fn elementwise_affine(self, affine: bool) -> Self {
        Self { affine, ..self }
    }

    /// Whether there is a bias beside the weight.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }
}

impl Module for LayerNorm {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let rank = builder.ty(x).rank();
        let Some(axis) = rank.checked_sub(self.shape.len()) else {
            return Err(builder.error(format!("{} axes to normalize over, the operand has {rank}", self.shape.len())));
        };
        let mut inputs = vec![x, weight(builder, &self.shape, self.affine)?];
        if self.affine && self.bias {
            inputs.push(builder.parameter("bias", &self.shape)?);
        }
        builder.node(Op::LayerNorm(fourfold_graph::LayerNorm { axis, epsilon: self.eps }), &inputs)
    }
}

/// `nn.GroupNorm`: `(x - mean) / sqrt(variance + eps) * weight + bias`, mean and variance of each image and group of
/// channels. Keys: `weight`, `bias`, each `[channels]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupNorm {
    groups: usize,
    channels: usize,
    eps: f32,
    affine: bool,
}

impl GroupNorm {
    /// A normalization with `eps = 1e-5`, a weight and a bias.
    #[must_use]
    pub fn new(groups: usize, channels: usize) -> Self {
        Self { groups, channels, eps: 1e-5, affine: true }
    }

    /// What is added to the variance.
    #[must_use]
    pub fn eps(self, eps: f32) -> Self {
        Self { eps, ..self }
    }

    /// Whether there are a weight and a bias.
    #[must_use]
    pub fn affine(self, affine: bool) -> Self {
        Self { affine, ..self }
    }
}

impl Module for GroupNorm {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let weight = weight(builder, &[self.channels], self.affine)?;
        let bias = bias(builder, &[self.channels], self.affine)?;
        builder.node(
            Op::GroupNorm(fourfold_graph::GroupNorm { groups: self.groups, epsilon: self.eps }),
            &[x, weight, bias],
        )
    }
}

/// The parameter, or ones.
fn weight(builder: &mut Builder, shape: &[usize], affine: bool) -> Result<ValueId, Error> {
    without(builder, "weight", shape, affine, 1.0)
}

/// The parameter, or zeros.
fn bias(builder: &mut Builder, shape: &[usize], affine: bool) -> Result<ValueId, Error> {
    without(builder, "bias", shape, affine, 0.0)
}

fn without(builder: &mut Builder, name: &str, shape: &[usize], affine: bool, default: f32) -> Result<ValueId, Error> {
    builder.constant(name, |builder| match affine {
        true => builder.tensor(name, shape),
        false => {
            let mut tensor = Tensor::zeros(DType::F32, shape)?;
            tensor.as_mut_slice::<f32>()?.fill(default);
            Ok(tensor)
        }
    })
}
