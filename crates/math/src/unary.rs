//! The functions of one number as a list, and their loop.

use crate::error::check_length;
use crate::float::known;
use crate::{
    Error, elu, erf, exp, gelu, gelu_tanh, hard_sigmoid, hard_swish, leaky_relu, ln, sigmoid, silu, sqrt, tanh, wide,
};

/// A function of one number.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    /// [`exp()`](crate::exp()).
    Exp,
    /// [`ln()`](crate::ln()).
    Ln,
    /// [`sqrt`].
    Sqrt,
    /// `1 / x`, rounded.
    Reciprocal,
    /// `-x`.
    Neg,
    /// `|x|`.
    Abs,
    /// [`tanh()`](crate::tanh()).
    Tanh,
    /// [`erf()`](crate::erf()).
    Erf,
    /// [`sigmoid()`](crate::sigmoid()).
    Sigmoid,
    /// [`silu`].
    Silu,
    /// [`gelu()`](crate::gelu()).
    Gelu,
    /// [`gelu_tanh`].
    GeluTanh,
    /// [`hard_sigmoid`].
    HardSigmoid {
        /// The slope.
        alpha: f32,
        /// The value at 0.
        beta: f32,
    },
    /// [`hard_swish`].
    HardSwish,
    /// [`leaky_relu`].
    LeakyRelu {
        /// The factor of negative numbers.
        slope: f32,
    },
    /// [`elu`].
    Elu {
        /// The factor of negative results.
        alpha: f32,
    },
}

impl Unary {
    /// Every function, those with parameters with the ones that ONNX takes by default.
    pub const ALL: [Unary; 16] = [
        Unary::Exp,
        Unary::Ln,
        Unary::Sqrt,
        Unary::Reciprocal,
        Unary::Neg,
        Unary::Abs,
        Unary::Tanh,
        Unary::Erf,
        Unary::Sigmoid,
        Unary::Silu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Unary::HardSwish,
        Unary::LeakyRelu { slope: 0.01 },
        Unary::Elu { alpha: 1.0 },
    ];

    /// `out[i] = f(x[i])`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` is not as long as `x`.
    pub fn map(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        check_length("out", out.len(), x.len())?;
        // A function by its name is not compiled for the vectors of the loop; a closure that is always inlined is.
        macro_rules! each {
            ($f:expr) => {
                each(
                    x,
                    out,
                    #[inline(always)]
                    |x| $f(x),
                )
            };
        }
        match self {
            Unary::Exp => each!(exp),
            Unary::Ln => each!(ln),
            Unary::Sqrt => each!(sqrt),
            Unary::Reciprocal => each!(|x| known(x, 1.0 / x)),
            Unary::Neg => each!(|x: f32| known(x, -x)),
            Unary::Abs => each!(|x: f32| known(x, x.abs())),
            Unary::Tanh => each!(tanh),
            Unary::Erf => each!(erf),
            Unary::Sigmoid => each!(sigmoid),
            Unary::Silu => each!(silu),
            Unary::Gelu => each!(gelu),
            Unary::GeluTanh => each!(gelu_tanh),
            Unary::HardSigmoid { alpha, beta } => each!(|x| hard_sigmoid(x, alpha, beta)),
            Unary::HardSwish => each!(hard_swish),
            Unary::LeakyRelu { slope } => each!(|x| leaky_relu(x, slope)),
            Unary::Elu { alpha } => each!(|x| elu(x, alpha)),
        }
        Ok(())
    }
}

/// A loop that the compiler makes vectors of: no function branches.
fn each(x: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) {
    wide(
        #[inline(always)]
        || {
            for (out, x) in out.iter_mut().zip(x) {
                *out = f(*x);
            }
        },
    );
}
