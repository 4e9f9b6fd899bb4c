//! Functions without parameters, as `torch` and `torch.nn.functional` have them.

use fourfold_graph::{Activation, Binary, Dim, Error as GraphError, Op, OpKind, Reduction, ValueId};
use fourfold_tensor::Tensor;

use crate::{Builder, Error};

impl Builder {
    /// `a + b` with broadcasting.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if the shapes do not fit.
    pub fn add(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, Error> {
        self.named_node("add", Op::Add(fourfold_graph::Add { activation: Activation::None }), &[a, b])
    }

    /// The matrix product over the last two axes, the others broadcast.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if the shapes do not fit.
    pub fn matmul(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, Error> {
        self.named_node("matmul", Op::MatMul, &[a, b])
    }

    /// `x * factor`.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if `x` is not `f32`.
    pub fn scale(&mut self, x: ValueId, factor: f32) -> Result<ValueId, Error> {
        let factor = self.constant(&format!("factor_{factor}"), |_| Ok(Tensor::from_slice(&[1], &[factor])?))?;
        self.named_node("scale", Op::Binary(Binary::Mul), &[x, factor])
    }

    /// `max(x, 0)`.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if `x` is not `f32`.
    pub fn relu(&mut self, x: ValueId) -> Result<ValueId, Error> {
        self.named_node("relu", Op::Relu, &[x])
    }

    /// The same elements in another shape: sizes, where 0 copies the size of the operand and one -1 takes the rest.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if the shapes do not hold as many elements.
    pub fn reshape(&mut self, x: ValueId, sizes: &[i64]) -> Result<ValueId, Error> {
        let op = fourfold_graph::Reshape::resolve(sizes, self.ty(x).dims()).map(Op::Reshape).map_err(|problem| {
            GraphError::Node {
                node: format!("{}.reshape", self.path()),
                kind: OpKind::Reshape,
                problem: Box::new(problem),
            }
        })?;
        self.named_node("reshape", op, &[x])
    }

    /// Axis `i` of the result is axis `axes[i]` of the operand.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if the axes are not each axis once.
    pub fn permute(&mut self, x: ValueId, axes: &[usize]) -> Result<ValueId, Error> {
        self.named_node("permute", Op::Transpose(fourfold_graph::Transpose { axes: axes.to_vec() }), &[x])
    }

    /// The mean along one axis, which is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if there is no such axis.
    pub fn mean(&mut self, x: ValueId, axis: usize) -> Result<ValueId, Error> {
        self.named_node(
            "mean",
            Op::Reduce(fourfold_graph::Reduce { reduction: Reduction::Mean, axes: vec![axis], keep: false }),
            &[x],
        )
    }

    /// Element `index` of one axis, which is dropped; negative counts from the end: `y[:, -1]` is `select(y, 1, -1)`.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if there is no such axis or element.
    pub fn select(&mut self, x: ValueId, axis: usize, index: i64) -> Result<ValueId, Error> {
        let one = Op::Slice(fourfold_graph::Slice { axis, start: index, step: 1, length: Dim::Fixed(1) });
        let one = self.named_node("select", one, &[x])?;
        let mut dims = self.ty(one).dims().to_vec();
        dims.remove(axis);
        self.named_node("select", Op::Reshape(fourfold_graph::Reshape { dims }), &[one])
    }
}
