//! Operands side by side, row-major.

use fourfold_graph::Node;

use super::table::Table;
use super::{Action, Call, Lower};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::Concat {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let (count, size) = (node.inputs().len(), lowering.dtype(node).size());
        let tables = match lowering.ty(node.output()).params() {
            Some(y) => (0..count)
                .map(|operand| Table::requantization(lowering.params(node, operand)?, y))
                .collect::<Result<_, Error>>()?,
            None => Vec::new(),
        };
        lowering.add(node, Layout::RowMajor, count, Concat { axis: self.axis, tables, size });
        Ok(())
    }
}

/// The operands side by side.
#[derive(Debug)]
struct Concat {
    axis: usize,
    /// For each quantized operand with other parameters than the result, what each of its values becomes.
    tables: Vec<Option<Table>>,
    /// Bytes of an element.
    size: usize,
}

impl Action for Concat {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let shape = call.output_shape;
        let inner: usize = shape[self.axis + 1..].iter().product::<usize>() * self.size;
        let row = shape[self.axis] * inner;
        let mut from = 0;
        for (index, x) in call.inputs.iter().enumerate() {
            let length = x.shape[self.axis] * inner;
            let rows = call.output.chunks_exact_mut(row.max(1)).zip(x.bytes.chunks_exact(length.max(1)));
            match self.tables.get(index) {
                Some(Some(table)) => {
                    for (out, x) in rows {
                        call.kernel.lookup(table.bytes(), x, &mut out[from..from + length])?;
                    }
                }
                _ => rows.for_each(|(out, x)| out[from..from + length].copy_from_slice(x)),
            }
            from += length;
        }
        Ok(())
    }
}
