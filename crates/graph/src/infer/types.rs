//! Element types, quantization parameters and the bound on sums.

use fourfold_schemes::{Granularity, QuantParams, exact_depth, exact_weight_depth};
use fourfold_tensor::DType;

use super::elements;
use crate::{Activation, Binary, Cell, Dim, Op, OutputParams, Problem, Recurrent, Value, ValueType};

/// The most operands of [`Op::Concat`]; more are joined in parts.
pub const MAX_CONCAT: usize = 64;

/// Checks the number of operands.
pub(super) fn check_arity(op: &Op, actual: usize) -> Result<(), Problem> {
    let (least, most) = match op {
        Op::Conv(_) | Op::Linear(_) => (2, 3),
        Op::LayerNorm { .. } | Op::ConvTranspose(_) => (2, 3),
        Op::MatMul | Op::Add { .. } | Op::Binary(_) | Op::Compare(_) | Op::Logic(_) => (2, 2),
        Op::Gather { .. } | Op::GatherElements { .. } => (2, 2),
        Op::BatchNorm { .. } => (5, 5),
        Op::GroupNorm { .. } | Op::Where => (3, 3),
        Op::Recurrent(Recurrent { cell: Cell::Lstm, .. }) => (4, 6),
        Op::Recurrent(_) => (4, 5),
        Op::Concat { .. } => (1, MAX_CONCAT),
        _ => (1, 1),
    };
    if (least..=most).contains(&actual) { Ok(()) } else { Err(Problem::Arity { least, most, actual }) }
}

/// The result's type, given its shape.
pub(super) fn infer(
    op: &Op,
    inputs: &[&Value],
    dims: Vec<Dim>,
    params: Option<QuantParams>,
) -> Result<ValueType, Problem> {
    let x = &inputs[0].ty;
    let dynamic = match op {
        Op::Linear(linear) => linear.dynamic.is_some(),
        Op::Conv(conv) => conv.dynamic.is_some(),
        _ => false,
    };
    match op {
        Op::Conv(_) | Op::Linear(_) | Op::ConvTranspose(_) => expect_constants(&inputs[1..])?,
        Op::BatchNorm { .. } | Op::LayerNorm { .. } | Op::GroupNorm { .. } => expect_constants(&inputs[1..])?,
        Op::Recurrent(_) => expect_constants(&inputs[1..4])?,
        _ => {}
    }
    if let Some(ty) = elements::infer(op, inputs, &dims)? {
        none(params)?;
        return Ok(ty);
    }
    match op {
        Op::Quantize => {
            expect_f32(inputs, 0)?;
            own(dims, params)
        }
        Op::Dequantize => {
            none(params)?;
            if x.params().is_none() {
                return Err(Problem::Type { operand: 0, expected: "codes", actual: x.dtype() });
            }
            Ok(ValueType::f32(&dims))
        }
        Op::Conv(_) | Op::Linear(_) if dynamic => {
            none(params)?;
            expect_f32(inputs, 0)?;
            expect_weight(inputs, 1)?;
            if inputs.len() > 2 {
                expect_f32(inputs, 2)?;
            }
            Ok(ValueType::f32(&dims))
        }
        Op::Recurrent(Recurrent { dynamic: Some(_), .. }) => {
            none(params)?;
            (1..3).try_for_each(|operand| expect_symmetric(inputs, operand))?;
            [0].into_iter().chain(3..inputs.len()).try_for_each(|operand| expect_f32(inputs, operand))?;
            Ok(ValueType::f32(&dims))
        }
        Op::Conv(_) | Op::Linear(_) if x.is_byte_codes() => {
            expect_codes(inputs, 0)?;
            expect_weight(inputs, 1)?;
            expect_bias(inputs)?;
            own_or_sums(op, dims, params)
        }
        Op::ConvTranspose(conv) if x.is_byte_codes() => {
            expect_codes(inputs, 0)?;
            let weight = inputs[1].ty.dims();
            let depth: usize =
                weight.iter().enumerate().filter(|(axis, _)| *axis != 1).filter_map(|(_, dim)| dim.fixed()).product();
            expect_weight_of(inputs, 1, 1, depth / conv.groups.max(1))?;
            expect_bias(inputs)?;
            own(dims, params)
        }
        Op::MatMul if x.is_byte_codes() => {
            (0..2).try_for_each(|operand| expect_codes(inputs, operand))?;
            expect_exact(inputs)?;
            own_or_sums(op, dims, params)
        }
        Op::Add { .. } | Op::Binary(Binary::Sub | Binary::Mul) | Op::Concat { .. } if x.is_byte_codes() => {
            (0..inputs.len()).try_for_each(|operand| expect_codes(inputs, operand))?;
            own(dims, params)
        }
        _ if x.is_byte_codes() => match op.kind().output_params() {
            OutputParams::Own => {
                expect_codes(inputs, 0)?;
                own(dims, params)
            }
            OutputParams::Shared => {
                none(params)?;
                expect_codes(inputs, 0)?;
                Ok(x.with_dims(dims))
            }
            OutputParams::Float => Err(Problem::Type { operand: 0, expected: "f32", actual: x.dtype() }),
        },
        _ => {
            none(params)?;
            (0..inputs.len()).try_for_each(|index| expect_f32(inputs, index))?;
            Ok(ValueType::f32(&dims))
        }
    }
}

fn own(dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
    let params = params.ok_or(Problem::OutputParams { reason: "the result is quantized and needs parameters" })?;
    if params.as_per_tensor().is_none() || params.dtype().byte_range().is_none() {
        return Err(Problem::OutputParams {
            reason: "the parameters of a result must be per tensor, of type i8 or u8",
        });
    }
    Ok(ValueType::quantized(&dims, params))
}

/// The result of products of codes: codes, or without parameters the sums of equation (3) as they are.
fn own_or_sums(op: &Op, dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
    if params.is_some() {
        return own(dims, params);
    }
    if op.activation() != Activation::None {
        return Err(Problem::shape("sums of products of codes have no clamp"));
    }
    Ok(ValueType::plain(DType::I32, &dims))
}

fn none(params: Option<QuantParams>) -> Result<(), Problem> {
    match params {
        None => Ok(()),
        Some(_) => Err(Problem::OutputParams { reason: "the operator does not take parameters for its result" }),
    }
}

fn expect_f32(inputs: &[&Value], operand: usize) -> Result<(), Problem> {
    let ty = &inputs[operand].ty;
    if ty.is_f32() { Ok(()) } else { Err(Problem::Type { operand, expected: "f32", actual: ty.dtype() }) }
}

/// Weights, biases and statistics are constants.
fn expect_constants(inputs: &[&Value]) -> Result<(), Problem> {
    match inputs.iter().find(|value| value.constant.is_none()) {
        Some(value) => Err(Problem::shape(format!("operand `{}` must be a constant", value.name))),
        None => Ok(()),
    }
}

/// Codes of an activation: per tensor.
fn expect_codes(inputs: &[&Value], operand: usize) -> Result<(), Problem> {
    let ty = &inputs[operand].ty;
    match ty.params() {
        Some(params) if params.dtype().byte_range().is_some() && params.as_per_tensor().is_some() => Ok(()),
        Some(_) => Err(Problem::shape("activations must be quantized per tensor, to i8 or u8")),
        None => Err(Problem::Type { operand, expected: "i8 or u8 codes", actual: ty.dtype() }),
    }
}

/// Codes of a weight `[out, ...]`: scales per tensor or on axis 0, and sums that fit `i32`.
fn expect_weight(inputs: &[&Value], operand: usize) -> Result<(), Problem> {
    expect_weight_of(inputs, operand, 0, inputs[operand].ty.dims()[1..].iter().filter_map(Dim::fixed).product())
}

/// The same where the channels are on `axis` and a sum has `depth` products.
fn expect_weight_of(inputs: &[&Value], operand: usize, axis: usize, depth: usize) -> Result<(), Problem> {
    let weight = inputs[operand];
    let Some(params) = weight.ty.params().filter(|_| weight.ty.is_byte_codes()) else {
        return Err(Problem::Type { operand, expected: "i8 or u8 codes", actual: weight.ty.dtype() });
    };
    if let Granularity::PerChannel { axis: given, .. } = params.granularity()
        && *given != axis
    {
        return Err(Problem::shape(format!("a quantized weight has its scales on axis {given}, expected axis {axis}")));
    }
    let limit = exact_weight_depth(params);
    if depth > limit { Err(Problem::Accumulator { depth, limit }) } else { Ok(()) }
}

/// Codes of a weight of a recurrent layer: `i8` with zero point 0.
fn expect_symmetric(inputs: &[&Value], operand: usize) -> Result<(), Problem> {
    expect_weight(inputs, operand)?;
    let ty = &inputs[operand].ty;
    if ty.dtype() != DType::I8 {
        return Err(Problem::Type { operand, expected: "i8 codes", actual: ty.dtype() });
    }
    if ty.params().is_some_and(|params| params.zero_points().iter().any(|&zero_point| zero_point != 0)) {
        return Err(Problem::shape("the quantized weight of a recurrent layer must have zero point 0"));
    }
    Ok(())
}

/// The two operands of a product of matrices, both activations: sums that fit `i32`, as far as their depth is known.
fn expect_exact(inputs: &[&Value]) -> Result<(), Problem> {
    let depth = inputs[0].ty.dims().last().and_then(Dim::fixed);
    let (Some(depth), Some(a), Some(b)) = (depth, inputs[0].ty.params(), inputs[1].ty.params()) else { return Ok(()) };
    let limit = exact_depth(a, b);
    if depth > limit { Err(Problem::Accumulator { depth, limit }) } else { Ok(()) }
}

/// A bias for sums of codes: `i32`.
fn expect_bias(inputs: &[&Value]) -> Result<(), Problem> {
    match inputs.get(2) {
        Some(bias) if bias.ty.dtype() != DType::I32 => {
            Err(Problem::Type { operand: 2, expected: "i32", actual: bias.ty.dtype() })
        }
        _ => Ok(()),
    }
}
