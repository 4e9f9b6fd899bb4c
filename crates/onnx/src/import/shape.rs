//! Operators that move elements, and Softmax, whose meaning changed with the opset.

use fourfold_graph::{Dim, Op};
use fourfold_tensor::{DType, Element, Tensor};

use super::node::Entry;
use crate::Error;

impl Entry<'_, '_> {
    pub(super) fn flatten(&mut self) -> Result<(), Error> {
        let axis = self.attributes(&["axis"])?.int("axis", 1)?;
        self.expect_inputs(1, 1)?;
        let x = self.operand(0)?;
        let axis = self.axis(axis, self.dims(x).len(), true)?;
        self.emit(Op::Flatten { axis }, &[x])
    }

    pub(super) fn reshape(&mut self) -> Result<(), Error> {
        let allow_zero = self.attributes(&["allowzero"])?.flag("allowzero")?;
        self.expect_inputs(2, 2)?;
        let shape = self.constant(1)?;
        let dims = match shape.as_slice::<i64>() {
            Ok(dims) if shape.shape().len() == 1 => dims.to_vec(),
            _ => {
                return Err(self.invalid(format!(
                    "the shape is {}{:?}, expected an int64 vector",
                    shape.dtype(),
                    shape.shape()
                )));
            }
        };
        if allow_zero && dims.contains(&0) {
            return Err(self.unsupported("an empty result (allowzero)"));
        }
        let x = self.operand(0)?;
        self.emit(Op::Reshape { dims }, &[x])
    }

    pub(super) fn transpose(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["perm"])?;
        let perm = attributes.sizes("perm")?;
        self.expect_inputs(1, 1)?;
        if let Some(constant) = self.input(0).and_then(|name| self.importer.constant(name)).cloned() {
            let axes = perm.unwrap_or_else(|| (0..constant.shape().len()).rev().collect());
            let turned = turned(&constant, &axes).map_err(|error| self.invalid(error.to_string()))?;
            return self.bind_constant(turned);
        }
        let x = self.operand(0)?;
        let axes = perm.unwrap_or_else(|| (0..self.dims(x).len()).rev().collect());
        self.emit(Op::Transpose { axes }, &[x])
    }

    /// From opset 13 on, Softmax is over one axis; before, over all axes from `axis` on as if they were one.
    pub(super) fn softmax(&mut self) -> Result<(), Error> {
        let is_joined = self.importer.opset < 13;
        let axis = self.attributes(&["axis"])?.int("axis", if is_joined { 1 } else { -1 })?;
        self.expect_inputs(1, 1)?;
        let x = self.operand(0)?;
        let dims = self.dims(x);
        let axis = self.axis(axis, dims.len(), false)?;
        if !is_joined || axis + 1 == dims.len() {
            return self.emit(Op::Softmax { axis }, &[x]);
        }
        let flat = self.emit_before("flatten", Op::Flatten { axis }, &[x])?;
        let soft = self.emit_before("softmax", Op::Softmax { axis: 1 }, &[flat])?;
        let size = |dim: &Dim| dim.fixed().map_or(Some(-1), |size| i64::try_from(size).ok());
        let back: Option<Vec<i64>> = dims.iter().map(size).collect();
        let back = back.filter(|back| back.iter().filter(|&&size| size < 0).count() < 2);
        let Some(back) = back else {
            return Err(
                self.unsupported(format!("Softmax of opset {} over an input of shape {dims:?}", self.importer.opset))
            );
        };
        self.emit(Op::Reshape { dims: back }, &[soft])
    }
}

/// A constant with its axes in another order.
fn turned(constant: &Tensor, axes: &[usize]) -> Result<Tensor, fourfold_tensor::Error> {
    fn of<T: Element>(constant: &Tensor, axes: &[usize]) -> Result<Tensor, fourfold_tensor::Error> {
        Ok(constant.view::<T>()?.permute(axes)?.to_tensor())
    }
    match constant.dtype() {
        DType::F32 => of::<f32>(constant, axes),
        DType::I8 => of::<i8>(constant, axes),
        DType::U8 => of::<u8>(constant, axes),
        DType::I32 => of::<i32>(constant, axes),
        _ => of::<i64>(constant, axes),
    }
}
