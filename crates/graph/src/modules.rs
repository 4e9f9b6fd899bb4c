//! Builder methods named after PyTorch's modules, which add constants and node in one call.

use fourfold_tensor::Tensor;

use crate::{Conv, Error, GraphBuilder, Linear, Op, OpKind, Reshape, ValueId, Window};

impl GraphBuilder {
    /// `x * weight^T + bias` over the last axis. `weight: [out, in]`, `bias: [out]`.
    ///
    /// The constants are named `NAME.weight` and `NAME.bias`, as in a PyTorch state dict.
    ///
    /// # Errors
    ///
    /// As [`GraphBuilder::add`].
    pub fn linear(&mut self, name: &str, x: ValueId, weight: Tensor, bias: Option<Tensor>) -> Result<ValueId, Error> {
        let inputs = self.weighted(name, x, weight, bias)?;
        self.node(name, Op::Linear(Linear::default()), &inputs)
    }

    /// Convolution. `x: [n, c, spatial...]`, `weight: [out, c / groups, kernel...]`, `bias: [out]`.
    ///
    /// The constants are named `NAME.weight` and `NAME.bias`.
    ///
    /// # Errors
    ///
    /// As [`GraphBuilder::add`].
    pub fn conv(
        &mut self,
        name: &str,
        x: ValueId,
        window: Window,
        groups: usize,
        weight: Tensor,
        bias: Option<Tensor>,
    ) -> Result<ValueId, Error> {
        let inputs = self.weighted(name, x, weight, bias)?;
        self.node(name, Op::Conv(Conv::new(window, groups)), &inputs)
    }

    /// `max(x, 0)`.
    ///
    /// # Errors
    ///
    /// As [`GraphBuilder::add`].
    pub fn relu(&mut self, name: &str, x: ValueId) -> Result<ValueId, Error> {
        self.node(name, Op::Relu, &[x])
    }

    /// The same elements in another shape. In `target`, 0 copies the size of that axis of `x`, and -1 (once) is the
    /// size that the number of elements leaves.
    ///
    /// # Errors
    ///
    /// As [`GraphBuilder::add`].
    pub fn reshape(&mut self, name: &str, x: ValueId, target: &[i64]) -> Result<ValueId, Error> {
        let resolved = Reshape::resolve(target, self.known(x)?.ty().dims());
        let node = |problem| Error::Node { node: name.to_owned(), kind: OpKind::Reshape, problem: Box::new(problem) };
        self.node(name, Op::Reshape(resolved.map_err(node)?), &[x])
    }

    /// Marks where quantization begins: the operators behind it are quantized, up to a [`GraphBuilder::dequant_stub`].
    ///
    /// A graph with stubs is quantized between them only; a graph without is quantized wherever the operators allow it.
    ///
    /// # Errors
    ///
    /// As [`GraphBuilder::add`].
    pub fn quant_stub(&mut self, name: &str, x: ValueId) -> Result<ValueId, Error> {
        self.node(name, Op::QuantStub, &[x])
    }

    /// Marks where quantization ends.
    ///
    /// # Errors
    ///
    /// As [`GraphBuilder::add`].
    pub fn dequant_stub(&mut self, name: &str, x: ValueId) -> Result<ValueId, Error> {
        self.node(name, Op::DeQuantStub, &[x])
    }

    /// The operands of a layer: `x`, and the constants `NAME.weight` and `NAME.bias`.
    fn weighted(
        &mut self,
        name: &str,
        x: ValueId,
        weight: Tensor,
        bias: Option<Tensor>,
    ) -> Result<Vec<ValueId>, Error> {
        let mut inputs = vec![x, self.constant(&format!("{name}.weight"), weight)?];
        if let Some(bias) = bias {
            inputs.push(self.constant(&format!("{name}.bias"), bias)?);
        }
        Ok(inputs)
    }
}
