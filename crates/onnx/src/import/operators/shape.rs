//! Operators that move elements, and Softmax, whose meaning changed with the opset.

use std::rc::Rc;

use fourfold_graph::{Dim, Flatten, Op, Polynomial, Reshape, Transpose};

use crate::Error;
use crate::import::constants::Stored;
use crate::import::constants::tensor::failed;
use crate::import::emission::binding::{Binding, Dequantized, Source};
use crate::import::emission::node::Entry;

impl<'a> Entry<'_, 'a> {
    pub(crate) fn reshape(&mut self) -> Result<(), Error> {
        let allow_zero = self.attributes(&["allowzero"])?.flag("allowzero")?;
        let sizes = self.expect_sizes(1)?.elements;
        if allow_zero && sizes.iter().any(|size| size.as_constant() == Some(0)) {
            return Err(self.unsupported("an empty result (allowzero)"));
        }
        if let Some(shape) = self.reshaped_constant() {
            let dims: Vec<Dim> = shape.into_iter().map(Dim::Fixed).collect();
            let op = self.reshape_op(&sizes, &dims)?;
            return self.reshape_constant(&op);
        }
        let x = self.moved(0)?;
        let op = self.reshape_op(&sizes, &self.dims(x.id()))?;
        self.emit_moved(op, x)
    }

    /// The operator for sizes as the file has them, 0 where that of the operand stays and -1 for what is left.
    fn reshape_op(&self, sizes: &[Polynomial], dims: &[Dim]) -> Result<Op, Error> {
        let size = |(axis, size): (usize, &Polynomial)| match size.as_constant() {
            Some(0) => dims.get(axis).cloned().map(Some),
            Some(-1) => Some(None),
            _ => Dim::computed(size.clone()).map(Some),
        };
        let target: Option<Vec<Option<Dim>>> = sizes.iter().enumerate().map(size).collect();
        let target = target.ok_or_else(|| self.invalid(format!("has the shape {sizes:?} for an input {dims:?}")))?;
        Reshape::complete(&target, dims).map(Op::Reshape).map_err(|problem| self.problem(problem))
    }

    /// The shape of the operand if it is the floats of a quantized constant that no operator reads as it is.
    fn reshaped_constant(&self) -> Option<Vec<usize>> {
        let name = self.input(0)?;
        let found = self.importer.emission.dequantized(name).filter(|found| !found.is_activation())?;
        let is_constant = matches!(found.source, Source::Constant(_)) && !self.importer.names.is_output(self.output());
        if is_constant { self.importer.constants.shape(name) } else { None }
    }

    /// The floats of a quantized constant in another shape, and where they are from.
    fn reshape_constant(&mut self, op: &Op) -> Result<(), Error> {
        let sizes = match op {
            Op::Reshape(Reshape { dims }) => dims.iter().map(Dim::fixed).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let (sizes, name) = (sizes.unwrap_or_default(), self.input(0).unwrap_or_default());
        let reshaped = self.constant(0)?.reshape(&sizes).map_err(|error| self.invalid(error.to_string()))?;
        self.importer.weights.note_reshaped(self.output(), name);
        self.bind_constant(reshaped)
    }

    pub(crate) fn transpose(&mut self) -> Result<(), Error> {
        let name = self.input(0).unwrap_or_default();
        if let Some(shape) = self.importer.constants.shape(name) {
            let perm = self.attributes(&["perm"])?.sizes("perm")?;
            return self.transpose_constant(name, &perm.unwrap_or_else(|| (0..shape.len()).rev().collect()));
        }
        let rank = self.moved(0).map(|x| self.dims(x.id()).len())?;
        self.read_row(Op::Transpose(Transpose { axes: (0..rank).rev().collect() }))
    }

    /// A constant in another order; of a quantized matrix, only that it is transposed is noted.
    fn transpose_constant(&mut self, name: &'a str, axes: &[usize]) -> Result<(), Error> {
        let output = self.output();
        if let (Some(found), [1, 0]) = (self.importer.emission.dequantized(name), axes)
            && let Source::Constant(stored) = found.source
        {
            let quantized = Source::Constant(Stored { is_transposed: !stored.is_transposed, ..stored });
            let transposed = Dequantized::new(self.name.clone(), quantized, Rc::clone(&found.params));
            return self.importer.bind(output, Binding::Dequantized(transposed));
        }
        let tensor = self.constant(0)?;
        let tensor = tensor.permute(axes).map_err(|error| failed(error, |reason| self.invalid(reason)))?;
        self.bind_constant(tensor)
    }

    /// Softmax or its logarithm. From opset 13 on it is over one axis; before, over all axes from `axis` on as if they
    /// were one.
    pub(crate) fn softmax(&mut self, op: fn(usize) -> Op) -> Result<(), Error> {
        if self.importer.names.opset() >= 13 {
            return self.read_row(op(0));
        }
        let axis = self.attributes(&["axis"])?.int("axis", 1)?;
        let x = self.operand(0)?;
        let dims = self.dims(x);
        let axis = self.axis(axis, dims.len(), false)?;
        if axis + 1 == dims.len() {
            return self.emit(op(axis), &[x]);
        }
        let flat = self.emit_before("flatten", Op::Flatten(Flatten { axis }), &[x])?;
        let soft = self.emit_before("softmax", op(1), &[flat])?;
        self.emit(Op::Reshape(Reshape { dims }), &[soft])
    }
}
