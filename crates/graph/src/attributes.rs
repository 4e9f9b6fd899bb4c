//! Attributes of the larger operators.

use fourfold_schemes::DynamicScheme;
use fourfold_tensor::DType;

use crate::{Activation, Window};

/// Attributes of [`Op::ConvTranspose`](crate::Op::ConvTranspose).
#[derive(Clone, Debug, PartialEq)]
pub struct ConvTranspose {
    /// Where it writes; the kernel sizes are those of the weight, padding is cut from the result.
    pub window: Window,
    /// Elements added at the end of each spatial axis of the result, fewer than the stride or the dilation.
    pub output_padding: Vec<usize>,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// The clamp of the result.
    pub activation: Activation,
}

/// What [`Op::Pad`](crate::Op::Pad) puts around the elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// This number; integers and codes have it rounded to their type.
    Constant(f32),
    /// The nearest element.
    Edge,
    /// The elements mirrored, without the one at the border.
    Reflect,
    /// The elements of the other end.
    Wrap,
}

/// Attributes of [`Op::Pad`](crate::Op::Pad).
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// Elements added before each axis.
    pub begin: Vec<usize>,
    /// Elements added after each axis.
    pub end: Vec<usize>,
    /// What is added.
    pub mode: PadMode,
}

/// How [`Op::Resize`](crate::Op::Resize) makes an element from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest element, chosen by that rounding of the position.
    Nearest(Rounding),
    /// The elements on both sides on every axis, weighted by distance.
    Linear,
}

/// How the position of the nearest element is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To nearest, ties down.
    PreferFloor,
    /// To nearest, ties up.
    PreferCeil,
    /// Down.
    Floor,
    /// Up.
    Ceil,
}

/// The position `p` in the operand that position `i` of the result of [`Op::Resize`](crate::Op::Resize) has; `s` is the
/// size of the result over that of the operand, or the scale given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// `p = (i + 0.5) / s - 0.5`.
    HalfPixel,
    /// As `HalfPixel`, and 0 if the result has size 1.
    PytorchHalfPixel,
    /// `p = i * (size - 1) / (new_size - 1)`.
    AlignCorners,
    /// `p = i / s`.
    Asymmetric,
}

/// Attributes of [`Op::Resize`](crate::Op::Resize).
#[derive(Clone, Debug, PartialEq)]
pub struct Resize {
    /// The factor of each axis; axes with factor 1 keep their size, others become `floor(size * factor)` unless `sizes`
    /// says more.
    pub scales: Vec<f32>,
    /// The new size of each axis, `None` where the factor gives it.
    pub sizes: Vec<Option<usize>>,
    /// How elements are made.
    pub interpolation: Interpolation,
    /// Where they are.
    pub coordinates: Coordinates,
}

/// The cell of [`Op::Recurrent`](crate::Op::Recurrent), with the order of its gates in the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Gates i, f, g, o: `c = sigmoid(f) * c + sigmoid(i) * tanh(g)`, `h = sigmoid(o) * tanh(c)`.
    Lstm,
    /// Gates r, z, n: `h = (1 - z) * n + z * h` with `n = tanh(W x + b_w + r * (R h + b_r))`, as PyTorch has it.
    Gru,
    /// As `Gru`, with `n = tanh(W x + b_w + R (r * h) + b_r)`, the default of ONNX.
    GruResetBefore,
    /// `h = tanh(W x + R h + b)`.
    Tanh,
    /// `h = max(W x + R h + b, 0)`.
    Relu,
}

impl Cell {
    /// The number of gates.
    #[must_use]
    pub fn gates(self) -> usize {
        match self {
            Cell::Lstm => 4,
            Cell::Gru | Cell::GruResetBefore => 3,
            Cell::Tanh | Cell::Relu => 1,
        }
    }
}

/// Which way a recurrent layer goes through its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the first step to the last.
    Forward,
    /// From the last step to the first.
    Reverse,
    /// Both, each with weights of its own.
    Bidirectional,
}

impl Direction {
    /// The number of ways.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Direction::Forward | Direction::Reverse => 1,
            Direction::Bidirectional => 2,
        }
    }
}

/// Attributes of [`Op::Recurrent`](crate::Op::Recurrent).
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrent {
    /// The cell.
    pub cell: Cell,
    /// The direction.
    pub direction: Direction,
    /// Whether the result holds the cell state of an LSTM behind the hidden state, as `[.., 2 * hidden]`.
    pub with_cell_state: bool,
    /// How operand and hidden state are quantized when the weights are codes; `None` for weights of real numbers.
    pub dynamic: Option<DynamicScheme>,
}

/// Which result of a search for the largest or smallest elements [`Op::TopK`](crate::Op::TopK) gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopKPart {
    /// The elements, in order.
    Values,
    /// Their places, as `i64`.
    Indices,
}

/// Attributes of [`Op::TopK`](crate::Op::TopK).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopK {
    /// The axis searched.
    pub axis: usize,
    /// The number of elements found.
    pub count: usize,
    /// Whether the largest are found, or the smallest.
    pub largest: bool,
    /// Which of the two results this is.
    pub part: TopKPart,
}

/// Attributes of [`Op::ArgExtreme`](crate::Op::ArgExtreme).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgExtreme {
    /// The axis searched.
    pub axis: usize,
    /// Whether the axis stays, with size 1.
    pub keep: bool,
    /// Whether the place of the largest element is found, or of the smallest.
    pub largest: bool,
    /// Whether the last of several equal elements is taken, or the first.
    pub last: bool,
}

/// Attributes of [`Op::CumSum`](crate::Op::CumSum).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CumSum {
    /// The axis summed along.
    pub axis: usize,
    /// Whether an element's own number is left out of its sum.
    pub exclusive: bool,
    /// Whether sums begin at the end.
    pub reverse: bool,
}

/// What [`Op::Cast`](crate::Op::Cast) makes.
///
/// Integers of another width keep their lowest bits. Real numbers lose their fraction; what is then outside of `i64` or
/// `i32`, and NaN, becomes the smallest number of that type, as on x86. For `i8` and `u8` a real number becomes an
/// `i32`, of which the lowest bits stay, as in ONNX Runtime. Real numbers of another type are rounded once, as
/// [`Float`](fourfold_tensor::Float) says; integers become `f16` and `bf16` by way of `f32`. The rule is the same on
/// every CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastTo {
    /// Real numbers.
    F32,
    /// Integers of 64 bits.
    I64,
    /// Integers of 32 bits.
    I32,
    /// Truth values: 0 for zero, else 1; NaN gives 1.
    Truth,
    /// Integers of 8 bits.
    I8,
    /// Integers of 8 bits without a sign.
    U8,
    /// Real numbers of half precision.
    F16,
    /// Real numbers with the range of `f32` and 8 bits of precision.
    BF16,
    /// Real numbers of double precision.
    F64,
}

impl CastTo {
    /// The type of the result's elements.
    #[must_use]
    pub fn dtype(self) -> DType {
        match self {
            CastTo::F32 => DType::F32,
            CastTo::I64 => DType::I64,
            CastTo::I32 => DType::I32,
            CastTo::Truth => DType::Bool,
            CastTo::I8 => DType::I8,
            CastTo::U8 => DType::U8,
            CastTo::F16 => DType::F16,
            CastTo::BF16 => DType::BF16,
            CastTo::F64 => DType::F64,
        }
    }

    /// The conversion to elements of a type.
    #[must_use]
    pub fn of(dtype: DType) -> Self {
        match dtype {
            DType::F32 => CastTo::F32,
            DType::I64 => CastTo::I64,
            DType::I32 => CastTo::I32,
            DType::Bool => CastTo::Truth,
            DType::I8 => CastTo::I8,
            DType::U8 => CastTo::U8,
            DType::F16 => CastTo::F16,
            DType::BF16 => CastTo::BF16,
            DType::F64 => CastTo::F64,
        }
    }
}
