//! Elements chosen by index.

use fourfold_schemes::{Granularity, QuantParams};
use fourfold_tensor::DType;

use super::reshape::axis_problem;
use super::{Facts, NodeRows, OpKind, Operator, OutputParams, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const GATHER: Facts = Facts::new(OpKind::Gather, OutputParams::Shared).operands(2, 2);
pub(super) const GATHER_ELEMENTS: Facts = Facts::new(OpKind::GatherElements, OutputParams::Shared).operands(2, 2);

/// Attributes of [`Op::Gather`](crate::Op::Gather).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gather {
    /// The axis chosen from.
    pub axis: usize,
}

/// Attributes of [`Op::GatherElements`](crate::Op::GatherElements).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GatherElements {
    /// The axis chosen from.
    pub axis: usize,
}

impl Operator for Gather {
    fn kind(&self) -> OpKind {
        OpKind::Gather
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let (axis, x, indices) = (self.axis, operands[0].ty.dims(), operands[1].ty.dims());
        if axis >= x.len() {
            return Err(axis_problem(axis, x));
        }
        Ok([&x[..axis], indices, &x[axis + 1..]].concat())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        let table = &operands[0];
        let has_rows = self.axis == 0 && table.constant.is_some() && table.ty.is_quantized();
        let granularity = table.ty.params().map(QuantParams::granularity);
        let is_by_row =
            matches!(granularity, Some(Granularity::PerTensor { .. } | Granularity::PerChannel { axis: 0, .. }));
        if has_rows && is_by_row {
            types::expect(operands, 1, DType::I64)?;
            return types::plain(DType::F32, &dims, params);
        }
        chosen(operands, dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        let [of_elements, of_indices] = [rows.operands[0], rows.operands[1]];
        if of_elements { self.axis > 0 && !of_indices } else { self.axis == 0 }
    }
}

impl Operator for GatherElements {
    fn kind(&self) -> OpKind {
        OpKind::GatherElements
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        let (axis, x, indices) = (self.axis, operands[0].ty.dims(), operands[1].ty.dims());
        if axis >= x.len() {
            return Err(axis_problem(axis, x));
        }
        let within = |other: usize| match (x[other].fixed(), indices[other].fixed()) {
            (Some(size), Some(count)) => count <= size,
            _ => x[other] == indices[other],
        };
        if x.len() != indices.len() || !(0..x.len()).all(|other| other == axis || within(other)) {
            let is_open = x.len() == indices.len() && x.iter().chain(indices).any(|dim| dim.fixed().is_none());
            let reason = format!("the indices {indices:?} do not lie in {x:?} on other axes than {axis}");
            return Err(Problem::sizes(is_open, reason));
        }
        Ok(indices.to_vec())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        chosen(operands, dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        self.axis > 0 && rows.all()
    }
}

/// The type of elements chosen by `i64` indices: that of the first operand, which is quantized per tensor and no
/// constant, or not quantized.
fn chosen(operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
    types::expect(operands, 1, DType::I64)?;
    let x = &operands[0].ty;
    if types::is_plain(x) {
        return types::plain(x.dtype(), &dims, params);
    }
    let granularity = x.params().map(QuantParams::granularity);
    let is_activation = operands[0].constant.is_none() && x.is_quantized();
    if !is_activation || !matches!(granularity, Some(Granularity::PerTensor { .. })) {
        let reason =
            "quantized values are chosen from an activation quantized per tensor, or as rows (axis 0) of a constant";
        return Err(Problem::shape(reason));
    }
    types::none(params)?;
    Ok(x.with_dims(dims))
}
