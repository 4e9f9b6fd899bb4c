//! Matrix products.

use fourfold_graph::{Linear, Op, ValueId};
use fourfold_tensor::Tensor;

use super::computed::Change;
use super::node::Entry;
use crate::Error;
use crate::proto::NodeProto;

impl<'a> Entry<'_, 'a> {
    /// `alpha * A * B + beta * C`.
    pub(super) fn gemm(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["alpha", "beta", "transA", "transB", "broadcast"])?;
        let (alpha, beta) = (attributes.float("alpha", 1.0)?, attributes.float("beta", 1.0)?);
        let (trans_a, trans_b) = (attributes.flag("transA")?, attributes.flag("transB")?);
        self.expect_inputs(2, 3)?;
        if trans_a {
            return Err(self.unsupported("transA"));
        }
        let b = self.input(1).and_then(|name| self.importer.constant(name)).cloned();
        let Some(b) = b else { return Err(self.unsupported("a right side that is not constant")) };
        let x = self.operand(0)?;
        if self.dims(x).len() != 2 {
            return Err(self.invalid(format!("the left side has shape {:?}, expected two axes", self.dims(x))));
        }
        let columns = b.shape().first().copied().filter(|_| trans_b).or(b.shape().get(1).copied());
        let weight = if trans_b && alpha == 1.0 { self.operand(1)? } else { self.weight(1, &b, trans_b, alpha)? };
        let mut inputs = vec![x, weight];
        if let Some(c) = self.optional_constant(2)? {
            let name = self.input(2).unwrap_or_default();
            inputs.push(self.bias(name, &c, columns.unwrap_or(0), beta)?);
        }
        self.emit(Op::Linear(Linear::default()), &inputs)
    }

    /// A product over the last two axes; with a constant matrix on the right it is a Linear.
    pub(super) fn matmul(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        self.expect_inputs(2, 2)?;
        let x = self.operand(0)?;
        let constant = self.input(1).and_then(|name| self.importer.constant(name)).cloned();
        let Some(b) = constant.filter(|b| b.shape().len() == 2 && !self.dims(x).is_empty()) else {
            let b = self.operand(1)?;
            return self.emit(Op::MatMul, &[x, b]);
        };
        let weight = self.weight(1, &b, false, 1.0)?;
        match self.following_bias(b.shape()[1]) {
            Some((output, name, bias)) => {
                let bias = self.bias(name, &bias, bias.len(), 1.0)?;
                self.emit_as(output, Op::Linear(Linear::default()), &[x, weight, bias])
            }
            None => self.emit(Op::Linear(Linear::default()), &[x, weight]),
        }
    }

    /// The weight `[out, in]` of a product with the constant `b`, times `alpha`.
    fn weight(&mut self, index: usize, b: &Tensor, is_transposed: bool, alpha: f32) -> Result<ValueId, Error> {
        let name = self.input(index).unwrap_or_default();
        self.computed(name, Change::Weight { is_transposed, factor: alpha.to_bits() }, |entry| {
            let wrong =
                || entry.invalid(format!("the right side is {}{:?}, expected a float matrix", b.dtype(), b.shape()));
            let view = b.view::<f32>().map_err(|_| wrong())?;
            let view = if is_transposed { Ok(view) } else { view.permute(&[1, 0]) };
            let mut weight = view.map_err(|_| wrong())?.to_tensor();
            scale(&mut weight, alpha);
            Ok(weight)
        })
    }

    /// The bias `[columns]` that the constant `c` of that name, times `beta`, stands for.
    fn bias(&mut self, name: &'a str, c: &Tensor, columns: usize, beta: f32) -> Result<ValueId, Error> {
        self.computed(name, Change::Bias { columns, factor: beta.to_bits() }, |entry| {
            let Some(mut bias) = as_vector(c, columns) else {
                let (dtype, shape) = (c.dtype(), c.shape());
                return Err(entry.unsupported(format!(
                    "a third input {dtype}{shape:?}, which is not one number for each of {columns} columns,"
                )));
            };
            scale(&mut bias, beta);
            Ok(bias)
        })
    }

    /// The Add of a constant vector that alone reads this node's result: its output, the vector's name and the vector.
    ///
    /// The Add is marked as taken in.
    fn following_bias(&mut self, columns: usize) -> Option<(&'a str, &'a str, Tensor)> {
        let output = self.proto.output.first()?.as_str();
        if self.importer.readers.get(output) != Some(&1) {
            return None;
        }
        let index = *self.importer.first_reader.get(output)?;
        let add: &NodeProto = &self.importer.proto.node[index];
        if add.op_type != "Add" {
            return None;
        }
        let ([a, b], [sum]) = (add.input.as_slice(), add.output.as_slice()) else { return None };
        let name = if a == output { b } else { a };
        let constant = self.importer.constant(name)?;
        let is_vector = constant.shape().len() == 1 && constant.shape()[0] == columns;
        let bias = is_vector.then(|| as_vector(constant, columns)).flatten()?;
        self.importer.absorbed.insert(index);
        Some((sum, name, bias))
    }
}

/// A float tensor that broadcasts to rows of `columns` numbers, as one row.
fn as_vector(c: &Tensor, columns: usize) -> Option<Tensor> {
    let elements = c.as_slice::<f32>().ok()?;
    let outer: usize = c.shape().split_last().map_or(1, |(_, outer)| outer.iter().product());
    match elements {
        [one] if outer == 1 => Tensor::from_vec(&[columns], vec![*one; columns]).ok(),
        row if outer == 1 && row.len() == columns => Tensor::from_slice(&[columns], row).ok(),
        _ => None,
    }
}

fn scale(tensor: &mut Tensor, factor: f32) {
    if factor != 1.0
        && let Ok(elements) = tensor.as_mut_slice::<f32>()
    {
        elements.iter_mut().for_each(|element| *element *= factor);
    }
}
