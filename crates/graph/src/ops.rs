//! The operators: one file each, or one for a family, and this list of them.
//!
//! An operator's file holds its attributes as a struct, and all that is true of it: its [`Facts`], which do not depend
//! on attributes, and its rules as an [`Operator`]. To add one, write its file, then follow the compiler: a variant of
//! [`Op`] and its arm in [`Op::operator`], and a variant of [`OpKind`] with its line in [`KINDS`].
//!
//! Architecture Invariant: no match on [`Op`] or [`OpKind`] that decides something for *every* operator ends in `_`.

mod binary;
mod cast;
mod clamp;
mod concat;
mod conv;
mod conv_transpose;
mod cum_sum;
mod expand;
mod facts;
mod gather;
mod linear;
mod logic;
mod matmul;
mod movement;
mod normalization;
mod operator;
mod pad;
mod pool;
mod quantize;
mod recurrent;
mod reduce;
mod reshape;
mod resize;
mod search;
mod slice;
mod softmax;
mod types;
mod unary;
mod window;

use fourfold_schemes::QuantParams;

pub use binary::{Add, Binary};
pub use cast::{Cast, CastTo};
pub use clamp::{Activation, Clip};
pub use concat::{Concat, MAX_CONCAT};
pub use conv::Conv;
pub use conv_transpose::ConvTranspose;
pub use cum_sum::CumSum;
pub use expand::Expand;
pub(crate) use facts::Facts;
pub use facts::OutputParams;
pub use gather::{Gather, GatherElements};
pub use linear::Linear;
pub use logic::{Comparison, Logic};
pub use movement::Transpose;
pub use normalization::{BatchNorm, GroupNorm, LayerNorm};
pub(crate) use operator::{NodeRows, Operator, Rows, infer};
pub use pad::{Pad, PadMode};
pub use pool::AveragePool;
pub use recurrent::{Cell, Direction, Recurrent};
pub use reduce::{Reduce, Reduction};
pub use reshape::{Flatten, Reshape};
pub use resize::{Coordinates, Interpolation, Resize, Rounding};
pub use search::{ArgExtreme, TopK, TopKResult};
pub use slice::Slice;
pub use softmax::{LogSoftmax, Softmax};
pub use unary::Unary;
pub use window::Window;

/// One operator. Operands are listed as `(x, weight, [bias])`; brackets mark those that may be absent.
///
/// *Quantized* below means `i8` or `u8` with per-tensor parameters. Quantized weights are `i8` or `u8` with one scale
/// and zero point, or one for each output channel; those that quantization makes, and those of recurrent layers, are
/// `i8` with zero point 0. Operators that move elements take `f32`, quantized values, integers (`i8`, `u8`, `i32` or
/// `i64` without parameters) and bools. Every operator has one result; those of ONNX with several become several nodes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Convolution over 1, 2 or 3 spatial axes: `(x, weight, [bias])`. `f32`, quantized with an `i32` bias, or an
    /// `f32` `x` with a quantized weight (dynamic quantization). Quantized operands whose result has no parameters give
    /// the sums `(x - z_x)(weight - z_w) + bias` as `i32`; padding adds nothing.
    Conv(Conv),
    /// `x * weight^T + bias` over the last axis: `(x, weight, [bias])`. `f32`, quantized with an `i32` bias, or an
    /// `f32` `x` with a quantized weight (dynamic quantization). Quantized operands whose result has no parameters give
    /// the sums as `i32`.
    Linear(Linear),
    /// Matrix product over the last two axes, the others broadcast: `(a, b)`. `f32`, or quantized; without parameters
    /// for the result quantized operands give the sums as `i32`.
    MatMul,
    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias` per channel: `(x, scale, bias, mean, variance)`. `f32`.
    BatchNorm(BatchNorm),
    /// `max(x, 0)`: `(x)`. Quantized values keep their parameters.
    Relu,
    /// `min(max(x, min), max)`: `(x)`. Quantized values keep their parameters.
    Clip(Clip),
    /// Largest element of each window, padding left out: `(x)`. Quantized values keep their parameters.
    MaxPool(Window),
    /// Mean of each window: `(x)`.
    AveragePool(AveragePool),
    /// Mean over all spatial axes, which become 1: `(x)`.
    GlobalAveragePool,
    /// Sum with broadcasting: `(a, b)`. `f32`, quantized, or integers of one type, which wrap.
    Add(Add),
    /// All axes before `axis` become one, all others another: `(x)`.
    Flatten(Flatten),
    /// The same elements in another shape: `(x)`.
    Reshape(Reshape),
    /// Axis `i` of the result is axis `axes[i]` of the input: `(x)`.
    Transpose(Transpose),
    /// `exp(x) / sum(exp(x))` over one axis: `(x)`. `f32`.
    Softmax(Softmax),
    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias` over all axes from `axis` on, which the scale and bias
    /// have: `(x, scale, [bias])`. `f32`.
    LayerNorm(LayerNorm),
    /// A function of every element: `(x)`. `f32`, or quantized unless it is Exp, Log, Sqrt or Reciprocal, whose results
    /// have no bounds or are steep; integers too for Neg and Abs, which wrap.
    Unary(Unary),
    /// A function of two elements with broadcasting: `(a, b)`. `f32`, or quantized for differences and products, or
    /// integers of one type.
    Binary(Binary),
    /// One number for all elements along some axes: `(x)`. `f32`, or integers but for L2.
    Reduce(Reduce),
    /// Transposed convolution over 1, 2 or 3 spatial axes: `(x, weight, [bias])`, `weight: [in, out / groups,
    /// kernel...]`. `f32`, or quantized with an `i32` bias; several scales of the weight are on axis 1, and every group
    /// has the same.
    ConvTranspose(ConvTranspose),
    /// `(x - mean) / sqrt(variance + epsilon) * scale[c] + bias[c]`, mean and variance of each image and group of
    /// channels: `(x, scale, bias)`. `f32`. As many groups as channels make an instance normalization.
    GroupNorm(GroupNorm),
    /// `x - max - ln(sum(exp(x - max)))` over one axis: `(x)`. `f32`.
    LogSoftmax(LogSoftmax),
    /// Recurrent layer: `(x, weight, recurrent, bias, [h0], [c0])`; the result is the hidden state of every time step.
    /// The weights are `f32`, or quantized with scales on axis 0 (dynamic quantization).
    Recurrent(Recurrent),
    /// Operands side by side along one axis: `(x...)`, any number.
    Concat(Concat),
    /// Elements `start, start + step, ...` of one axis: `(x)`.
    Slice(Slice),
    /// Elements of one axis chosen by index, negative from the end: `(x, indices)`. The axis becomes the axes of the
    /// `i64` indices.
    ///
    /// A quantized constant with a scale for each row (axis 0) gives `f32`: a weight-only embedding.
    Gather(Gather),
    /// Elements along one axis chosen by an index for each element of the result: `(x, indices)`, with as many axes;
    /// the result has the indices' shape.
    GatherElements(GatherElements),
    /// The elements repeated along axes of size 1 or missing in front: `(x)`.
    Expand(Expand),
    /// Elements added around: `(x)`.
    Pad(Pad),
    /// Resampling to other sizes: `(x)`.
    Resize(Resize),
    /// `a` where the condition holds, else `b`, with broadcasting: `(condition, a, b)`; the condition is a bool.
    Where,
    /// A comparison, with broadcasting: `(a, b)`, which gives bools. `f32` or integers of one type; bools may be equal.
    Compare(Comparison),
    /// A function of bools, with broadcasting: `(a, b)`.
    Logic(Logic),
    /// The other bool: `(x)`.
    Not,
    /// Elements of another type: `(x)`. Floats, integers or bools.
    Cast(Cast),
    /// The index of the largest or smallest element along one axis, as `i64`: `(x)`. `f32` or integers; NaN counts as
    /// the largest.
    ArgExtreme(ArgExtreme),
    /// The largest or smallest elements along one axis, in order; of equal ones the first come first: `(x)`. `f32` or
    /// integers; NaN counts as the largest.
    TopK(TopK),
    /// Sums of all elements up to each, along one axis: `(x)`. `f32` or integers.
    CumSum(CumSum),
    /// The input: `(x)`.
    Identity,
    /// `f32` to quantized, equation (2): `(x)`.
    Quantize,
    /// Quantized to `f32`, equation (1): `(x)`.
    Dequantize,
    /// `f32` to the nearest float that a quantized value stands for, equations (2) and (1): `(x)`. The quantized values
    /// themselves, which may have more than 8 bits, are not made.
    FakeQuantize(QuantParams),
    /// Where quantization begins, marked by hand: `(x)`. `f32`; conversion makes it a [`Op::Quantize`].
    QuantStub,
    /// Where quantization ends, marked by hand: `(x)`. `f32`; conversion makes it a [`Op::Dequantize`].
    DeQuantStub,
}

impl Op {
    /// What is true of the operator.
    pub(crate) fn operator(&self) -> &dyn Operator {
        match self {
            Op::Conv(op) => op,
            Op::Linear(op) => op,
            Op::MatMul => &matmul::MatMul,
            Op::BatchNorm(op) => op,
            Op::Relu => &clamp::Relu,
            Op::Clip(op) => op,
            Op::MaxPool(op) => op,
            Op::AveragePool(op) => op,
            Op::GlobalAveragePool => &pool::GlobalAveragePool,
            Op::Add(op) => op,
            Op::Flatten(op) => op,
            Op::Reshape(op) => op,
            Op::Transpose(op) => op,
            Op::Softmax(op) => op,
            Op::LayerNorm(op) => op,
            Op::Unary(op) => op,
            Op::Binary(op) => op,
            Op::Reduce(op) => op,
            Op::ConvTranspose(op) => op,
            Op::GroupNorm(op) => op,
            Op::LogSoftmax(op) => op,
            Op::Recurrent(op) => op,
            Op::Concat(op) => op,
            Op::Slice(op) => op,
            Op::Gather(op) => op,
            Op::GatherElements(op) => op,
            Op::Expand(op) => op,
            Op::Pad(op) => op,
            Op::Resize(op) => op,
            Op::Where => &logic::Where,
            Op::Compare(op) => op,
            Op::Logic(op) => op,
            Op::Not => &logic::Not,
            Op::Cast(op) => op,
            Op::ArgExtreme(op) => op,
            Op::TopK(op) => op,
            Op::CumSum(op) => op,
            Op::Identity => &movement::Identity,
            Op::Quantize => &quantize::Quantize,
            Op::Dequantize => &quantize::Dequantize,
            Op::FakeQuantize(op) => op,
            Op::QuantStub => &quantize::Stub(OpKind::QuantStub),
            Op::DeQuantStub => &quantize::Stub(OpKind::DeQuantStub),
        }
    }
}

/// An operator without its attributes: what a configuration names, and what a report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is described at the variant of Op, or of the function, of the same name")]
pub enum OpKind {
    Conv,
    Linear,
    MatMul,
    BatchNorm,
    Relu,
    Clip,
    MaxPool,
    AveragePool,
    GlobalAveragePool,
    Add,
    Flatten,
    Reshape,
    Transpose,
    Softmax,
    Identity,
    Quantize,
    Dequantize,
    QuantStub,
    DeQuantStub,
    Exp,
    Log,
    Sqrt,
    Reciprocal,
    Neg,
    Abs,
    Tanh,
    Erf,
    Sigmoid,
    Silu,
    Gelu,
    GeluTanh,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Elu,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    ReduceMean,
    ReduceSum,
    ReduceMax,
    ReduceMin,
    ReduceL2,
    LayerNorm,
    ConvTranspose,
    GroupNorm,
    LogSoftmax,
    Lstm,
    Gru,
    Rnn,
    Concat,
    Slice,
    Gather,
    GatherElements,
    Expand,
    Pad,
    Resize,
    Where,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Xor,
    Not,
    Cast,
    ArgMax,
    ArgMin,
    TopK,
    CumSum,
    Pow,
    Mod,
    Fmod,
    FakeQuantize,
}

/// The facts of every operator, in the order of [`OpKind`].
pub(crate) const KINDS: [Facts; 78] = [
    conv::CONV,
    linear::LINEAR,
    matmul::MAT_MUL,
    normalization::BATCH_NORM,
    clamp::RELU,
    clamp::CLIP,
    pool::MAX_POOL,
    pool::AVERAGE_POOL,
    pool::GLOBAL_AVERAGE_POOL,
    binary::ADD,
    reshape::FLATTEN,
    reshape::RESHAPE,
    movement::TRANSPOSE,
    softmax::SOFTMAX,
    movement::IDENTITY,
    quantize::QUANTIZE,
    quantize::DEQUANTIZE,
    quantize::QUANT_STUB,
    quantize::DE_QUANT_STUB,
    unary::EXP,
    unary::LOG,
    unary::SQRT,
    unary::RECIPROCAL,
    unary::NEG,
    unary::ABS,
    unary::TANH,
    unary::ERF,
    unary::SIGMOID,
    unary::SILU,
    unary::GELU,
    unary::GELU_TANH,
    unary::HARD_SIGMOID,
    unary::HARD_SWISH,
    unary::LEAKY_RELU,
    unary::ELU,
    binary::SUB,
    binary::MUL,
    binary::DIV,
    binary::MIN,
    binary::MAX,
    reduce::REDUCE_MEAN,
    reduce::REDUCE_SUM,
    reduce::REDUCE_MAX,
    reduce::REDUCE_MIN,
    reduce::REDUCE_L2,
    normalization::LAYER_NORM,
    conv_transpose::CONV_TRANSPOSE,
    normalization::GROUP_NORM,
    softmax::LOG_SOFTMAX,
    recurrent::LSTM,
    recurrent::GRU,
    recurrent::RNN,
    concat::CONCAT,
    slice::SLICE,
    gather::GATHER,
    gather::GATHER_ELEMENTS,
    expand::EXPAND,
    pad::PAD,
    resize::RESIZE,
    logic::WHERE,
    logic::EQUAL,
    logic::LESS,
    logic::LESS_OR_EQUAL,
    logic::GREATER,
    logic::GREATER_OR_EQUAL,
    logic::AND,
    logic::OR,
    logic::XOR,
    logic::NOT,
    cast::CAST,
    search::ARG_MAX,
    search::ARG_MIN,
    search::TOP_K,
    cum_sum::CUM_SUM,
    binary::POW,
    binary::MOD,
    binary::FMOD,
    quantize::FAKE_QUANTIZE,
];
