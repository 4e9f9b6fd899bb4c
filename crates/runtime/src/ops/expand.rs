//! Elements repeated to a shape, row-major.

use fourfold_graph::Node;
use fourfold_tensor::Element;

use super::element::by_size;
use super::strided::Strided;
use super::{Action, Call, Lower};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::Expand {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let size = lowering.dtype(node).size();
        lowering.add(node, Layout::RowMajor, 1, Expand { size });
        Ok(())
    }
}

/// The elements repeated to the shape of the result.
#[derive(Debug)]
struct Expand {
    /// Bytes of an element.
    size: usize,
}

impl Expand {
    fn expand<T: Element>(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let broadcasts = (1..=x.shape.len()).all(|back| {
            let size = x.shape[x.shape.len() - back];
            size == 1 || size == call.output_shape[call.output_shape.len() - back]
        });
        if !broadcasts {
            return Err(Error::Broadcast { from: x.shape, to: call.output_shape });
        }
        let strided = Strided::broadcast(x.shape, call.output_shape);
        strided.copy(x.elements::<T>(), call.output_shape, bytemuck::cast_slice_mut(call.output));
        Ok(())
    }
}

impl Action for Expand {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_size!(self.size, self.expand(call))
    }
}
