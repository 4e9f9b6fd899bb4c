//! What can go wrong with a scheme.

use fourfold_tensor::DType;

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A scale is zero, negative, subnormal, infinite or NaN.
    #[error("scale {value:e} is not a positive normal number")]
    Scale {
        /// The number given.
        value: f32,
    },
    /// A zero point lies outside the range of codes.
    #[error("zero point {value} lies outside the codes {quant_min}..={quant_max}")]
    ZeroPoint {
        /// The zero point given.
        value: i32,
        /// The smallest code.
        quant_min: i32,
        /// The largest code.
        quant_max: i32,
    },
    /// The range of codes is empty or does not fit the type.
    #[error("codes {quant_min}..={quant_max} are not a range of {dtype}")]
    Codes {
        /// The quantized type.
        dtype: DType,
        /// The smallest code asked for.
        quant_min: i32,
        /// The largest code asked for.
        quant_max: i32,
    },
    /// The type cannot hold quantized values.
    #[error("{dtype} is not a quantized type; use i8, u8, or i32 for a bias")]
    NotQuantized {
        /// The type given.
        dtype: DType,
    },
    /// Per-channel parameters do not fit the tensor.
    #[error("{scales} scales and {zero_points} zero points do not fit axis {axis} of a tensor of shape {shape:?}")]
    Channels {
        /// The channel axis.
        axis: usize,
        /// The number of scales.
        scales: usize,
        /// The number of zero points.
        zero_points: usize,
        /// The shape of the tensor.
        shape: Vec<usize>,
    },
    /// An observed range is not a range of finite numbers.
    #[error("observed range {min}..{max} is not finite; the data holds NaN or infinity")]
    Range {
        /// The smallest value.
        min: f32,
        /// The largest value.
        max: f32,
    },
    /// A tensor could not be read or made.
    #[error(transparent)]
    Tensor(#[from] fourfold_tensor::Error),
    /// A kernel refused its operands.
    #[error(transparent)]
    Kernel(#[from] fourfold_kernels::Error),
}
