//! Steps of operators that choose, join or compare elements, which work on row-major memory.

use fourfold_graph::{Node, Op, Resize as ResizeAttributes};

use super::Lowering;
use crate::Error;
use crate::ops::convert::Cast;
use crate::ops::integers::Pairs;
use crate::ops::logic::{Compare, Not, Truths, Where};
use crate::ops::pad::Pad;
use crate::ops::resize::{MOST_OUTER_AXES, Resize};
use crate::ops::search::{ArgExtreme, CumSum, TopK};
use crate::ops::select::{Concat, Embedding, Expand, Gather, GatherElements, Slice};
use crate::ops::table::Table;
use crate::plan::Layout;

impl Lowering<'_> {
    /// Adds the step of a node.
    pub(super) fn selection(&mut self, node: &Node) -> Result<(), Error> {
        let ty = self.ty(node.inputs()[0]);
        let (dtype, size) = (ty.dtype(), ty.dtype().size());
        let (add, count) = (Layout::RowMajor, node.inputs().len());
        match node.op() {
            Op::Concat(fourfold_graph::Concat { axis }) => {
                let tables = self.tables(node)?;
                self.add(node, add, count, Concat { axis: *axis, tables, size });
            }
            Op::Slice(fourfold_graph::Slice { axis, start, step, .. }) => {
                self.add(node, add, 1, Slice { axis: *axis, start: *start, step: *step, size });
            }
            Op::Gather(_) if ty.params().is_some() && self.ty(node.output()).is_f32() => {
                self.add(node, add, 2, Embedding::new(self.params(node, 0)?));
            }
            Op::Gather(fourfold_graph::Gather { axis }) => self.add(node, add, 2, Gather { axis: *axis, size }),
            Op::GatherElements(fourfold_graph::GatherElements { axis }) => {
                self.add(node, add, 2, GatherElements { axis: *axis, size })
            }
            Op::Expand(_) => self.add(node, add, 1, Expand { size }),
            Op::Pad(pad) => self.add(node, add, 1, Pad::new(pad, dtype, ty.params())?),
            Op::Resize(resize) => {
                let resized = |attributes: &ResizeAttributes| {
                    let axes = attributes.scales.iter().zip(&attributes.sizes);
                    let outer = axes.rev().skip(1);
                    outer.filter(|(scale, size)| **scale != 1.0 || size.is_some()).count()
                };
                let is_number = ty.is_f32() || ty.is_quantized();
                if resized(resize) > MOST_OUTER_AXES || !is_number {
                    return Err(self.unsupported(node));
                }
                self.add(node, add, 1, Resize { attributes: resize.clone(), dtype });
            }
            Op::Where => {
                let size = self.ty(node.output()).dtype().size();
                self.add(node, add, 3, Where { size });
            }
            Op::Compare(comparison) => self.add(node, add, 2, Compare { comparison: *comparison, dtype }),
            Op::Logic(function) => self.add(node, add, 2, Truths(*function)),
            Op::Not => self.add(node, add, 1, Not),
            Op::Cast(fourfold_graph::Cast { to }) => self.add(node, add, 1, Cast { from: dtype, to: *to }),
            Op::ArgExtreme(attributes) => self.add(node, add, 1, ArgExtreme { attributes: *attributes, dtype }),
            Op::TopK(attributes) => self.add(node, add, 1, TopK { attributes: *attributes, dtype }),
            Op::CumSum(attributes) => {
                self.add(node, add, 1, CumSum { attributes: *attributes, dtype });
            }
            Op::Add(_) => self.add(node, add, 2, Pairs::sum(dtype)),
            Op::Binary(function) => {
                let action = Pairs::new(*function, dtype).ok_or_else(|| self.unsupported(node))?;
                self.add(node, add, 2, action);
            }
            _ => return Err(self.unsupported(node)),
        }
        Ok(())
    }

    /// What the codes of each operand become in the result; nothing for operands that are not codes.
    fn tables(&self, node: &Node) -> Result<Vec<Option<Table>>, Error> {
        let Some(to) = self.ty(node.output()).params() else { return Ok(Vec::new()) };
        (0..node.inputs().len()).map(|operand| Table::requantization(self.params(node, operand)?, to)).collect()
    }
}
