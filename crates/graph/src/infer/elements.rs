//! Types of operators that take integers or truth values, or give them.

use fourfold_schemes::Granularity;
use fourfold_tensor::DType;

use crate::{Comparison, Dim, Op, Problem, Reduction, TopKPart, Unary, Value, ValueType};

/// The result's type, `None` where the operands are all real numbers or codes and so is the result.
pub(super) fn infer(op: &Op, inputs: &[&Value], dims: &[Dim]) -> Result<Option<ValueType>, Problem> {
    let x = &inputs[0].ty;
    if !matches!(op, Op::Cast { .. } | Op::Identity) {
        inputs.iter().enumerate().try_for_each(|(operand, input)| computable(operand, &input.ty))?;
    }
    let plain = |dtype| Ok(Some(ValueType::plain(dtype, dims)));
    match op {
        Op::Flatten { .. } | Op::Reshape { .. } | Op::Transpose { .. } | Op::Identity if is_plain(x) => {
            plain(x.dtype())
        }
        Op::Slice { .. } | Op::Expand { .. } | Op::Pad(_) if is_plain(x) => plain(x.dtype()),
        Op::Concat { .. } if is_plain(x) => {
            (1..inputs.len()).try_for_each(|operand| expect(inputs, operand, x.dtype()))?;
            plain(x.dtype())
        }
        Op::Gather { .. } | Op::GatherElements { .. } => {
            expect(inputs, 1, DType::I64)?;
            if is_plain(x) {
                return plain(x.dtype());
            }
            match (op, x.params().map(|params| params.granularity()), inputs[0].constant.is_some()) {
                (_, Some(Granularity::PerTensor { .. }), false) if x.is_byte_codes() => {
                    Ok(Some(x.with_dims(dims.to_vec())))
                }
                (Op::Gather { axis: 0 }, Some(Granularity::PerTensor { .. }), true)
                | (Op::Gather { axis: 0 }, Some(Granularity::PerChannel { axis: 0, .. }), true)
                    if x.is_byte_codes() =>
                {
                    plain(DType::F32)
                }
                _ => Err(Problem::shape("codes to choose from are an activation, or rows of a constant, axis 0")),
            }
        }
        Op::Where => {
            expect(inputs, 0, DType::Bool)?;
            let dtype = inputs[1].ty.dtype();
            (1..3).try_for_each(|operand| expect(inputs, operand, dtype))?;
            plain(dtype)
        }
        Op::Compare(comparison) => {
            let are_truths = *comparison == Comparison::Equal && x.dtype() == DType::Bool;
            let dtype = if are_truths { DType::Bool } else { number(inputs, 0)? };
            expect(inputs, 1, dtype)?;
            plain(DType::Bool)
        }
        Op::Logic(_) => {
            (0..2).try_for_each(|operand| expect(inputs, operand, DType::Bool))?;
            plain(DType::Bool)
        }
        Op::Not => {
            expect(inputs, 0, DType::Bool)?;
            plain(DType::Bool)
        }
        Op::Cast { to } => {
            expect(inputs, 0, x.dtype())?;
            plain(to.dtype())
        }
        Op::ArgExtreme(_) => {
            number(inputs, 0)?;
            plain(DType::I64)
        }
        Op::TopK(top) => {
            let dtype = number(inputs, 0)?;
            plain(if top.part == TopKPart::Indices { DType::I64 } else { dtype })
        }
        Op::CumSum(_) => plain(number(inputs, 0)?),
        Op::Add { .. } | Op::Binary(_) if is_integer(x) => {
            expect(inputs, 1, x.dtype())?;
            if op.activation() != crate::Activation::None {
                return Err(Problem::shape("sums of integers have no clamp"));
            }
            plain(x.dtype())
        }
        Op::Unary(Unary::Neg | Unary::Abs) if is_integer(x) => plain(x.dtype()),
        Op::Reduce { reduction, .. } if is_integer(x) && *reduction != Reduction::L2 => plain(x.dtype()),
        _ => Ok(None),
    }
}

/// Operators compute in `f32`; other real numbers are only converted.
fn computable(operand: usize, ty: &ValueType) -> Result<(), Problem> {
    if ty.dtype().is_float() && !ty.is_f32() {
        return Err(Problem::Type { operand, expected: "f32, which a Cast makes of it", actual: ty.dtype() });
    }
    Ok(())
}

/// Whether elements stand for themselves.
fn is_plain(ty: &ValueType) -> bool {
    ty.params().is_none()
}

/// Whether elements are integers that stand for themselves.
fn is_integer(ty: &ValueType) -> bool {
    is_plain(ty) && ty.dtype().is_integer()
}

/// Checks that an operand holds elements of that type that stand for themselves.
fn expect(inputs: &[&Value], operand: usize, dtype: DType) -> Result<(), Problem> {
    let ty = &inputs[operand].ty;
    if ty.dtype() == dtype && is_plain(ty) {
        return Ok(());
    }
    let expected = match dtype {
        DType::F32 => "f32",
        DType::I64 => "i64",
        DType::I32 => "i32",
        DType::U8 => "u8",
        DType::I8 => "i8",
        DType::Bool => "truth values (bool)",
        DType::F16 => "f16",
        DType::BF16 => "bf16",
        DType::F64 => "f64",
    };
    Err(Problem::Type { operand, expected, actual: ty.dtype() })
}

/// The type of an operand of real numbers or integers.
fn number(inputs: &[&Value], operand: usize) -> Result<DType, Problem> {
    let ty = &inputs[operand].ty;
    if is_integer(ty) || ty.is_f32() {
        return Ok(ty.dtype());
    }
    Err(Problem::Type { operand, expected: "real numbers or integers", actual: ty.dtype() })
}
