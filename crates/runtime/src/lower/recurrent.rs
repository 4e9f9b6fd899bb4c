//! Steps of recurrent layers.

use std::sync::Arc;

use fourfold_graph::{Node, Recurrent as Attributes};

use super::Lowering;
use super::shared::variables;
use crate::Error;
use crate::ops::recurrent::{Recurrent, Weight};
use crate::plan::Layout;

impl Lowering<'_> {
    /// Adds the step of a recurrent layer, whose operands are the input and the initial states.
    pub(super) fn recurrent(&mut self, node: &Node, attributes: &Attributes) -> Result<(), Error> {
        let bias = self.constant(node, 3)?.as_slice::<f32>()?;
        let (input_bias, recurrent_bias) = bias.split_at(bias.len() / 2);
        let weight = |operand, bias| {
            let codes = attributes.dynamic.map(|scheme| Ok::<_, Error>((self.params(node, operand)?, scheme)));
            Ok::<_, Error>(Weight { tensor: self.constant(node, operand)?, codes: codes.transpose()?, bias })
        };
        let (input, recurrent) = (weight(1, input_bias)?, weight(2, recurrent_bias)?);
        let action = Recurrent::new(self.options.kernel, attributes, input, recurrent)?;
        let inputs = variables(node).map(|id| self.slot(id, Layout::RowMajor)).collect();
        self.finish(node, Layout::RowMajor, Arc::new(action), inputs);
        Ok(())
    }
}
