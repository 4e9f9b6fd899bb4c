//! Checks of element types and quantization parameters that operators share.

use core::ops::Range;

use fourfold_schemes::{Granularity, QuantParams, exact_weight_depth};
use fourfold_tensor::DType;

use super::{Activation, OpKind, OutputParams};
use crate::{Dim, Problem, Value, ValueType};

/// The type of a result by where its parameters come from: `f32` of `f32`, quantized of quantized operands.
pub(super) fn by_output_params(
    kind: OpKind,
    operands: &[&Value],
    dims: Vec<Dim>,
    params: Option<QuantParams>,
) -> Result<ValueType, Problem> {
    let x = &operands[0].ty;
    if !x.is_quantized() {
        return float(operands, &dims, params);
    }
    match kind.output_params() {
        OutputParams::Own => {
            (0..operands.len()).try_for_each(|operand| expect_quantized(operands, operand))?;
            own(dims, params)
        }
        OutputParams::Shared => {
            none(params)?;
            expect_quantized(operands, 0)?;
            Ok(x.with_dims(dims))
        }
        OutputParams::Float => Err(Problem::Type { operand: 0, expected: "f32", actual: x.dtype() }),
    }
}

/// The type of an `f32` result of `f32` operands.
pub(super) fn float(operands: &[&Value], dims: &[Dim], params: Option<QuantParams>) -> Result<ValueType, Problem> {
    none(params)?;
    (0..operands.len()).try_for_each(|operand| expect_f32(operands, operand))?;
    Ok(ValueType::f32(dims))
}

/// The type of a result whose elements are not quantized.
pub(super) fn plain(dtype: DType, dims: &[Dim], params: Option<QuantParams>) -> Result<ValueType, Problem> {
    none(params)?;
    Ok(ValueType::plain(dtype, dims))
}

/// The type of a result of elements that are only moved: that of the first operand.
pub(super) fn moved(
    kind: OpKind,
    operands: &[&Value],
    dims: Vec<Dim>,
    params: Option<QuantParams>,
) -> Result<ValueType, Problem> {
    let x = &operands[0].ty;
    if is_plain(x) { plain(x.dtype(), &dims, params) } else { by_output_params(kind, operands, dims, params) }
}

/// The type of a quantized result with parameters of its own.
pub(super) fn own(dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
    let params = params.ok_or(Problem::OutputParams { reason: "the result is quantized and needs parameters" })?;
    if params.as_per_tensor().is_none() || params.dtype().byte_range().is_none() {
        return Err(Problem::OutputParams {
            reason: "the parameters of a result must be per tensor, of type i8 or u8",
        });
    }
    Ok(ValueType::quantized(&dims, params))
}

/// The type of the result of a quantized product: quantized, or without parameters the sums of equation (3).
pub(super) fn own_or_sums(
    activation: Activation,
    dims: Vec<Dim>,
    params: Option<QuantParams>,
) -> Result<ValueType, Problem> {
    if params.is_some() {
        return own(dims, params);
    }
    if activation != Activation::None {
        return Err(Problem::shape("sums of quantized products have no clamp"));
    }
    Ok(ValueType::plain(DType::I32, &dims))
}

/// Checks that no parameters are given for the result.
pub(super) fn none(params: Option<QuantParams>) -> Result<(), Problem> {
    match params {
        None => Ok(()),
        Some(_) => Err(Problem::OutputParams { reason: "the operator does not take parameters for its result" }),
    }
}

/// Whether elements are not quantized.
pub(super) fn is_plain(ty: &ValueType) -> bool {
    ty.params().is_none()
}

/// Whether elements are integers, not quantized.
pub(super) fn is_integer(ty: &ValueType) -> bool {
    is_plain(ty) && ty.dtype().is_integer()
}

/// Checks that operands of floats are `f32`.
pub(super) fn expect_f32_among_floats(operands: &[&Value]) -> Result<(), Problem> {
    match operands.iter().position(|value| value.ty.dtype().is_float() && !value.ty.is_f32()) {
        None => Ok(()),
        Some(operand) => {
            let actual = operands[operand].ty.dtype();
            Err(Problem::Type { operand, expected: "f32, which a Cast makes of it", actual })
        }
    }
}

/// Checks that an operand holds `f32`.
pub(super) fn expect_f32(operands: &[&Value], operand: usize) -> Result<(), Problem> {
    let ty = &operands[operand].ty;
    if ty.is_f32() { Ok(()) } else { Err(Problem::Type { operand, expected: "f32", actual: ty.dtype() }) }
}

/// Checks that an operand holds elements of that type, not quantized.
pub(super) fn expect(operands: &[&Value], operand: usize, dtype: DType) -> Result<(), Problem> {
    let ty = &operands[operand].ty;
    if ty.dtype() == dtype && is_plain(ty) {
        return Ok(());
    }
    Err(Problem::Type { operand, expected: dtype.name(), actual: ty.dtype() })
}

/// Checks that all operands hold elements of the first one's type, not quantized.
pub(super) fn expect_same(operands: &[&Value]) -> Result<DType, Problem> {
    let dtype = operands[0].ty.dtype();
    (1..operands.len()).try_for_each(|operand| expect(operands, operand, dtype))?;
    Ok(dtype)
}

/// The type of an operand of `f32` or integers.
pub(super) fn number(operands: &[&Value], operand: usize) -> Result<DType, Problem> {
    let ty = &operands[operand].ty;
    if is_integer(ty) || ty.is_f32() {
        return Ok(ty.dtype());
    }
    Err(Problem::Type { operand, expected: "f32 or integers", actual: ty.dtype() })
}

/// Checks that the operands in the range `constants` are constants.
pub(super) fn expect_constants(operands: &[&Value], constants: &Range<usize>) -> Result<(), Problem> {
    let must = operands.iter().enumerate().filter(|(operand, _)| constants.contains(operand));
    match must.map(|(_, value)| value).find(|value| value.constant.is_none()) {
        Some(value) => Err(Problem::shape(format!("operand `{}` must be a constant", value.name))),
        None => Ok(()),
    }
}

/// Checks that an operand is a quantized activation: per tensor.
pub(super) fn expect_quantized(operands: &[&Value], operand: usize) -> Result<(), Problem> {
    let ty = &operands[operand].ty;
    match ty.params() {
        Some(params) if params.dtype().byte_range().is_some() && params.as_per_tensor().is_some() => Ok(()),
        Some(_) => Err(Problem::shape("activations must be quantized per tensor, to i8 or u8")),
        None => Err(Problem::Type { operand, expected: "quantized i8 or u8", actual: ty.dtype() }),
    }
}

/// Checks a quantized weight `[out, ...]`: scales per tensor or on axis 0, and sums that fit `i32`.
pub(super) fn expect_weight(operands: &[&Value], operand: usize) -> Result<(), Problem> {
    let inner = &operands[operand].ty.dims()[1..];
    expect_weight_of(operands, operand, 0, inner.iter().filter_map(Dim::fixed).product())
}

/// Checks a quantized weight whose channels are on `axis`, for sums of `depth` products.
pub(super) fn expect_weight_of(operands: &[&Value], operand: usize, axis: usize, depth: usize) -> Result<(), Problem> {
    let weight = operands[operand];
    let Some(params) = weight.ty.params().filter(|_| weight.ty.is_quantized()) else {
        return Err(Problem::Type { operand, expected: "quantized i8 or u8", actual: weight.ty.dtype() });
    };
    if let Granularity::PerChannel { axis: given, .. } = params.granularity()
        && *given != axis
    {
        return Err(Problem::shape(format!("a quantized weight has its scales on axis {given}, expected axis {axis}")));
    }
    let limit = exact_weight_depth(params);
    if depth > limit { Err(Problem::Accumulator { depth, limit }) } else { Ok(()) }
}

/// Checks the bias of quantized products: `i32`.
pub(super) fn expect_bias(operands: &[&Value]) -> Result<(), Problem> {
    match operands.get(2) {
        Some(bias) if bias.ty.dtype() != DType::I32 => {
            Err(Problem::Type { operand: 2, expected: "i32", actual: bias.ty.dtype() })
        }
        _ => Ok(()),
    }
}

/// Checks that an operand, if there is one, has shape `[len]`.
pub(super) fn expect_vector(name: &str, operand: Option<&&Value>, len: &Dim) -> Result<(), Problem> {
    match operand.map(|value| value.ty.dims()) {
        Some([dim]) if dim == len => Ok(()),
        Some(dims) => {
            let is_open = matches!(dims, [dim] if !dim.differs(len));
            Err(Problem::sizes(is_open, format!("the {name} has shape {dims:?}, expected [{len}]")))
        }
        None => Ok(()),
    }
}
