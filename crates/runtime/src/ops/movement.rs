//! Operators that give the elements of their operand, in another order or as they are.

use fourfold_graph::{Node, Transpose};

use super::Lower;
use super::permute::Permute;
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for Transpose {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let permute = Permute::transpose(&self.axes, lowering.dtype(node));
        lowering.add(node, Layout::RowMajor, 1, permute);
        Ok(())
    }
}

/// The operators [`Op::Identity`](fourfold_graph::Op::Identity), [`Op::QuantStub`](fourfold_graph::Op::QuantStub) and
/// [`Op::DeQuantStub`](fourfold_graph::Op::DeQuantStub), which cost nothing.
pub(crate) struct Identity;

impl Lower for Identity {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let layout = lowering.layout(node.inputs()[0]);
        lowering.alias(node, layout);
        Ok(())
    }
}
