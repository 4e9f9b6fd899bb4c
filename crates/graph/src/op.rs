//! The closed set of operators.

use fourfold_schemes::DynamicScheme;

use crate::{Binary, OpKind, Reduction, Unary};

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

/// Where a convolution or a pooling looks: one entry per spatial axis in every list, sizes in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Size of the window.
    pub kernel: Vec<usize>,
    /// Distance between neighbouring windows.
    pub stride: Vec<usize>,
    /// Distance between neighbouring taps of one window.
    pub dilation: Vec<usize>,
    /// Padding before the first element.
    pub pad_begin: Vec<usize>,
    /// Padding after the last element.
    pub pad_end: Vec<usize>,
}

impl Window {
    /// A window of the given size with stride 1, dilation 1 and no padding.
    #[must_use]
    pub fn new(kernel: &[usize]) -> Self {
        let (ones, zeros) = (vec![1; kernel.len()], vec![0; kernel.len()]);
        Self { kernel: kernel.to_vec(), stride: ones.clone(), dilation: ones, pad_begin: zeros.clone(), pad_end: zeros }
    }

    /// The same window with another stride on every axis.
    #[must_use]
    pub fn with_stride(mut self, stride: usize) -> Self {
        self.stride.fill(stride);
        self
    }

    /// The same window with the same padding on every side.
    #[must_use]
    pub fn with_padding(mut self, padding: usize) -> Self {
        self.pad_begin.fill(padding);
        self.pad_end.fill(padding);
        self
    }

    /// The number of spatial axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.kernel.len()
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
/// Codes below are `i8` or `u8` values with per-tensor parameters, weights of codes are `i8` with zero point 0.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Convolution over 1, 2 or 3 spatial axes: `(x, weight, [bias])`. Real numbers, or codes with an `i32` bias.
    Conv(Conv),
    /// `x * weight^T + bias` over the last axis: `(x, weight, [bias])`. Real numbers, codes with an `i32` bias, or a real
    /// `x` with a weight of codes (dynamic quantization).
    Linear(Linear),
    /// Matrix product over the last two axes, the others broadcast: `(a, b)`. Real numbers.
    MatMul,
    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias` per channel: `(x, scale, bias, mean, variance)`. Real numbers.
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
    /// Sum with broadcasting: `(a, b)`.
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
        /// The new sizes; 0 copies the input's size at the same place, -1 (once) stands for what is left.
        dims: Vec<i64>,
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
    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias` over all axes from `axis` on, which the scale and bias have:
    /// `(x, scale, [bias])`. Real numbers.
    LayerNorm {
        /// The first axis that is normalized over.
        axis: usize,
        /// Added to the variance.
        epsilon: f32,
    },
    /// A function of every element: `(x)`. Real numbers.
    Unary(Unary),
    /// A function of two elements with broadcasting: `(a, b)`. Real numbers.
    Binary(Binary),
    /// One number for all elements along some axes: `(x)`. Real numbers.
    Reduce {
        /// What is made of them.
        reduction: Reduction,
        /// The axes, ascending.
        axes: Vec<usize>,
        /// Whether the axes stay, with size 1.
        keep: bool,
    },
    /// The input: `(x)`.
    Identity,
    /// Real numbers to codes, equation (2): `(x)`.
    Quantize,
    /// Codes to real numbers, equation (1): `(x)`.
    Dequantize,
    /// Where quantization begins, marked by hand: `(x)`. Real numbers; conversion makes it a [`Op::Quantize`].
    QuantStub,
    /// Where quantization ends, marked by hand: `(x)`. Real numbers; conversion makes it a [`Op::Dequantize`].
    DeQuantStub,
}

impl Op {
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
            Op::QuantStub => OpKind::QuantStub,
            Op::DeQuantStub => OpKind::DeQuantStub,
            Op::LayerNorm { .. } => OpKind::LayerNorm,
            Op::Unary(function) => function.kind(),
            Op::Binary(function) => function.kind(),
            Op::Reduce { reduction, .. } => reduction.kind(),
        }
    }

    /// The clamp fused into the operator.
    #[must_use]
    pub fn activation(&self) -> Activation {
        match self {
            Op::Conv(Conv { activation, .. }) | Op::Linear(Linear { activation, .. }) | Op::Add { activation } => {
                *activation
            }
            _ => Activation::None,
        }
    }

    /// The same operator with another clamp, `None` if it cannot hold one.
    #[must_use]
    pub fn with_activation(&self, activation: Activation) -> Option<Op> {
        match self {
            Op::Conv(conv) => Some(Op::Conv(Conv { activation, ..conv.clone() })),
            Op::Linear(linear) => Some(Op::Linear(Linear { activation, ..linear.clone() })),
            Op::Add { .. } => Some(Op::Add { activation }),
            _ => None,
        }
    }
}
