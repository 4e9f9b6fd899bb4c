//! What can go wrong with a scheme.

use fourfold_error::ErrorKind;
use fourfold_tensor::DType;

use crate::{QuantRange, QuantType};

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
    /// A zero point is not one of the quantized values.
    #[error("zero point {value} lies outside the quantized values {quant_min}..={quant_max}")]
    ZeroPoint {
        /// The zero point given.
        value: i32,
        /// The smallest quantized value.
        quant_min: i32,
        /// The largest quantized value.
        quant_max: i32,
    },
    /// A range holds fewer than two quantized values, or does not fit its type.
    #[error("{quant_min}..={quant_max} is not a range of two or more values of {ty}")]
    QuantRange {
        /// The type of the quantized values.
        ty: QuantType,
        /// The smallest value asked for.
        quant_min: i32,
        /// The largest value asked for.
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
    /// The minimum of a range is larger than its maximum.
    #[error("range {min}..{max} has its larger bound first; give the smaller one first")]
    ReversedRange {
        /// The minimum given.
        min: f32,
        /// The maximum given.
        max: f32,
    },
    /// All quantized values lie on one side of 0, so parameters cannot be symmetric.
    #[error("the quantized values {range} lie on one side of 0 and cannot be symmetric; use affine parameters")]
    OneSided {
        /// The range of the quantized values.
        range: QuantRange,
    },
    /// A number is not a value of the type that it is packed in.
    #[error("{value} at index {index} is not a value of {ty}")]
    Value {
        /// The index of the number.
        index: usize,
        /// The number.
        value: i32,
        /// The type.
        ty: QuantType,
    },
    /// Packed bytes do not hold as many values as they should.
    #[error("{values} values of {ty} are {expected} bytes, {actual} were given")]
    PackedLength {
        /// The type of the values.
        ty: QuantType,
        /// The number of values.
        values: usize,
        /// The bytes that they take.
        expected: usize,
        /// The bytes given.
        actual: usize,
    },
    /// A float zero point is not a finite number.
    #[error("zero point {value} is not finite; the range of its row was not")]
    FloatZeroPoint {
        /// The number given.
        value: f32,
    },
    /// A requantization multiplier is negative, infinite or NaN.
    #[error("multiplier {value:e} is not a finite number of at least 0; check the scales")]
    Multiplier {
        /// The number given.
        value: f64,
    },
    /// The integer or the shift of a fixed-point multiplier cannot be applied.
    #[error("fixed-point multiplier {multiplier} with shift {shift}: give one of at least 0, and a shift of -31 to 30")]
    FixedMultiplier {
        /// The multiplier.
        multiplier: i32,
        /// The shift.
        shift: i32,
    },
    /// A tensor could not be read or made.
    #[error(transparent)]
    Tensor(#[from] fourfold_tensor::Error),
    /// A kernel refused its operands.
    #[error(transparent)]
    Kernel(#[from] fourfold_kernels::Error),
}

impl Error {
    /// What kind of error it is, which says whose fault it is and what helps.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Scale { .. }
            | Error::ZeroPoint { .. }
            | Error::NotQuantized { .. }
            | Error::Channels { .. }
            | Error::Range { .. }
            | Error::ReversedRange { .. }
            | Error::QuantRange { .. }
            | Error::OneSided { .. }
            | Error::Value { .. }
            | Error::PackedLength { .. }
            | Error::FloatZeroPoint { .. }
            | Error::Multiplier { .. }
            | Error::FixedMultiplier { .. } => ErrorKind::Invalid,
            Error::Tensor(error) => error.kind(),
            Error::Kernel(error) if error.is_limit() => ErrorKind::Limit,
            Error::Kernel(_) => ErrorKind::Invalid,
        }
    }
}
