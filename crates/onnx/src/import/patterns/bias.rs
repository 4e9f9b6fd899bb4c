//! A product and the constant vector that is added to it:
//!
//! ```text
//! y = Add(MatMul(x, w), bias)      or      Add(bias, MatMul(x, w))
//! ```
//!
//! The Add must alone read the product. Both become one node of the graph with the name of the sum.

use fourfold_graph::{Op, ValueId};

use crate::Error;
use crate::import::emission::node::{Entry, is_zero};
use crate::import::weights::computed::is_vector;
use crate::proto::NodeProto;

/// The sum that gives a product its bias.
pub(crate) struct Following<'a> {
    /// The index of the Add in the file.
    pub(crate) index: usize,
    /// The name of its result.
    pub(crate) sum: &'a str,
    /// The name of the bias.
    pub(crate) name: &'a str,
}

impl<'a> Entry<'_, 'a> {
    /// The Add of a constant vector that alone reads this node's result.
    pub(crate) fn following(&self, columns: usize) -> Option<Following<'a>> {
        self.following_by(|shape| shape == [columns])
    }

    /// The Add of a constant of a fitting shape that alone reads this node's result.
    pub(super) fn following_by(&self, fits: impl FnOnce(&[usize]) -> bool) -> Option<Following<'a>> {
        let output = self.output();
        let index = self.importer.names.sole_reader(output)?;
        let add: &NodeProto = &self.importer.names.file().node[index];
        if add.op_type != "Add" {
            return None;
        }
        let ([a, b], [sum]) = (add.input.as_slice(), add.output.as_slice()) else { return None };
        let name = if a == output { b } else { a };
        fits(&self.importer.constants.shape(name)?).then_some(Following { index, sum, name })
    }

    /// Adds a product with the bias that follows, if there is one.
    pub(crate) fn emit_with_bias(
        &mut self,
        following: Option<Following<'a>>,
        columns: usize,
        op: Op,
        [x, weight]: [ValueId; 2],
    ) -> Result<(), Error> {
        if let Some(Following { index, sum, name }) = following
            && let Some(bias) = self.importer.constants.get(name)?
            && is_vector(&bias, columns)
        {
            self.importer.names.absorb(index);
            if is_zero(&bias) {
                return self.emit_as(sum, op, &[x, weight]);
            }
            let bias = self.bias(name, &bias, columns, 1.0)?;
            return self.emit_as(sum, op, &[x, weight, bias]);
        }
        self.emit(op, &[x, weight])
    }
}
