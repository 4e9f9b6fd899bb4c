//! Operators between floats and quantized values.

use fourfold_schemes::{Granularity, QuantParams};

use super::reshape::axis_problem;
use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const QUANTIZE: Facts = Facts::new(OpKind::Quantize, OutputParams::Own);
pub(super) const DEQUANTIZE: Facts = Facts::new(OpKind::Dequantize, OutputParams::Float);
pub(super) const FAKE_QUANTIZE: Facts = Facts::new(OpKind::FakeQuantize, OutputParams::Float);
pub(super) const QUANT_STUB: Facts = Facts::new(OpKind::QuantStub, OutputParams::Own);
pub(super) const DE_QUANT_STUB: Facts = Facts::new(OpKind::DeQuantStub, OutputParams::Float);

pub(super) struct Quantize;

impl Operator for Quantize {
    fn kind(&self) -> OpKind {
        OpKind::Quantize
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        Ok(operands[0].ty.dims().to_vec())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::expect_f32(operands, 0)?;
        types::own(dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}

pub(super) struct Dequantize;

impl Operator for Dequantize {
    fn kind(&self) -> OpKind {
        OpKind::Dequantize
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        Ok(operands[0].ty.dims().to_vec())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::none(params)?;
        let x = &operands[0].ty;
        if types::is_plain(x) {
            return Err(Problem::Type { operand: 0, expected: "quantized values", actual: x.dtype() });
        }
        Ok(ValueType::f32(&dims))
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}

/// What is computed by `FakeQuantize`.
impl Operator for QuantParams {
    fn kind(&self) -> OpKind {
        OpKind::FakeQuantize
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let x = operands[0].ty.dims();
        let Granularity::PerChannel { axis, scales, .. } = self.granularity() else { return Ok(x.to_vec()) };
        match x.get(*axis) {
            Some(dim) if *dim == Dim::Fixed(scales.len()) => Ok(x.to_vec()),
            Some(dim) => {
                let reason = format!("{} scales for axis {axis} of {x:?}", scales.len());
                Err(Problem::sizes(dim.fixed().is_none(), reason))
            }
            None => Err(axis_problem(*axis, x)),
        }
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}

/// A mark of where quantization begins or ends.
pub(super) struct Stub(pub(super) OpKind);

impl Operator for Stub {
    fn kind(&self) -> OpKind {
        self.0
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        Ok(operands[0].ty.dims().to_vec())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::float(operands, &dims, params)
    }

    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}
