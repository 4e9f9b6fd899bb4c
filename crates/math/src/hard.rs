//! Functions of straight pieces.

use crate::float::{at_least, at_most, known};

/// `hard_sigmoid(x) = min(max(alpha x + beta, 0), 1)`, product and sum each rounded (ONNX `HardSigmoid`).
///
/// A NaN among the operands, or an infinity times 0, gives NaN.
#[must_use]
#[inline(always)]
pub fn hard_sigmoid(x: f32, alpha: f32, beta: f32) -> f32 {
    let line = alpha * x + beta;
    known(line, at_most(at_least(line, 0.0), 1.0))
}

/// `hard_swish(x) = x * (min(max(x + 3, 0), 6) / 6)` (ONNX and PyTorch), each operation rounded.
///
/// -0 below -3 and at -infinity, `x` above 3.
#[must_use]
#[inline(always)]
pub fn hard_swish(x: f32) -> f32 {
    let gate = at_most(at_least(x + 3.0, 0.0), 6.0) / 6.0;
    known(x, at_least(x, -3.0) * gate)
}

/// `leaky_relu(x) = x` where `x` is positive, else `slope x` (ONNX and PyTorch `LeakyRelu`).
#[must_use]
#[inline(always)]
pub fn leaky_relu(x: f32, slope: f32) -> f32 {
    let y = if x >= 0.0 { x } else { slope * x };
    known(y, y)
}
