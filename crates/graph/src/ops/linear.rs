//! Linear layers, and what all layers `(x, weight, [bias])` share.

use fourfold_schemes::{DynamicScheme, QuantParams};

use super::{Activation, Facts, NodeRows, Op, OpKind, Operator, OutputParams, types};
use crate::statistics::{count, elements};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const LINEAR: Facts = Facts::new(OpKind::Linear, OutputParams::Own).operands(2, 3).constants(1..3).dynamic();

/// Attributes of [`Op::Linear`].
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Linear {
    /// The clamp of the result.
    pub activation: Activation,
    /// How an `f32` input is quantized when the weight is `i8`; `None` for every other combination of types.
    pub dynamic: Option<DynamicScheme>,
}

impl Operator for Linear {
    fn kind(&self) -> OpKind {
        OpKind::Linear
    }

    /// `[.., in] * [out, in]^T + [out] -> [.., out]`.
    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let (x, weight) = (operands[0].ty.dims(), operands[1].ty.dims());
        let [out, depth] = weight else {
            return Err(Problem::shape(format!("the weight has shape {weight:?}, expected [out, in]")));
        };
        let Some((_, outer)) = x.split_last().filter(|(last, _)| *last == depth) else {
            let is_open = x.last().is_some_and(|last| !last.differs(depth));
            let reason = format!("the last axis of the input {x:?} does not have the weight's {depth} input features");
            return Err(Problem::sizes(is_open, reason));
        };
        types::expect_vector("bias", operands.get(2), out)?;
        Ok(outer.iter().cloned().chain([out.clone()]).collect())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        weighted_type(self.dynamic, self.activation, operands, dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.only_first() && is_by_row(self.dynamic)
    }

    fn macs(&self, operands: &[&ValueType], result: &ValueType) -> u64 {
        weighted_macs(operands, result)
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn with_activation(&self, activation: Activation) -> Option<Op> {
        Some(Op::Linear(Linear { activation, ..self.clone() }))
    }
}

/// The type of the result of a layer with a weight: dynamically quantized, quantized or float.
pub(super) fn weighted_type(
    dynamic: Option<DynamicScheme>,
    activation: Activation,
    operands: &[&Value],
    dims: Vec<Dim>,
    params: Option<QuantParams>,
) -> Result<ValueType, Problem> {
    if dynamic.is_some() {
        types::none(params)?;
        types::expect_f32(operands, 0)?;
        types::expect_weight(operands, 1)?;
        if operands.len() > 2 {
            types::expect_f32(operands, 2)?;
        }
        return Ok(ValueType::f32(&dims));
    }
    if operands[0].ty.is_quantized() {
        types::expect_quantized(operands, 0)?;
        types::expect_weight(operands, 1)?;
        types::expect_bias(operands)?;
        return types::own_or_sums(activation, dims, params);
    }
    types::float(operands, &dims, params)
}

/// The multiply-accumulates of a layer with a weight `[out, ...]`: a row of it for every element of the result.
pub(super) fn weighted_macs(operands: &[&ValueType], result: &ValueType) -> u64 {
    elements(&operands[1].dims()[1..]).saturating_mul(count(result))
}

/// Whether dynamic quantization, if there is any, gives each row parameters of its own.
pub(super) fn is_by_row(dynamic: Option<DynamicScheme>) -> bool {
    matches!(dynamic, None | Some(DynamicScheme::PerRow))
}
