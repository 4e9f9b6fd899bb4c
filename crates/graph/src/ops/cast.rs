//! Elements of another type.

use fourfold_schemes::QuantParams;
use fourfold_tensor::DType;

use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const CAST: Facts = Facts::new(OpKind::Cast, OutputParams::Float).all_floats();

/// Attributes of [`Op::Cast`](crate::Op::Cast).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    /// The new type.
    pub to: CastTo,
}

/// The element type that [`Op::Cast`](crate::Op::Cast) gives. The result is the same on every CPU:
///
/// - Integers to integers keep their lowest bits.
/// - Floats to `i64` and `i32` are rounded to zero; what is out of range, and NaN, becomes the min of the type, as on
///   x86.
/// - Floats to `i8` and `u8` become an `i32` first, of which the lowest bits stay, as in ONNX Runtime.
/// - Floats to floats are rounded once, as [`Float`](fourfold_tensor::Float) says.
/// - Integers to `f16` and `bf16` become `f32` first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastTo {
    /// Floats of 32 bits.
    F32,
    /// Integers of 64 bits.
    I64,
    /// Integers of 32 bits.
    I32,
    /// Bools: false for 0, else true; true for NaN.
    Bool,
    /// Integers of 8 bits.
    I8,
    /// Unsigned integers of 8 bits.
    U8,
    /// Floats of 16 bits, half precision.
    F16,
    /// Floats of 16 bits with the range of `f32` and 8 bits of precision.
    BF16,
    /// Floats of 64 bits, double precision.
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
            CastTo::Bool => DType::Bool,
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
            DType::Bool => CastTo::Bool,
            DType::I8 => CastTo::I8,
            DType::U8 => CastTo::U8,
            DType::F16 => CastTo::F16,
            DType::BF16 => CastTo::BF16,
            DType::F64 => CastTo::F64,
        }
    }
}

impl Operator for Cast {
    fn kind(&self) -> OpKind {
        OpKind::Cast
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        Ok(operands[0].ty.dims().to_vec())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::expect(operands, 0, operands[0].ty.dtype())?;
        types::plain(self.to.dtype(), &dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}
