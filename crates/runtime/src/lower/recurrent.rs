//! Steps of recurrent layers.

use fourfold_graph::{Node, Recurrent as Attributes};

use super::Lowering;
use crate::Error;
use crate::ops::recurrent::{Recurrent, Weight};
use crate::plan::{Layout, NodeResult};

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
        let operands = node.inputs().iter().enumerate().filter(|(operand, _)| !(1..4).contains(operand));
        let inputs = operands.map(|(_, &id)| self.slot(id, Layout::RowMajor)).collect();
        let output = self.new_block(node.output(), Layout::RowMajor);
        self.step(std::sync::Arc::new(action), inputs, output);
        self.results.push(NodeResult { after: self.steps.len(), slot: output });
        Ok(())
    }
}
