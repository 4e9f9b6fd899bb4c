//! Modules without parameters that act on every element, and softmax.

use fourfold_graph::{Op, Unary, ValueId};

use crate::{Builder, Error, Module};

/// `nn.ReLU`: `max(x, 0)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReLU;

impl Module for ReLU {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Relu, &[x])
    }
}

/// `nn.ReLU6`: `min(max(x, 0), 6)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReLU6;

impl Module for ReLU6 {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Clip(fourfold_graph::Clip { min: 0.0, max: 6.0 }), &[x])
    }
}

/// `nn.GELU`: `x / 2 * (1 + erf(x / sqrt(2)))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct GELU {
    tanh: bool,
}

impl GELU {
    /// The exact function.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `nn.GELU(approximate="tanh")`: `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`.
    #[must_use]
    pub fn tanh() -> Self {
        Self { tanh: true }
    }
}

impl Module for GELU {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Unary(if self.tanh { Unary::GeluTanh } else { Unary::Gelu }), &[x])
    }
}

/// `nn.Sigmoid`: `1 / (1 + e^-x)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sigmoid;

impl Module for Sigmoid {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Unary(Unary::Sigmoid), &[x])
    }
}

/// `nn.Tanh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tanh;

impl Module for Tanh {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Unary(Unary::Tanh), &[x])
    }
}

/// `nn.SiLU`: `x * sigmoid(x)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiLU;

impl Module for SiLU {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Unary(Unary::Silu), &[x])
    }
}

/// `nn.Hardsigmoid`: `min(max(x / 6 + 1 / 2, 0), 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardsigmoid;

impl Module for Hardsigmoid {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Unary(Unary::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 }), &[x])
    }
}

/// `nn.Hardswish`: `x * min(max(x / 6 + 1 / 2, 0), 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardswish;

impl Module for Hardswish {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Unary(Unary::HardSwish), &[x])
    }
}

/// `nn.LeakyReLU(negative_slope)`: `x` where it is positive, else `negative_slope * x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeakyReLU(pub f32);

impl Default for LeakyReLU {
    /// PyTorch's slope, 0.01.
    fn default() -> Self {
        Self(0.01)
    }
}

impl Module for LeakyReLU {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Unary(Unary::LeakyRelu { slope: self.0 }), &[x])
    }
}

/// `nn.ELU(alpha)`: `x` where it is positive, else `alpha * (e^x - 1)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ELU(pub f32);

impl Default for ELU {
    /// PyTorch's factor, 1.
    fn default() -> Self {
        Self(1.0)
    }
}

impl Module for ELU {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Unary(Unary::Elu { alpha: self.0 }), &[x])
    }
}

/// `nn.Softmax(dim)`: `e^x / sum(e^x)` over one axis; a negative axis counts from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax(pub i64);

impl Module for Softmax {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let rank = builder.ty(x).rank();
        let axis =
            if self.0 < 0 { i64::try_from(rank).ok().and_then(|rank| rank.checked_add(self.0)) } else { Some(self.0) };
        match axis.and_then(|axis| usize::try_from(axis).ok()) {
            Some(axis) => builder.node(Op::Softmax(fourfold_graph::Softmax { axis }), &[x]),
            None => Err(builder.error(format!("axis {} of an operand with {rank} axes", self.0))),
        }
    }
}

/// `nn.Dropout`, which does nothing in inference: the operand. It counts as a module of a
/// [`Sequential`](crate::Sequential).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropout;

impl Module for Dropout {
    fn forward(&self, _: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        Ok(x)
    }
}

/// `nn.Identity`: the operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity;

impl Module for Identity {
    fn forward(&self, _: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        Ok(x)
    }
}
