//! What attributes are chosen from: the numbers in the file are indices of these lists, each with the first minor
//! version that has it.

use fourfold_graph::{
    Binary, CastTo, Cell, Comparison, Coordinates, Direction, Interpolation, Logic, PadMode, Reduction, Rounding, Unary,
};
use fourfold_schemes::DynamicScheme;

/// The functions of one operand; those with parameters with any.
pub(super) const UNARY: [(Unary, u16); 16] = [
    (Unary::Exp, 1),
    (Unary::Log, 1),
    (Unary::Sqrt, 1),
    (Unary::Reciprocal, 1),
    (Unary::Neg, 1),
    (Unary::Abs, 1),
    (Unary::Tanh, 1),
    (Unary::Erf, 1),
    (Unary::Sigmoid, 1),
    (Unary::Silu, 1),
    (Unary::Gelu, 1),
    (Unary::GeluTanh, 1),
    (Unary::HardSigmoid { alpha: 0.0, beta: 0.0 }, 1),
    (Unary::HardSwish, 1),
    (Unary::LeakyRelu { slope: 0.0 }, 1),
    (Unary::Elu { alpha: 0.0 }, 1),
];

pub(super) const BINARY: [(Binary, u16); 8] = [
    (Binary::Sub, 1),
    (Binary::Mul, 1),
    (Binary::Div, 1),
    (Binary::Min, 1),
    (Binary::Max, 1),
    (Binary::Pow, 2),
    (Binary::Mod, 4),
    (Binary::Fmod, 4),
];

pub(super) const REDUCTIONS: [(Reduction, u16); 5] =
    [(Reduction::Mean, 1), (Reduction::Sum, 1), (Reduction::Max, 1), (Reduction::Min, 1), (Reduction::L2, 1)];

pub(super) const CELLS: [(Cell, u16); 5] =
    [(Cell::Lstm, 2), (Cell::Gru, 2), (Cell::GruResetBefore, 2), (Cell::Tanh, 2), (Cell::Relu, 2)];

pub(super) const DIRECTIONS: [(Direction, u16); 3] =
    [(Direction::Forward, 2), (Direction::Reverse, 2), (Direction::Bidirectional, 2)];

/// The ways of padding; the constant with any.
pub(super) const PAD_MODES: [(PadMode, u16); 4] =
    [(PadMode::Constant(0.0), 2), (PadMode::Edge, 2), (PadMode::Reflect, 2), (PadMode::Wrap, 2)];

pub(super) const INTERPOLATIONS: [(Interpolation, u16); 5] = [
    (Interpolation::Nearest(Rounding::PreferFloor), 2),
    (Interpolation::Nearest(Rounding::PreferCeil), 2),
    (Interpolation::Nearest(Rounding::Floor), 2),
    (Interpolation::Nearest(Rounding::Ceil), 2),
    (Interpolation::Linear, 2),
];

pub(super) const COORDINATES: [(Coordinates, u16); 4] = [
    (Coordinates::HalfPixel, 2),
    (Coordinates::PytorchHalfPixel, 2),
    (Coordinates::AlignCorners, 2),
    (Coordinates::Asymmetric, 2),
];

pub(super) const COMPARISONS: [(Comparison, u16); 5] = [
    (Comparison::Equal, 2),
    (Comparison::Less, 2),
    (Comparison::LessOrEqual, 2),
    (Comparison::Greater, 2),
    (Comparison::GreaterOrEqual, 2),
];

pub(super) const LOGIC: [(Logic, u16); 3] = [(Logic::And, 2), (Logic::Or, 2), (Logic::Xor, 2)];

pub(super) const CASTS: [(CastTo, u16); 9] = [
    (CastTo::F32, 2),
    (CastTo::I64, 2),
    (CastTo::I32, 2),
    (CastTo::Bool, 2),
    (CastTo::I8, 4),
    (CastTo::U8, 4),
    (CastTo::F16, 5),
    (CastTo::BF16, 5),
    (CastTo::F64, 5),
];

pub(super) const DYNAMIC: [(DynamicScheme, u16); 3] =
    [(DynamicScheme::PerRow, 0), (DynamicScheme::TorchPerTensor, 0), (DynamicScheme::OnnxPerTensor, 1)];
