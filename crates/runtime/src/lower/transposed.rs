//! Steps of transposed convolutions, which work on channels-last memory.

use fourfold_graph::{ConvTranspose, Node};

use super::Lowering;
use crate::Error;
use crate::ops::conv_transpose::{FloatConvTranspose, QuantizedConvTranspose};
use crate::plan::Layout;
use crate::spatial::geometry;

impl Lowering<'_> {
    /// Adds the step of a node.
    pub(super) fn conv_transpose(&mut self, node: &Node, conv: &ConvTranspose) -> Result<(), Error> {
        let (weight, groups) = (self.constant(node, 1)?, conv.groups);
        let geometry = geometry(&conv.window, weight.shape()[0], weight.shape()[1] * groups, groups);
        if self.is_codes(node) {
            let (x, end) = (self.params(node, 0)?, self.requantize(node, conv.activation)?);
            let action = QuantizedConvTranspose::new(self.options.kernel, &geometry, x, weight, end)?;
            self.add(node, Layout::ChannelsLast, 1, action);
        } else {
            let action = FloatConvTranspose::new(geometry, weight, self.bias(node), conv.activation)?;
            self.add(node, Layout::ChannelsLast, 1, action);
        }
        Ok(())
    }
}
