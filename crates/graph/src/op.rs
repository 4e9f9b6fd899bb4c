//! The closed set of operators.

use fourfold_schemes::{DynamicScheme, QuantParams};

use crate::{
    ArgExtreme, Binary, CastTo, Cell, Comparison, ConvTranspose, CumSum, Dim, Logic, OpKind, Pad, Recurrent, Reduction,
    Resize, TopK, Unary, Window,
};

/// A clamp of the result, fused into the operator that computes it.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Activation {
    /// No clamp.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, min), max)`, with `min <= max`.
    Clamp {
        /// The lower bound.
        min: f32,
        /// The upper bound.
        max: f32,
    },
}

impl Activation {
    /// The lower and the upper bound; infinite where there is none.
    #[must_use]
    pub fn bounds(self) -> (f32, f32) {
        match self {
            Activation::None => (f32::NEG_INFINITY, f32::INFINITY),
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Clamp { min, max } => (min, max),
        }
    }
}

/// Attributes of [`Op::Conv`].
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Where it looks; the kernel sizes are those of the weight.
    pub window: Window,
    /// Groups of channels that do not see each other; as many as input channels for a depthwise convolution.
    pub groups: usize,
    /// The clamp of the result.
    pub activation: Activation,
    /// How an `f32` input is quantized when the weight is `i8`; `None` for every other combination of types. A scheme
    /// by rows gives each image parameters of its own.
    pub dynamic: Option<DynamicScheme>,
}

impl Conv {
    /// A convolution of real numbers or codes, without a clamp.
    #[must_use]
    pub fn new(window: Window, groups: usize) -> Self {
        Self { window, groups, activation: Activation::None, dynamic: None }
    }
}

/// Attributes of [`Op::Linear`].
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Linear {
    /// The clamp of the result.
    pub activation: Activation,
    /// How an `f32` input is quantized when the weight is `i8`; `None` for every other combination of types.
    pub dynamic: Option<DynamicScheme>,
}

/// Attributes of [`Op::AveragePool`].
#[derive(Clone, Debug, PartialEq)]
pub struct AveragePool {
    /// Where it looks.
    pub window: Window,
    /// Whether padding counts as zeros in the mean; otherwise only real elements count.
    pub count_include_pad: bool,
}

/// One operator. Operands are listed as `(x, weight, [bias])`; brackets mark those that may be absent.
///
/// Codes below are `i8` or `u8` values with per-tensor parameters, weights of codes are `i8` or `u8` with one scale and
/// zero point, or one for each output channel; those that quantization makes, and those of recurrent layers, are `i8`
/// with zero point 0. Operators that move elements take real numbers, codes, integers (`i8`, `u8`, `i32`, `i64` without
/// parameters) and truth values. Every operator has one result; those of ONNX with several become several nodes.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Convolution over 1, 2 or 3 spatial axes: `(x, weight, [bias])`. Real numbers, codes with an `i32` bias, or a
    /// real `x` with a weight of codes (dynamic quantization). Codes whose result has no parameters give the sums
    /// `(x - z_x)(weight - z_w) + bias` as `i32`; padding adds nothing.
    Conv(Conv),
    /// `x * weight^T + bias` over the last axis: `(x, weight, [bias])`. Real numbers, codes with an `i32` bias, or a
    /// real `x` with a weight of codes (dynamic quantization). Codes whose result has no parameters give the sums as
    /// `i32`.
    Linear(Linear),
    /// Matrix product over the last two axes, the others broadcast: `(a, b)`. Real numbers, or codes; without
    /// parameters for their result these give the sums as `i32`.
    MatMul,
    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias` per channel: `(x, scale, bias, mean, variance)`. Real
    /// numbers.
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// `max(x, 0)`: `(x)`. Codes keep their parameters.
    Relu,
    /// `min(max(x, min), max)`: `(x)`. Codes keep their parameters.
    Clip {
        /// The lower bound.
        min: f32,
        /// The upper bound.
        max: f32,
    },
    /// Largest element of each window, padding left out: `(x)`. Codes keep their parameters.
    MaxPool(Window),
    /// Mean of each window: `(x)`.
    AveragePool(AveragePool),
    /// Mean over all spatial axes, which become 1: `(x)`.
    GlobalAveragePool,
    /// Sum with broadcasting: `(a, b)`. Real numbers, codes, or integers of one type, which wrap.
    Add {
        /// The clamp of the result.
        activation: Activation,
    },
    /// All axes before `axis` become one, all others another: `(x)`.
    Flatten {
        /// The first axis of the second group.
        axis: usize,
    },
    /// The same elements in another shape: `(x)`.
    Reshape {
        /// The new sizes, as many elements as before. [`GraphBuilder::reshape`](crate::GraphBuilder::reshape) finds
        /// them for the 0 and -1 of PyTorch and ONNX.
        dims: Vec<Dim>,
    },
    /// Axis `i` of the result is axis `axes[i]` of the input: `(x)`.
    Transpose {
        /// The permutation.
        axes: Vec<usize>,
    },
    /// `exp(x) / sum(exp(x))` over one axis: `(x)`. Real numbers.
    Softmax {
        /// The axis summed over.
        axis: usize,
    },
    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias` over all axes from `axis` on, which the scale and bias
    /// have: `(x, scale, [bias])`. Real numbers.
    LayerNorm {
        /// The first axis that is normalized over.
        axis: usize,
        /// Added to the variance.
        epsilon: f32,
    },
    /// A function of every element: `(x)`. Real numbers, or codes unless it is Exp, Log, Sqrt or Reciprocal, whose
    /// results have no bounds or are steep; integers too for Neg and Abs, which wrap.
    Unary(Unary),
    /// A function of two elements with broadcasting: `(a, b)`. Real numbers, or codes for differences and products, or
    /// integers of one type.
    Binary(Binary),
    /// One number for all elements along some axes: `(x)`. Real numbers, or integers but for L2.
    Reduce {
        /// What is made of them.
        reduction: Reduction,
        /// The axes, ascending.
        axes: Vec<usize>,
        /// Whether the axes stay, with size 1.
        keep: bool,
    },
    /// Transposed convolution over 1, 2 or 3 spatial axes: `(x, weight, [bias])`, `weight: [in, out / groups,
    /// kernel...]`. Real numbers, or codes with an `i32` bias; several scales of the weight are on axis 1, and every
    /// group has the same.
    ConvTranspose(ConvTranspose),
    /// `(x - mean) / sqrt(variance + epsilon) * scale[c] + bias[c]`, mean and variance of each image and group of
    /// channels: `(x, scale, bias)`. Real numbers. As many groups as channels make an instance normalization.
    GroupNorm {
        /// The number of groups of channels.
        groups: usize,
        /// Added to the variance.
        epsilon: f32,
    },
    /// `x - max - ln(sum(exp(x - max)))` over one axis: `(x)`. Real numbers.
    LogSoftmax {
        /// The axis summed over.
        axis: usize,
    },
    /// Recurrent layer: `(x, weight, recurrent, bias, [h0], [c0])`; the result is the hidden state of every step.
    ///
    /// `x: [steps, batch, in]`, `weight: [d * gates * hidden, in]`, `recurrent: [d * gates * hidden, hidden]`,
    /// `bias: [2, d * gates * hidden]` (to add to either product), `h0, c0: [d, batch, hidden]`, result `[steps, d,
    /// batch, hidden]`, for `d` directions. The weights are real numbers or codes with scales on axis 0 (dynamic
    /// quantization).
    Recurrent(Recurrent),
    /// Operands side by side along one axis: `(x...)`, any number.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// Part of one axis: elements `start, start + step, ...`: `(x)`.
    Slice {
        /// The axis.
        axis: usize,
        /// The first element; negative counts from the end.
        start: i64,
        /// The distance between elements; negative goes backwards.
        step: i64,
        /// The number of elements.
        length: Dim,
    },
    /// Elements of one axis chosen by number, negative from the end: `(x, indices)`. The axis becomes the axes of the
    /// `i64` indices.
    ///
    /// Constant codes with a scale for each row (axis 0) give real numbers: a weight-only embedding.
    Gather {
        /// The axis.
        axis: usize,
    },
    /// Elements along one axis chosen by number for each place: `(x, indices)`, with as many axes; the result has the
    /// indices' shape.
    GatherElements {
        /// The axis.
        axis: usize,
    },
    /// The elements repeated along axes of size 1 or missing in front: `(x)`.
    Expand {
        /// The new sizes.
        dims: Vec<Dim>,
    },
    /// Elements added around: `(x)`.
    Pad(Pad),
    /// Resampling to other sizes: `(x)`.
    Resize(Resize),
    /// `a` where the truth value is 1, else `b`, with broadcasting: `(truth, a, b)`.
    Where,
    /// The truth of a comparison, with broadcasting: `(a, b)`. Real numbers or integers of one type; truth values may
    /// be equal.
    Compare(Comparison),
    /// A function of truth values, with broadcasting: `(a, b)`.
    Logic(Logic),
    /// The other truth value: `(x)`.
    Not,
    /// Elements of another type: `(x)`. Real numbers, integers or truth values.
    Cast {
        /// The new type.
        to: CastTo,
    },
    /// The place of the largest or smallest element along one axis, as `i64`: `(x)`. Real numbers or integers; NaN
    /// counts as the largest.
    ArgExtreme(ArgExtreme),
    /// The largest or smallest elements along one axis, in order; of equal ones the first come first: `(x)`. Real
    /// numbers or integers; NaN counts as the largest.
    TopK(TopK),
    /// Sums of all elements up to each, along one axis: `(x)`. Real numbers or integers.
    CumSum(CumSum),
    /// The input: `(x)`.
    Identity,
    /// Real numbers to codes, equation (2): `(x)`.
    Quantize,
    /// Codes to real numbers, equation (1): `(x)`.
    Dequantize,
    /// Real numbers to the nearest that codes stand for, equations (2) and (1): `(x)`. The codes themselves, which may
    /// have more than 8 bits, are not made.
    FakeQuantize(QuantParams),
    /// Where quantization begins, marked by hand: `(x)`. Real numbers; conversion makes it a [`Op::Quantize`].
    QuantStub,
    /// Where quantization ends, marked by hand: `(x)`. Real numbers; conversion makes it a [`Op::Dequantize`].
    DeQuantStub,
}

impl Op {
    /// [`Op::Reshape`] of an operand of shape `x` to sizes, of which 0 copies that of `x` and -1 (once) is what is
    /// left.
    ///
    /// # Errors
    ///
    /// [`Problem::Attribute`](crate::Problem::Attribute) if the sizes are not such a list, or what is left is not a
    /// size.
    pub fn reshape(target: &[i64], x: &[Dim]) -> Result<Op, crate::Problem> {
        crate::infer::resolve(target, x).map(|dims| Op::Reshape { dims })
    }

    /// [`Op::Reshape`] of an operand of shape `x` to sizes, of which one may be left open.
    ///
    /// # Errors
    ///
    /// [`Problem::Attribute`](crate::Problem::Attribute) if several are open, or what is left is not a size.
    pub fn reshape_to(target: &[Option<Dim>], x: &[Dim]) -> Result<Op, crate::Problem> {
        crate::infer::complete(target, x).map(|dims| Op::Reshape { dims })
    }

    /// The operator without its attributes.
    #[must_use]
    pub fn kind(&self) -> OpKind {
        match self {
            Op::Conv(_) => OpKind::Conv,
            Op::Linear(_) => OpKind::Linear,
            Op::MatMul => OpKind::MatMul,
            Op::BatchNorm { .. } => OpKind::BatchNorm,
            Op::Relu => OpKind::Relu,
            Op::Clip { .. } => OpKind::Clip,
            Op::MaxPool(_) => OpKind::MaxPool,
            Op::AveragePool(_) => OpKind::AveragePool,
            Op::GlobalAveragePool => OpKind::GlobalAveragePool,
            Op::Add { .. } => OpKind::Add,
            Op::Flatten { .. } => OpKind::Flatten,
            Op::Reshape { .. } => OpKind::Reshape,
            Op::Transpose { .. } => OpKind::Transpose,
            Op::Softmax { .. } => OpKind::Softmax,
            Op::Identity => OpKind::Identity,
            Op::Quantize => OpKind::Quantize,
            Op::Dequantize => OpKind::Dequantize,
            Op::FakeQuantize(_) => OpKind::FakeQuantize,
            Op::QuantStub => OpKind::QuantStub,
            Op::DeQuantStub => OpKind::DeQuantStub,
            Op::LayerNorm { .. } => OpKind::LayerNorm,
            Op::Unary(function) => function.kind(),
            Op::Binary(function) => function.kind(),
            Op::Reduce { reduction, .. } => reduction.kind(),
            Op::ConvTranspose(_) => OpKind::ConvTranspose,
            Op::GroupNorm { .. } => OpKind::GroupNorm,
            Op::LogSoftmax { .. } => OpKind::LogSoftmax,
            Op::Recurrent(Recurrent { cell, .. }) => match cell {
                Cell::Lstm => OpKind::Lstm,
                Cell::Gru | Cell::GruResetBefore => OpKind::Gru,
                Cell::Tanh | Cell::Relu => OpKind::Rnn,
            },
            Op::Concat { .. } => OpKind::Concat,
            Op::Slice { .. } => OpKind::Slice,
            Op::Gather { .. } => OpKind::Gather,
            Op::GatherElements { .. } => OpKind::GatherElements,
            Op::Expand { .. } => OpKind::Expand,
            Op::Pad(_) => OpKind::Pad,
            Op::Resize(_) => OpKind::Resize,
            Op::Where => OpKind::Where,
            Op::Compare(comparison) => comparison.kind(),
            Op::Logic(function) => function.kind(),
            Op::Not => OpKind::Not,
            Op::Cast { .. } => OpKind::Cast,
            Op::ArgExtreme(ArgExtreme { largest: true, .. }) => OpKind::ArgMax,
            Op::ArgExtreme(_) => OpKind::ArgMin,
            Op::TopK(_) => OpKind::TopK,
            Op::CumSum(_) => OpKind::CumSum,
        }
    }

    /// The clamp fused into the operator.
    #[must_use]
    pub fn activation(&self) -> Activation {
        match self {
            Op::Conv(Conv { activation, .. })
            | Op::ConvTranspose(ConvTranspose { activation, .. })
            | Op::Linear(Linear { activation, .. })
            | Op::Add { activation } => *activation,
            _ => Activation::None,
        }
    }

    /// The same operator with another clamp, `None` if it cannot hold one.
    #[must_use]
    pub fn with_activation(&self, activation: Activation) -> Option<Op> {
        match self {
            Op::Conv(conv) => Some(Op::Conv(Conv { activation, ..conv.clone() })),
            Op::ConvTranspose(conv) => Some(Op::ConvTranspose(ConvTranspose { activation, ..conv.clone() })),
            Op::Linear(linear) => Some(Op::Linear(Linear { activation, ..linear.clone() })),
            Op::Add { .. } => Some(Op::Add { activation }),
            _ => None,
        }
    }
}
