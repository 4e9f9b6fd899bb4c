//! Products of two activations.

use fourfold_schemes::{QuantParams, exact_depth};

use super::binary::broadcast;
use super::{Activation, Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::statistics::{count, elements};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const MAT_MUL: Facts = Facts::new(OpKind::MatMul, OutputParams::Own).operands(2, 2);

pub(super) struct MatMul;

impl Operator for MatMul {
    fn kind(&self) -> OpKind {
        OpKind::MatMul
    }

    /// `[.., m, k] * [.., k, n] -> [.., m, n]`.
    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let (a, b) = (operands[0].ty.dims(), operands[1].ty.dims());
        match (a, b) {
            ([a_outer @ .., m, k], [b_outer @ .., k_b, n]) if k == k_b => {
                let mut dims = broadcast(a_outer, b_outer)?;
                dims.extend([m.clone(), n.clone()]);
                Ok(dims)
            }
            _ => {
                let is_open = matches!((a, b), ([.., _, k], [.., k_b, _]) if !k.differs(k_b));
                Err(Problem::sizes(is_open, format!("the shapes {a:?} and {b:?} are not [.., m, k] and [.., k, n]")))
            }
        }
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        if !operands[0].ty.is_quantized() {
            return types::float(operands, &dims, params);
        }
        (0..2).try_for_each(|operand| types::expect_quantized(operands, operand))?;
        expect_exact(operands)?;
        types::own_or_sums(Activation::None, dims, params)
    }

    /// The last two axes are multiplied: of the second operand none may have the rows.
    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.stay_in_broadcast() && (rows.ranks[1] > 2 || rows.only_first())
    }

    /// Elements of the result times the depth.
    fn macs(&self, operands: &[&ValueType], result: &ValueType) -> u64 {
        elements(&operands[0].dims()[operands[0].rank() - 1..]).saturating_mul(count(result))
    }
}

/// Checks that sums fit `i32`, as far as their depth is known.
fn expect_exact(operands: &[&Value]) -> Result<(), Problem> {
    let [a, b] = [0, 1].map(|operand: usize| &operands[operand].ty);
    let (Some(depth), Some(a_params), Some(b_params)) = (a.dims().last().and_then(Dim::fixed), a.params(), b.params())
    else {
        return Ok(());
    };
    let limit = exact_depth(a_params, b_params);
    if depth > limit { Err(Problem::Accumulator { depth, limit }) } else { Ok(()) }
}
