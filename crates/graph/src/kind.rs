//! Operators without their attributes.

use core::fmt;

/// An operator without its attributes.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is described at the variant of Op of the same name")]
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

/// Where the parameters of an operator's codes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputParams {
    /// The result has parameters of its own.
    Own,
    /// The result has the parameters of the first operand.
    Shared,
    /// The operator runs on real numbers only.
    Float,
}

impl OpKind {
    /// Every operator.
    pub const ALL: [OpKind; 78] = [
        OpKind::Conv,
        OpKind::Linear,
        OpKind::MatMul,
        OpKind::BatchNorm,
        OpKind::Relu,
        OpKind::Clip,
        OpKind::MaxPool,
        OpKind::AveragePool,
        OpKind::GlobalAveragePool,
        OpKind::Add,
        OpKind::Flatten,
        OpKind::Reshape,
        OpKind::Transpose,
        OpKind::Softmax,
        OpKind::Identity,
        OpKind::Quantize,
        OpKind::Dequantize,
        OpKind::QuantStub,
        OpKind::DeQuantStub,
        OpKind::Exp,
        OpKind::Log,
        OpKind::Sqrt,
        OpKind::Reciprocal,
        OpKind::Neg,
        OpKind::Abs,
        OpKind::Tanh,
        OpKind::Erf,
        OpKind::Sigmoid,
        OpKind::Silu,
        OpKind::Gelu,
        OpKind::GeluTanh,
        OpKind::HardSigmoid,
        OpKind::HardSwish,
        OpKind::LeakyRelu,
        OpKind::Elu,
        OpKind::Sub,
        OpKind::Mul,
        OpKind::Div,
        OpKind::Min,
        OpKind::Max,
        OpKind::ReduceMean,
        OpKind::ReduceSum,
        OpKind::ReduceMax,
        OpKind::ReduceMin,
        OpKind::ReduceL2,
        OpKind::LayerNorm,
        OpKind::ConvTranspose,
        OpKind::GroupNorm,
        OpKind::LogSoftmax,
        OpKind::Lstm,
        OpKind::Gru,
        OpKind::Rnn,
        OpKind::Concat,
        OpKind::Slice,
        OpKind::Gather,
        OpKind::GatherElements,
        OpKind::Expand,
        OpKind::Pad,
        OpKind::Resize,
        OpKind::Where,
        OpKind::Equal,
        OpKind::Less,
        OpKind::LessOrEqual,
        OpKind::Greater,
        OpKind::GreaterOrEqual,
        OpKind::And,
        OpKind::Or,
        OpKind::Xor,
        OpKind::Not,
        OpKind::Cast,
        OpKind::ArgMax,
        OpKind::ArgMin,
        OpKind::TopK,
        OpKind::CumSum,
        OpKind::Pow,
        OpKind::Mod,
        OpKind::Fmod,
        OpKind::FakeQuantize,
    ];

    /// Where the parameters of the result come from when the operands are codes.
    #[must_use]
    pub fn output_params(self) -> OutputParams {
        match self {
            OpKind::Conv | OpKind::ConvTranspose | OpKind::Linear | OpKind::MatMul => OutputParams::Own,
            OpKind::Add | OpKind::Sub | OpKind::Mul | OpKind::Concat => OutputParams::Own,
            OpKind::Neg | OpKind::Abs | OpKind::Tanh | OpKind::Erf | OpKind::Sigmoid | OpKind::HardSigmoid => {
                OutputParams::Own
            }
            OpKind::Silu | OpKind::Gelu | OpKind::GeluTanh | OpKind::HardSwish => OutputParams::Own,
            OpKind::LeakyRelu | OpKind::Elu => OutputParams::Own,
            OpKind::AveragePool | OpKind::GlobalAveragePool => OutputParams::Own,
            OpKind::Relu | OpKind::Clip | OpKind::MaxPool => OutputParams::Shared,
            OpKind::Flatten | OpKind::Reshape | OpKind::Transpose | OpKind::Identity => OutputParams::Shared,
            OpKind::Slice | OpKind::Gather | OpKind::GatherElements => OutputParams::Shared,
            OpKind::Expand | OpKind::Pad | OpKind::Resize => OutputParams::Shared,
            OpKind::Quantize | OpKind::QuantStub => OutputParams::Own,
            _ => OutputParams::Float,
        }
    }

    /// Whether the operator can run with `i8` weights and a real input.
    #[must_use]
    pub fn has_dynamic(self) -> bool {
        matches!(self, OpKind::Linear | OpKind::Conv | OpKind::Lstm | OpKind::Gru | OpKind::Rnn)
    }

    /// The operator of that name, as [`OpKind`]'s `Display` writes it.
    #[must_use]
    pub fn by_name(name: &str) -> Option<OpKind> {
        OpKind::ALL.into_iter().find(|kind| kind.to_string() == name)
    }
}

impl fmt::Display for OpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
