//! What can go wrong with a scheme.

use fourfold_error::ErrorKind;
use fourfold_tensor::DType;

use crate::{CodeRange, CodeType, Sharing};

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
    /// A range ends before it begins.
    #[error("range {min}..{max} ends before it begins; give its smaller end first")]
    ReversedRange {
        /// The end given first.
        min: f32,
        /// The end given second.
        max: f32,
    },
    /// A range of codes is empty, holds a single code, or does not fit its type.
    #[error("codes {quant_min}..={quant_max} are not two or more codes of {ty}; see `CodeType::range` for the widest")]
    CodeRange {
        /// The type of the codes.
        ty: CodeType,
        /// The smallest code asked for.
        quant_min: i32,
        /// The largest code asked for.
        quant_max: i32,
    },
    /// The codes have no place on one side of 0, so nothing symmetric can be made of them.
    #[error("codes {codes} end at 0 or begin there, so they are not symmetric; use affine parameters")]
    OneSided {
        /// The codes.
        codes: CodeRange,
    },
    /// A number is not one of the codes.
    #[error("code {value} at index {index} is not one of {codes}; quantize with these codes, or widen them")]
    Code {
        /// Where it stands, counted in elements from 0.
        index: usize,
        /// The number.
        value: i32,
        /// The codes.
        codes: CodeRange,
    },
    /// Bytes do not hold as many codes as they should.
    #[error("{codes} codes of {ty} are {expected} bytes, {actual} were given")]
    PackedLength {
        /// The type of the codes.
        ty: CodeType,
        /// The number of codes.
        codes: usize,
        /// The bytes that they take.
        expected: usize,
        /// The bytes given.
        actual: usize,
    },
    /// The upper half of the last byte belongs to no code and is not 0.
    #[error("the last byte of an odd number of 4-bit codes is {byte:#04x}; its upper half must be 0")]
    Padding {
        /// The byte.
        byte: u8,
    },
    /// A zero point in floating point is not a finite number.
    #[error("zero point {value} is not finite; the range of its row was not")]
    FloatZeroPoint {
        /// The number given.
        value: f32,
    },
    /// Scales and zero points are not as many as there must be.
    #[error("{scales} scales and {zero_points} zero points for parameters {sharing}; give one of each for every part")]
    Parameters {
        /// Which elements share parameters.
        sharing: Sharing,
        /// The number of scales.
        scales: usize,
        /// The number of zero points.
        zero_points: usize,
    },
    /// Parameters do not fit a tensor.
    #[error("{count} parameters {sharing} do not fit shape {shape:?}; check the axis and the number of scales")]
    Sharing {
        /// Which elements share parameters.
        sharing: Sharing,
        /// The number of parameters.
        count: usize,
        /// The shape of the tensor.
        shape: Vec<usize>,
    },
    /// Parameters are none that a graph can hold.
    #[error("{reason}; a graph holds i8, u8 and i32 codes, per tensor or per channel, with integer zero points")]
    NotForGraphs {
        /// What they are instead.
        reason: &'static str,
    },
    /// A requantization multiplier is negative, infinite or NaN.
    #[error("multiplier {value:e} is not a finite number of at least 0; check the scales that it is made of")]
    Multiplier {
        /// The number given.
        value: f64,
    },
    /// The parts of a fixed-point multiplier lie outside of what can be applied.
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
            | Error::Codes { .. }
            | Error::NotQuantized { .. }
            | Error::Channels { .. }
            | Error::Range { .. }
            | Error::ReversedRange { .. }
            | Error::CodeRange { .. }
            | Error::OneSided { .. }
            | Error::Code { .. }
            | Error::PackedLength { .. }
            | Error::Padding { .. }
            | Error::FloatZeroPoint { .. }
            | Error::Parameters { .. }
            | Error::Sharing { .. }
            | Error::NotForGraphs { .. }
            | Error::Multiplier { .. }
            | Error::FixedMultiplier { .. } => ErrorKind::Invalid,
            Error::Tensor(error) => error.kind(),
            Error::Kernel(error) if error.is_limit() => ErrorKind::Limit,
            Error::Kernel(_) => ErrorKind::Invalid,
        }
    }
}
