//! Matrix products.

use fourfold_graph::{Activation, Add, Binary, Dim, Linear, Op, Reshape, Transpose, ValueId};

use crate::Error;
use crate::import::emission::binding::{Binding, Dequantized, Source};
use crate::import::emission::node::{Entry, is_zero};
use crate::import::weights::quantized::Channels;

/// An operator that gives the result of a node, and its operands.
pub(crate) type Pending = (Op, Vec<ValueId>);

impl<'a> Entry<'_, 'a> {
    /// `alpha * A * B + beta * C`.
    pub(crate) fn gemm(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["alpha", "beta", "transA", "transB", "broadcast"])?;
        let (alpha, beta) = (attributes.float("alpha", 1.0)?, attributes.float("beta", 1.0)?);
        let (trans_a, trans_b) = (attributes.flag("transA")?, attributes.flag("transB")?);
        let shape = self.input(1).and_then(|name| self.importer.constants.shape(name));
        let columns = shape.as_ref().and_then(|shape| shape.get(usize::from(!trans_b)).copied()).unwrap_or(0);
        let Some(_) = shape.filter(|_| !trans_a && self.has_row_addend(columns)) else {
            return self.computed_gemm([trans_a, trans_b], alpha, beta);
        };
        let channels = if trans_b { Channels::First } else { Channels::Transposed };
        let target = if alpha == 1.0 && beta == 1.0 { self.target(true)? } else { None };
        let quantized = if target.is_some() { self.weighted(channels, self.input(2))? } else { None };
        if let Some((target, inputs)) = target.zip(quantized) {
            return self.emit_on_quantized(target, &Op::Linear(Linear::default()), &inputs);
        }
        let x = self.operand(0)?;
        if self.dims(x).len() != 2 {
            return Err(self.invalid(format!("the left side has shape {:?}, expected two axes", self.dims(x))));
        }
        let weight = if trans_b && alpha == 1.0 { self.operand(1)? } else { self.weight(1, trans_b, alpha)? };
        let mut inputs = vec![x, weight];
        if let Some(c) = self.optional_constant(2)?.filter(|c| !is_zero(c)) {
            let name = self.input(2).unwrap_or_default();
            inputs.push(self.bias(name, &c, columns, beta)?);
        }
        self.emit(Op::Linear(Linear::default()), &inputs)
    }

    /// Whether the third input is left out, or a constant of one number for each column, or for all.
    fn has_row_addend(&self, columns: usize) -> bool {
        self.input(2).is_none_or(|name| match self.importer.constants.shape(name).as_deref() {
            Some([.., last]) if *last == columns => {
                self.importer.constants.shape(name).is_some_and(|shape| shape.iter().product::<usize>() == columns)
            }
            Some(shape) => shape.iter().product::<usize>() == 1,
            None => false,
        })
    }

    /// A product of two values that are computed, factors and addend as nodes of their own.
    fn computed_gemm(&mut self, transpose: [bool; 2], alpha: f32, beta: f32) -> Result<(), Error> {
        let mut sides = [self.operand(0)?, self.operand(1)?];
        for ((side, transpose), what) in sides.iter_mut().zip(transpose).zip(["a", "b"]) {
            if transpose {
                *side = self.emit_before(what, Op::Transpose(Transpose { axes: vec![1, 0] }), &[*side])?;
            }
        }
        let addend = if self.input(2).is_some() { Some(self.operand(2)?) } else { None };
        if addend.is_none() && alpha == 1.0 {
            return self.emit(Op::MatMul, &sides);
        }
        let product = self.emit_before("product", Op::MatMul, &sides)?;
        let Some(addend) = addend else {
            let factor = self.number("alpha", alpha)?;
            return self.emit(Op::Binary(Binary::Mul), &[product, factor]);
        };
        let product = self.times("alpha", product, alpha)?;
        let addend = self.times("beta", addend, beta)?;
        self.emit(Op::Add(Add { activation: Activation::None }), &[product, addend])
    }

    /// A value times a number.
    fn times(&mut self, what: &str, x: ValueId, factor: f32) -> Result<ValueId, Error> {
        if factor == 1.0 {
            return Ok(x);
        }
        let number = self.number(what, factor)?;
        self.emit_before(&format!("{what}.times"), Op::Binary(Binary::Mul), &[x, number])
    }

    /// The last node of a product of two values; a vector is a matrix of one row or column on the way.
    pub(crate) fn pending_product(&mut self, [a, b]: [ValueId; 2]) -> Result<Pending, Error> {
        let [a_dims, b_dims] = [self.dims(a), self.dims(b)];
        if a_dims.len() != 1 && b_dims.len() != 1 {
            return Ok((Op::MatMul, vec![a, b]));
        }
        let one = [Dim::Fixed(1)];
        let a = if a_dims.len() == 1 {
            self.emit_before("row", Op::Reshape(Reshape { dims: [&one, &a_dims[..]].concat() }), &[a])?
        } else {
            a
        };
        let b = if b_dims.len() == 1 {
            self.emit_before("column", Op::Reshape(Reshape { dims: [&b_dims[..], &one].concat() }), &[b])?
        } else {
            b
        };
        let product = self.emit_before("product", Op::MatMul, &[a, b])?;
        let mut dims = self.dims(product);
        let columns = dims.len().saturating_sub(1);
        if b_dims.len() == 1 {
            dims.remove(columns);
        }
        if a_dims.len() == 1 {
            dims.remove(columns.saturating_sub(1));
        }
        Ok((Op::Reshape(Reshape { dims }), vec![product]))
    }

    /// A product over the last two axes; with a constant matrix on the right it is a Linear.
    pub(crate) fn matmul(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let shape = self.input(1).and_then(|name| self.importer.constants.shape(name));
        let Some(&[_, columns]) = shape.as_deref().filter(|_| !self.is_scalar(0)) else {
            if [0, 1].map(|index| self.rank(index)).contains(&Some(1)) {
                let inputs = [self.operand(0)?, self.operand(1)?];
                let (op, inputs) = self.pending_product(inputs)?;
                return self.emit(op, &inputs);
            }
            return self.own_of_two(&Op::MatMul, false);
        };
        let op = Op::Linear(Linear::default());
        let following = self.following(columns);
        let end = following.as_ref().map_or(self.output(), |following| following.sum);
        let target = self.target_behind(end, true)?;
        let bias = following.as_ref().map(|following| following.name);
        let quantized = if target.is_some() { self.weighted(Channels::Transposed, bias)? } else { None };
        if let Some((target, inputs)) = target.zip(quantized) {
            following.into_iter().for_each(|following| self.importer.names.absorb(following.index));
            return self.emit_on_quantized(target, &op, &inputs);
        }
        let x = self.operand(0)?;
        let weight = self.weight(1, false, 1.0)?;
        self.emit_with_bias(following, columns, op, [x, weight])
    }

    /// Whether an input is a value without axes.
    fn is_scalar(&self, index: usize) -> bool {
        self.rank(index) == Some(0)
    }

    /// The number of axes of an input, as far as it is known.
    fn rank(&self, index: usize) -> Option<usize> {
        let name = self.input(index).unwrap_or_default();
        match self.importer.emission.binding(name) {
            Some(Binding::Value(id) | Binding::Dequantized(Dequantized { source: Source::Value(id), .. })) => {
                Some(self.ty(*id).rank())
            }
            _ => self.importer.constants.shape(name).map(|shape| shape.len()),
        }
    }
}
