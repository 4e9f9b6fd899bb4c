//! Functions of two elements, broadcast.

mod float;
mod integer;
mod quantized;

use fourfold_graph::{Binary, Node};

use self::float::{FloatAdd, FloatBinary};
use self::integer::IntegerBinary;
use self::quantized::QuantizedBinary;
use super::Lower;
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::Add {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        if lowering.is_integer(node) {
            let action = IntegerBinary::add(lowering.dtype(node));
            lowering.add(node, Layout::RowMajor, 2, action);
            return Ok(());
        }
        let layout = shared_layout(lowering, node);
        if lowering.is_quantized(node) {
            let operands = [lowering.params(node, 0)?, lowering.params(node, 1)?];
            let action = QuantizedBinary::add(operands, lowering.result_params(node)?, self.activation);
            lowering.add(node, layout, 2, action);
        } else {
            lowering.add(node, layout, 2, FloatAdd::new(self.activation));
        }
        Ok(())
    }
}

impl Lower for Binary {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        if lowering.is_quantized(node) {
            let operands = [lowering.params(node, 0)?, lowering.params(node, 1)?];
            let y = lowering.result_params(node)?;
            let action = match self {
                Binary::Sub => QuantizedBinary::subtract(operands, y),
                Binary::Mul => QuantizedBinary::multiply(operands, y),
                Binary::Div | Binary::Min | Binary::Max | Binary::Pow | Binary::Mod | Binary::Fmod => {
                    return Err(lowering.unsupported(node));
                }
            };
            let layout = shared_layout(lowering, node);
            lowering.add(node, layout, 2, action);
        } else if lowering.is_integer(node) {
            let action = IntegerBinary::new(*self, lowering.dtype(node));
            lowering.add(node, Layout::RowMajor, 2, action);
        } else {
            let layout = shared_layout(lowering, node);
            lowering.add(node, layout, 2, FloatBinary::new(*self));
        }
        Ok(())
    }
}

/// The layout for two operands: that of the first if they have one shape.
fn shared_layout(lowering: &mut Lowering<'_>, node: &Node) -> Layout {
    let [a, b] = [node.inputs()[0], node.inputs()[1]];
    let same_shape = lowering.ty(a).dims() == lowering.ty(b).dims();
    if same_shape { lowering.layout(a) } else { Layout::RowMajor }
}
