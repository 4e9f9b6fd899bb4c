//! The same elements in another shape: the same memory.

use fourfold_graph::{Flatten, Node, Reshape};

use super::Lower;
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for Flatten {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        lowering.alias(node, Layout::RowMajor);
        Ok(())
    }
}

impl Lower for Reshape {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        lowering.alias(node, Layout::RowMajor);
        Ok(())
    }
}
